//! What guesses turned out to be worth is remembered, of a sequence and for those to come.

use crate::draft::{Drafter, Guess};
use crate::engine::gate::{Acceptance, Candidate, Gate};
use crate::engine::tests::tiny_model;
use crate::engine::{Engine, EngineOptions};
use crate::request::{Request, Submission};
use crate::session::{Session, SessionOptions};
use smollm_kernels::Cpu;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Knows prompt and answer, and says it or what it is not.
#[derive(Debug)]
struct Oracle {
    whole: Vec<u32>,
    right: bool,
    forgotten: Arc<AtomicUsize>,
}

impl Drafter for Oracle {
    fn draft(&mut self, guesses: &mut [Guess<'_>]) {
        for guess in guesses {
            let next = self.whole[guess.tokens.len()..].iter().take(guess.max);
            guess.draft = next.map(|id| id ^ u32::from(!self.right)).collect();
        }
    }

    fn forget(&mut self, _sequence: u64) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
    }
}

/// How much of a guess of eight tokens is verified where one costs 0.15 of a step.
fn verified(acceptance: Acceptance) -> usize {
    let mut gate = Gate::new(true);
    gate.measured(1, 1.0);
    gate.measured(9, 2.2);
    gate.choose(1, 20, 0.0, &[Candidate { len: 8, acceptance }])[0]
}

const PROMPT: [u32; 3] = [5, 6, 7];

/// An engine that is asked for a hundred tokens after [`PROMPT`], and whose guesses of them are all right or all wrong.
fn asked(right: bool, draft_gated: bool, token_budget: usize) -> (Engine, Arc<AtomicUsize>) {
    let (model, cpu) = (tiny_model::tiny(), Arc::new(Cpu::new(1).unwrap()));
    let request = Request { max_tokens: Some(100), ..Request::default() };
    let mut session = Session::new(model.clone(), cpu.clone(), &SessionOptions::default());
    let answer = session.generate(&PROMPT, &request, &mut |_| ControlFlow::Continue(())).unwrap().ids();
    let options = EngineOptions { draft_tokens: 4, draft_gated, token_budget, ..EngineOptions::default() };
    let mut engine = Engine::new(model, cpu, &options).unwrap();
    let forgotten = Arc::new(AtomicUsize::new(0));
    let whole = [&PROMPT[..], &answer].concat();
    engine.set_drafter(Box::new(Oracle { whole, right, forgotten: forgotten.clone() }));
    engine.submit(Submission::new(PROMPT.to_vec(), request)).unwrap();
    (engine, forgotten)
}

#[test]
fn guesses_are_believed_as_far_as_they_were_right() {
    for (right, expected) in [(true, 8), (false, 0)] {
        let (mut engine, _) = asked(right, false, 256);
        let overall = |engine: &Engine| engine.speculation.as_ref().unwrap().gate.estimate();
        assert_eq!(verified(overall(&engine)), 2, "nothing is known yet");
        while engine.stats().generated_tokens < 40 {
            engine.step(&mut || None, &mut |_, _| {});
        }
        let own = engine.scheduler.running[0].acceptance.unwrap();
        assert_eq!([own, overall(&engine)].map(verified), [expected; 2], "right: {right}");
    }
}

#[test]
fn steps_are_measured_so_that_guesses_are_tried_at_least_now_and_then() {
    let (mut engine, forgotten) = asked(true, true, 256);
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |_, _| {});
    }
    assert!(engine.stats().drafted_tokens > 0, "{:?}", engine.stats());
    assert_eq!(forgotten.load(Ordering::Relaxed), 1, "who guesses is told of the end");
}

#[test]
fn a_step_has_no_more_rows_than_its_budget_with_guesses_among_them() {
    let (mut engine, _) = asked(true, false, 3);
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |_, _| {});
        assert!(engine.stats().last_step_tokens <= 3, "{:?}", engine.stats());
    }
    assert!(engine.stats().accepted_tokens > 60, "two of three rows are guesses: {:?}", engine.stats());
}

#[test]
fn forced_tokens_fill_strips_and_are_shared_out() {
    use super::allotted;
    assert_eq!(allotted(1, &[5]), [5]);
    assert_eq!(allotted(1, &[20]), [15], "a strip of sixteen is full");
    assert_eq!(allotted(8, &[9, 1, 9]), [4, 1, 3], "in turn, until the strip is full");
    assert_eq!(allotted(8, &[30, 30]), [28, 28], "four strips");
    assert_eq!(allotted(20, &[4, 4]), [4, 4], "the second strip is begun anyhow");
    assert_eq!(allotted(510, &[8]), [2]);
    assert_eq!(allotted(3, &[]), [0; 0]);
    assert_eq!(allotted(1, &[1000]).iter().sum::<usize>(), 127);
}
