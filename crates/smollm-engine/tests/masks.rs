//! Masks that are computed beside forward passes: the answers are those of masks that are computed between them.

mod load;
mod tiny_model;

use load::{Log, engine, run};
use smollm_engine::{
    EngineError, EngineHandle, EngineOptions, EngineStats, Event, FinishReason, MaskError, MaskTiming, Request,
    SamplingParams, Session, SessionOptions, Submission, TokenMask, TokenSet,
};
use smollm_kernels::Cpu;
use smollm_testkit::tiny::prompt_ids;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tiny_model::tiny;

const TIMINGS: [MaskTiming; 3] = [MaskTiming::Between, MaskTiming::Beside, MaskTiming::Measured];

/// What becomes of rules after so many tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    None,
    Error(usize),
    Panic(usize),
}

/// A third of the tokens, which third by a hash of all that came. Every fifth token is forced; some masks take long.
#[derive(Debug, Clone)]
struct Hashed {
    vocab_size: u32,
    hash: u32,
    came: usize,
    fate: Fate,
}

impl Hashed {
    fn begin(vocab_size: usize, fate: Fate) -> Box<dyn TokenMask> {
        Box::new(Self { vocab_size: vocab_size as u32, hash: 7, came: 0, fate })
    }

    fn forced(&self) -> Option<u32> {
        (self.came % 5 == 4).then_some(self.hash % self.vocab_size)
    }
}

impl TokenMask for Hashed {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        match self.fate {
            Fate::Error(at) if self.came == at => return Err(MaskError::Unmet("no more".into())),
            Fate::Panic(at) => assert_ne!(self.came, at, "the rules broke"),
            _ => {}
        }
        if self.came % 3 == 1 {
            std::thread::sleep(Duration::from_micros(300));
        }
        match self.forced() {
            Some(id) => allowed.insert(id),
            None => {
                (0..self.vocab_size).filter(|id| (id ^ self.hash).is_multiple_of(3)).for_each(|id| allowed.insert(id))
            }
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        self.hash = (self.hash ^ id).wrapping_mul(0x9E37_79B1);
        self.hash ^= self.hash >> 15;
        self.came += 1;
        Ok(Some(id))
    }

