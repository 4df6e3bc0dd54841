//! Which type each matrix of a quantised file has: llama.cpp's named mixes, as data.
//!
//! A mix has a type for all matrices and rules for some of them, of which the first that fits holds. The head, or the embedding
//! where it serves as the head, always gets more. A row that is not a whole number of blocks falls back to a type of shorter
//! ones. All as in llama.cpp's `src/llama-quant.cpp` (`llama_tensor_get_type_impl`, `tensor_type_fallback`) for this
//! architecture; `testdata/quant/mixes.json` holds what that program chooses.

use crate::config::ModelConfig;
use crate::params::LayerSlot::{self, DownProj, OProj, VProj};
use crate::params::{Param, Shape, Slot};
use smollm_kernels::Dtype::{IQ4_NL, Q2_K, Q3_K, Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q5_K, Q6_K, Q8_0};
use smollm_kernels::{Cpu, Dtype, Matrix, ops};

/// A named mix of types.
#[derive(Debug, PartialEq)]
pub struct Mix {
    name: &'static str,
    file_type: u32,
    base: Dtype,
    rules: &'static [Rule],
}

/// The type of one matrix of some layers.
#[derive(Debug, PartialEq)]
struct Rule(LayerSlot, When, Dtype);

/// A matrix (rows x cols) in a type of a mix; `importance` has a number for each column.
///
/// # Errors
/// Some of its elements are NaN or infinite: no scale could hold them.
pub fn store(cpu: &Cpu, matrix: &Matrix, dtype: Dtype, importance: Option<&[f32]>) -> Result<Matrix, NotFinite> {
    if !dtype.is_quantized() {
        return Ok(matrix.to_dtype(dtype));
    }
    match ops::count_not_finite(cpu, matrix) {
        0 => Ok(ops::quantize(cpu, matrix, dtype, importance)),
        count => Err(NotFinite { count }),
    }
}

/// A matrix that cannot be quantised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{count} elements are NaN or infinite, which no block can hold")]
pub struct NotFinite {
    /// Elements that are NaN or infinite.
    pub count: usize,
}

/// Which layers, of which models.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Always,
    /// The first so many.
    First(usize),
    /// The first of so many equal parts (rounded down).
    FirstPart(usize),
    /// As [`When::FirstPart`], if importances are given.
    FirstPartWithImportance(usize),
    /// As [`When::FirstPart`], if none are.
    FirstPartWithoutImportance(usize),
    /// The first and the last eighth, and every third between.
    MoreBits,
    /// If at least so many query heads share a key/value head.
    Group(usize),
}

/// Names, the numbers of llama.cpp's `llama_ftype`, and what they stand for.
static MIXES: [Mix; 15] = [
    Mix { name: "q4_0", file_type: 2, base: Q4_0, rules: &[Rule(DownProj, When::FirstPartWithImportance(8), Q4_1)] },
    Mix { name: "q4_1", file_type: 3, base: Q4_1, rules: &[] },
    Mix { name: "q8_0", file_type: 7, base: Q8_0, rules: &[] },
    Mix { name: "q5_0", file_type: 8, base: Q5_0, rules: &[Rule(DownProj, When::FirstPartWithImportance(8), Q5_1)] },
    Mix { name: "q5_1", file_type: 9, base: Q5_1, rules: &[] },
    Mix {
        name: "q2_k",
        file_type: 10,
        base: Q2_K,
        rules: &[
            Rule(VProj, When::Group(4), Q4_K),
            Rule(VProj, When::Always, Q3_K),
            Rule(DownProj, When::Always, Q3_K),
            Rule(OProj, When::Always, Q3_K),
        ],
    },
    Mix { name: "q3_k_s", file_type: 11, base: Q3_K, rules: &[] },
    Mix {
        name: "q3_k_m",
        file_type: 12,
        base: Q3_K,
        rules: &[
            Rule(VProj, When::First(2), Q5_K),
            Rule(VProj, When::Always, Q4_K),
            Rule(DownProj, When::FirstPart(16), Q5_K),
            Rule(DownProj, When::Always, Q4_K),
            Rule(OProj, When::Always, Q4_K),
        ],
    },
    Mix {
        name: "q3_k_l",
        file_type: 13,
        base: Q3_K,
        rules: &[Rule(VProj, When::Always, Q5_K), Rule(DownProj, When::Always, Q5_K), Rule(OProj, When::Always, Q5_K)],
    },
    Mix {
        name: "q4_k_s",
        file_type: 14,
        base: Q4_K,
        rules: &[Rule(VProj, When::First(4), Q5_K), Rule(DownProj, When::FirstPart(8), Q5_K)],
    },
    Mix {
        name: "q4_k_m",
        file_type: 15,
        base: Q4_K,
        rules: &[Rule(VProj, When::MoreBits, Q6_K), Rule(DownProj, When::MoreBits, Q6_K)],
    },
    Mix { name: "q5_k_s", file_type: 16, base: Q5_K, rules: &[] },
    Mix {
        name: "q5_k_m",
        file_type: 17,
        base: Q5_K,
        rules: &[Rule(VProj, When::MoreBits, Q6_K), Rule(DownProj, When::MoreBits, Q6_K)],
    },
    Mix { name: "q6_k", file_type: 18, base: Q6_K, rules: &[] },
    Mix {
        name: "iq4_nl",
        file_type: 25,
        base: IQ4_NL,
        rules: &[Rule(VProj, When::Group(4), Q5_K), Rule(DownProj, When::FirstPartWithoutImportance(8), Q5_K)],
    },
];

