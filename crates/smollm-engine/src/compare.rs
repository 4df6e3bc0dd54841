//! How far the predictions of one model are from those of another, token by token on a text.

use crate::error::EngineError;
use crate::score::{LOGIT_ROWS, Windows};
use crate::session::Session;
use smollm_kernels::ops::argmax;
use std::ops::ControlFlow;

/// What a text says about a model beside the one it was made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Tokens predicted by both.
    pub tokens: usize,
    /// exp of the mean of -ln p(token) under the base.
    pub base_perplexity: f64,
    /// The same under the other.
    pub perplexity: f64,
    /// Mean over the tokens of KL(base || other) = sum over the vocabulary of p ln(p / q), in nats.
    pub mean_kl: f64,
    /// Standard error of that mean.
    pub kl_error: f64,
    /// The largest.
    pub max_kl: f64,
    /// Share of the tokens for which both have the same likeliest one.
    pub same_top: f64,
}

/// Lets both sessions predict every token of `ids` but the first, in the same windows (see [`Windows`]). `progress` hears of
/// tokens (done, total) and may stop with `Break`, which gives `Ok(None)`; so does a text without a second token.
///
/// # Errors
/// An id does not exist, a model gave no finite logits, or a model file changed.
///
/// # Panics
/// If the models have different vocabularies.
pub fn compare(
    base: &mut Session,
    other: &mut Session,
    ids: &[u32],
    windows: Windows,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Comparison>, EngineError> {
    let vocab_size = base.model().config.vocab_size;
    assert_eq!(vocab_size, other.model().config.vocab_size, "models of different vocabularies");
    base.check_vocabulary(ids)?;
    let mut sums = Sums::default();
    let (mut base_logits, mut other_logits) = (Vec::new(), Vec::new());
    for window in windows.of(ids.len(), base.context().min(other.context())) {
        let (tokens, first) = (&ids[window.tokens], window.first);
        for session in [&mut *base, &mut *other] {
            if session.read(tokens, first, &mut || progress(sums.tokens, ids.len())).is_break() {
                return Ok(None);
            }
        }
        for (chunk, targets) in tokens[first..].chunks(LOGIT_ROWS).zip(tokens[first + 1..].chunks(LOGIT_ROWS)) {
            if progress(sums.tokens, ids.len()).is_break() {
                return Ok(None);
            }
            let inputs = &chunk[..targets.len()];
            base.advance_to_logits(inputs, inputs.len(), &mut base_logits);
            other.advance_to_logits(inputs, inputs.len(), &mut other_logits);
            let rows = base_logits.chunks(vocab_size).zip(other_logits.chunks(vocab_size));
            for ((base, other), &target) in rows.zip(targets) {
                let position = sums.tokens + 1;
                sums.add(base, other, target as usize).ok_or(EngineError::NotFinite { position })?;
            }
        }
    }
    base.model().still_intact()?;
    other.model().still_intact()?;
    Ok(sums.mean())
}

#[derive(Default)]
struct Sums {
    tokens: usize,
    base_loss: f64,
    loss: f64,
    kl: f64,
    kl_squares: f64,
    max_kl: f64,
    same_top: usize,
}

impl Sums {
    /// `None` where a logit is not finite.
    fn add(&mut self, base: &[f32], other: &[f32], target: usize) -> Option<()> {
        let (base_total, other_total) = (log_total(base)?, log_total(other)?);
        let kl: f64 = base
            .iter()
            .zip(other)
            .map(|(&b, &o)| {
                let (ln_p, ln_q) = (f64::from(b) - base_total, f64::from(o) - other_total);
                ln_p.exp() * (ln_p - ln_q)
            })
            .sum();
        self.tokens += 1;
        self.base_loss += base_total - f64::from(base[target]);
        self.loss += other_total - f64::from(other[target]);
        self.kl += kl;
        self.kl_squares += kl * kl;
        self.max_kl = self.max_kl.max(kl);
        self.same_top += usize::from(argmax(base) == argmax(other));
        Some(())
    }

    fn mean(&self) -> Option<Comparison> {
        if self.tokens == 0 {
            return None;
        }
        let tokens = self.tokens as f64;
        let mean_kl = self.kl / tokens;
        let variance = (self.kl_squares / tokens - mean_kl * mean_kl).max(0.0);
        Some(Comparison {
            tokens: self.tokens,
            base_perplexity: (self.base_loss / tokens).exp(),
            perplexity: (self.loss / tokens).exp(),
            mean_kl,
            kl_error: (variance / tokens).sqrt(),
            max_kl: self.max_kl,
            same_top: self.same_top as f64 / tokens,
        })
    }
}

/// ln of the sum of the exponentials; `None` if a number is not finite.
fn log_total(logits: &[f32]) -> Option<f64> {
    if logits.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    Some(max + logits.iter().map(|&x| (f64::from(x) - max).exp()).sum::<f64>().ln())
}

#[cfg(test)]
mod tests {
    use super::Sums;

    /// Two distributions that can be worked out by hand: p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2).
    #[test]
    fn sums_are_those_of_the_definitions() {
        let (p, q) = ([0.5f32, 0.25, 0.25], [0.25f32, 0.25, 0.5]);
        let mut sums = Sums::default();
        // logits may be shifted by anything
        sums.add(&p.map(|p| p.ln() + 3.0), &q.map(|q| q.ln() - 1.0), 0).unwrap();
        sums.add(&p.map(f32::ln), &p.map(f32::ln), 1).unwrap();
        let mean = sums.mean().unwrap();
        let kl = 0.25 * 2f64.ln();
        assert_eq!(mean.tokens, 2);
        assert!((mean.base_perplexity - 8f64.sqrt()).abs() < 1e-6 && (mean.perplexity - 4.0).abs() < 1e-6, "{mean:?}");
        assert!((mean.mean_kl - kl / 2.0).abs() < 1e-7 && (mean.max_kl - kl).abs() < 1e-7, "{mean:?}");
        assert!((mean.kl_error - kl / 2.0 / 2f64.sqrt()).abs() < 1e-7, "{mean:?}");
        assert_eq!(mean.same_top, 0.5);
    }

    #[test]
    fn nothing_is_said_about_nothing_or_about_nan() {
        assert_eq!(Sums::default().mean(), None);
        assert!(Sums::default().add(&[0.0, f32::NAN], &[0.0, 0.0], 0).is_none());
        assert!(Sums::default().add(&[0.0, 0.0], &[f32::INFINITY, 0.0], 0).is_none());
    }
}
