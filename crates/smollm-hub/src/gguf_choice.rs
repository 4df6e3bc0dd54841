//! Which GGUF files of a repository are meant by a file name or a quantisation, split files taken as one.

use std::collections::BTreeMap;

use crate::error::HubError;
use crate::model_ref::HubFile;
use crate::names::{RepoId, RepoPath};

/// One model in one or more files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct GgufSet {
    /// Every part, in order.
    parts: Vec<RepoPath>,
    /// How many parts the names promise.
    of: usize,
}

/// The files to fetch, the one to open first. `None` where the repository has no GGUF at all and none was asked for.
pub(crate) fn choose(
    repo: &RepoId,
    paths: &[RepoPath],
    file: Option<&HubFile>,
) -> Result<Option<Vec<RepoPath>>, HubError> {
    let sets = sets(paths);
    let names = |sets: &[&GgufSet]| sets.iter().map(|set| set.parts[0].to_string()).collect::<Vec<_>>();
    let all: Vec<&GgufSet> = sets.iter().collect();
    let repo = repo.to_string();
    let found: Vec<&GgufSet> = match file {
        None if sets.is_empty() => return Ok(None),
        None => all,
        Some(HubFile::Exact(path)) => {
            let found: Vec<_> = all.iter().copied().filter(|set| set.parts.contains(path)).collect();
            if found.is_empty() {
                return Err(HubError::FileNotFound { repo, file: path.to_string(), available: names(&all) });
            }
            found
        }
        Some(HubFile::Quant(quant)) => {
            let found: Vec<_> = all.iter().copied().filter(|set| has_quant(set.parts[0].as_str(), quant)).collect();
            if found.is_empty() {
                return Err(HubError::NoSuchQuant { repo, quant: quant.clone(), available: names(&all) });
            }
            found
        }
    };
    match found.as_slice() {
        [set] if set.parts.len() == set.of => Ok(Some(set.parts.clone())),
        [set] => Err(HubError::MissingParts { repo, missing: missing_parts(set) }),
        several => Err(HubError::AmbiguousGguf { repo, candidates: names(several) }),
    }
}

/// The model files among `paths`: image projectors and importance matrices are GGUF files too, but no models.
fn sets(paths: &[RepoPath]) -> Vec<GgufSet> {
    let mut sets: BTreeMap<(&str, usize), GgufSet> = BTreeMap::new();
    for path in paths {
        let Some(stem) = strip_gguf(path.as_str()) else { continue };
        let name = stem.rsplit('/').next().unwrap_or(stem).to_ascii_lowercase();
        if name.starts_with("mmproj") || name.ends_with("imatrix") {
            continue;
        }
        let (base, of) = match split_suffix(stem) {
            Some((base, _, of)) => (base, of),
            None => (stem, 1),
        };
        sets.entry((base, of)).or_insert_with(|| GgufSet { parts: Vec::new(), of }).parts.push(path.clone());
    }
    let mut sets: Vec<GgufSet> = sets.into_values().collect();
    for set in &mut sets {
        set.parts.sort();
    }
    sets
}

fn strip_gguf(path: &str) -> Option<&str> {
    let stem = path.len().checked_sub(".gguf".len())?;
    path.get(stem..)?.eq_ignore_ascii_case(".gguf").then(|| &path[..stem])
}

/// `BASE-00002-of-00003` to `(BASE, 2, 3)`, llama.cpp's names of split files.
fn split_suffix(stem: &str) -> Option<(&str, usize, usize)> {
    let (rest, of) = stem.rsplit_once("-of-")?;
    let (base, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| (text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(());
    digits(of).and(digits(number))?;
    Some((base, number.parse().ok()?, of.parse().ok()?))
}

fn missing_parts(set: &GgufSet) -> Vec<String> {
    let first = strip_gguf(set.parts[0].as_str()).and_then(split_suffix);
    let Some((base, _, of)) = first else { return Vec::new() };
    (1..=of)
        .map(|number| format!("{base}-{number:05}-of-{of:05}.gguf"))
        .filter(|name| !set.parts.iter().any(|part| part.as_str() == name))
        .collect()
}

/// Whether the path carries this quantisation as a word of its own: `Q4_K` is no part of `Q4_K_M`, `F16` none of `BF16`.
fn has_quant(path: &str, quant: &str) -> bool {
    let path = strip_gguf(path).unwrap_or(path).to_ascii_lowercase();
    let quant = quant.to_ascii_lowercase();
    let spellings: &[&str] = match quant.as_str() {
        "f16" | "fp16" => &["f16", "fp16"],
        "f32" | "fp32" => &["f32", "fp32"],
        other => &[other],
    };
    spellings.iter().any(|spelling| {
        path.match_indices(spelling).any(|(start, _)| {
            let before = path[..start].chars().next_back();
            let after = path[start + spelling.len()..].chars().next();
            before.is_none_or(|c| "-._/".contains(c)) && after.is_none_or(|c| "-./".contains(c))
        })
    })
}

#[cfg(test)]
mod tests;