impl Mix {
    /// The mix of this name, in lower case.
    pub fn named(name: &str) -> Option<&'static Self> {
        MIXES.iter().find(|mix| mix.name == name)
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        MIXES.iter().map(|mix| mix.name)
    }

    /// Its name, such as `q4_k_m`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `general.file_type` in GGUF files.
    pub fn file_type(&self) -> u32 {
        self.file_type
    }

    /// The type of a parameter; vectors are F32. `importance` says whether the quantiser is given importances.
    pub fn dtype(&self, config: &ModelConfig, param: &Param, importance: bool) -> Dtype {
        let Shape::Matrix(_, cols) = param.shape else { return Dtype::F32 };
        let dtype = match param.slot {
            Slot::LmHead => self.of_head(cols),
            Slot::EmbedTokens if config.tie_word_embeddings => self.of_head(cols),
            Slot::EmbedTokens | Slot::Norm => self.base,
            Slot::Layer(layer, slot) => {
                let fits = |rule: &&Rule| rule.0 == slot && rule.1.holds(config, layer, importance);
                self.rules.iter().find(fits).map_or(self.base, |rule| rule.2)
            }
        };
        that_fits(dtype, cols)
    }

    fn of_head(&self, cols: usize) -> Dtype {
        if self.base == Q8_0 || !cols.is_multiple_of(self.base.block_len()) { Q8_0 } else { Q6_K }
    }
}

impl When {
    fn holds(self, config: &ModelConfig, layer: usize, importance: bool) -> bool {
        let layers = config.num_hidden_layers;
        let first = |parts: usize| layer < layers / parts;
        match self {
            Self::Always => true,
            Self::First(count) => layer < count,
            Self::FirstPart(parts) => first(parts),
            Self::FirstPartWithImportance(parts) => importance && first(parts),
            Self::FirstPartWithoutImportance(parts) => !importance && first(parts),
            Self::MoreBits => first(8) || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2,
            Self::Group(heads) => config.group() >= heads,
        }
    }
}

/// `dtype`, or what stands in for it where a row of `cols` is not a whole number of its blocks.
fn that_fits(dtype: Dtype, cols: usize) -> Dtype {
    if cols.is_multiple_of(dtype.block_len()) {
        return dtype;
    }
    let shorter = match dtype {
        Q2_K | Q3_K => Q4_0,
        Q4_K => Q5_0,
        Q5_K => Q5_1,
        Q6_K => Q8_0,
        other => other,
    };
    if cols.is_multiple_of(shorter.block_len()) { shorter } else { Dtype::F16 }
}

#[cfg(test)]
mod tests;
