//! Rules that go on errands and come back, or do not.

use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};

const VOCAB: usize = 40;

/// Allows the token of its number of masks, once it is told to, and says by which thread it was asked.
#[derive(Debug)]
struct Slow {
    asked: u32,
    begun: Sender<std::thread::ThreadId>,
    goes_on: Receiver<Result<(), MaskError>>,
}

impl TokenMask for Slow {
    fn allow(&mut self, allowed: &mut TokenSet) -> Result<(), MaskError> {
        // who tells it nothing may have gone
        let _ = self.begun.send(std::thread::current().id());
        allowed.insert(self.asked);
        self.asked += 1;
        self.goes_on.recv().expect("told to go on, or to break")
    }

    fn accept(&mut self, id: u32) -> Result<Option<u32>, MaskError> {
        Ok(Some(id))
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        unreachable!("nobody wants another")
    }
}

struct Bench {
    mask: NextMask,
    cpu: Cpu,
    begun: Receiver<std::thread::ThreadId>,
    goes_on: Sender<Result<(), MaskError>>,
}

fn bench(threads: usize, timing: MaskTiming) -> Bench {
    let (says, begun) = channel();
    let (goes_on, waits) = channel();
    let mask = NextMask::new(Box::new(Slow { asked: 0, begun: says, goes_on: waits }), VOCAB, timing);
    Bench { mask, cpu: Cpu::with_isa("scalar", threads).expect("always there"), begun, goes_on }
}

/// What is left of logits that are all possible.
fn left(mask: &mut NextMask) -> Result<Vec<usize>, MaskError> {
    let mut logits = [0.0; VOCAB];
    mask.apply(&mut logits)?;
    Ok((0..VOCAB).filter(|&id| logits[id].is_finite()).collect())
}

#[test]
fn another_thread_works_out_the_mask_once_and_it_is_waited_for() {
    let Bench { mut mask, cpu, begun, goes_on } = bench(2, MaskTiming::Beside);
    let own = std::thread::current().id();
    for token in 0..3 {
        mask.begin(&cpu);
        mask.begin(&cpu); // as when the pass was given up, and the next one begins
        assert_ne!(begun.recv().expect("begun"), own);
        mask.begin(&cpu);
        goes_on.send(Ok(())).expect("it waits");
        assert_eq!(left(&mut mask), Ok(vec![token]));
    }
    // one that nobody began is worked out by who wants it
    goes_on.send(Ok(())).expect("it will wait");
    assert_eq!(left(&mut mask), Ok(vec![3]));
    assert_eq!(begun.recv().expect("begun"), own);
    let told = mask.tell();
    assert_eq!((told.masks, told.beside), (4, 3));
    assert_eq!(mask.tell(), MaskTimes::default());
}

#[test]
fn nobody_goes_where_there_is_one_thread_or_that_is_not_asked_for() {
    for (threads, timing) in [(1, MaskTiming::Beside), (2, MaskTiming::Between)] {
        let Bench { mut mask, cpu, begun, goes_on } = bench(threads, timing);
        mask.begin(&cpu);
        goes_on.send(Ok(())).expect("it will wait");
        assert_eq!(left(&mut mask), Ok(vec![0]));
        assert_eq!(begun.recv().expect("begun"), std::thread::current().id());
    }
}

#[test]
fn what_is_measured_decides_from_the_second_mask_on() {
    let Bench { mut mask, cpu, begun, goes_on } = bench(2, MaskTiming::Measured);
    let own = std::thread::current().id();
    let mut next = |long: bool| {
        mask.begin(&cpu);
        let away = matches!(mask.place, Place::Away(_));
        if away {
            assert_ne!(begun.recv().expect("begun"), own);
            if long {
                std::thread::sleep(WORTH_AN_ERRAND);
            }
        }
        goes_on.send(Ok(())).expect("it waits");
        left(&mut mask).expect("a token");
        if !away {
            assert_eq!(begun.recv().expect("begun"), own);
        }
        // a short one may be held up by the system: what it took is set, so that the test hangs on no clock
        if let Place::Here(work) = &mut mask.place {
            let took = work.took.expect("it was worked out");
            assert!(!long || !away || took >= WORTH_AN_ERRAND, "{took:?}");
            work.took = Some(if long { took.max(WORTH_AN_ERRAND) } else { Duration::ZERO });
        }
        away
    };
    assert!(next(true), "nothing is known of the first");
    assert!(next(false), "the one before was long");
    assert!(!next(true), "the one before was short");
    assert!(next(true));
}

#[test]
fn errors_come_when_the_mask_is_wanted() {
    let Bench { mut mask, cpu, begun, goes_on } = bench(2, MaskTiming::Beside);
    mask.begin(&cpu);
    begun.recv().expect("begun");
    let error = MaskError::TooCostly("too much".into());
    goes_on.send(Err(error.clone())).expect("it waits");
    assert_eq!(left(&mut mask), Err(error));
}

#[test]
fn a_panic_reaches_who_wants_the_mask_and_the_rules_are_lost() {
    let Bench { mut mask, cpu, begun, goes_on } = bench(2, MaskTiming::Beside);
    mask.begin(&cpu);
    begun.recv().expect("begun");
    drop(goes_on); // which it does not expect
    let outcome = catch_unwind(AssertUnwindSafe(|| left(&mut mask)));
    let panic = outcome.expect_err("the rules panicked");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.contains("told to go on, or to break"), "{message}");
    mask.begin(&cpu);
    assert_eq!(left(&mut mask), Err(MaskError::Broken("the rules broke down before".into())));
    assert!(mask.rules(|rules| rules.accept(1)).is_err());
}

#[test]
fn an_answer_that_is_over_leaves_nothing_behind() {
    let Bench { mut mask, cpu, begun, goes_on } = bench(2, MaskTiming::Beside);
    mask.begin(&cpu);
    begun.recv().expect("begun");
    // another, that waits behind it, is never begun
    let Bench { mask: mut behind, begun: never_begun, .. } = bench(1, MaskTiming::Beside);
    behind.begin(&cpu);
    drop(behind);
    drop(mask);
    goes_on.send(Ok(())).expect("it is at it still");
    assert!(begun.recv().is_err(), "the rules are gone");
    assert!(never_begun.recv().is_err(), "without having been asked");
    drop(cpu);
}
