//! Rotary position embedding: frequencies with every supported scaling, and the angles of a batch.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};
use std::f64::consts::PI;

/// Base and scaling of the rotary embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// `rope_theta`, the base of the geometric sequence of frequencies.
    pub theta: f64,
    /// How the frequencies are changed for contexts longer than the training length.
    pub scaling: RopeScaling,
}

/// The scalings of `transformers`' `modeling_rope_utils.py` that Llama-like checkpoints use.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// None.
    None,
    /// All frequencies divided by `factor`.
    Linear {
        /// >= 1 in practice.
        factor: f64,
    },
    /// YaRN (arXiv 2309.00071): interpolate slow frequencies, keep fast ones, scale cos and sin.
    Yarn {
        /// Context growth.
        factor: f64,
        /// Training context; the model's own maximum where absent.
        original_context: Option<usize>,
        /// Rotations above which a frequency is kept.
        beta_fast: f64,
        /// Rotations below which it is fully interpolated.
        beta_slow: f64,
        /// Scale of cos and sin; `0.1 ln(factor) + 1` where absent.
        attention_factor: Option<f64>,
    },
    /// Llama 3.1's smooth version of linear scaling.
    Llama3 {
        /// Context growth.
        factor: f64,
        /// Wavelengths above `original / low` are divided by `factor`.
        low_freq_factor: f64,
        /// Wavelengths below `original / high` are kept.
        high_freq_factor: f64,
        /// Training context.
        original_context: usize,
    },
    /// Each frequency divided by a given factor: the `rope_freqs.weight` tensor of a GGUF file.
    Divisors(Vec<f32>),
}

impl RopeScaling {
    /// As the `rope_scaling` object of `config.json`.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            // Divisors exist only in GGUF files; `convert` refuses them before it writes a config.json.
            Self::None | Self::Divisors(_) => Value::Null,
            Self::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
            Self::Yarn { factor, original_context, beta_fast, beta_slow, attention_factor } => {
                let mut object = json!({
                    "rope_type": "yarn", "factor": factor, "beta_fast": beta_fast, "beta_slow": beta_slow,
                });
                if let Some(n) = original_context {
                    object["original_max_position_embeddings"] = (*n).into();
                }
                if let Some(scale) = attention_factor {
                    object["attention_factor"] = (*scale).into();
                }
                object
            }
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => json!({
                "rope_type": "llama3", "factor": factor, "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor, "original_max_position_embeddings": original_context,
            }),
        }
    }
}

