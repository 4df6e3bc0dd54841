//! How long a request that comes now would wait: for a place among those that run, and for the prompts before its own.

use super::Share;
use super::scheduler::Scheduler;
use super::sequence::Sequence;
use smollm_model::BLOCK_TOKENS;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Least weight of a new measurement. The first ones weigh alike.
const NEW: f64 = 0.1;
/// Seconds that a token of a prompt is taken to cost before any was read.
const FIRST_TOKEN_S: f64 = 2e-3;
/// Tokens of prompts that the memory of their cost is worth.
const MEMORY_TOKENS: f64 = 2000.0;
/// Tokens that an answer is taken to have, if its request allows them, before any has ended.
const FIRST_ANSWER: f64 = 256.0;

/// What the last requests were like.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Seconds that prompts took beyond what answers take in a step, and tokens of those prompts, both fading.
    reading_s: f64,
    reading: f64,
    /// Tokens of prompts in a step.
    share: Average,
    /// Seconds of a step without prompts.
    answering_s: Average,
    /// Seconds of a step: so long takes each token of those that run.
    step_s: Average,
    /// Tokens of an answer.
    answer: Average,
    /// Share of a prompt that is not found in the cache.
    fresh: Average,
}

/// A moving average.
#[derive(Debug, Default)]
struct Average {
    mean: f64,
    count: u32,
}

/// The wait that is expected of a request that comes now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ExpectedWait {
    /// Seconds until a place is free for it.
    pub place_s: f64,
    /// Places that are free at once.
    pub places_free: usize,
    /// What each further sequence before it adds, beyond those for which places are free.
    pub place_more_s: f64,
    /// Seconds until the prompts before its own are read.
    pub read_s: f64,
    /// What each further token before it adds.
    pub read_more_s: f64,
}

impl ExpectedWait {
    /// The wait behind so many more sequences with so many tokens of prompts.
    pub fn behind(&self, sequences: usize, tokens: usize) -> Duration {
        let place = self.place_s + sequences.saturating_sub(self.places_free) as f64 * self.place_more_s;
        let read = self.read_s + tokens as f64 * self.read_more_s;
        // both go on at the same time
        Duration::try_from_secs_f64(place.max(read)).unwrap_or(Duration::MAX)
    }
}

impl Average {
    fn add(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        self.mean += NEW.max(1.0 / f64::from(self.count)) * (value - self.mean);
    }

    fn known(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    fn or(&self, first: f64) -> f64 {
        self.known().unwrap_or(first)
    }
}

impl Backlog {
    pub(crate) fn new() -> Self {
        let [share, answering_s, step_s, answer, fresh] = Default::default();
        Self { reading_s: 0.0, reading: 0.0, share, answering_s, step_s, answer, fresh }
    }

    /// A complete step over `shares` took `seconds`.
    pub(crate) fn measured(&mut self, shares: &[Share], seconds: f64) {
        self.step_s.add(seconds);
        let read: usize = shares.iter().filter(|share| !share.decodes).map(|share| share.count).sum();
        if read == 0 {
            self.answering_s.add(seconds);
        } else if read >= BLOCK_TOKENS {
            // A step with less is bound by reading the weights, and says nothing of longer prompts.
            let answers = if shares.iter().any(|share| share.decodes) { self.answering_s.or(0.0) } else { 0.0 };
            let fade = (-(read as f64) / MEMORY_TOKENS).exp();
            self.reading_s = self.reading_s * fade + (seconds - answers).max(0.0);
            self.reading = self.reading * fade + read as f64;
            self.share.add(read as f64);
        }
    }

    /// A sequence has come to its own end.
    pub(crate) fn finished(&mut self, sequence: &Sequence) {
        // Those that were to say nothing are not like those that answer.
        if sequence.answer.generated() > 0 {
            self.answer.add(sequence.answer.generated() as f64);
        }
        // The first choice of a request reads its prompt for all.
        if sequence.choice == 0 {
            self.fresh.add(1.0 - sequence.clock.cached_tokens as f64 / sequence.prompt_len as f64);
        }
    }

    /// Seconds for a token of a prompt, beside the answers that are under way if `answering`.
    fn token_s(&self, answering: bool) -> f64 {
        let own = if self.reading > 0.0 { self.reading_s / self.reading } else { FIRST_TOKEN_S };
        match (answering, self.share.known(), self.answering_s.known()) {
            (true, Some(share), Some(answers)) => own + answers / share,
            _ => own,
        }
    }

    /// Tokens that a sequence is still expected to generate.
    fn left(&self, sequence: &Sequence) -> f64 {
        if sequence.pooled.is_some() {
            return 0.0;
        }
        let (done, usual) = (sequence.answer.generated() as f64, self.answer.or(FIRST_ANSWER));
        // one that is longer than usual may end at any time, or not
        (usual - done).max(usual / 4.0).min(sequence.answer.left() as f64)
    }

    /// The wait of a sequence that joins those of `scheduler`.
    pub(crate) fn expected(&self, scheduler: &Scheduler) -> ExpectedWait {
        let pending = |list: &[Sequence]| -> usize {
            list.iter().filter(|s| !s.decodes() && !s.follows).map(Sequence::pending).sum()
        };
        let token_s = self.token_s(scheduler.running.iter().any(Sequence::decodes));
        let read_more_s = token_s * self.fresh.or(1.0);
        let read_s = pending(&scheduler.running) as f64 * token_s + pending(&scheduler.waiting) as f64 * read_more_s;
        let slots = scheduler.places();
        // When each place is free, in tokens of those that run; who waits takes the first that is.
        let mut free: BinaryHeap<Reverse<u64>> =
            scheduler.running.iter().map(|s| Reverse(self.left(s) as u64)).collect();
        let idle = slots.saturating_sub(free.len());
        free.extend(std::iter::repeat_n(Reverse(0), idle));
        for sequence in &scheduler.waiting {
            if let Some(Reverse(start)) = free.pop() {
                free.push(Reverse(start + self.left(sequence).max(1.0) as u64));
            }
        }
        let step_s = self.step_s.or(0.0);
        let place_s = free.peek().map_or(0.0, |Reverse(start)| *start as f64 * step_s);
        let places_free = free.iter().filter(|Reverse(start)| *start == 0).count();
        let place_more_s = self.answer.or(FIRST_ANSWER) * step_s / slots.max(1) as f64;
        ExpectedWait { place_s, places_free, place_more_s, read_s, read_more_s }
    }
}

#[cfg(test)]
mod tests {
    use super::Average;

    #[test]
    fn the_first_values_of_an_average_weigh_alike_and_later_ones_fade() {
        let mut average = Average::default();
        assert_eq!((average.known(), average.or(7.0)), (None, 7.0));
        [1.0, 3.0, 5.0].into_iter().for_each(|value| average.add(value));
        assert!((average.or(7.0) - 3.0).abs() < 1e-12);
        (0..100).for_each(|_| average.add(10.0));
        assert!((9.9..10.0).contains(&average.or(7.0)));
    }
}
