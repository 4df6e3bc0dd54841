//! The engine on a tiny random model: every answer is the one that a session alone gives, and requests end as they should.

mod tiny_model;

use smollm_checkpoint::Tensor;
use smollm_checkpoint::adapter::{Adapter, AdapterConfig};
use smollm_engine::{
    Drafter, Engine, EngineError, EngineHandle, EngineOptions, Event, FinishReason, Guess, ModelDrafter, Request,
    RequestId, SamplingParams, Session, SessionOptions, Submission, Token, TokenMask, TokenSet, Windows, choice_seed,
};
use smollm_kernels::{Bytes, Cpu, Dtype, KvDtype};
use smollm_model::{LoraWeights, Model};
use smollm_testkit::golden::{LoraGolden, logits_golden, lora_goldens};
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny::{prompt_ids, tensor};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;
use tiny_model::{WHOLE_BLOCKS, tiny};

fn cpu() -> Arc<Cpu> {
    Arc::new(Cpu::new(2).unwrap())
}

fn engine(model: &Arc<Model>, options: &EngineOptions) -> Engine {
    Engine::new(model.clone(), cpu(), options).unwrap()
}

fn request(max_tokens: usize, temperature: f32, seed: u64) -> Request {
    let sampling = SamplingParams { temperature, seed, ..SamplingParams::default() };
    Request { max_tokens: Some(max_tokens), sampling, ..Request::default() }
}

/// What a session of its own answers.
fn alone(model: &Arc<Model>, prompt: &[u32], request: &Request) -> (Vec<Token>, FinishReason) {
    let mut session = Session::new(model.clone(), cpu(), &SessionOptions::default());
    let generation = session.generate(prompt, request, &mut |_| ControlFlow::Continue(())).unwrap();
    (generation.tokens, generation.finish_reason)
}

/// Everything that was said about one choice.
#[derive(Debug, Default)]
struct Heard {
    tokens: Vec<Token>,
    reason: Option<FinishReason>,
}

#[derive(Debug, Default)]
struct Log {
    choices: BTreeMap<(RequestId, usize), Heard>,
    prompt_tokens: BTreeMap<RequestId, Vec<Token>>,
    failed: BTreeMap<RequestId, EngineError>,
    read: BTreeMap<RequestId, usize>,
}

impl Log {
    fn hear(&mut self, id: RequestId, event: Event) {
        assert!(!self.failed.contains_key(&id), "nothing follows a failure");
        match event {
            Event::Prefill { done, total } => {
                let before = self.read.insert(id, done).unwrap_or(0);
                assert!(before < done && done <= total, "{before} {done} of {total}");
            }
            Event::PromptTokens(tokens) => self.prompt_tokens.entry(id).or_default().extend(tokens),
            Event::Token { choice, token } => {
                let heard = self.choices.entry((id, choice)).or_default();
                assert_eq!(heard.reason, None, "nothing follows the end");
                heard.tokens.push(token);
            }
            Event::Finished { choice, reason, .. } => {
                let heard = self.choices.entry((id, choice)).or_default();
                assert_eq!(heard.reason.replace(reason), None, "one end");
            }
            Event::Failed(error) => assert!(self.failed.insert(id, error).is_none()),
        }
    }
}

fn run(engine: &mut Engine, log: &mut Log) {
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    }
}

/// Prompts of many lengths with requests of both kinds.
fn mixture(model: &Model) -> Vec<(Vec<u32>, Request)> {
    let lengths = [1, 2, 5, 31, 32, 33, 64, 100, 150, 257];
    lengths
        .iter()
        .enumerate()
        .map(|(i, &len)| {
            let prompt = prompt_ids(&format!("mixture {i}"), len, model.config.vocab_size);
            let mut request = request(100 - 9 * i, if i % 2 == 0 { 0.0 } else { 1.0 }, i as u64);
            request.logprobs = (i % 3 == 0).then_some(i % 4);
            (prompt, request)
        })
        .collect()
}

