//! `smollm score`: against transformers, and windows against the convention that `--help` states.

use crate::world::{World, ids, list, numbers};
use serde_json::Value;
use smollm_testkit::golden::logits_golden;
use smollm_testkit::tiny::prompt_ids;

fn logprobs(json: &Value) -> Vec<Option<f64>> {
    serde_json::from_value(json["logprobs"].clone()).unwrap()
}

#[test]
fn log_probabilities_are_those_of_transformers() {
    let golden = logits_golden("gqa-9-3");
    let world = World::new().with_golden("gqa-9-3");
    let mut compared = 0;
    for prompt in golden.prompts.iter().filter(|p| p.ids.len() > 1) {
        let ours = logprobs(&world.run(&["score", "-m", "gqa-9-3", "--json", "--ids", &list(&prompt.ids)]).json());
        assert_eq!((ours.len(), ours[0]), (prompt.ids.len(), None));
        for (&position, row) in prompt.f32.positions.iter().zip(&prompt.f32.rows) {
            let Some(&next) = prompt.ids.get(position + 1) else { continue };
            let sum: f64 = row.iter().map(|&l| f64::from(l).exp()).sum();
            let theirs = f64::from(row[next as usize]) - sum.ln();
            let ours = ours[position + 1].unwrap();
            assert!(
                (ours - theirs).abs() <= 4e-5 * f64::from(golden.range),
                "{} {position}: {ours} {theirs}",
                prompt.name
            );
            compared += 1;
        }
    }
    assert!(compared >= 5, "{compared}");
}

#[test]
fn perplexity_is_of_all_tokens_but_the_first() {
    let world = World::new().with_random();
    let json = world.run_on("the cat sat", &["score", "-m", "random", "--json"]).json();
    assert_eq!(numbers(&json["ids"]), ids("the cat sat"));
    let scored: Vec<f64> = logprobs(&json).into_iter().flatten().collect();
    let perplexity = (-scored.iter().sum::<f64>() / scored.len() as f64).exp();
    assert!((json["perplexity"].as_f64().unwrap() / perplexity - 1.0).abs() < 1e-6, "{json}");
    let table = world.run(&["score", "-m", "random", "the cat sat"]).text();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), ids("the cat sat").len() + 1);
    assert_eq!(lines[0], format!("{}\t-\t\"t\"", ids("t")[0]));
    let last: Vec<_> = lines.last().unwrap().split(' ').collect();
    assert_eq!((last[0], &last[2..]), ("perplexity", &["over", "10", "tokens"][..]));
    assert!((last[1].parse::<f64>().unwrap() / perplexity - 1.0).abs() < 1e-6, "{table}");
}

/// Windows of `--window` tokens start every `--stride`; a token is scored by the first window that reaches it.
#[test]
fn strided_scores_are_those_of_each_window_alone() {
    let world = World::new().with_random();
    let all = prompt_ids("strided", 70, 320);
    let score = |ids: &[u32], more: &[&str]| {
        logprobs(&world.run(&[&["score", "-m", "random", "--json", "--ids", &list(ids)], more].concat()).json())
    };
    let whole = score(&all, &[]);
    for (window, stride) in [(24, 10), (24, 23), (70, 5)] {
        let strided = score(&all, &["--window", &window.to_string(), "--stride", &stride.to_string()]);
        let mut expected = vec![None];
        for start in (0..all.len()).step_by(stride) {
            let end = (start + window).min(all.len());
            if end > expected.len() {
                let alone = score(&all[start..end], &[]);
                expected.extend_from_slice(&alone[expected.len() - start..]);
            }
        }
        assert_eq!(strided, expected, "{window} {stride}");
        assert_eq!(strided[..window], whole[..window]);
    }
    // without --stride it is half a window, without --window the context is one
    assert_eq!(score(&all, &["--window", "24"]), score(&all, &["--window", "24", "--stride", "12"]));
    assert_eq!(score(&all, &["--ctx", "24"]), score(&all, &["--window", "24"]));
}

#[test]
fn threads_leave_no_trace() {
    let world = World::new().with_random();
    let run = |threads| world.run(&["score", "-m", "random", "--json", "the cat sat", "--threads", threads]).text();
    assert_eq!(run("1"), run("2"));
    assert_eq!(run("1"), run("3"));
}