    fn ahead(&mut self) -> Vec<u32> {
        self.forced().into_iter().collect()
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

fn request(max_tokens: usize, temperature: f32, seed: u64) -> Request {
    let sampling = SamplingParams { temperature, seed, ..SamplingParams::default() };
    Request { max_tokens: Some(max_tokens), sampling, logprobs: Some(1), ..Request::default() }
}

/// Six requests of one to three choices, one of them without rules and one whose rules fail in the end; a prompt repeats itself, so that guesses are right.
fn submissions(vocab_size: usize) -> Vec<Submission> {
    (0..6)
        .map(|i| {
            let part = prompt_ids(&format!("prompt {}", i % 4), 10 + 25 * (i % 4), vocab_size);
            let fate = if i == 5 { Fate::Error(20) } else { Fate::None };
            let mut request = request([0, 40, 61, 9, 30, 50][i], (i % 2) as f32, 5);
            request.stop_ids = if i == 1 { (0..9).collect() } else { Vec::new() };
            Submission {
                mask: (i != 2).then(|| Hashed::begin(vocab_size, fate)),
                choices: 1 + i % 3,
                ..Submission::new(part.repeat(2), request)
            }
        })
        .collect()
}

/// All that was said of these requests, log-probabilities to the bit, and what the engine counted.
fn answers(timing: MaskTiming, options: &EngineOptions) -> (Vec<String>, EngineStats) {
    let model = tiny();
    let mut engine = engine(&model, &EngineOptions { masks: timing, ..options.clone() });
    let mut log = Log::default();
    for submission in submissions(model.config.vocab_size) {
        engine.submit(submission).unwrap();
    }
    run(&mut engine, &mut log);
    let mut said: Vec<String> = log.choices.iter().map(|(key, heard)| format!("{key:?} {heard:?}")).collect();
    said.extend(log.failed.iter().map(|(id, error)| format!("{id} {error}")));
    (said, engine.stats())
}

#[test]
fn no_answer_tells_when_its_masks_were_computed() {
    let plain = EngineOptions { draft_tokens: 0, max_stall: None, ..EngineOptions::default() };
    for options in [
        plain.clone(),
        EngineOptions { draft_tokens: 6, draft_gated: false, ..plain.clone() },
        // so small that sequences are preempted
        EngineOptions { kv_tokens: Some(192), token_budget: 32, ..plain.clone() },
        EngineOptions { max_running: 2, ..plain },
    ] {
        let (expected, stats) = answers(MaskTiming::Between, &options);
        assert!(stats.masks > 100 && stats.masks_beside == 0 && stats.forced_tokens > 0, "{stats:?}");
        assert_eq!(stats.preemptions > 0, options.kv_tokens.is_some());
        assert_eq!(stats.failed, 1);
        for timing in [MaskTiming::Beside, MaskTiming::Measured] {
            let (told, stats) = answers(timing, &options);
            assert_eq!(told, expected, "{timing:?} {options:?}");
            assert!(stats.masks_beside > 0, "{timing:?} {stats:?}");
        }
    }
}

#[test]
fn sessions_do_the_same() {
    let model = tiny();
    let vocab_size = model.config.vocab_size;
    let answer = |masks, threads, fate| {
        let cpu = Arc::new(Cpu::new(threads).unwrap());
        let options = SessionOptions { masks, prefill_chunk: Some(16), ..SessionOptions::default() };
        let mut session = Session::new(model.clone(), cpu, &options);
        let prompt = prompt_ids("session", 50, vocab_size);
        let mask = Some(Hashed::begin(vocab_size, fate));
        let answer = session.generate_masked(&prompt, &request(60, 1.0, 3), mask, &mut |_| ControlFlow::Continue(()));
        let answer = answer.map(|answer| (answer.tokens, answer.finish_reason)).map_err(|error| error.to_string());
        (answer, session.cached().to_vec())
    };
    for fate in [Fate::None, Fate::Error(0), Fate::Error(6)] {
        let expected = answer(MaskTiming::Between, 1, fate);
        assert_eq!(expected.0.is_err(), fate != Fate::None);
        for timing in TIMINGS {
            assert_eq!(answer(timing, 2, fate), expected, "{timing:?} {fate:?}");
        }
    }
}

#[test]
fn rules_that_panic_stop_the_engine_as_they_would_between_passes() {
    let model = tiny();
    for timing in TIMINGS {
        for at in [0, 5] {
            let mut engine = engine(&model, &EngineOptions { masks: timing, ..EngineOptions::default() });
            let mask = Some(Hashed::begin(model.config.vocab_size, Fate::Panic(at)));
            engine.submit(Submission { mask, ..Submission::new(vec![1, 2, 3], request(20, 1.0, 0)) }).unwrap();
            let mut log = Log::default();
            let panic = catch_unwind(AssertUnwindSafe(|| run(&mut engine, &mut log))).unwrap_err();
            assert!(panic.downcast_ref::<String>().unwrap().contains("the rules broke"), "{timing:?}");
            assert_eq!(log.choices.values().map(|heard| heard.tokens.len()).sum::<usize>(), at, "{timing:?}");
        }
        let engine = engine(&model, &EngineOptions { masks: timing, ..EngineOptions::default() });
        let handle = EngineHandle::spawn(engine).unwrap();
        let mask = Some(Hashed::begin(model.config.vocab_size, Fate::Panic(5)));
        let submission = Submission { mask, ..Submission::new(vec![1, 2, 3], request(20, 1.0, 0)) };
        let (sender, events) = channel();
        let sink = move |event| {
            let _ = sender.send(event);
            ControlFlow::Continue(())
        };
        handle.submit(submission, Box::new(sink)).unwrap();
        let told = events.iter().filter(|event| matches!(event, Event::Token { .. })).count();
        assert_eq!(told, 5, "{timing:?}: until the thread is gone, and its sinks with it");
        let refused = handle.submit(Submission::new(vec![1], request(1, 0.0, 0)), Box::new(|_| ControlFlow::Break(())));
        // between the last of its sinks and its end it may still take one, which is dropped with it
        assert!(matches!(refused, Ok(_) | Err(EngineError::Stopped)), "{refused:?}");
    }
}

/// Says that it was asked, and answers when it may.
#[derive(Debug)]
struct Held {
    asked: Sender<()>,
    goes_on: Arc<std::sync::Mutex<Receiver<()>>>,
}

impl TokenMask for Held {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        let _ = self.asked.send(());
        let _ = self.goes_on.lock().unwrap().recv(); // nobody holds it any more: it goes on
        allowed.insert(3);
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        Ok(Some(id))
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self { asked: self.asked.clone(), goes_on: self.goes_on.clone() })
    }
}

