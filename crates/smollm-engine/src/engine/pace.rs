//! How many tokens a step takes, so that prompts do not hold up answers for long.

use super::{EngineOptions, Share};
use smollm_model::BLOCK_TOKENS;
use std::time::Duration;

/// Weight of a new measurement.
const NEW_COST: f64 = 0.3;

/// The token budget, and what a token of a prompt has been costing.
#[derive(Debug)]
pub(crate) struct Pace {
    token_budget: usize,
    max_stall: Option<Duration>,
    seconds_per_token: Option<f64>,
}

impl Pace {
    pub(crate) fn new(options: &EngineOptions) -> Self {
        Self { token_budget: options.token_budget.max(1), max_stall: options.max_stall, seconds_per_token: None }
    }

    /// Tokens of the next step; `answering` says whether anybody waits for the next token of an answer.
    pub(crate) fn budget(&self, answering: bool) -> usize {
        match (self.max_stall, self.seconds_per_token) {
            (Some(stall), Some(cost)) if answering => {
                let tokens = (stall.as_secs_f64() / cost) as usize;
                tokens.max(BLOCK_TOKENS).min(self.token_budget)
            }
            _ => self.token_budget,
        }
    }

    /// A step took `seconds`. Those without prompts say nothing: they are bound by reading weights.
    pub(crate) fn measured(&mut self, shares: &[Share], seconds: f64) {
        if shares.iter().any(|share| !share.decodes) {
            let new = seconds / shares.iter().map(|share| share.count).sum::<usize>() as f64;
            let cost = self.seconds_per_token.get_or_insert(new);
            *cost += NEW_COST * (new - *cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_shrinks_while_somebody_waits_for_the_next_token() {
        let options = EngineOptions { max_stall: Some(Duration::from_millis(100)), ..EngineOptions::default() };
        let mut pace = Pace::new(&options);
        assert_eq!(pace.budget(true), 256, "nothing is known yet");
        let step = |count, decodes| [Share { index: 0, count, decodes }];
        pace.measured(&step(200, false), 0.2);
        pace.measured(&step(1, true), 10.0);
        assert_eq!((pace.budget(true), pace.budget(false)), (100, 256));
        (0..30).for_each(|_| pace.measured(&step(100, false), 10.0));
        assert_eq!(pace.budget(true), 32, "a block in any case");
        let free = Pace { max_stall: None, ..pace };
        assert_eq!(free.budget(true), 256);
    }
}
