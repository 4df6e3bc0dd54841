//! The short names (`smollm2:135m`, `smollm3:3b-base`, `smollm2:360m-q8_0`) and the repositories that they stand for.
//!
//! The grammar is Ollama's: `FAMILY[:SIZE[-instruct|-base][-QUANT]]`. Without a quantisation the name means the
//! authors' safetensors repository, in bf16; without a variant the instruct model; without a size the one that Ollama
//! calls `latest` (1.7B; 3B for SmolLM3). Unlike Ollama, no quantisation is chosen silently.
//!
//! A GGUF repository is in the table only where a public record of its files was found (a download with a checksum, or
//! the repository's own page). The authors are on record with one quantisation each for four instruct models; guessed names
//! such as `HuggingFaceTB/SmolLM2-135M-Instruct-GGUF` and `HuggingFaceTB/SmolLM3-3B-GGUF` answered 401 to those who tried.

use crate::model_ref::{HubFile, ModelRef};
use crate::names::{NameError, RepoId, Revision};

/// One model of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortName {
    /// `smollm`, `smollm2` or `smollm3`.
    pub family: &'static str,
    /// `135m`, `360m`, `1.7b` or `3b`.
    pub size: &'static str,
    /// `instruct` or `base`.
    pub variant: &'static str,
    /// The authors' safetensors repository.
    pub repo: &'static str,
    /// Where its quantisations are, best known first.
    pub gguf: &'static [GgufRepo],
}

/// A repository with GGUF files of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GgufRepo {
    /// `org/name`.
    pub repo: &'static str,
    /// The quantisations it holds; empty where it holds a set and its listing decides.
    pub quants: &'static [&'static str],
}

const fn one(repo: &'static str, quants: &'static [&'static str]) -> GgufRepo {
    GgufRepo { repo, quants }
}

const fn set(repo: &'static str) -> GgufRepo {
    GgufRepo { repo, quants: &[] }
}

/// The table. Ollama's order of preference inside a family: the first row is what the bare family name means.
#[rustfmt::skip]
const TABLE: &[ShortName] = &[
    ShortName { family: "smollm2", size: "1.7b", variant: "instruct", repo: "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        gguf: &[one("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", &["Q4_K_M"]), set("bartowski/SmolLM2-1.7B-Instruct-GGUF")] },
    ShortName { family: "smollm2", size: "360m", variant: "instruct", repo: "HuggingFaceTB/SmolLM2-360M-Instruct",
        gguf: &[one("HuggingFaceTB/SmolLM2-360M-Instruct-GGUF", &["Q8_0"]), set("bartowski/SmolLM2-360M-Instruct-GGUF")] },
    ShortName { family: "smollm2", size: "135m", variant: "instruct", repo: "HuggingFaceTB/SmolLM2-135M-Instruct",
        gguf: &[set("bartowski/SmolLM2-135M-Instruct-GGUF")] },
    ShortName { family: "smollm2", size: "1.7b", variant: "base", repo: "HuggingFaceTB/SmolLM2-1.7B", gguf: &[] },
    ShortName { family: "smollm2", size: "360m", variant: "base", repo: "HuggingFaceTB/SmolLM2-360M",
        gguf: &[set("QuantFactory/SmolLM2-360M-GGUF")] },
    ShortName { family: "smollm2", size: "135m", variant: "base", repo: "HuggingFaceTB/SmolLM2-135M",
        gguf: &[one("ggml-org/SmolLM2-135M-GGUF", &["Q4_K_M", "Q8_0", "BF16"]), set("QuantFactory/SmolLM2-135M-GGUF")] },
    ShortName { family: "smollm3", size: "3b", variant: "instruct", repo: "HuggingFaceTB/SmolLM3-3B",
        gguf: &[one("ggml-org/SmolLM3-3B-GGUF", &["Q4_K_M", "Q8_0"]), set("bartowski/HuggingFaceTB_SmolLM3-3B-GGUF")] },
    ShortName { family: "smollm3", size: "3b", variant: "base", repo: "HuggingFaceTB/SmolLM3-3B-Base",
        gguf: &[set("mradermacher/SmolLM3-3B-Base-GGUF")] },
    ShortName { family: "smollm", size: "1.7b", variant: "instruct", repo: "HuggingFaceTB/SmolLM-1.7B-Instruct",
        gguf: &[set("bartowski/SmolLM-1.7B-Instruct-v0.2-GGUF")] },
    ShortName { family: "smollm", size: "360m", variant: "instruct", repo: "HuggingFaceTB/SmolLM-360M-Instruct",
        gguf: &[one("HuggingFaceTB/smollm-360M-instruct-v0.2-Q8_0-GGUF", &["Q8_0"])] },
    ShortName { family: "smollm", size: "135m", variant: "instruct", repo: "HuggingFaceTB/SmolLM-135M-Instruct",
        gguf: &[one("HuggingFaceTB/smollm-135M-instruct-v0.2-Q8_0-GGUF", &["Q8_0"])] },
    ShortName { family: "smollm", size: "1.7b", variant: "base", repo: "HuggingFaceTB/SmolLM-1.7B", gguf: &[] },
    ShortName { family: "smollm", size: "360m", variant: "base", repo: "HuggingFaceTB/SmolLM-360M", gguf: &[] },
    ShortName { family: "smollm", size: "135m", variant: "base", repo: "HuggingFaceTB/SmolLM-135M",
        gguf: &[set("QuantFactory/SmolLM-135M-GGUF")] },
];

/// Quantisation suffixes that a short name may end in; `fp16` is Ollama's word for `f16`.
const QUANTS: &[&str] = &[
    "f32", "f16", "fp16", "bf16", "q2_k", "q3_k_s", "q3_k_m", "q3_k_l", "q4_0", "q4_1", "q4_k_s", "q4_k_m", "q4_k_l",
    "q5_0", "q5_1", "q5_k_s", "q5_k_m", "q5_k_l", "q6_k", "q6_k_l", "q8_0", "iq4_nl", "iq4_xs",
];

/// The whole table, for `--help` and the documentation.
pub fn short_names() -> &'static [ShortName] {
    TABLE
}

impl ShortName {
    /// The shortest spelling: `smollm2:135m`, `smollm2:135m-base`.
    pub fn name(&self) -> String {
        let suffix = if self.variant == "base" { "-base" } else { "" };
        format!("{}:{}{suffix}", self.family, self.size)
    }

    /// The repository that holds a quantisation, as far as the table knows.
    fn gguf_with(&self, quant: &str) -> Option<&'static GgufRepo> {
        self.gguf.iter().find(|source| source.quants.is_empty() || source.quants.contains(&quant))
    }

    fn known_quants(&self) -> Vec<String> {
        let quants = self.gguf.iter().flat_map(|source| source.quants);
        quants.map(|quant| format!("{}-{}", self.name(), quant.to_ascii_lowercase())).collect()
    }
}

