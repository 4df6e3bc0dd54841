//! Guesses, right or wrong, save passes and change no answer.

mod load;
mod tiny_model;

use load::{Log, alone, cpu, engine, mixture, request, run};
use smollm_engine::{Drafter, EngineOptions, Guess, ModelDrafter, Submission, Token};
use smollm_kernels::Dtype;
use smollm_testkit::tiny::prompt_ids;
use std::sync::Arc;
use tiny_model::tiny;

/// Knows the answers, and is wrong at some positions.
#[derive(Debug)]
struct Oracle {
    answers: Vec<Vec<u32>>,
    /// Guesses out of ten that are right.
    right: usize,
}

impl Drafter for Oracle {
    fn draft(&mut self, guesses: &mut [Guess<'_>]) {
        for guess in guesses {
            let len = guess.tokens.len();
            let Some(answer) = self.answers.iter().find(|answer| answer.starts_with(guess.tokens)) else { continue };
            let next = answer[len..].iter().take(guess.max).enumerate();
            guess.draft = next.map(|(i, id)| if (len + i) * 7 % 10 < self.right { *id } else { id ^ 1 }).collect();
        }
    }

    fn forget(&mut self, _sequence: u64) {}
}

#[test]
fn guesses_save_passes_and_change_no_answer() {
    let model = tiny();
    let requests = mixture(&model);
    let expected: Vec<_> = requests.iter().map(|(prompt, request)| alone(&model, prompt, request)).collect();
    let whole = |((prompt, _), (tokens, _)): (&(Vec<u32>, _), &(Vec<Token>, _))| {
        [prompt.clone(), tokens.iter().map(|t| t.id).collect()].concat()
    };
    let answers: Vec<Vec<u32>> = requests.iter().zip(&expected).map(whole).collect();
    let mut passes = Vec::new();
    for right in [0, 5, 8, 10] {
        let options = EngineOptions { draft_tokens: 5, draft_gated: false, ..EngineOptions::default() };
        let mut engine = engine(&model, &options);
        engine.set_drafter(Box::new(Oracle { answers: answers.clone(), right }));
        let mut log = Log::default();
        for (prompt, request) in &requests {
            engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap();
        }
        run(&mut engine, &mut log);
        let heard: Vec<_> = log.choices.into_values().map(|h| (h.tokens, h.reason.unwrap())).collect();
        assert_eq!(heard, expected, "{right} of ten right");
        let stats = engine.stats();
        let share = stats.accepted_tokens as f64 / stats.drafted_tokens as f64;
        assert!(match right {
            0 => stats.accepted_tokens == 0,
            10 => share == 1.0,
            _ => share > 0.1 && share < 0.8,
        });
        passes.push(stats.steps);
    }
    assert!(passes.is_sorted_by(|a, b| a > b), "{passes:?}");
    // all right: six tokens a pass but for the last, of answers of at most 100 tokens
    assert!(passes[3] < passes[0] / 4, "{passes:?}");
}

#[test]
fn a_smaller_model_guesses_and_changes_no_answer() {
    let model = tiny();
    let requests = mixture(&model);
    let expected: Vec<_> = requests.iter().map(|(prompt, request)| alone(&model, prompt, request)).collect();
    // The model itself knows every greedy token; another knows little; a small cache cannot hold all.
    let other = tiny_model::changed(&[("num_hidden_layers", 1)], Dtype::F32);
    for (guesser, kv_tokens, gated) in
        [(&model, 8192, false), (&other, 8192, false), (&model, 320, false), (&other, 8192, true)]
    {
        let mut engine =
            engine(&model, &EngineOptions { draft_tokens: 4, draft_gated: gated, ..EngineOptions::default() });
        engine.set_drafter(Box::new(ModelDrafter::new(guesser.clone(), cpu(), &model, kv_tokens).unwrap()));
        let mut log = Log::default();
        for (prompt, request) in &requests {
            engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap();
        }
        run(&mut engine, &mut log);
        let answers: Vec<_> = log.choices.into_values().map(|h| (h.tokens, h.reason.unwrap())).collect();
        assert_eq!(answers, expected);
        let stats = engine.stats();
        let share = stats.accepted_tokens as f64 / stats.drafted_tokens.max(1) as f64;
        assert!(gated || if Arc::ptr_eq(guesser, &model) { share > 0.3 } else { share < 0.3 }, "{stats:?}");
    }
    let foreign = tiny_model::changed(&[("vocab_size", 300)], Dtype::F32);
    let error = ModelDrafter::new(foreign, cpu(), &model, 320).unwrap_err().to_string();
    assert!(error.contains("vocabulary of 300") && error.contains("one of 256"), "{error}");
}

/// What a drafter guesses for sequences, each by its key and tokens, at most four tokens of each.
fn guessed(drafter: &mut ModelDrafter, sequences: &[(u64, &[u32])]) -> Vec<Vec<u32>> {
    let guess = |&(sequence, tokens): &(u64, _)| Guess {
        sequence,
        tokens,
        prompt_len: tokens.len(),
        max: 4,
        draft: Vec::new(),
    };
    let mut guesses: Vec<_> = sequences.iter().map(guess).collect();
    drafter.draft(&mut guesses);
    guesses.into_iter().map(|guess| guess.draft).collect()
}

#[test]
fn a_smaller_model_reads_a_long_prompt_little_by_little() {
    let model = tiny();
    let (long, short) = (prompt_ids("long", 600, 256), prompt_ids("short", 20, 256));
    let greedy =
        |prompt: &[u32]| -> Vec<u32> { alone(&model, prompt, &request(4, 0.0, 0)).0.iter().map(|t| t.id).collect() };
    let mut drafter = ModelDrafter::new(model.clone(), cpu(), &model, 1024).unwrap();
    let both: [(u64, &[u32]); 2] = [(1, &short), (2, &long)];
    assert_eq!(guessed(&mut drafter, &both), [greedy(&short), vec![]]);
    assert_eq!(guessed(&mut drafter, &both), [greedy(&short), vec![]]);
    assert_eq!(guessed(&mut drafter, &both), [greedy(&short), greedy(&long)]);
}

#[test]
fn a_smaller_model_without_room_for_all_guesses_for_those_that_fit() {
    let model = tiny();
    let prompts: Vec<_> = (0..3).map(|i| prompt_ids(&format!("fits {i}"), 40, 256)).collect();
    let mut drafter = ModelDrafter::new(model.clone(), cpu(), &model, 128).unwrap();
    let all: Vec<(u64, &[u32])> = (0..3).map(|i| (i, &prompts[i as usize][..])).collect();
    let lens = |drafts: Vec<Vec<u32>>| drafts.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lens(guessed(&mut drafter, &all)), [4, 4, 0], "four blocks, and each needs two");
    // The first outgrows its blocks, and there are no others: it leaves them to the third.
    let grown = prompt_ids("fits 0", 90, 256);
    assert_eq!(lens(guessed(&mut drafter, &[(0, &grown), all[1], all[2]])), [0, 4, 4]);
    drafter.forget(1);
    drafter.forget(2);
    assert_eq!(lens(guessed(&mut drafter, &[(0, &grown)])), [4]);
}

#[test]
fn what_repeats_is_guessed_from_the_prompt() {
    let model = tiny();
    let prompt = prompt_ids("looks up", 60, model.config.vocab_size);
    // A greedy answer of a tiny model repeats itself.
    let request = request(400, 0.0, 0);
    let expected = alone(&model, &prompt, &request).0;
    let mut engine = engine(&model, &EngineOptions { draft_gated: false, ..EngineOptions::default() });
    let id = engine.submit(Submission::new(prompt, request)).unwrap();
    let mut log = Log::default();
    run(&mut engine, &mut log);
    assert_eq!(log.choices[&(id, 0)].tokens, expected);
    let stats = engine.stats();
    assert!(stats.accepted_tokens > 50 && stats.steps < 350, "{stats:?}");
}
