//! Long answers: they come out the same however much was generated before, take no more memory, and stay as near to what the model
//! says of the same text read at once, to the end of the context.
//!
//! `cargo test` generates some thousands of tokens with a narrow model; `cargo xtask accept long-runs` (SMOLLM_REAL_SHAPE=1) more than
//! 100,000 with the 135M, in contexts of 8,192.

use smollm::{InitOptions, Mix, Model, OpenOptions, Storage, init};
use smollm_engine::{Engine, EngineOptions, Event, FinishReason, Request, SamplingParams, Submission, Token};
use smollm_kernels::{Cpu, Dtype, KvDtype};
use smollm_testkit::tiny::{narrow, prompt_ids};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of each prompt.
const PROMPT: usize = 32;
/// What memory may grow by once every buffer has its size.
const GROWTH: usize = 4 << 20;
/// Answers are looked at in so many parts.
const PARTS: usize = 8;

/// What is generated.
struct Case {
    storage: Storage,
    kv_dtype: KvDtype,
    /// Tokens of a sequence, prompt included.
    context: usize,
    /// Sequences at once.
    sequences: usize,
    /// How often all of them are generated.
    rounds: usize,
}

fn cases(real: bool) -> Vec<Case> {
    let (context, sequences) = if real { (8192, 3) } else { (1024, 2) };
    let many = Case { storage: quantized("q4_0"), kv_dtype: KvDtype::F16, context, sequences, rounds: 3 };
    let again = |storage, kv_dtype| Case { storage, kv_dtype, sequences: 1, ..many };
    let others = [again(Storage::Plain(Dtype::BF16), KvDtype::BF16), again(quantized("q4_k_m"), KvDtype::Q8_0)];
    [many].into_iter().chain(others).collect()
}

fn quantized(name: &str) -> Storage {
    Storage::Quantized(Mix::named(name).unwrap())
}

fn make(directory: &Path, real: bool) -> usize {
    let set = if real { Vec::new() } else { narrow() };
    init("smollm2-135m", directory, &InitOptions { seed: 7, set, tokenizer: None }, |_| Ok(())).unwrap().vocab_size
}

/// All answers to `submissions`, whatever was read of the prompts among them, and why each ended.
fn run(engine: &mut Engine, submissions: Vec<Submission>) -> Vec<(Vec<Token>, FinishReason)> {
    let ids: Vec<_> = submissions.into_iter().map(|submission| engine.submit(submission).unwrap()).collect();
    let mut answers: Vec<_> = ids.iter().map(|_| (Vec::new(), FinishReason::Cancelled)).collect();
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |id, event| {
            let answer = &mut answers[ids.iter().position(|&known| known == id).unwrap()];
            match event {
                Event::PromptTokens(tokens) => answer.0.extend(tokens),
                Event::Token { token, .. } => answer.0.push(token),
                Event::Finished { reason, .. } => answer.1 = reason,
                Event::Failed(error) => panic!("{error}"),
                Event::Prefill { .. } | Event::Embedding(_) => {}
            }
        });
    }
    answers
}

/// Bytes of memory in use.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    Some(1024 * line.parse::<usize>().unwrap())
}

/// The mean difference of log-probabilities in each part of an answer.
fn differences(a: &[Token], b: &[Token]) -> Vec<f32> {
    assert_eq!(a.len(), b.len());
    let all: Vec<f32> = a
        .iter()
        .zip(b)
        .map(|(a, b)| {
            assert_eq!(a.id, b.id);
            (a.logprob.unwrap() - b.logprob.unwrap()).abs()
        })
        .collect();
    all.chunks(all.len().div_ceil(PARTS)).map(|part| part.iter().sum::<f32>() / part.len() as f32).collect()
}

fn check(directory: &Path, vocab: usize, case: &Case) {
    let name = format!("{:?}, cache {:?}", case.storage, case.kv_dtype);
    let open = OpenOptions { storage: case.storage, threads: Some(2), ..OpenOptions::default() };
    let model = Model::open_with(directory.to_str().unwrap(), &open, &smollm_hub::Silent).unwrap();
    let decoder = Arc::new(model.decoder().clone());
    drop(model);
    let options = EngineOptions {
        kv_dtype: Some(case.kv_dtype),
        context: Some(case.context),
        kv_tokens: Some(case.sequences * case.context),
        max_running: case.sequences,
        ..EngineOptions::default()
    };
    let mut engine = Engine::new(decoder, Arc::new(Cpu::new(2).unwrap()), &options).unwrap();
    let prompts: Vec<Vec<u32>> =
        (0..case.sequences).map(|index| prompt_ids(&format!("long {index}"), PROMPT, vocab)).collect();
    let submissions = || {
        let submit = |(index, prompt): (usize, &Vec<u32>)| {
            let sampling = SamplingParams { temperature: 1.0, seed: index as u64, ..SamplingParams::default() };
            let request = Request { logprobs: Some(0), sampling, ..Request::default() };
            Submission { reuse: false, ..Submission::new(prompt.clone(), request) }
        };
        prompts.iter().enumerate().map(submit).collect::<Vec<_>>()
    };

    let (mut first, mut settled) = (Vec::new(), None);
    for round in 0..case.rounds {
        let started = Instant::now();
        let answers = run(&mut engine, submissions());
        let tokens: usize = answers.iter().map(|(tokens, _)| tokens.len()).sum();
        let speed = tokens as f64 / started.elapsed().as_secs_f64();
        let memory = resident();
        eprintln!("{name}: round {round}, {tokens} tokens, {speed:.0} a second, {memory:?} bytes in use");
        assert!(answers.iter().all(|(_, reason)| *reason == FinishReason::ContextFull));
        // the last token takes no place in the context
        assert_eq!(tokens, case.sequences * (case.context - PROMPT + 1));
        match round {
            0 => first = answers,
            _ => assert!(answers == first, "{name}: round {round} is not what round 0 was"),
        }
        // the second round finds every buffer as large as it becomes
        if let (Some(settled), Some(memory)) = (settled, memory) {
            assert!(memory <= settled + GROWTH, "{name}: {memory} bytes in use after round {round}, {settled} before");
        }
        if round >= 1 {
            settled = settled.or(memory);
        }
    }

    let read = prompts.iter().zip(&first).map(|(prompt, (tokens, _))| {
        // all but what leaves room for a token of an answer
        let ids = [&prompt[..], &tokens.iter().map(|token| token.id).collect::<Vec<_>>()].concat();
        let request = Request { max_tokens: Some(1), ..Request::default() };
        let prompt = ids[..case.context - 1].to_vec();
        Submission { reuse: false, prompt_logprobs: Some(0), ..Submission::new(prompt, request) }
    });
    let read = run(&mut engine, read.collect());
    for ((answer, _), (read, _)) in first.iter().zip(&read) {
        let len = case.context - 1 - PROMPT;
        let parts = differences(&answer[..len], &read[PROMPT - 1..][..len]);
        eprintln!("{name}: log-probabilities generated and read differ by {parts:?}");
        let (beginning, end) = (parts[0], parts[PARTS - 1]);
        assert!(end <= 2.0 * beginning + 1e-4, "{name}: {parts:?}");
    }
}

#[test]
fn long_answers_neither_drift_nor_grow() {
    let real = std::env::var_os("SMOLLM_REAL_SHAPE").is_some();
    let folder = tempfile::Builder::new().prefix("long-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = folder.path().join("model");
    let vocab = make(&directory, real);
    for case in cases(real) {
        check(&directory, vocab, &case);
    }
}
