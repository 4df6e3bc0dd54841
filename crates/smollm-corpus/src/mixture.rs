//! Which data set gives the n-th row: a pure function, so that a run resumes anywhere.
//!
//! Rows are dealt evenly, not drawn: the first data set takes row n of a stage if the whole part of n times its share grows there, the others
//! deal what it leaves among themselves in the same way (a line drawn by Bresenham's rule, a phase chosen by the seed). After n rows each has
//! had its share of n but for less than one row per data set, at any n: within a batch the mix is that of the recipe, and in the long run the
//! weights are exact. How many rows each has had is a formula too, so no step before the one asked for is visited.

#[cfg(test)]
mod tests;

use crate::permutation::mixed;

/// Weights that hold from a number of tokens on.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Tokens after which it begins: 0 for the first. Counted in full rows.
    pub from_tokens: u64,
    /// A weight for each data set. They need not sum to 1.
    pub weights: Vec<f64>,
}

/// Why stages make no mixture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MixtureError {
    /// There is none, or the first does not begin at 0, or one does not begin after the one before.
    #[error(
        "stage {stage}: the first stage begins at 0 tokens, and each later one at least a row after the one before it"
    )]
    Order {
        /// Which stage, from 0.
        stage: usize,
    },
    /// Not one weight for each data set.
    #[error("stage {stage}: {given} weights for {datasets} data sets")]
    Count {
        /// Which stage, from 0.
        stage: usize,
        /// How many weights.
        given: usize,
        /// How many data sets.
        datasets: usize,
    },
    /// A weight that is none, or none that is more than nothing.
    #[error("stage {stage}: weights are 0 or more, and at least one is more")]
    Weights {
        /// Which stage, from 0.
        stage: usize,
    },
}

/// A row's place: which data set gives it, and how many rows that had given before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The number of the data set.
    pub dataset: usize,
    /// How many rows it gave before.
    pub nth: u64,
}

/// Data sets with weights, in stages.
#[derive(Debug, Clone)]
pub struct Mixture {
    stages: Vec<Dealt>,
}

/// A stage in numbers of rows.
#[derive(Debug, Clone)]
struct Dealt {
    first_row: u64,
    /// For each data set how many rows it had when the stage began.
    before: Vec<u64>,
    splits: Vec<Split>,
}

/// What one data set takes of the rows that those before it leave.
#[derive(Debug, Clone, Copy)]
struct Split {
    weight: u64,
    /// Its own weight and that of all data sets behind it.
    total: u64,
    /// Less than `total`.
    phase: u64,
}

/// What the largest weight becomes: the others keep their ratio to it to a millionth of a millionth.
const SCALE: f64 = (1u64 << 40) as f64;

impl Split {
    /// How many of the first `n` rows it takes.
    fn count(&self, n: u64) -> u64 {
        if self.total == 0 {
            return 0;
        }
        // At most n, since the weight is at most the total and the phase less than it.
        ((u128::from(n) * u128::from(self.weight) + u128::from(self.phase)) / u128::from(self.total)) as u64
    }
}

impl Dealt {
    /// For each data set how many of the stage's first `n` rows it gives.
    fn counts(&self, mut n: u64) -> Vec<u64> {
        let mut take = |split: &Split| {
            let count = split.count(n);
            n -= count;
            count
        };
        self.splits.iter().map(&mut take).collect()
    }
}

impl Mixture {
    /// Stages for so many data sets, for rows of `row_tokens`. A stage begins with the first row that is wholly behind its tokens.
    ///
    /// # Errors
    /// Stages out of order, or weights that are none.
    pub fn new(stages: &[Stage], datasets: usize, row_tokens: u32, seed: u64) -> Result<Self, MixtureError> {
        let mut dealt: Vec<Dealt> = Vec::with_capacity(stages.len());
        if stages.is_empty() {
            return Err(MixtureError::Order { stage: 0 });
        }
        for (stage, Stage { from_tokens, weights }) in stages.iter().enumerate() {
            let first_row = from_tokens.div_ceil(u64::from(row_tokens.max(1)));
            let before = match dealt.last() {
                None if *from_tokens == 0 => vec![0; datasets],
                Some(last) if first_row > last.first_row => {
                    let counts = last.counts(first_row - last.first_row);
                    last.before.iter().zip(counts).map(|(before, count)| before + count).collect()
                }
                _ => return Err(MixtureError::Order { stage }),
            };
            if weights.len() != datasets {
                return Err(MixtureError::Count { stage, given: weights.len(), datasets });
            }
            let largest = weights.iter().copied().fold(0.0, f64::max);
            if !(largest > 0.0 && largest.is_finite() && weights.iter().all(|&weight| weight >= 0.0)) {
                return Err(MixtureError::Weights { stage });
            }
            // A weight that is more than nothing stays so.
            let scaled = weights.iter().map(|&weight| (weight / largest * SCALE).ceil() as u64);
            let scaled: Vec<u64> = scaled.collect();
            let split = |at: usize| {
                let total: u64 = scaled[at..].iter().sum();
                let phase = mixed(&[seed, PHASES, stage as u64, at as u64]) % total.max(1);
                Split { weight: scaled[at], total, phase }
            };
            dealt.push(Dealt { first_row, before, splits: (0..datasets).map(split).collect() });
        }
        Ok(Self { stages: dealt })
    }

    /// Who gives row `n`.
    pub fn row(&self, n: u64) -> Draw {
        let stage = self.stages.partition_point(|stage| stage.first_row <= n).saturating_sub(1);
        let Dealt { first_row, before, splits } = &self.stages[stage];
        let mut rank = n - first_row;
        for (dataset, split) in splits.iter().enumerate() {
            let count = split.count(rank);
            if split.count(rank + 1) > count {
                return Draw { dataset, nth: before[dataset] + count };
            }
            rank -= count;
        }
        // Not met: the last data set with a weight takes all that is left.
        Draw { dataset: 0, nth: n }
    }

    /// For each data set how many of the first `n` rows it gives.
    pub fn counts(&self, n: u64) -> Vec<u64> {
        let stage = self.stages.partition_point(|stage| stage.first_row <= n).saturating_sub(1);
        let stage = &self.stages[stage];
        stage.before.iter().zip(stage.counts(n - stage.first_row)).map(|(before, count)| before + count).collect()
    }
}

/// What keeps phases apart from other uses of the seed.
const PHASES: u64 = 2;
