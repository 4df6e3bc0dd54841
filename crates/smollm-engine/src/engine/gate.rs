//! How many guessed tokens a step verifies: as many as pay by what steps have been measured to cost and guesses to be worth.

use std::collections::BTreeMap;

/// Weight of a new measurement of a step.
const NEW_COST: f64 = 0.2;
/// What a further row is taken to cost, as a share of the first, until it was measured.
const UNKNOWN_ROW: f64 = 0.25;
/// Steps with guesses at hand after which one is tried even if none seems to pay: it may have become cheaper or better.
const PROBE: u32 = 64;
/// Guesses that an estimate is worth at most, so that it follows the last ones.
const MEMORY: f64 = 12.0;
/// The share of guesses that are right, before any was tried, and how many guesses that is worth: few, so that bad ones soon cost no more.
const FIRST_ESTIMATE: f64 = 0.5;
const FIRST_WEIGHT: f64 = 2.0;

/// How often guesses are right: a moving average.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acceptance {
    mean: f64,
    /// Guesses that it is worth.
    weight: f64,
}

impl Acceptance {
    /// `right` guesses in a row were right, and `wrong` says whether another was not.
    pub(crate) fn learn(&mut self, right: usize, wrong: bool) {
        let tried = right as f64 + f64::from(u8::from(wrong));
        let weight = self.weight + tried;
        (self.mean, self.weight) = ((self.mean * self.weight + right as f64) / weight, weight.min(MEMORY));
    }
}

/// Measured costs, and the acceptance that a new sequence starts with.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Seconds of a step by its rows.
    costs: BTreeMap<usize, f64>,
    overall: Acceptance,
    /// Steps with guesses since one was tried.
    untried: u32,
    /// Whether guesses are verified only if that is expected to pay.
    closes: bool,
}

/// The guess for one sequence: how long it is, and how much guesses for it were worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) len: usize,
    pub(crate) acceptance: Acceptance,
}

impl Gate {
    /// One that closes where guesses are not expected to pay, or lets all through.
    pub(crate) fn new(closes: bool) -> Self {
        Self {
            costs: BTreeMap::new(),
            overall: Acceptance { mean: FIRST_ESTIMATE, weight: FIRST_WEIGHT },
            untried: 0,
            closes,
        }
    }

    /// The estimate for a sequence that nothing is known of: what others were like counts for little as soon as it has its own.
    pub(crate) fn estimate(&self) -> Acceptance {
        Acceptance { weight: FIRST_WEIGHT, ..self.overall }
    }

    /// As [`Acceptance::learn`], for all sequences to come.
    pub(crate) fn learn(&mut self, right: usize, wrong: bool) {
        self.overall.learn(right, wrong);
    }

    /// A step of generated tokens alone, `rows` of them with guesses, took `seconds`.
    pub(crate) fn measured(&mut self, rows: usize, seconds: f64) {
        let cost = self.costs.entry(rows).or_insert(seconds);
        *cost += NEW_COST * (seconds - *cost);
    }

    /// Expected seconds of a step of `rows`: between neighbours that were measured, or beyond the nearest.
    fn cost(&self, rows: usize) -> Option<f64> {
        let below = self.costs.range(..=rows).next_back();
        let above = self.costs.range(rows..).next();
        match (below, above) {
            (Some((&r, &t)), Some((&s, &u))) if s > r => Some(t + (u - t) * (rows - r) as f64 / (s - r) as f64),
            (Some((&r, &t)), _) => Some(t * (1.0 + UNKNOWN_ROW * (rows - r) as f64 / r as f64)),
            (None, _) => None,
        }
    }

