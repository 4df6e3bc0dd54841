//! Tokens that rules force ride along with others, and change nothing but the number of passes.

mod load;
mod tiny_model;

use load::{Log, engine, run};
use smollm_engine::{
    EngineOptions, EngineStats, FinishReason, Generation, MaskError, Request, SamplingParams, Session, SessionOptions,
    Submission, TokenMask, TokenSet,
};
use smollm_kernels::Cpu;
use smollm_testkit::tiny::prompt_ids;
use std::ops::ControlFlow;
use std::sync::Arc;
use tiny_model::tiny;

/// After each free token six that follow from it.
const RUN: u32 = 7;

/// What the rules say of tokens that are sure to come.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Nothing,
    TheTruth,
    /// The third of them is another one.
    AHalfTruth,
    /// Ids that the model does not have.
    Nonsense,
}

/// A free token, six that count up from it, a free token, and so on.
#[derive(Debug, Clone)]
struct Runs {
    says: Says,
    vocab_size: u32,
    last: u32,
    since_free: u32,
}

impl Runs {
    fn begin(says: Says, vocab_size: usize) -> Box<dyn TokenMask> {
        Box::new(Self { says, vocab_size: vocab_size as u32, last: 0, since_free: RUN - 1 })
    }

    fn after(&self, steps: u32) -> u32 {
        (self.last + steps) % self.vocab_size
    }
}

impl TokenMask for Runs {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        match self.since_free == RUN - 1 {
            true => (0..self.vocab_size).for_each(|id| allowed.insert(id)),
            false => allowed.insert(self.after(1)),
        }
        Ok(())
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        self.since_free = (self.since_free + 1) % RUN;
        self.last = id;
        Ok(Some(id))
    }

    fn ahead(&mut self) -> Vec<u32> {
        let mut forced: Vec<u32> = (1..RUN - self.since_free).map(|steps| self.after(steps)).collect();
        match self.says {
            Says::Nothing => return Vec::new(),
            Says::TheTruth => {}
            Says::AHalfTruth => forced.iter_mut().skip(2).take(1).for_each(|id| *id ^= 1),
            Says::Nonsense => forced.iter_mut().for_each(|id| *id += self.vocab_size),
        }
        forced
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

fn request(max_tokens: usize, temperature: f32, seed: u64) -> Request {
    let sampling = SamplingParams { temperature, seed, repetition_penalty: 1.1, ..SamplingParams::default() };
    Request { max_tokens: Some(max_tokens), sampling, logprobs: Some(2), ..Request::default() }
}

/// What a choice was answered, with log-probabilities to the bit.
type Told = (Vec<String>, Option<FinishReason>);

/// What every choice of six requests beside each other was answered, in how many passes, and how many tokens took none.
fn answers(says: Says, options: &EngineOptions) -> (Vec<Told>, EngineStats) {
    let model = tiny();
    let mut engine = engine(&model, options);
    let mut log = Log::default();
    let submit = |i: usize| {
        let vocab_size = model.config.vocab_size;
        let prompt = prompt_ids(&format!("prompt {}", i % 4), 20 + 30 * (i % 4), vocab_size);
        let mask = (i != 3).then(|| Runs::begin(says, vocab_size));
        Submission {
            mask,
            choices: 1 + i % 2,
            ..Submission::new(prompt, request([3, 40, 61, 9, 30, 26][i], (i % 2) as f32, 5))
        }
    };
    let ids: Vec<_> = (0..6).map(|i| engine.submit(submit(i)).unwrap()).collect();
    run(&mut engine, &mut log);
    let told = ids.iter().enumerate().flat_map(|(i, &id)| (0..1 + i % 2).map(move |choice| (id, choice)));
    let told = told.map(|key| {
        let heard = &log.choices[&key];
        let bits = heard.tokens.iter().map(|t| format!("{} {:08x} {:?}", t.id, t.logprob.unwrap().to_bits(), t.top));
        (bits.collect(), heard.reason)
    });
    (told.collect(), engine.stats())
}

#[test]
fn what_is_forced_takes_no_pass_of_its_own_and_changes_no_answer() {
    for options in [
        EngineOptions { draft_tokens: 0, ..EngineOptions::default() },
        EngineOptions { draft_gated: false, ..EngineOptions::default() },
        // so small that sequences are preempted, whatever the speed of this machine
        EngineOptions {
            draft_tokens: 0,
            kv_tokens: Some(192),
            token_budget: 32,
            max_stall: None,
            ..EngineOptions::default()
        },
    ] {
        let (expected, plain) = answers(Says::Nothing, &options);
        assert_eq!(plain.forced_tokens, 0);
        assert!(expected.iter().all(|(tokens, _)| !tokens.is_empty()));
        for says in [Says::TheTruth, Says::AHalfTruth, Says::Nonsense] {
            let (told, stats) = answers(says, &options);
            assert_eq!(told, expected, "{says:?} {options:?}");
            assert_eq!(stats.forced_tokens > 0, says != Says::Nonsense, "{says:?} {options:?}");
            if says == Says::TheTruth && options.draft_tokens == 0 && options.kv_tokens.is_none() {
                assert!(stats.steps < plain.steps, "{} of {}", stats.steps, plain.steps);
            }
            for stats in [&plain, &stats] {
                assert_eq!(stats.preemptions > 0, options.kv_tokens.is_some(), "{says:?} {options:?}: {stats:?}");
            }
        }
    }
}

#[test]
fn alone_a_seventh_of_the_passes_is_left() {
    let model = tiny();
    let mut engine = engine(&model, &EngineOptions { draft_tokens: 0, ..EngineOptions::default() });
    let mask = Some(Runs::begin(Says::TheTruth, model.config.vocab_size));
    engine.submit(Submission { mask, ..Submission::new(vec![1, 2, 3], request(70, 1.0, 0)) }).unwrap();
    run(&mut engine, &mut Log::default());
    // each pass after the prompt computes a free token and the six that follow it, of which the last is part of the next
    assert_eq!((engine.stats().steps, engine.stats().forced_tokens), (11, 59));
}

#[test]
fn sessions_do_the_same() {
    let model = tiny();
    let vocab_size = model.config.vocab_size;
    let cpu = Arc::new(Cpu::new(1).unwrap());
    let answer = |says, max_tokens, context| -> (Generation, Vec<u32>) {
        let options = SessionOptions { context: Some(context), ..SessionOptions::default() };
        let mut session = Session::new(model.clone(), cpu.clone(), &options);
        let request = request(max_tokens, 1.0, 9);
        let go_on = &mut |_: smollm_engine::Progress<'_>| ControlFlow::Continue(());
        let mask = Some(Runs::begin(says, vocab_size));
        let answer = session.generate_masked(&[4, 5, 6], &request, mask, go_on).unwrap();
        (answer, session.cached().to_vec())
    };
    for (max_tokens, context) in [(1, 200), (2, 200), (50, 200), (200, 40), (200, 41), (200, 46)] {
        let (expected, cached) = answer(Says::Nothing, max_tokens, context);
        for says in [Says::TheTruth, Says::AHalfTruth, Says::Nonsense] {
            let (told, now) = answer(says, max_tokens, context);
            assert_eq!((&told.tokens, told.finish_reason), (&expected.tokens, expected.finish_reason), "{says:?}");
            assert_eq!(now, cached, "{says:?} {max_tokens} {context}");
            assert_eq!(told.timings.decode_tokens, expected.timings.decode_tokens);
        }
    }
}
