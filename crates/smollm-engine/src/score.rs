//! How probable a text is: the log-probability of every token after those before it.

use crate::error::EngineError;
use crate::session::Session;
use smollm_kernels::ops::log_sum_exp;
use std::ops::{ControlFlow, Range};

/// Rows of logits held at once; 32 x 49,152 floats are 6 MB.
pub(crate) const LOGIT_ROWS: usize = 32;

/// The windows of a text longer than the context, by the convention of the `transformers` perplexity guide.
///
/// Windows of `length` tokens start every `stride` tokens. A window starts with an empty cache and scores only the tokens
/// that no earlier window scored, so every token but the first is scored once, with at least `length - stride` tokens
/// before it (but for the first window's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Tokens per window.
    pub length: usize,
    /// Tokens between the starts of two windows; more than `length - 1` counts as that, so that every scored token has one
    /// before it.
    pub stride: usize,
}

/// One window: which tokens it reads, and the first of them whose successor it scores. Those before only fill the cache.
pub(crate) struct Window {
    pub(crate) tokens: Range<usize>,
    pub(crate) first: usize,
}

impl Windows {
    /// The windows of a text of `len` tokens, for a session that holds `context` tokens.
    pub(crate) fn of(self, len: usize, context: usize) -> impl Iterator<Item = Window> {
        let length = self.length.min(context).max(2);
        let stride = self.stride.clamp(1, (length - 1).max(1));
        let mut start = 0;
        let mut scored = 1; // the first token has nothing before it
        std::iter::from_fn(move || {
            if scored >= len {
                return None;
            }
            let window = Window { tokens: start..(start + length).min(len), first: scored - 1 - start };
            scored = window.tokens.end;
            start += stride;
            Some(window)
        })
    }
}

/// Log-probabilities of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// ln p of each token given those before it in its window; `None` for the first, which has nothing before it.
    pub logprobs: Vec<Option<f32>>,
    /// exp of minus the mean of the log-probabilities; `None` if there are none.
    pub perplexity: Option<f64>,
}

impl Session {
    /// Scores `ids`. `progress` hears of scored tokens (done, total) and may stop with `Break`, which gives `Ok(None)`.
    ///
    /// # Errors
    /// An id does not exist, the model gave no finite logits, or the model file changed.
    pub fn score(
        &mut self,
        ids: &[u32],
        windows: Windows,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Score>, EngineError> {
        self.check_vocabulary(ids)?;
        let mut logprobs: Vec<Option<f32>> = ids.first().map(|_| None).into_iter().collect();
        for window in windows.of(ids.len(), self.context()) {
            let (tokens, first) = (&ids[window.tokens], window.first);
            if self.score_window(tokens, first, &mut logprobs, &mut |done| progress(done, ids.len()))?.is_break() {
                return Ok(None);
            }
        }
        self.model().still_intact()?;
        let scored: Vec<f64> = logprobs.iter().flatten().map(|&l| f64::from(l)).collect();
        let perplexity = (!scored.is_empty()).then(|| (-scored.iter().sum::<f64>() / scored.len() as f64).exp());
        Ok(Some(Score { logprobs, perplexity }))
    }

    /// Appends the log-probabilities of the tokens of a window after number `first`.
    fn score_window(
        &mut self,
        window: &[u32],
        first: usize,
        logprobs: &mut Vec<Option<f32>>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, EngineError> {
        let vocab_size = self.model().config.vocab_size;
        if self.read(window, first, &mut || progress(logprobs.len())).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let mut logits = Vec::new();
        for (chunk, targets) in window[first..].chunks(LOGIT_ROWS).zip(window[first + 1..].chunks(LOGIT_ROWS)) {
            if progress(logprobs.len()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let inputs = &chunk[..targets.len()];
            self.advance_to_logits(inputs, inputs.len(), &mut logits);
            for (row, &target) in logits.chunks(vocab_size).zip(targets) {
                let logprob = row[target as usize] - log_sum_exp(row);
                if !logprob.is_finite() {
                    return Err(EngineError::NotFinite { position: logprobs.len() - 1 });
                }
                logprobs.push(Some(logprob));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Empties the cache and fills it with the first tokens of `window`, a text that is read as a prompt; `progress` is asked before
    /// every chunk.
    pub(crate) fn read(
        &mut self,
        window: &[u32],
        first: usize,
        progress: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.begin_text(window.len());
        let rest = self.fill(&window[..first], &mut |_| progress())?;
        if !rest.is_empty() {
            self.advance(rest);
        }
        ControlFlow::Continue(())
    }
}
