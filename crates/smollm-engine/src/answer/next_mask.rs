//! The rules of an answer and the mask of its next token. Which tokens may come depends on those that came and on nothing that a forward pass
//! computes: so it may be worked out beside the pass that gives the logits, by a thread that goes on an errand meanwhile.

#[cfg(test)]
mod tests;

use crate::mask::{MaskError, MaskTiming, TokenMask, TokenSet, WORTH_AN_ERRAND};
use smollm_kernels::Cpu;
use smollm_kernels::ops::beside;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Rules, and what they allow next.
#[derive(Debug)]
pub(crate) struct NextMask {
    place: Place,
    timing: MaskTiming,
    told: MaskTimes,
}

/// What the rules of an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MaskTimes {
    /// Masks that were asked for, and how many of them another thread had worked out or begun.
    pub(crate) masks: u64,
    pub(crate) beside: u64,
    /// How long drawing was held up: by masks, and by what the rules did with tokens.
    pub(crate) held_up: Duration,
}

#[derive(Debug)]
enum Place {
    Here(Box<Work>),
    /// Another thread has them, or will.
    Away(Arc<Errand>),
    /// They went down with a panic.
    Lost,
}

#[derive(Debug)]
struct Work {
    rules: Box<dyn TokenMask>,
    allowed: TokenSet,
    /// What came of working out `allowed`; nothing before that.
    found: Option<Result<(), MaskError>>,
    /// How long it took; of the first mask, which may be the longest, nothing is known.
    took: Option<Duration>,
}

/// Work on its way between two threads.
#[derive(Debug)]
struct Errand {
    stage: Mutex<Stage>,
    back: Condvar,
}

#[derive(Debug)]
enum Stage {
    /// Whoever comes first takes it: a thread that works it out, or the one that wants it now.
    Waiting(Box<Work>),
    UnderWay,
    Done(Box<Work>),
    Panicked(Box<dyn Any + Send>),
}

impl NextMask {
    pub(super) fn new(rules: Box<dyn TokenMask>, vocab_size: usize, timing: MaskTiming) -> Self {
        let work = Work { rules, allowed: TokenSet::none(vocab_size), found: None, took: None };
        Self { place: Place::Here(Box::new(work)), timing, told: MaskTimes::default() }
    }

    /// Lets a thread of `cpu` work out what may come next while the caller goes on, if that pays and has not been done. Only where the rules will
    /// be asked for it: it is no matter when, nor whether all of the answer's tokens are computed.
    pub(super) fn begin(&mut self, cpu: &Cpu) {
        let place = std::mem::replace(&mut self.place, Place::Lost);
        self.place = match place {
            Place::Here(work) if cpu.threads() > 1 && work.found.is_none() && self.pays(&work) => {
                let errand = Arc::new(Errand { stage: Mutex::new(Stage::Waiting(work)), back: Condvar::new() });
                let to_do = Arc::downgrade(&errand);
                beside(cpu, move || Errand::go(&to_do));
                Place::Away(errand)
            }
            place => place,
        };
    }

    fn pays(&self, work: &Work) -> bool {
        match self.timing {
            MaskTiming::Between => false,
            MaskTiming::Beside => true,
            MaskTiming::Measured => work.took.is_none_or(|took| took >= WORTH_AN_ERRAND),
        }
    }

    /// Makes the logits (V) of tokens that may not come impossible.
    ///
    /// # Errors
    /// Those of the rules.
    ///
    /// # Panics
    /// With the rules.
    pub(super) fn apply(&mut self, logits: &mut [f32]) -> Result<(), MaskError> {
        let started = Instant::now();
        self.told.masks += 1;
        let work = self.fetch()?;
        let beside = work.found.is_some();
        if !beside {
            work.find();
        }
        let found = work.found.take().unwrap_or(Ok(()));
        if found.is_ok() {
            work.allowed.rule_out(logits);
        }
        self.told.beside += u64::from(beside);
        self.told.held_up += started.elapsed();
        found
    }

    /// Does something with the rules, at the cost of the answer.
    ///
    /// # Errors
    /// Those of `with`.
    pub(super) fn rules<T>(
        &mut self,
        with: impl FnOnce(&mut dyn TokenMask) -> Result<T, MaskError>,
    ) -> Result<T, MaskError> {
        let started = Instant::now();
        let result = with(self.fetch()?.rules.as_mut());
        self.told.held_up += started.elapsed();
        result
    }

    /// What was not told yet of times.
    pub(super) fn tell(&mut self) -> MaskTimes {
        std::mem::take(&mut self.told)
    }

    /// The work in its place: back from where it was, or taken back if nobody has begun it.
    fn fetch(&mut self) -> Result<&mut Work, MaskError> {
        if let Place::Away(_) = self.place
            && let Place::Away(errand) = std::mem::replace(&mut self.place, Place::Lost)
        {
            self.place = Place::Here(errand.end());
        }
        match &mut self.place {
            Place::Here(work) => Ok(work),
            Place::Away(_) | Place::Lost => Err(MaskError::Broken("the rules broke down before".into())),
        }
    }
}

impl Work {
    fn find(&mut self) {
        let started = Instant::now();
        self.allowed.clear();
        self.found = Some(self.rules.allow(&mut self.allowed));
        self.took = Some(started.elapsed());
    }
}

impl Errand {
    /// Works it out, if it still is to be done. An answer that is over takes its errand with it.
    fn go(to_do: &Weak<Self>) {
        let Some(errand) = to_do.upgrade() else { return };
        let mut stage = errand.stage();
        if !matches!(*stage, Stage::Waiting(_)) {
            return;
        }
        let Stage::Waiting(mut work) = std::mem::replace(&mut *stage, Stage::UnderWay) else { return };
        drop(stage);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            work.find();
            work
        }));
        *errand.stage() = match outcome {
            Ok(work) => Stage::Done(work),
            Err(panic) => Stage::Panicked(panic),
        };
        errand.back.notify_all();
    }

    /// The work, done or not; waits for a thread that is at it.
    ///
    /// # Panics
    /// As the rules did.
    fn end(&self) -> Box<Work> {
        let mut stage = self.stage();
        loop {
            match std::mem::replace(&mut *stage, Stage::UnderWay) {
                Stage::Waiting(work) | Stage::Done(work) => return work,
                Stage::Panicked(panic) => {
                    drop(stage);
                    resume_unwind(panic);
                }
                Stage::UnderWay => stage = self.back.wait(stage).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The stage; nobody panics while it is locked.
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
