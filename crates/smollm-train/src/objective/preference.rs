//! Losses of pairs: one answer is preferred to another one.
//!
//! A ratio is the logarithm of how much more likely an answer is than under the reference; its reward is beta times that. Metrics have the names of TRL's
//! `DPOTrainer`.

use super::{Judged, Totals};
use smollm_kernels::ops::{LogProb, RowWeight};
use std::ops::Range;

/// A loss of pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preference {
    /// Its form.
    pub loss: PreferenceLoss,
    /// How dear it is to leave the reference: rewards are beta times ratios.
    pub beta: f64,
}

/// The form of a loss of pairs, for the ratios c of the preferred answer and r of the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreferenceLoss {
    /// -ln sigmoid(beta (c - r)) (DPO, arXiv:2305.18290).
    Sigmoid,
    /// (c - r - 1 / (2 beta))^2, with ratios by the token (IPO, arXiv:2310.12036; as TRL has it).
    Ipo,
    /// 1 - sigmoid(beta c) + sigmoid(beta r) (APO-zero, arXiv:2408.06266).
    ApoZero,
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// -ln sigmoid(x), for any x.
pub(super) fn minus_log_sigmoid(x: f64) -> f64 {
    (-x.abs()).exp().ln_1p() + (-x).max(0.0)
}

/// The logarithm of how likely an answer is; in the precision that references are kept in, so that a policy that is its reference has
/// ratios of 0.
pub(crate) fn sum(log_probs: &[LogProb], answer: &Range<usize>) -> f32 {
    log_probs[answer.clone()].iter().map(|p| f64::from(p.log_prob)).sum::<f64>() as f32
}

impl Preference {
    /// The loss for ratios, and its derivatives by them.
    pub(super) fn of_ratios(&self, chosen: f64, rejected: f64) -> (f64, [f64; 2]) {
        let beta = self.beta;
        match self.loss {
            PreferenceLoss::Sigmoid => {
                let margin = beta * (chosen - rejected);
                let slope = -beta * sigmoid(-margin);
                (minus_log_sigmoid(margin), [slope, -slope])
            }
            PreferenceLoss::Ipo => {
                let apart = chosen - rejected - 1.0 / (2.0 * beta);
                (apart * apart, [2.0 * apart, -2.0 * apart])
            }
            PreferenceLoss::ApoZero => {
                let [good, bad] = [chosen, rejected].map(|ratio| sigmoid(beta * ratio));
                (1.0 - good + bad, [-beta * good * (1.0 - good), beta * bad * (1.0 - bad)])
            }
        }
    }

    /// The loss of the pairs whose answers have these targets.
    pub(super) fn judge(
        &self,
        answers: &[Range<usize>],
        log_probs: &[LogProb],
        reference: &[f64],
        totals: Totals,
    ) -> Judged {
        let share = 1.0 / (totals.sequences / 2).max(1) as f64;
        let mut weights = vec![RowWeight::default(); log_probs.len()];
        let [mut loss, mut accuracy] = [0.0; 2];
        let [mut rewards, mut sums] = [[0.0; 2]; 2];
        for (pair, reference) in answers.chunks_exact(2).zip(reference.chunks_exact(2)) {
            // what a sum is divided by in the loss: nothing, or the length of the answer
            let length = |answer: &Range<usize>| match self.loss {
                PreferenceLoss::Ipo => answer.len().max(1) as f64,
                PreferenceLoss::Sigmoid | PreferenceLoss::ApoZero => 1.0,
            };
            let lengths = [length(&pair[0]), length(&pair[1])];
            let own = [sum(log_probs, &pair[0]), sum(log_probs, &pair[1])].map(f64::from);
            let ratios = [own[0] - reference[0], own[1] - reference[1]];
            let (pair_loss, slopes) = self.of_ratios(ratios[0] / lengths[0], ratios[1] / lengths[1]);
            loss += share * pair_loss;
            accuracy += if ratios[0] > ratios[1] { share } else { 0.0 };
            for i in 0..2 {
                rewards[i] += share * self.beta * ratios[i];
                sums[i] += share * own[i];
                let target = (-slopes[i] * share / lengths[i]) as f32;
                weights[pair[i].clone()].fill(RowWeight { target, squared_log_z: 0.0 });
            }
        }
        let metrics = vec![
            ("rewards/chosen", rewards[0]),
            ("rewards/rejected", rewards[1]),
            ("rewards/accuracies", accuracy),
            ("rewards/margins", rewards[0] - rewards[1]),
            ("logps/chosen", sums[0]),
            ("logps/rejected", sums[1]),
        ];
        Judged { loss, weights, metrics }
    }
}