    /// How many tokens of each candidate's guess to verify in a step that has `rows` rows without, `most` in all: the numbers for
    /// which most tokens per second are to be expected if each costs `price` seconds to guess.
    pub(crate) fn choose(&mut self, rows: usize, most: usize, price: f64, candidates: &[Candidate]) -> Vec<usize> {
        if !self.closes {
            let mut left = most;
            let take = |candidate: &Candidate| {
                let count = candidate.len.min(left);
                left -= count;
                count
            };
            return candidates.iter().map(take).collect();
        }
        let mut chosen = vec![0; candidates.len()];
        // What each further token is worth: the probability that it and all before it are right.
        let mut worth: Vec<(f64, usize)> = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let p = candidate.acceptance.mean;
            worth.extend((1..=candidate.len).map(|k| (p.powi(k as i32), index)));
        }
        let Some(&(_, first)) = worth.first() else { return chosen };
        let Some(plain) = self.cost(rows) else { return chosen }; // nothing to compare with: this step is measured as it is
        // A candidate's own are in order already, and the sort keeps them so.
        worth.sort_by(|a, b| b.0.total_cmp(&a.0));
        worth.truncate(most);
        let (mut best, mut best_len, mut tokens) = (rows as f64 / plain, 0, rows as f64);
        for (i, (p, _)) in worth.iter().enumerate() {
            tokens += p;
            let guessing = price * (i + 1) as f64;
            let rate = self.cost(rows + i + 1).map_or(0.0, |seconds| tokens / (seconds + guessing));
            if rate > best {
                (best, best_len) = (rate, i + 1);
            }
        }
        worth[..best_len].iter().for_each(|&(_, index)| chosen[index] += 1);
        self.untried = if best_len > 0 { 0 } else { self.untried + 1 };
        if self.untried >= PROBE && most > 0 {
            self.untried = 0;
            chosen[first] = 1;
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(costs: &[(usize, f64)]) -> Gate {
        let mut gate = Gate::new(true);
        costs.iter().for_each(|&(rows, seconds)| gate.measured(rows, seconds));
        gate
    }

    fn candidate(len: usize, p: f64) -> Candidate {
        Candidate { len, acceptance: Acceptance { mean: p, weight: MEMORY } }
    }

    #[test]
    fn as_many_are_verified_as_pay() {
        // Free rows: everything. Rows at full price: nothing, however good the guess.
        assert_eq!(gate(&[(1, 1.0), (9, 1.0)]).choose(1, 20, 0.0, &[candidate(8, 0.3)]), [8]);
        assert_eq!(gate(&[(1, 1.0), (9, 9.0)]).choose(1, 20, 0.0, &[candidate(8, 0.99)]), [0]);
        // A row costs 0.15 of a step: of p = 0.5, worth 1/2 + 1/4 + 1/8, the third would lower 1.75 / 1.3.
        assert_eq!(gate(&[(1, 1.0), (9, 2.2)]).choose(1, 20, 0.0, &[candidate(8, 0.5)]), [2]);
        // Two sequences: the better one gets more, the worthless one nothing.
        assert_eq!(gate(&[(2, 1.0), (12, 2.0)]).choose(2, 20, 0.0, &[candidate(5, 0.05), candidate(5, 0.9)]), [0, 5]);
        assert_eq!(gate(&[(2, 1.0), (12, 2.0)]).choose(2, 3, 0.0, &[candidate(5, 0.8), candidate(5, 0.9)]), [1, 2]);
        // What guessing itself costs counts.
        assert_eq!(gate(&[(1, 1.0), (9, 1.0)]).choose(1, 20, 0.3, &[candidate(8, 0.5)]), [1]);
        // Nothing is known yet, of any step or of one without guesses; or nothing is guessed.
        assert_eq!(gate(&[]).choose(1, 20, 0.0, &[candidate(4, 0.9)]), [0]);
        assert_eq!(gate(&[(8, 1.0)]).choose(1, 20, 0.0, &[candidate(8, 0.9)]), [0]);
        assert!(gate(&[(1, 1.0)]).choose(1, 20, 0.0, &[]).is_empty());
    }

    #[test]
    fn worthless_guesses_are_soon_left_alone_and_tried_again_now_and_then() {
        let mut gate = gate(&[(1, 1.0), (5, 2.0)]);
        let (mut acceptance, mut drafted) = (gate.estimate(), 0);
        for _ in 0..1000 {
            let tried = gate.choose(1, 20, 0.0, &[Candidate { len: 4, acceptance }])[0];
            drafted += tried;
            if tried > 0 {
                acceptance.learn(0, true);
            }
        }
        // at 1/4 of a step each: less than one per cent
        assert!((15..40).contains(&drafted), "{drafted}");
        (0..3).for_each(|_| acceptance.learn(4, false));
        assert!(gate.choose(1, 20, 0.0, &[Candidate { len: 4, acceptance }])[0] > 0, "it is believed again");
    }
}