#[test]
fn answers_are_those_of_a_session_alone_whatever_runs_beside_them() {
    let model = tiny();
    let requests = mixture(&model);
    let expected: Vec<_> = requests.iter().map(|(prompt, request)| alone(&model, prompt, request)).collect();
    for (token_budget, max_running, kv_tokens) in [(256, 64, 8192), (1, 64, 8192), (40, 3, 8192), (64, 64, 352)] {
        let options =
            EngineOptions { token_budget, max_running, kv_tokens: Some(kv_tokens), ..EngineOptions::default() };
        let mut engine = engine(&model, &options);
        let mut log = Log::default();
        for (prompt, request) in &requests {
            engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap();
        }
        run(&mut engine, &mut log);
        let answers: Vec<_> = log.choices.into_values().map(|h| (h.tokens, h.reason.unwrap())).collect();
        assert_eq!(answers, expected, "budget {token_budget}, {max_running} running, {kv_tokens} tokens of cache");
        let stats = engine.stats();
        assert_eq!((stats.running, stats.waiting, stats.blocks_free), (0, 0, stats.blocks));
        assert_eq!(stats.preemptions > 0, kv_tokens == 352, "{stats:?}");
    }
}

#[test]
fn answers_end_at_stop_tokens_and_at_the_context() {
    let model = tiny();
    let prompt = prompt_ids("ends", 40, model.config.vocab_size);
    let free = alone(&model, &prompt, &request(30, 0.0, 0)).0;
    let stop = Request { stop_ids: vec![free[1].id], ..request(30, 0.0, 0) };
    let expected = alone(&model, &prompt, &stop);
    assert_eq!(expected.1, FinishReason::Stop(free[1].id));
    for (context, kv_tokens) in [(Some(43), None), (None, Some(64))] {
        let mut engine = engine(&model, &EngineOptions { context, kv_tokens, ..EngineOptions::default() });
        let mut log = Log::default();
        let submit = |engine: &mut Engine, request: &Request| {
            engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap()
        };
        let stopped = submit(&mut engine, &stop);
        let endless = submit(&mut engine, &Request::default());
        let none = submit(&mut engine, &request(0, 0.0, 0));
        run(&mut engine, &mut log);
        let answer = |id| log.choices[&(id, 0)].reason.unwrap();
        assert_eq!((answer(stopped), answer(none)), (expected.1, FinishReason::Length));
        assert_eq!(answer(endless), FinishReason::ContextFull);
        let len = context.unwrap_or(64) - prompt.len() + 1;
        assert_eq!(log.choices[&(endless, 0)].tokens, free[..len].to_vec());
        assert!(log.choices[&(none, 0)].tokens.is_empty());
    }
}

#[test]
fn choices_are_the_answers_to_their_own_seeds() {
    let model = tiny();
    let prompt = prompt_ids("choices", 70, model.config.vocab_size);
    let mut engine = engine(&model, &EngineOptions::default());
    let base = request(20, 1.0, 11);
    engine.submit(Submission { choices: 5, ..Submission::new(prompt.clone(), base.clone()) }).unwrap();
    let mut log = Log::default();
    run(&mut engine, &mut log);
    assert_eq!(engine.stats().prompt_tokens, 70, "the prompt is read once for all choices");
    let answers: Vec<_> = log.choices.into_values().map(|heard| heard.tokens).collect();
    assert_eq!(answers.len(), 5);
    for (choice, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, alone(&model, &prompt, &request(20, 1.0, choice_seed(11, choice))).0, "choice {choice}");
        assert!(answers[..choice].iter().all(|other| other != answer));
    }
    assert_eq!(answers[0], alone(&model, &prompt, &base).0);
}

