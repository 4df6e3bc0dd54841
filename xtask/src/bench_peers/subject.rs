//! What is compared: sizes, weight types, cases and the engines, as tables that the command line is read against.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};

/// A released shape.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    /// The name `smollm init` knows it by.
    pub(crate) shape: &'static str,
}

const SIZES: &[Size] = &[
    Size { name: "135m", shape: "smollm2-135m" },
    Size { name: "360m", shape: "smollm2-360m" },
    Size { name: "1.7b", shape: "smollm2-1.7b" },
];

/// A type of weights, and what each engine calls its nearest equal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WeightType {
    /// As `smollm quantize --type` and the file names spell it.
    pub(crate) name: &'static str,
    /// True where `smollm convert` makes it and no quantiser is needed.
    pub(crate) plain: bool,
    /// `--dtype` of `reference/hf_speed.py`.
    pub(crate) torch: Option<&'static str>,
    /// Weight compression of `reference/openvino_speed.py`.
    pub(crate) openvino: Option<&'static str>,
}

const TYPES: &[WeightType] = &[
    WeightType { name: "f32", plain: true, torch: Some("f32"), openvino: None },
    WeightType { name: "f16", plain: true, torch: None, openvino: None },
    WeightType { name: "bf16", plain: true, torch: Some("bf16"), openvino: Some("none") },
    WeightType { name: "q8_0", plain: false, torch: None, openvino: Some("int8") },
    WeightType { name: "q6_k", plain: false, torch: None, openvino: None },
    WeightType { name: "q5_k_m", plain: false, torch: None, openvino: None },
    WeightType { name: "q4_0", plain: false, torch: None, openvino: Some("int4") },
    WeightType { name: "q4_k_m", plain: false, torch: None, openvino: Some("int4") },
    WeightType { name: "q4_k_s", plain: false, torch: None, openvino: Some("int4") },
    WeightType { name: "iq4_nl", plain: false, torch: None, openvino: Some("int4") },
    WeightType { name: "q3_k_m", plain: false, torch: None, openvino: None },
    WeightType { name: "q2_k", plain: false, torch: None, openvino: None },
];

/// The size of this name.
pub(crate) fn size(name: &str) -> Result<&'static Size> {
    named(SIZES, |size| size.name, name, "size")
}

/// The weight type of this name.
pub(crate) fn weight_type(name: &str) -> Result<&'static WeightType> {
    named(TYPES, |weights| weights.name, name, "type")
}

fn named<T>(table: &'static [T], key: fn(&T) -> &'static str, name: &str, what: &str) -> Result<&'static T> {
    match table.iter().find(|entry| key(entry) == name) {
        Some(entry) => Ok(entry),
        None => bail!("there is no {what} {name}; there are {}", table.iter().map(key).collect::<Vec<_>>().join(", ")),
    }
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// A prompt of so many tokens, one sequence, empty cache; tokens/s.
    Prefill(usize),
    /// [`DECODE_TOKENS`] generated tokens from an empty cache; tokens/s.
    Decode,
    /// [`FEW_TOKENS`] generated tokens after so many; tokens/s.
    Depth(usize),
    /// So many sequences at once, [`FEW_TOKENS`] tokens each after [`BATCH_DEPTH`]; tokens/s of all.
    Batch(usize),
    /// Start of the program to the first token after a prompt of [`COLD_PROMPT`] tokens, the file in the page cache; ms.
    Cold,
    /// Peak resident memory of a run with a prompt of [`RSS_PROMPT`] tokens, [`FEW_TOKENS`] answered, at a context of 2048; MB.
    Rss,
}

/// Tokens of a decode measurement.
pub(crate) const DECODE_TOKENS: usize = 64;
/// Tokens where each is dear.
pub(crate) const FEW_TOKENS: usize = 32;
/// Tokens in each sequence's cache before a batch decodes.
pub(crate) const BATCH_DEPTH: usize = 64;
/// Prompt of a cold start.
pub(crate) const COLD_PROMPT: usize = 16;
/// Prompt of the run whose memory is looked at.
pub(crate) const RSS_PROMPT: usize = 512;

/// Which of two results is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

impl Case {
    pub(crate) fn better(self) -> Better {
        match self {
            Self::Cold | Self::Rss => Better::Lower,
            _ => Better::Higher,
        }
    }

    /// As a row of the table is headed, unit included.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Prefill(tokens) => format!("prefill {tokens}, tok/s"),
            Self::Decode => "decode, tok/s".to_owned(),
            Self::Depth(tokens) => format!("decode at depth {tokens}, tok/s"),
            Self::Batch(sequences) => format!("decode, batch {sequences}, tok/s"),
            Self::Cold => "cold start, ms".to_owned(),
            Self::Rss => "peak memory, MB".to_owned(),
        }
    }

    /// Measurements inside one process: fewer where one takes seconds.
    pub(crate) fn repeats(self) -> usize {
        match self {
            Self::Prefill(tokens) if tokens <= 1024 => 3,
            Self::Decode | Self::Batch(_) => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefill(tokens) => write!(f, "prefill{tokens}"),
            Self::Decode => f.write_str("decode"),
            Self::Depth(tokens) => write!(f, "depth{tokens}"),
            Self::Batch(sequences) => write!(f, "batch{sequences}"),
            Self::Cold => f.write_str("cold"),
            Self::Rss => f.write_str("rss"),
        }
    }
}

impl FromStr for Case {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        let number = |prefix: &str| word.strip_prefix(prefix).and_then(|rest| rest.parse::<usize>().ok());
        let case = match word {
            "decode" => Self::Decode,
            "cold" => Self::Cold,
            "rss" => Self::Rss,
            _ => match (number("prefill"), number("depth"), number("batch")) {
                (Some(tokens), ..) => Self::Prefill(tokens),
                (_, Some(tokens), _) => Self::Depth(tokens),
                (.., Some(sequences)) => Self::Batch(sequences),
                _ => bail!("there is no case {word}; there are prefillN, decode, depthN, batchN, cold, rss"),
            },
        };
        ensure!(
            !matches!(case, Self::Prefill(0) | Self::Depth(0) | Self::Batch(0)),
            "{word}: the number must not be 0"
        );
        Ok(case)
    }
}

/// Who runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Smollm,
    Llama,
    OpenVino,
    Torch,
}

impl Engine {
    /// In the order of the table's columns.
    pub(crate) const PEERS: [Self; 3] = [Self::Llama, Self::OpenVino, Self::Torch];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Smollm => "smollm",
            Self::Llama => "llama.cpp",
            Self::OpenVino => "OpenVINO",
            Self::Torch => "torch",
        }
    }

    /// Whether it has such weights and can do such a thing.
    pub(crate) fn takes(self, case: Case, weights: &WeightType) -> bool {
        let bare = !matches!(case, Case::Cold | Case::Rss); // those are of programs, and these two are libraries
        match self {
            Self::Smollm | Self::Llama => true,
            Self::OpenVino => bare && weights.openvino.is_some(),
            Self::Torch => bare && weights.torch.is_some(),
        }
    }
}

impl FromStr for Engine {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "llama" => Ok(Self::Llama),
            "openvino" => Ok(Self::OpenVino),
            "torch" => Ok(Self::Torch),
            _ => bail!("there is no peer {word}; there are torch, llama, openvino"),
        }
    }
}

#[cfg(test)]
mod tests;
