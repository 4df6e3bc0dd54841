//! What a request may ask of the sampler, and the check that it makes sense.

/// How the next token is chosen from the logits. The default is greedy.
///
/// Applied in this order, which is that of `transformers`' logits processors with OpenAI's penalties after the
/// repetition penalty: repetition, frequency and presence penalty, bias, temperature, top-k, top-p, min-p.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// Logits are divided by it; 0 takes the largest logit and ignores the filters below.
    pub temperature: f32,
    /// Only the k largest logits stay; 0 keeps all.
    pub top_k: usize,
    /// Only the smallest set of tokens whose probability reaches p stays; 1 keeps all.
    pub top_p: f32,
    /// Tokens less likely than this share of the likeliest token's probability go; 0 keeps all.
    pub min_p: f32,
    /// Logits of tokens in prompt or answer are divided (positive) or multiplied (negative) by it; 1 is off
    /// (CTRL, arXiv 1909.05858).
    pub repetition_penalty: f32,
    /// Subtracted once for every time the token stands in the answer (OpenAI).
    pub frequency_penalty: f32,
    /// Subtracted if the token stands in the answer at all (OpenAI).
    pub presence_penalty: f32,
    /// Added to the logits of these tokens (OpenAI).
    pub logit_bias: Vec<(u32, f32)>,
    /// Makes sampling reproducible; the same seed gives the same answer at any thread count.
    pub seed: u64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: 0,
        }
    }
}

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {value}; it must be {range}")]
pub struct SamplingError {
    /// The parameter.
    pub name: &'static str,
    /// What was given.
    pub value: String,
    /// What is accepted.
    pub range: &'static str,
}

impl SamplingParams {
    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// The first parameter that is out of range, or a biased token that does not exist.
    pub fn validate(&self, vocab_size: usize) -> Result<(), SamplingError> {
        let check = |name, value: f32, ok: bool, range| {
            if ok { Ok(()) } else { Err(SamplingError { name, value: value.to_string(), range }) }
        };
        let within = |value: f32, low: f32, high: f32| value >= low && value <= high; // false for NaN
        check("temperature", self.temperature, within(self.temperature, 0.0, 100.0), "between 0 (greedy) and 100")?;
        check("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "above 0 and at most 1 (off)")?;
        check("min_p", self.min_p, within(self.min_p, 0.0, 1.0), "between 0 (off) and 1")?;
        let repetition = self.repetition_penalty;
        check("repetition_penalty", repetition, repetition > 0.0 && repetition <= 100.0, "above 0, 1 is off")?;
        check(
            "frequency_penalty",
            self.frequency_penalty,
            within(self.frequency_penalty, -100.0, 100.0),
            "between -100 and 100",
        )?;
        check(
            "presence_penalty",
            self.presence_penalty,
            within(self.presence_penalty, -100.0, 100.0),
            "between -100 and 100",
        )?;
        for &(id, bias) in &self.logit_bias {
            if id as usize >= vocab_size {
                let range = "an id below the vocabulary size";
                return Err(SamplingError { name: "logit_bias token", value: id.to_string(), range });
            }
            check("logit_bias", bias, !bias.is_nan(), "a number")?;
        }
        Ok(())
    }
}
