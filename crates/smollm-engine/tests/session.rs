//! The single-sequence loop on a tiny random model: greedy against transformers, and everything that must not matter.

mod tiny_model;

use smollm_engine::{EngineError, FinishReason, Progress, Request, SamplingParams, Session, SessionOptions, Windows};
use smollm_kernels::Cpu;
use smollm_model::Model;
use smollm_testkit::tiny::prompt_ids;
use std::ops::ControlFlow;
use std::sync::Arc;
use tiny_model::{golden, tiny};

fn session(model: &Arc<Model>, threads: usize, options: &SessionOptions) -> Session {
    Session::new(model.clone(), Arc::new(Cpu::new(threads).unwrap()), options)
}

fn plain(model: &Arc<Model>) -> Session {
    session(model, 2, &SessionOptions::default())
}

fn run(session: &mut Session, prompt: &[u32], request: &Request) -> (Vec<u32>, FinishReason) {
    let generation = session.generate(prompt, request, &mut |_| ControlFlow::Continue(())).unwrap();
    (generation.ids(), generation.finish_reason)
}

fn limit(max_tokens: usize) -> Request {
    Request { max_tokens: Some(max_tokens), ..Request::default() }
}

fn sampled(seed: u64) -> Request {
    let sampling = SamplingParams { temperature: 1.0, top_k: 40, top_p: 0.95, seed, ..SamplingParams::default() };
    Request { max_tokens: Some(40), sampling, ..Request::default() }
}

#[test]
fn greedy_is_that_of_transformers() {
    let golden = golden();
    let model = tiny();
    for prompt in golden.prompts.iter().filter(|p| p.greedy.is_some()) {
        let expected = &prompt.greedy.as_ref().unwrap().ids;
        assert_eq!(
            run(&mut plain(&model), &prompt.ids, &limit(expected.len())),
            (expected.clone(), FinishReason::Length)
        );
    }
}

#[test]
fn same_seed_same_tokens_whatever_the_threads_the_chunks_and_the_cache() {
    let model = tiny();
    let prompt = prompt_ids("session", 150, model.config.vocab_size);
    let expected = run(&mut plain(&model), &prompt, &sampled(7)).0;
    for (threads, chunk) in [(1, 1), (3, 13), (2, 149), (2, 150), (1, 400)] {
        let options = SessionOptions { prefill_chunk: Some(chunk), ..SessionOptions::default() };
        let mut session = session(&model, threads, &options);
        assert_eq!(run(&mut session, &prompt, &sampled(7)).0, expected, "{threads} threads, chunks of {chunk}");
        // what the cache now holds starts with the prompt, and nothing of it may show
        assert_eq!(run(&mut session, &prompt, &sampled(7)).0, expected, "again, from the cache");
        assert_ne!(run(&mut session, &prompt, &sampled(8)).0, expected);
        assert_eq!(run(&mut session, &prompt, &sampled(7)).0, expected, "after another answer");
    }
}

