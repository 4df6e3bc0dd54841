//! Which files of a repository make a model: a folder of safetensors with its small files, or one GGUF.

use crate::error::HubError;
use crate::gguf_choice;
use crate::model_ref::HubFile;
use crate::names::{RepoId, RepoPath};

/// The small files that are taken where they exist. `README.md` is there for the licence that its head states.
const SMALL_FILES: [&str; 8] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "adapter_config.json",
    "README.md",
];
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// A LoRA adapter in PEFT's form.
const ADAPTER: &str = "adapter_model.safetensors";

/// What to fetch, small files first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The snapshot folder is the model.
    Folder(Vec<RepoPath>),
    /// The first file is to be opened.
    Gguf(Vec<RepoPath>),
}

impl Selection {
    pub(crate) fn files(&self) -> &[RepoPath] {
        match self {
            Self::Folder(files) | Self::Gguf(files) => files,
        }
    }
}

/// Chooses among the files of a repository. ONNX, PyTorch and other formats are never taken.
pub(crate) fn select(repo: &RepoId, paths: &[RepoPath], file: Option<&HubFile>) -> Result<Selection, HubError> {
    if file.is_none()
        && let Some(weights) = safetensors(repo, paths)?
    {
        let mut files: Vec<RepoPath> =
            paths.iter().filter(|path| SMALL_FILES.contains(&path.as_str())).cloned().collect();
        files.extend(weights);
        return Ok(Selection::Folder(files));
    }
    match gguf_choice::choose(repo, paths, file)? {
        Some(files) => Ok(Selection::Gguf(files)),
        None => {
            Err(HubError::NoModel { repo: repo.to_string(), found: paths.iter().map(RepoPath::to_string).collect() })
        }
    }
}

/// One file, else the shards with their index, else an adapter.
fn safetensors(repo: &RepoId, paths: &[RepoPath]) -> Result<Option<Vec<RepoPath>>, HubError> {
    let find = |name: &str| paths.iter().find(|path| path.as_str() == name).cloned();
    if let Some(weights) = find(WEIGHTS) {
        return Ok(Some(vec![weights]));
    }
    let Some(index) = find(INDEX) else { return Ok(find(ADAPTER).map(|adapter| vec![adapter])) };
    // The shards are told by their names; the index itself is read by those who know what it means.
    let shards: Vec<RepoPath> = paths.iter().filter(|path| shard(path.as_str()).is_some()).cloned().collect();
    let of = shards.iter().filter_map(|path| shard(path.as_str())).map(|(_, of)| of).max().unwrap_or(1);
    let missing: Vec<String> = (1..=of)
        .map(|number| format!("model-{number:05}-of-{of:05}.safetensors"))
        .filter(|name| find(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(HubError::MissingParts { repo: repo.to_string(), missing });
    }
    Ok(Some([vec![index], shards].concat()))
}

/// `model-00002-of-00003.safetensors` to `(2, 3)`.
fn shard(path: &str) -> Option<(u32, u32)> {
    let (number, of) = path.strip_prefix("model-")?.strip_suffix(".safetensors")?.split_once("-of-")?;
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(number) || !digits(of) {
        return None;
    }
    Some((number.parse().ok()?, of.parse().ok()?))
}

#[cfg(test)]
mod tests;