#[test]
fn prompt_logprobs_are_those_of_scoring() {
    let model = tiny();
    let prompt = prompt_ids("prompt logprobs", 90, model.config.vocab_size);
    let mut session = Session::new(model.clone(), cpu(), &SessionOptions::default());
    let windows = Windows { length: 1000, stride: 1000 };
    let score = session.score(&prompt, windows, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    for token_budget in [256, 7] {
        let mut engine = engine(&model, &EngineOptions { token_budget, ..EngineOptions::default() });
        let submission = Submission::new(prompt.clone(), request(1, 0.0, 0));
        let id = engine.submit(Submission { prompt_logprobs: Some(2), ..submission }).unwrap();
        let mut log = Log::default();
        run(&mut engine, &mut log);
        let tokens = &log.prompt_tokens[&id];
        assert_eq!(tokens.iter().map(|t| t.id).collect::<Vec<_>>(), prompt[1..]);
        assert_eq!(tokens.iter().map(|t| t.logprob).collect::<Vec<_>>(), score.logprobs[1..]);
        assert!(tokens.iter().all(|t| t.top.len() == 2 && t.top[0].1 >= t.top[1].1));
        assert_eq!(log.choices[&(id, 0)].tokens, alone(&model, &prompt, &request(1, 0.0, 0)).0);
    }
}

/// Allows ids that go up by one, up to a last one.
#[derive(Debug, Clone)]
struct Counting {
    next: u32,
    last: u32,
}

impl TokenMask for Counting {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), String> {
        if self.next > self.last {
            return Err("counted too far".into());
        }
        allowed.insert(self.next);
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<(), String> {
        self.next = id + 1;
        Ok(())
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

#[test]
fn masks_decide_what_may_come() {
    let model = tiny();
    let submission = |max_tokens, temperature, last| Submission {
        choices: 2,
        mask: Some(Box::new(Counting { next: 7, last })),
        ..Submission::new(vec![1, 2, 3], request(max_tokens, temperature, 0))
    };
    let mut engine = engine(&model, &EngineOptions::default());
    let ids =
        [(4, 0.0, 100), (4, 1.0, 100), (10, 0.0, 9)].map(|(n, t, last)| engine.submit(submission(n, t, last)).unwrap());
    let mut log = Log::default();
    run(&mut engine, &mut log);
    for key in [(ids[0], 0), (ids[0], 1), (ids[1], 0), (ids[1], 1)] {
        assert_eq!(log.choices[&key].tokens.iter().map(|t| t.id).collect::<Vec<_>>(), [7, 8, 9, 10]);
    }
    assert_eq!(log.failed[&ids[2]].to_string(), "the constraint on the answer failed: counted too far");
}

#[test]
fn a_bad_request_is_refused_with_the_numbers_and_a_full_queue_says_so() {
    let model = tiny();
    let options = EngineOptions { max_waiting: 3, max_running: 1, context: Some(100), ..EngineOptions::default() };
    let mut engine = engine(&model, &options);
    let refuse = |engine: &mut Engine, prompt: Vec<u32>, request: Request, choices| {
        engine.submit(Submission { choices, ..Submission::new(prompt, request) }).unwrap_err().to_string()
    };
    assert!(refuse(&mut engine, vec![], request(1, 0.0, 0), 1).contains("the prompt is empty"));
    assert!(refuse(&mut engine, vec![5, 256], request(1, 0.0, 0), 1).contains("token id 256 at position 1"));
    assert!(refuse(&mut engine, vec![5; 101], request(1, 0.0, 0), 1).contains("101 tokens, but the context holds 100"));
    assert!(refuse(&mut engine, vec![5], request(1, -1.0, 0), 1).contains("temperature is -1"));
    assert!(refuse(&mut engine, vec![5], request(1, 0.0, 0), 0).contains("0 choices"));
    for _ in 0..3 {
        engine.submit(Submission::new(vec![5], request(2, 0.0, 0))).unwrap();
    }
    let full = refuse(&mut engine, vec![5], request(1, 0.0, 0), 1);
    assert_eq!(full, "3 requests are waiting already, and the limit is 3; try again later");
    engine.step(&mut || None, &mut |_, _| {});
    engine.submit(Submission::new(vec![5], request(2, 0.0, 0))).unwrap();
    let none = EngineOptions { kv_tokens: Some(31), ..EngineOptions::default() };
    let error = Engine::new(model.clone(), cpu(), &none).unwrap_err().to_string();
    assert_eq!(error, "a key/value cache of 31 tokens is less than one block of 32");
}

#[test]
fn a_model_that_gives_nan_fails_its_requests() {
    let mut broken = (*tiny()).clone();
    broken.weights.norm[3] = f32::NAN;
    let mut engine = engine(&Arc::new(broken), &EngineOptions::default());
    let id = engine.submit(Submission { choices: 2, ..Submission::new(vec![1, 2], request(3, 0.0, 0)) }).unwrap();
    let mut log = Log::default();
    run(&mut engine, &mut log);
    assert!(matches!(log.failed[&id], EngineError::NotFinite { position: 1 }), "{:?}", log.failed);
    assert_eq!(engine.stats().blocks_free, engine.stats().blocks);
}

#[test]
fn a_cancelled_request_ends_inside_its_prompt_and_the_others_go_on() {
    let model = tiny();
    let mut engine = engine(&model, &EngineOptions { token_budget: 2048, ..EngineOptions::default() });
    let prompt = prompt_ids("beside", 20, model.config.vocab_size);
    let expected = alone(&model, &prompt, &request(10, 1.0, 3)).0;
    let other = engine.submit(Submission::new(prompt, request(10, 1.0, 3))).unwrap();
    let mut log = Log::default();
    engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    let long = engine.submit(Submission::new(vec![9; 1500], request(10, 0.0, 0))).unwrap();
    let mut layers = 0;
    let mut cancelled = || {
        layers += 1;
        (layers == 2).then_some(long)
    };
    engine.step(&mut cancelled, &mut |id, event| log.hear(id, event));
    assert_eq!(layers, 3, "asked until nothing more was said, and not again");
    assert_eq!(engine.stats().abandoned_steps, 1);
    assert_eq!(log.choices[&(long, 0)].reason, Some(FinishReason::Cancelled));
    // Generated tokens alone are not worth giving up a pass.
    let short = engine.submit(Submission::new(vec![9], request(10, 0.0, 0))).unwrap();
    engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    let mut once = Some(short);
    engine.step(&mut || once.take(), &mut |id, event| log.hear(id, event));
    assert_eq!((engine.stats().abandoned_steps, log.choices[&(short, 0)].reason), (1, Some(FinishReason::Cancelled)));
    run(&mut engine, &mut log);
    assert_eq!(log.choices[&(other, 0)].tokens, expected);
    assert_eq!(engine.stats().blocks_free, engine.stats().blocks);
}

#[test]
fn the_thread_serves_everybody_and_hears_cancels_at_any_time() {
    let model = tiny();
    let handle = EngineHandle::spawn(engine(&model, &EngineOptions::default())).unwrap();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let clients: Vec<_> = mixture(&model)
            .into_iter()
            .map(|(prompt, request)| {
                let (handle, model) = (handle.clone(), &model);
                scope.spawn(move || {
                    let (events, inbox) = channel();
                    let sink = Box::new(move |event| {
                        // A client that is gone ends its request.
                        if events.send(event).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    });
                    let id = handle.submit(Submission::new(prompt.clone(), request.clone()), sink).unwrap();
                    let mut log = Log::default();
                    inbox.iter().for_each(|event| log.hear(id, event)); // ends when the engine drops the sink
                    let heard = log.choices.remove(&(id, 0)).unwrap();
                    ((heard.tokens, heard.reason.unwrap()), alone(model, &prompt, &request))
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|(heard, expected)| heard == expected));

    let (events, inbox) = channel();
    let sink = Box::new(move |event| {
        events.send(event).unwrap();
        ControlFlow::Continue(())
    });
    let id = handle.submit(Submission::new(vec![3; 1000], request(1000, 0.0, 0)), sink).unwrap();
    handle.cancel(id);
    let last = inbox.iter().last().unwrap();
    assert!(matches!(last, Event::Finished { reason: FinishReason::Cancelled, .. }), "{last:?}");

    let (events, inbox) = channel();
    let sink = Box::new(move |event| match event {
        Event::Token { .. } => {
            events.send(event).unwrap();
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    handle.submit(Submission::new(vec![3], request(1000, 0.0, 0)), sink).unwrap();
    assert_eq!(inbox.iter().count(), 1, "after Break nothing more is heard");
    assert!(matches!(
        handle.submit(Submission::new(vec![], Request::default()), Box::new(|_| ControlFlow::Continue(()))),
        Err(EngineError::EmptyPrompt)
    ));
}

/// Runs requests one after another, all at once, and again, and returns the answers and how many prompt tokens were found.
fn with_cache(model: &Arc<Model>, options: &EngineOptions, reuse: bool, at_once: bool) -> (Vec<Vec<u32>>, u64) {
    let beginning = prompt_ids("system", 130, model.config.vocab_size);
    let prompts = (0..6).map(|i| [beginning.clone(), prompt_ids(&format!("user {i}"), 3 + 17 * i, 256)].concat());
    let mut engine = engine(model, options);
    let mut log = Log::default();
    for (i, prompt) in prompts.cycle().take(12).enumerate() {
        let temperature = (i % 2) as f32;
        engine.submit(Submission { reuse, ..Submission::new(prompt, request(40, temperature, 1)) }).unwrap();
        if !at_once {
            run(&mut engine, &mut log);
        }
    }
    run(&mut engine, &mut log);
    let answers = log.choices.into_values().map(|heard| heard.tokens.iter().map(|t| t.id).collect()).collect();
    (answers, engine.stats().prompt_tokens_cached)
}

#[test]
fn what_others_left_in_the_cache_changes_nothing_for_every_type_of_it() {
    let model = tiny_model::changed(WHOLE_BLOCKS, Dtype::F32);
    for dtype in [KvDtype::F32, KvDtype::F16, KvDtype::BF16, KvDtype::Q8_0] {
        let options = |prefix_cache_tokens| EngineOptions {
            kv_dtype: Some(dtype),
            prefix_cache_tokens,
            token_budget: 100,
            ..EngineOptions::default()
        };
        let (expected, none) = with_cache(&model, &options(0), false, false);
        assert_eq!(none, 0);
        for (tokens, at_once) in [(usize::MAX, false), (usize::MAX, true), (0, true), (64, false), (0, false)] {
            let (answers, found) = with_cache(&model, &options(tokens), true, at_once);
            assert_eq!(answers, expected, "{} {tokens} {at_once}", dtype.name());
            // 130 tokens are four whole blocks, and all but the first request find them
            let least = if at_once || tokens > 64 { 11 * 128 } else { 11 * tokens as u64 };
            assert!(found >= least, "{found} of {least} tokens, {tokens} {at_once}");
            assert_eq!(found == 0, tokens == 0 && !at_once);
        }
    }
}

/// An adapter, its base model, and the model with the adapter laid over it for good.
fn adapted(golden: &LoraGolden) -> (Arc<Model>, Arc<LoraWeights>, Arc<Model>) {
    let base = tiny_model::of(&logits_golden(&golden.base), &[], Dtype::F32);
    let tensors = golden.tensors.iter().map(|(name, shape)| {
        let data = Bytes::from(Stored::F32.encode(&tensor(name, shape).data));
        Tensor { name: name.clone(), dtype: Dtype::F32, shape: shape.clone(), data }
    });
    let config = AdapterConfig::parse(golden.adapter_config.to_string().as_bytes()).unwrap();
    let adapter = Adapter::from_tensors(config, tensors).unwrap();
    let mut merged = (*base).clone();
    merged.apply_adapter(&adapter).unwrap();
    let beside = Arc::new(LoraWeights::new(&base, &adapter).unwrap());
    (base, beside, Arc::new(merged))
}

#[test]
fn adapters_of_several_requests_run_in_one_batch_and_do_not_mix() {
    for golden in lora_goldens() {
        let (base, lora, merged) = adapted(&golden);
        let (_, again, _) = adapted(&golden);
        let vocab_size = base.config.vocab_size;
        let mut engine = engine(&base, &EngineOptions { token_budget: 50, ..EngineOptions::default() });
        let mut log = Log::default();
        let mut expected = Vec::new();
        // The same prompts with and without, so that a prefix taken from the other would show.
        for round in 0..2 {
            for (i, adapter) in [None, Some(&lora), Some(&again), None, Some(&lora)].into_iter().enumerate() {
                let prompt = prompt_ids("adapted", 70 + i / 3, vocab_size);
                let request = request(25, round as f32, 9);
                let model = if adapter.is_some() { &merged } else { &base };
                expected.push(alone(model, &prompt, &request));
                let submission = Submission::new(prompt, request);
                engine.submit(Submission { adapter: adapter.cloned(), ..submission }).unwrap();
            }
            run(&mut engine, &mut log);
        }
        let answers: Vec<_> = log.choices.into_values().map(|h| (h.tokens, h.reason.unwrap())).collect();
        assert_eq!(answers, expected, "{}", golden.name);
        assert_ne!(answers[0], answers[1], "the adapter changes the answer");
    }
}

#[test]
fn a_request_keeps_an_adapter_that_was_let_go_and_a_foreign_one_is_refused() {
    let golden = &lora_goldens()[0];
    let (base, lora, merged) = adapted(golden);
    let mut engine = engine(&base, &EngineOptions::default());
    let prompt = prompt_ids("kept", 10, base.config.vocab_size);
    let submission = || Submission::new(prompt.clone(), request(10, 0.0, 0));
    let id = engine.submit(Submission { adapter: Some(lora.clone()), ..submission() }).unwrap();
    let gone = Arc::downgrade(&lora);
    drop(lora);
    let mut log = Log::default();
    engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    assert!(gone.upgrade().is_some());
    run(&mut engine, &mut log);
    assert_eq!(log.choices[&(id, 0)].tokens, alone(&merged, &prompt, &request(10, 0.0, 0)).0);
    assert!(gone.upgrade().is_none(), "it goes with the last request that has it");

    let other = tiny_model::changed(&[("num_hidden_layers", 1), ("max_position_embeddings", 64)], Dtype::F32);
    let mut engine = Engine::new(other, cpu(), &EngineOptions::default()).unwrap();
    let foreign = Submission { adapter: Some(adapted(golden).1), ..submission() };
    assert_eq!(engine.submit(foreign).unwrap_err().to_string(), "the adapter was loaded for another model");
}

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