/// Whoever chooses tokens otherwise sees the numbers that the loop draws from.
#[test]
fn logits_one_by_one_are_those_of_the_loop() {
    let model = tiny();
    let prompt = prompt_ids("own sampler", 150, model.config.vocab_size);
    let likeliest = |logits: &[f32]| (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap() as u32;
    let options = SessionOptions { context: Some(155), prefill_chunk: Some(64), ..SessionOptions::default() };
    let mut session = session(&model, 2, &options);
    for _ in 0..2 {
        let mut chosen = vec![likeliest(&session.first_logits(&prompt).unwrap())];
        while let Ok(logits) = session.next_logits(*chosen.last().unwrap()) {
            chosen.push(likeliest(&logits));
        }
        assert_eq!(run(&mut plain(&model), &prompt, &limit(6)).0, chosen, "until the context is full");
    }
    let error = session.next_logits(0).unwrap_err();
    assert!(matches!(error, EngineError::PromptTooLong { prompt: 156, context: 155, .. }), "{error}");
    assert!(matches!(session.next_logits(256), Err(EngineError::TokenOutOfRange { id: 256, .. })));
    assert!(matches!(session.first_logits(&[]), Err(EngineError::EmptyPrompt)));
    assert!(matches!(plain(&model).next_logits(0), Err(EngineError::EmptyPrompt)), "nothing was begun");
}

#[test]
fn a_longer_prompt_reuses_the_common_beginning() {
    let model = tiny();
    let mut session = plain(&model);
    let prompt: Vec<u32> = (0..100).collect();
    run(&mut session, &prompt[..60], &limit(1));
    let again = session.generate(&prompt, &limit(5), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((again.timings.cached_tokens, again.timings.prefill_tokens), (60, 40));
    assert_eq!(again.ids(), run(&mut plain(&model), &prompt, &limit(5)).0);
    // the same prompt again computes its last token only
    let third = session.generate(&prompt, &limit(5), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((third.timings.cached_tokens, third.timings.prefill_tokens), (99, 1));
    assert_eq!(third.ids(), again.ids());
}

#[test]
fn answers_end_where_they_should() {
    let golden = golden();
    let model = tiny();
    let prompt = &golden.prompts.iter().find(|p| p.greedy.is_some()).unwrap().ids;
    let free = run(&mut plain(&model), prompt, &limit(20)).0;
    let stop = free[1];
    let first = free.iter().position(|&id| id == stop).unwrap();
    let request = Request { stop_ids: vec![999_999, stop], ..limit(20) };
    assert_eq!(run(&mut plain(&model), prompt, &request), (free[..first].to_vec(), FinishReason::Stop(stop)));
    assert_eq!(run(&mut plain(&model), prompt, &limit(0)), (vec![], FinishReason::Length));
    let tight = SessionOptions { context: Some(prompt.len() + 3), ..SessionOptions::default() };
    // the prompt and three generated tokens fit; the fourth is chosen from the last of them
    let (ids, reason) = run(&mut session(&model, 1, &tight), prompt, &Request::default());
    assert_eq!((ids.as_slice(), reason), (&free[..4], FinishReason::ContextFull));
    let mut count = 0;
    let generation = plain(&model).generate(prompt, &limit(20), &mut |event| {
        count += usize::from(matches!(event, Progress::Token(_)));
        if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let generation = generation.unwrap();
    assert_eq!((generation.ids().as_slice(), generation.finish_reason), (&free[..3], FinishReason::Cancelled));
}

#[test]
fn a_prompt_can_be_stopped_between_chunks_and_resumed() {
    let model = tiny();
    let options = SessionOptions { prefill_chunk: Some(10), ..SessionOptions::default() };
    let mut session = session(&model, 2, &options);
    let prompt: Vec<u32> = (0..95).collect();
    let generation = session.generate(&prompt, &limit(5), &mut |event| match event {
        Progress::Prefill { done, total } if done >= 40 => {
            assert_eq!(total, 95);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    let generation = generation.unwrap();
    assert_eq!((generation.tokens.len(), generation.finish_reason), (0, FinishReason::Cancelled));
    assert_eq!(session.cached(), &prompt[..40]);
    assert_eq!(run(&mut session, &prompt, &limit(5)), run(&mut plain(&model), &prompt, &limit(5)));
}

#[test]
fn logprobs_are_those_of_the_logits() {
    let model = tiny();
    let request = Request { logprobs: Some(3), ..limit(4) };
    let prompt = [3, 1, 4, 1, 5];
    let generation = plain(&model).generate(&prompt, &request, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut ids = prompt.to_vec();
    for token in &generation.tokens {
        let logits = plain(&model).logits(&ids).unwrap();
        let row = &logits[(ids.len() - 1) * model.config.vocab_size..];
        let total: f64 = row.iter().map(|&l| f64::from(l).exp()).sum();
        assert_eq!(token.top.len(), 3);
        assert_eq!(token.top[0].0, token.id, "greedy takes the likeliest");
        for &(id, logprob) in &token.top {
            let expected = f64::from(row[id as usize]) - total.ln();
            assert!((f64::from(logprob) - expected).abs() < 1e-5);
        }
        assert!(token.top.windows(2).all(|w| w[0].1 >= w[1].1));
        ids.push(token.id);
    }
}

#[test]
fn scores_are_the_log_probabilities_and_windows_follow_the_convention() {
    let model = tiny();
    let ids = prompt_ids("score", 90, model.config.vocab_size);
    let mut progress = |_, _| ControlFlow::Continue(());
    let v = model.config.vocab_size;
    let expected = |start: usize, target: usize| {
        let logits = plain(&model).logits(&ids[start..target]).unwrap();
        let row = &logits[logits.len() - v..];
        let total: f64 = row.iter().map(|&l| f64::from(l).exp()).sum();
        f64::from(row[ids[target] as usize]) - total.ln()
    };
    for (length, stride) in [(500, 500), (32, 16), (32, 32), (40, 7)] {
        let score = plain(&model).score(&ids, Windows { length, stride }, &mut progress).unwrap().unwrap();
        assert_eq!((score.logprobs.len(), score.logprobs[0]), (90, None));
        let stride = stride.min(length - 1);
        for (target, logprob) in score.logprobs.iter().enumerate().skip(1) {
            // the first window that reaches the token scores it
            let start = (0..).map(|k| k * stride).find(|s| s + length > target).unwrap();
            let delta = (f64::from(logprob.unwrap()) - expected(start, target)).abs();
            assert!(delta < 1e-5, "length {length} stride {stride} token {target}: {delta}");
        }
        let mean: f64 = score.logprobs.iter().flatten().map(|&l| f64::from(l)).sum::<f64>() / 89.0;
        assert!((score.perplexity.unwrap() - (-mean).exp()).abs() < 1e-9 * (-mean).exp());
    }
    let empty = plain(&model).score(&[], Windows { length: 8, stride: 8 }, &mut progress).unwrap().unwrap();
    assert_eq!((empty.logprobs.len(), empty.perplexity), (0, None));
    let one = plain(&model).score(&[5], Windows { length: 8, stride: 8 }, &mut progress).unwrap().unwrap();
    assert_eq!((one.logprobs, one.perplexity), (vec![None], None));
}

#[test]
fn bad_requests_are_refused_with_the_numbers() {
    let model = tiny();
    let refuse = |prompt: &[u32], request: &Request| {
        plain(&model).generate(prompt, request, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string()
    };
    assert!(refuse(&[], &limit(1)).contains("the prompt is empty"));
    assert!(refuse(&[1, 256], &limit(1)).contains("token id 256 at position 1 does not exist"));
    assert!(
        refuse(&vec![0; 3000], &limit(1)).contains("3000 tokens, which exceeds the available context size of 2048")
    );
    let hot = Request { sampling: SamplingParams { temperature: -1.0, ..SamplingParams::default() }, ..limit(1) };
    assert!(refuse(&[1], &hot).contains("temperature is -1"));
    let mut ids = vec![5; 90];
    ids[70] = 256; // in the third window
    let score = |model: &Arc<Model>, ids: &[u32]| {
        let mut progress = |_, _| ControlFlow::Continue(());
        plain(model).score(ids, Windows { length: 32, stride: 16 }, &mut progress).unwrap_err()
    };
    assert!(score(&model, &ids).to_string().contains("token id 256 at position 70 does not exist"));
    let mut broken = (*model).clone();
    broken.weights.norm[3] = f32::NAN;
    assert!(matches!(score(&Arc::new(broken), &[1, 2, 3]), EngineError::NotFinite { position: 0 }));
}

#[test]
fn a_model_that_gives_nan_is_an_error_and_not_an_answer() {
    let mut broken = (*tiny()).clone();
    broken.weights.norm[3] = f32::NAN;
    let error = plain(&Arc::new(broken)).generate(&[1, 2], &limit(3), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, EngineError::NotFinite { position: 1 }), "{error}");
}
