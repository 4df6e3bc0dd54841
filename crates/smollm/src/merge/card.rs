//! The card of a merged model: what it is made of.

use crate::files::ModelFiles;
use crate::info::licence_of_card;
use smollm_checkpoint::adapter::Adapter;
use smollm_hub::ModelRef;
use smollm_kernels::Dtype;
use std::path::Path;

/// A model that went in.
pub(super) struct Of {
    /// The repository, for a model of the hub.
    repository: Option<String>,
    licence: Option<String>,
    line: String,
}

/// A model by what the user calls it; of a path only the last part, which says nothing about this machine.
pub(super) fn of_model(name: &str, files: &ModelFiles, weight: Option<f64>) -> Of {
    let repository = match ModelRef::parse(name) {
        Ok(ModelRef::Hub { repo, .. }) => Some(repo.to_string()),
        _ => None,
    };
    let shown = repository.clone().unwrap_or_else(|| files.model_name());
    let licence = match files {
        ModelFiles::Directory(directory) => licence_of_card(directory),
        ModelFiles::Gguf(_) | ModelFiles::BuiltIn => None,
    };
    let line = match weight {
        Some(weight) => format!("- {weight} of {shown}"),
        None => format!("- {shown}"),
    };
    Of { repository, licence, line }
}

/// An adapter in a line.
pub(super) fn of_adapter(path: &Path, adapter: &Adapter) -> String {
    let config = adapter.config();
    let folder = path.canonicalize().unwrap_or_else(|_| path.into());
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let made_for = config.base_model.as_ref().map_or_else(String::new, |base| format!(", made for {}", word(base)));
    let rslora = if config.use_rslora { ", rsLoRA" } else { "" };
    let whole = match adapter.saved().len() {
        0 => String::new(),
        count => format!(", tensors learnt whole: {count}"),
    };
    let (r, alpha, pairs) = (config.r, config.alpha, adapter.targets().len());
    format!("- LoRA adapter {} (r {r}, alpha {alpha}{rslora}, matrices: {pairs}{whole}{made_for})", word(&name))
}

/// A name from outside, on one line.
fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The whole card.
pub(super) fn text(to: &Path, models: &[Of], adapters: &[String], dtype: Dtype) -> String {
    let mut front = String::from("---\n");
    let repositories: Vec<&String> = models.iter().filter_map(|model| model.repository.as_ref()).collect();
    if !repositories.is_empty() {
        front += "base_model:\n";
        repositories.into_iter().for_each(|repository| front += &format!("- {repository}\n"));
    }
    front += "library_name: transformers\n";
    let mut licences: Vec<&String> = models.iter().filter_map(|model| model.licence.as_ref()).collect();
    licences.dedup();
    // of several, which one holds is not for a program to say
    if let ([licence], true) = (&licences[..], models.iter().all(|model| model.licence.is_some())) {
        front += &format!("license: {}\n", word(licence));
    }
    front += "tags:\n- merge\n---\n";
    let name = to.file_name().map_or_else(|| "Merged model".into(), |name| name.to_string_lossy());
    let lines: Vec<&str> =
        models.iter().map(|model| model.line.as_str()).chain(adapters.iter().map(String::as_str)).collect();
    let how = match adapters {
        [] => "each tensor is the sum of those of the models, times their weights",
        _ => {
            "matrices have their adapters' products added to them, W + s B A, and what an adapter learnt whole is in its place"
        }
    };
    format!(
        "{front}\n# {}\n\nMade by `smollm merge` (smollm {}) of\n\n{}\n\nComputed in f32 and rounded once to {dtype}: {how}.\n",
        word(&name),
        env!("CARGO_PKG_VERSION"),
        lines.join("\n"),
    )
}