impl RopeConfig {
    /// Field, value found and what is expected, for the first thing that is wrong.
    pub(crate) fn validate(&self, head_dim: usize, context: usize) -> Result<(), (&'static str, String, String)> {
        let positive = |field, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err((field, value.to_string(), "it must be a finite number > 0".to_string()))
            }
        };
        positive("rope_theta", self.theta)?;
        match &self.scaling {
            RopeScaling::None => {}
            RopeScaling::Linear { factor } => positive("rope_scaling.factor", *factor)?,
            RopeScaling::Yarn { factor, beta_fast, beta_slow, original_context, attention_factor } => {
                positive("rope_scaling.factor", *factor)?;
                positive("rope_scaling.beta_fast", *beta_fast)?;
                positive("rope_scaling.beta_slow", *beta_slow)?;
                positive("rope_scaling.original_max_position_embeddings", original_context.unwrap_or(context) as f64)?;
                positive("rope_scaling.attention_factor", attention_factor.unwrap_or(1.0))?;
            }
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                positive("rope_scaling.factor", *factor)?;
                positive("rope_scaling.low_freq_factor", *low_freq_factor)?;
                positive("rope_scaling.high_freq_factor", *high_freq_factor)?;
                positive("rope_scaling.original_max_position_embeddings", *original_context as f64)?;
            }
            RopeScaling::Divisors(divisors) => {
                if divisors.len() != head_dim / 2 {
                    let expected = format!("it must have head_dim / 2 = {} elements", head_dim / 2);
                    return Err(("rope_freqs.weight", format!("{} elements long", divisors.len()), expected));
                }
                divisors.iter().try_for_each(|&d| positive("rope_freqs.weight", d.into()))?;
            }
        }
        Ok(())
    }

    /// The frequencies (D/2 of them, radians per position) and the scale of cos and sin.
    ///
    /// `context` is `max_position_embeddings`. Rounded to f32 where `transformers` rounds, so that angles at large
    /// positions agree.
    pub fn frequencies(&self, head_dim: usize, context: usize) -> (Vec<f32>, f32) {
        let plain = (0..head_dim / 2).map(|i| {
            let exponent = (2 * i) as f32 / head_dim as f32;
            1.0 / (self.theta.powf(exponent.into()) as f32)
        });
        match &self.scaling {
            RopeScaling::None => (plain.collect(), 1.0),
            RopeScaling::Linear { factor } => (plain.map(|f| f / *factor as f32).collect(), 1.0),
            RopeScaling::Divisors(divisors) => (plain.zip(divisors).map(|(f, d)| f / d).collect(), 1.0),
            RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                let original = *original_context as f64;
                let smooth = |frequency: f32| {
                    let wavelength = 2.0 * PI / f64::from(frequency);
                    if wavelength > original / low_freq_factor {
                        frequency / *factor as f32
                    } else if wavelength < original / high_freq_factor {
                        frequency
                    } else {
                        let s = (original / wavelength - low_freq_factor) / (high_freq_factor - low_freq_factor);
                        ((1.0 - s) * f64::from(frequency) / factor + s * f64::from(frequency)) as f32
                    }
                };
                (plain.map(smooth).collect(), 1.0)
            }
            RopeScaling::Yarn { factor, original_context, beta_fast, beta_slow, attention_factor } => {
                let original = original_context.unwrap_or(context) as f64;
                let dim = head_dim as f64;
                // the dimension at which a frequency turns `rotations` times over the training context
                let at = |rotations: f64| dim * (original / (rotations * 2.0 * PI)).ln() / (2.0 * self.theta.ln());
                let low = at(*beta_fast).floor().max(0.0);
                let high = at(*beta_slow).ceil().min(dim - 1.0);
                let width = if high == low { 0.001 } else { high - low };
                let frequencies = plain.enumerate().map(|(i, frequency)| {
                    let interpolated = ((i as f64 - low) / width).clamp(0.0, 1.0) as f32;
                    frequency / *factor as f32 * interpolated + frequency * (1.0 - interpolated)
                });
                let scale = attention_factor.unwrap_or(if *factor <= 1.0 { 1.0 } else { 0.1 * factor.ln() + 1.0 });
                (frequencies.collect(), scale as f32)
            }
        }
    }
}

/// cos and sin of every position of a batch: N x D/2 each, shared by all layers.
#[derive(Debug, Clone, Default)]
pub struct Angles {
    /// N x D/2.
    pub cos: Vec<f32>,
    /// N x D/2.
    pub sin: Vec<f32>,
}

/// Frequencies of one model, ready to make [`Angles`].
#[derive(Debug, Clone)]
pub struct Rotary {
    frequencies: Vec<f32>,
    scale: f32,
}

impl Rotary {
    /// For heads of `head_dim` elements and a model made for `context` positions.
    pub fn new(config: &RopeConfig, head_dim: usize, context: usize) -> Self {
        let (frequencies, scale) = config.frequencies(head_dim, context);
        Self { frequencies, scale }
    }

    /// Fills `angles` for `positions`, reusing its memory.
    ///
    /// The angle is the f32 product that the reference forms; its cos and sin are then taken in f64, so that every
    /// machine agrees.
    pub fn fill(&self, positions: impl Iterator<Item = usize>, angles: &mut Angles) {
        angles.cos.clear();
        angles.sin.clear();
        for position in positions {
            for &frequency in &self.frequencies {
                let (sin, cos) = f64::from(position as f32 * frequency).sin_cos();
                angles.cos.push(cos as f32 * self.scale);
                angles.sin.push(sin as f32 * self.scale);
            }
        }
    }
}
