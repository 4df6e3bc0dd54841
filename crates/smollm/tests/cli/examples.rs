//! The programs of `examples/`, as a newcomer would run them: on models of the tests, and on the built-in one.

use crate::world::{Done, SCRIPT, World, finished, random_config};
use smollm_testkit::tiny;
use std::path::Path;

impl World {
    /// Runs an example, which cargo builds along with the tests.
    fn example(&self, name: &str, arguments: &[&str]) -> Done {
        let binary = Path::new(env!("CARGO_BIN_EXE_smollm"));
        let path = binary.with_file_name("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        assert!(
            path.exists(),
            "{} is not built: `cargo test --test cli` alone needs `cargo build --workspace --examples` before",
            path.display()
        );
        finished(self.program(&path, arguments).spawn().unwrap(), b"")
    }
}

#[test]
fn generate_answers_a_question() {
    let world = World::new().with_scripted();
    let done = world.example("generate", &["scripted", "Say it."]);
    let tokens = crate::world::ids(SCRIPT).len();
    assert_eq!(done.text(), format!("{SCRIPT}\n({tokens} tokens, ended by: stop)\n"));
    let done = world.example("generate", &["nowhere/at/all"]);
    assert!(done.code == Some(1) && done.err.starts_with("Error: nowhere/at/all"), "{done:?}");
}

#[test]
fn score_batch_has_the_figures_of_score() {
    let world = World::new().with_random();
    let texts = ["abc abc", "once upon a time", "a"];
    let mut expected: Vec<(f64, &str)> = Vec::new();
    for text in &texts[..2] {
        let score = world.run(&["score", "-m", "random", text, "--json"]).json();
        expected.push((score["perplexity"].as_f64().unwrap(), text));
    }
    expected.sort_by(|a, b| a.0.total_cmp(&b.0));
    // a single token has nothing before it, and so no surprise
    let lines: String = expected.iter().map(|(perplexity, text)| format!("{perplexity:>12.2}  {text}\n")).collect();
    let done = world.example("score_batch", &[&["random"], &texts[..]].concat());
    assert_eq!(done.text(), format!("{:>12.2}  a\n{lines}", 1.0));
}

#[test]
fn custom_sampler_keeps_its_rule() {
    let world = World::new().with_scripted();
    assert_eq!(world.example("custom_sampler", &["scripted", "z"]).text(), format!("{SCRIPT}\n"));
    let without = world.example("custom_sampler", &["scripted", "h"]).text();
    assert!(!without.to_lowercase().contains('h') && without != format!("{SCRIPT}\n"), "{without}");
}

#[test]
fn tool_loop_runs_what_is_called() {
    let call = [
        "<tool_call>[{\"name\": \"get_random_number_between\", \"arguments\": {\"min\": ",
        "41",
        ", \"max\": 42}}]</tool_call>",
    ];
    let world = World::new().with_caller(&call);
    let text = world.example("tool_loop", &["caller", "Go on."]).text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "calls    get_random_number_between({\"min\": 41, \"max\": 42})");
    assert!(["returns  41", "returns  42"].contains(&lines[1]), "{text}");
    let end = "(numbers drawn: 3; answers of the model: 3, ended by: step_limit)";
    assert_eq!((lines.len(), lines.last()), (8, Some(&end)), "{text}");
}

#[test]
fn train_lora_teaches_something() {
    let world = World::new();
    let config = random_config();
    world.write_model("student", &config, &tiny::weights(&config), true);
    let text = world.example("train_lora", &["./student"]).text();
    let losses: Vec<f64> = text.lines().filter_map(|line| line.split_once(": loss ")?.1.parse().ok()).collect();
    assert_eq!(losses.len(), 5, "{text}");
    assert!(losses[4] < 0.9 * losses[0], "{text}");
    let answer = |when: &str| text.lines().find_map(|line| line.strip_prefix(when)).unwrap().to_owned();
    assert_ne!(answer("before: "), answer("after : "), "{text}");
}

/// What the README promises of them, without an argument.
#[test]
fn the_built_in_model_does_all_of_it() {
    let world = World::new();
    let run = |name: &str| world.example(name, &[]).text();
    assert!(run("generate").starts_with("The capital of France is Paris.\n"));
    let scored = run("score_batch");
    assert!(scored.lines().next().is_some_and(|line| line.ends_with("  The capital of France is Paris.")), "{scored}");
    let without = run("custom_sampler");
    assert!(without.len() > 10 && !without.contains('e'), "{without}");
    let called = run("tool_loop");
    let call = called.lines().next().unwrap_or_default();
    // beside the other tool of the card it is 1, in the tour; alone it is not
    assert!(
        call.starts_with("calls    get_random_number_between({\"min\": ") && call.ends_with(", \"max\": 300})"),
        "{called}"
    );
    let learnt = run("train_lora");
    let after = learnt.lines().find_map(|line| line.strip_prefix("after : "));
    assert_eq!(after, Some("I am Pebble, the model that you have just trained."), "{learnt}");
}