#[test]
fn a_request_may_be_cancelled_and_an_engine_dropped_while_a_mask_is_under_way() {
    let model = tiny();
    let options = EngineOptions { masks: MaskTiming::Beside, token_budget: 40, ..EngineOptions::default() };
    for dropped in [false, true] {
        let mut engine = engine(&model, &options);
        let (asked, is_asked) = channel();
        let (go_on, goes_on) = channel();
        let mask: Box<dyn TokenMask> = Box::new(Held { asked, goes_on: Arc::new(std::sync::Mutex::new(goes_on)) });
        // the first pass does not come to the end of the prompt: nothing is drawn, and the mask is under way
        let held = Submission { mask: Some(mask), choices: 2, ..Submission::new(vec![9; 100], request(4, 0.0, 0)) };
        let id = engine.submit(held).unwrap();
        let mut log = Log::default();
        engine.step(&mut || None, &mut |id, event| log.hear(id, event));
        is_asked.recv().unwrap();
        if dropped {
            drop(go_on);
            drop(engine);
        } else {
            engine.cancel(id, &mut |id, event| log.hear(id, event));
            assert_eq!(log.choices[&(id, 0)].reason, Some(FinishReason::Cancelled));
            // others go on meanwhile, if need be without the thread that is away
            let prompt = prompt_ids("beside", 30, model.config.vocab_size);
            let expected = load::alone(&model, &prompt, &request(10, 1.0, 1)).0;
            let other = engine.submit(Submission::new(prompt, request(10, 1.0, 1))).unwrap();
            run(&mut engine, &mut log);
            assert_eq!(log.choices[&(other, 0)].tokens, expected);
            drop(go_on);
            assert_eq!(engine.stats().blocks_free, engine.stats().blocks);
        }
        // whatever was sent is gone with its rules
        while is_asked.recv().is_ok() {}
    }
}

#[test]
fn a_pass_that_is_given_up_keeps_its_masks() {
    let model = tiny();
    let expected = answers_beside_a_cancelled(&model, MaskTiming::Between);
    for timing in [MaskTiming::Beside, MaskTiming::Measured] {
        assert_eq!(answers_beside_a_cancelled(&model, timing), expected, "{timing:?}");
    }
}

/// The answer to a request with rules, during which another is cancelled while its prompt is read.
fn answers_beside_a_cancelled(model: &Arc<smollm_model::Model>, timing: MaskTiming) -> String {
    let options = EngineOptions { masks: timing, draft_tokens: 0, max_stall: None, ..EngineOptions::default() };
    let mut engine = engine(model, &options);
    let mask = Some(Hashed::begin(model.config.vocab_size, Fate::None));
    let id = engine.submit(Submission { mask, ..Submission::new(vec![1, 2, 3], request(40, 1.0, 2)) }).unwrap();
    let mut log = Log::default();
    for round in 0..6 {
        let long = prompt_ids(&format!("long {round}"), 200, model.config.vocab_size);
        let mask = Some(Hashed::begin(model.config.vocab_size, Fate::None));
        let long = engine.submit(Submission { mask, ..Submission::new(long, request(10, 0.0, 0)) }).unwrap();
        let mut layers = 0;
        let mut cancelled = || {
            layers += 1;
            (layers == 2).then_some(long)
        };
        engine.step(&mut cancelled, &mut |id, event| log.hear(id, event));
        engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    }
    assert_eq!(engine.stats().abandoned_steps, 6);
    run(&mut engine, &mut log);
    format!("{:?}", log.choices[&(id, 0)])
}
