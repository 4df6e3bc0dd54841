//! One answer per prompt, seed and parameters, whatever the load: concurrency, cache, chunks, preemption and threads.
//!
//! `cargo test` takes a sample of the requests; `cargo xtask accept one-answer` (SMOLLM_REQUESTS=1000) all of them.

mod tiny_model;

use smollm_engine::{Engine, EngineOptions, Event, Request, SamplingParams, Session, SessionOptions, Submission};
use smollm_kernels::{Cpu, Dtype, KvDtype};
use smollm_model::Model;
use smollm_testkit::tiny::prompt_ids;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use tiny_model::WHOLE_BLOCKS;

fn requests() -> usize {
    std::env::var("SMOLLM_REQUESTS").map_or(40, |n| n.parse().expect("SMOLLM_REQUESTS is a number"))
}

/// Request `i`: every third prompt begins like others, half of the answers are drawn at temperature 1, some filtered.
fn request(model: &Model, i: usize) -> (Vec<u32>, Request) {
    let vocab_size = model.config.vocab_size;
    let len = 1 + i * 37 % 190;
    let prompt = match i % 3 {
        0 => [prompt_ids("beginning", 140, vocab_size), prompt_ids(&format!("end {i}"), 1 + len / 4, vocab_size)]
            .concat(),
        _ => prompt_ids(&format!("prompt {}", i / 2), len, vocab_size),
    };
    let sampling = SamplingParams {
        temperature: (i % 2) as f32,
        top_p: if i % 4 == 1 { 0.9 } else { 1.0 },
        repetition_penalty: if i.is_multiple_of(5) { 1.2 } else { 1.0 },
        seed: i as u64 / 7,
        ..SamplingParams::default()
    };
    (
        prompt,
        Request {
            max_tokens: Some(1 + i * 11 % 50),
            logprobs: i.is_multiple_of(6).then_some(2),
            sampling,
            ..Request::default()
        },
    )
}

/// The answers of an engine, with log-probabilities to the bit.
fn answers(
    model: &Arc<Model>,
    threads: usize,
    options: &EngineOptions,
    requests: &[(Vec<u32>, Request)],
) -> Vec<String> {
    let mut engine = Engine::new(model.clone(), Arc::new(Cpu::new(threads).unwrap()), options).unwrap();
    let mut heard: BTreeMap<_, Vec<_>> = BTreeMap::new();
    // Newcomers while others are under way.
    let mut coming = requests.iter();
    loop {
        for (prompt, request) in coming.by_ref().take(3) {
            let id = engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap();
            heard.insert(id, Vec::new());
        }
        if engine.is_idle() {
            break;
        }
        engine.step(&mut || None, &mut |id, event| match event {
            Event::Token { token, .. } => heard.get_mut(&id).unwrap().push(token),
            Event::Failed(error) => panic!("{error}"),
            _ => {}
        });
    }
    if options.kv_tokens.is_some() {
        assert!(engine.stats().preemptions > 0, "the small cache has to be too small");
    }
    heard.into_values().map(|tokens| format!("{tokens:?}")).collect()
}

fn one_answer(model: &Arc<Model>, kv_dtype: Option<KvDtype>) {
    let requests: Vec<_> = (0..requests()).map(|i| request(model, i)).collect();
    let session_options = SessionOptions { kv_dtype, ..SessionOptions::default() };
    let cpu = Arc::new(Cpu::new(1).unwrap());
    let alone = |(prompt, request): &(Vec<u32>, Request)| {
        let mut session = Session::new(model.clone(), cpu.clone(), &session_options);
        let answer = session.generate(prompt, request, &mut |_| ControlFlow::Continue(())).unwrap();
        format!("{:?}", answer.tokens)
    };
    let expected: Vec<_> = requests.iter().map(alone).collect();
    let (all, none, small) = (usize::MAX, 0, Some(256));
    for (running, cached, token_budget, kv_tokens, threads) in [
        (1, all, 256, None, 2),
        (2, none, 33, None, 1),
        (4, all, 64, None, 3),
        (8, none, 300, None, 2),
        (8, all, 20, None, 2),
        (8, all, 100, small, 2),
        (8, none, 50, small, 1),
        (64, all, 512, None, 2),
    ] {
        let options = EngineOptions {
            kv_dtype,
            kv_tokens,
            prefix_cache_tokens: cached,
            token_budget,
            max_running: running,
            max_waiting: usize::MAX,
            // So that what runs together, and when the small cache is full, does not depend on the speed of this machine.
            max_stall: None,
            draft_gated: false,
            ..EngineOptions::default()
        };
        let answers = answers(model, threads, &options, &requests);
        for (i, (answer, expected)) in answers.iter().zip(&expected).enumerate() {
            assert_eq!(answer, expected, "request {i} with {threads} threads and {options:?}");
        }
    }
}

#[test]
fn one_answer_with_plain_weights() {
    one_answer(&tiny_model::tiny(), None);
}

#[test]
fn one_answer_with_bf16_weights_and_cache() {
    one_answer(&tiny_model::changed(WHOLE_BLOCKS, Dtype::BF16), Some(KvDtype::BF16));
}

#[test]
fn one_answer_with_quantised_weights_and_cache() {
    one_answer(&tiny_model::changed(WHOLE_BLOCKS, Dtype::Q4_0), Some(KvDtype::Q8_0));
}