/// The repository (and GGUF) that a short name means.
pub(crate) fn resolve(text: &str, revision: Option<Revision>) -> Result<ModelRef, NameError> {
    let lower = text.to_ascii_lowercase();
    let Some((row, quant)) = find(&lower) else {
        return Err(NameError::UnknownShortName { text: text.to_owned(), suggestions: suggestions(&lower) });
    };
    let (repo, file) = match quant {
        None => (row.repo, None),
        Some(quant) => match row.gguf_with(&quant) {
            Some(source) => (source.repo, Some(HubFile::Quant(quant))),
            None => {
                return Err(NameError::NoGguf {
                    name: row.name(),
                    repo: row.repo.to_owned(),
                    quant,
                    known: row.known_quants(),
                });
            }
        },
    };
    Ok(ModelRef::Hub { repo: RepoId::new(repo)?, revision, file })
}

/// The row and the quantisation in upper case.
fn find(lower: &str) -> Option<(&'static ShortName, Option<String>)> {
    let (family, tag) = lower.split_once(':').unwrap_or((lower, "latest"));
    let mut rows = TABLE.iter().filter(|row| row.family == family);
    if tag == "latest" {
        return rows.next().map(|row| (row, None));
    }
    let (size, mut rest) = tag.split_once('-').unwrap_or((tag, ""));
    let mut variant = "instruct";
    for name in ["instruct", "base"] {
        if rest == name || rest.starts_with(&format!("{name}-")) {
            variant = name;
            rest = rest[name.len()..].trim_start_matches('-');
            break;
        }
    }
    // Ollama's tags of the first generation carry the version of the weights, which is the current one.
    if family == "smollm" && (rest == "v0.2" || rest.starts_with("v0.2-")) {
        rest = rest["v0.2".len()..].trim_start_matches('-');
    }
    let quant = match rest {
        "" => None,
        "fp16" => Some("F16".to_owned()),
        _ => Some(QUANTS.iter().find(|quant| **quant == rest)?.to_ascii_uppercase()),
    };
    rows.find(|row| row.size == size && row.variant == variant).map(|row| (row, quant))
}

/// The nearest names of the table, at most three.
fn suggestions(lower: &str) -> Vec<String> {
    let tag = lower.replacen('-', ":", usize::from(!lower.contains(':')));
    let mut scored: Vec<(usize, String)> = TABLE
        .iter()
        .flat_map(|row| [Some(row.name()), (row.variant == "instruct").then(|| row.family.to_owned())])
        .flatten()
        .map(|name| (distance(&tag, &name), name))
        .collect();
    scored.sort();
    scored.dedup();
    let limit = (tag.len() / 3).clamp(2, 5);
    scored.into_iter().filter(|(distance, _)| *distance <= limit).take(3).map(|(_, name)| name).collect()
}

/// Levenshtein distance in bytes (the table is ASCII).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests;
