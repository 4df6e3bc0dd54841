//! What the samples say: medians, which flags are worth a place in the race, which result is the best, and ratios.

use super::subject::{Better, Case, Engine};

/// Flags whose scouting run comes this close to the best of their engine stay in the race: one run is noisy.
const CLOSE: f64 = 0.9;

/// One process's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Tokens/s, ms or MB, as the case says.
    pub(crate) value: f64,
    /// Share of the machine's roof; ours alone says so.
    pub(crate) roof_share: Option<f64>,
}

/// All that one engine with certain flags gave for one case; empty where it failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) engine: Engine,
    /// Flags that differ from its defaults or were chosen among several, as typed.
    pub(crate) flags: String,
    pub(crate) samples: Vec<Sample>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) case: Case,
    /// Name of the weight type.
    pub(crate) weights: &'static str,
    pub(crate) measured: Vec<Measured>,
}

/// The middle value, of an even number the mean of the two in the middle; `None` of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some((sorted[last / 2] + sorted[sorted.len() / 2]) / 2.0)
}

impl Measured {
    pub(crate) fn median(&self) -> Option<f64> {
        median(self.samples.iter().map(|sample| sample.value))
    }

    /// Smallest and largest sample.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let values = || self.samples.iter().map(|sample| sample.value);
        Some((values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?))
    }

    /// Median share of the roof.
    pub(crate) fn roof_share(&self) -> Option<f64> {
        median(self.samples.iter().filter_map(|sample| sample.roof_share))
    }
}

/// How many times better `ours` is than `theirs`; above 1 we win, whatever is measured.
pub(crate) fn ratio(better: Better, ours: f64, theirs: f64) -> f64 {
    match better {
        Better::Higher => ours / theirs,
        Better::Lower => theirs / ours,
    }
}

/// After one scouting run of each: which flags (indices into `scouted`) go on to the rounds, for each engine those close to
/// its best.
pub(crate) fn contenders(better: Better, scouted: &[(Engine, f64)]) -> Vec<usize> {
    let close = |&(engine, value): &(Engine, f64)| {
        scouted.iter().filter(|(other, _)| *other == engine).all(|(_, rival)| ratio(better, value, *rival) >= CLOSE)
    };
    (0..scouted.len()).filter(|&index| close(&scouted[index])).collect()
}

impl Row {
    /// An engine at its best flags.
    pub(crate) fn best_of(&self, engine: Engine) -> Option<&Measured> {
        self.best(|measured| measured.engine == engine)
    }

    /// The strongest of the others.
    pub(crate) fn best_peer(&self) -> Option<&Measured> {
        self.best(|measured| measured.engine != Engine::Smollm)
    }

    fn best(&self, wanted: impl Fn(&Measured) -> bool) -> Option<&Measured> {
        let candidates = self.measured.iter().filter(|measured| wanted(measured) && measured.median().is_some());
        candidates.reduce(|best, next| match (best.median(), next.median()) {
            (Some(a), Some(b)) if ratio(self.case.better(), b, a) > 1.0 => next,
            _ => best,
        })
    }

    /// How many times better we are than the strongest peer.
    pub(crate) fn lead(&self) -> Option<f64> {
        let ours = self.best_of(Engine::Smollm)?.median()?;
        Some(ratio(self.case.better(), ours, self.best_peer()?.median()?))
    }
}

#[cfg(test)]
mod tests;
