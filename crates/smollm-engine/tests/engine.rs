//! The engine on a tiny random model: every answer is the one that a session alone gives, and requests end as they should.

mod tiny_model;

use smollm_engine::{
    Engine, EngineError, EngineHandle, EngineOptions, Event, FinishReason, Request, RequestId, SamplingParams, Session,
    SessionOptions, Submission, Token, TokenMask, TokenSet, Windows, choice_seed,
};
use smollm_kernels::Cpu;
use smollm_model::Model;
use smollm_testkit::tiny::prompt_ids;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::channel;

fn tiny() -> Arc<Model> {
    tiny_model::model(&tiny_model::golden())
}

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
}

impl Log {
    fn hear(&mut self, id: RequestId, event: Event) {
        assert!(!self.failed.contains_key(&id), "nothing follows a failure");
        match event {
            Event::Prefill { done, total } => assert!(done <= total),
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
