//! The card of a model that a run made: what it is, from what, and how.

use super::start::{self, Source};
use crate::files::ModelFiles;
use crate::info::licence_of_card;
use crate::model::Parts;
use crate::train::recipe::{Kind, Recipe, Start, Validation};
use smollm_hub::ModelRef;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What a card says beside the recipe.
pub(super) struct Facts<'a> {
    pub(super) start: &'a start::Start,
    /// The folder's name.
    pub(super) title: String,
    pub(super) step: u64,
    pub(super) tokens: u64,
    /// The step of the best evaluation and its loss.
    pub(super) best: Option<(u64, f64)>,
    /// Whether the weights are an adapter's.
    pub(super) is_adapter: bool,
    pub(super) isa: &'static str,
}

/// The card, in the form of the Hugging Face hub.
pub(super) fn text(recipe: &Recipe, facts: &Facts<'_>) -> String {
    let base = match &facts.start.source {
        Source::Model { name, files, .. } => Some(shown(name, files)),
        Source::Init { .. } => None,
    };
    let mut front = String::from("---\nlibrary_name: ");
    front.push_str(if facts.is_adapter { "peft\n" } else { "transformers\n" });
    let repository = match &facts.start.source {
        Source::Model { name, .. } => matches!(ModelRef::parse(name), Ok(ModelRef::Hub { .. })),
        Source::Init { .. } => false,
    };
    if let Some(base) = base.as_ref().filter(|_| repository) {
        // in a form that any YAML parser reads: a JSON string
        let _ = writeln!(front, "base_model: {}", serde_json::Value::from(base.as_str()));
    }
    let of_base = || match &facts.start.source {
        Source::Model { files, parts, .. } => licence_of(files, parts),
        Source::Init { .. } => None,
    };
    if let Some(licence) = recipe.license.clone().or_else(of_base) {
        let _ = writeln!(front, "license: {}", serde_json::Value::from(licence));
    }
    let kind = match recipe.kind {
        Kind::Pretrain => "pretraining",
        Kind::Sft | Kind::Dpo => recipe.kind.name(),
    };
    let _ = write!(front, "tags:\n- smollm\n- {kind}\n");
    if facts.is_adapter {
        front.push_str("- lora\n");
    }
    front.push_str("---\n");
    let from = match &base {
        Some(base) => format!("from {base}"),
        None => "from random weights".to_owned(),
    };
    let what = match recipe.kind {
        Kind::Pretrain => "Pretraining",
        Kind::Sft => "Supervised fine-tuning",
        Kind::Dpo => "Preference optimisation (DPO)",
    };
    let adapter = if facts.is_adapter { ", as a LoRA adapter" } else { "" };
    let mut text = format!("{front}\n# {}\n\n{what} {from}{adapter}, by `smollm train`.\n\n", facts.title);
    let _ = writeln!(text, "- steps: {}", facts.step);
    let _ = writeln!(text, "- tokens seen: {}", facts.tokens);
    if let Some((step, loss)) = facts.best {
        let _ = writeln!(text, "- least loss on held-out data: {loss:.4}, after step {step}");
    }
    let _ = writeln!(text, "- computed with: {} ({:?} products, f32 weights)", facts.isa, recipe.compute.dtype);
    let sources: Vec<_> = recipe.data.sources.iter().map(|source| source.name.as_str()).collect();
    let _ = writeln!(text, "- data: {}", sources.join(", "));
    let _ = write!(text, "\n## Recipe\n\n```yaml\n{}```\n", without_folders(recipe).to_yaml());
    text
}

/// The licence of the base, where it says one: what is made of it stands under it, too.
fn licence_of(files: &ModelFiles, parts: &Parts) -> Option<String> {
    match files {
        ModelFiles::Directory(directory) => licence_of_card(directory),
        ModelFiles::Gguf(_) | ModelFiles::BuiltIn => {
            let said = parts.checkpoint.gguf_metadata()?.optional::<&str>("general.license").ok()?;
            said.map(str::to_owned)
        }
    }
}

/// The recipe with the last part of each path alone: a card goes to others, and folders are this machine's.
fn without_folders(recipe: &Recipe) -> Recipe {
    let last = |path: &Path| path.file_name().map_or_else(PathBuf::new, PathBuf::from);
    let name = |name: &String| match ModelRef::parse(name) {
        Ok(ModelRef::Path(path)) => last(&path).display().to_string(),
        _ => name.clone(),
    };
    let mut recipe = recipe.clone();
    recipe.output = last(&recipe.output);
    recipe.template = recipe.template.as_deref().map(last);
    recipe.tokenizer = recipe.tokenizer.as_ref().map(name);
    match &mut recipe.start {
        Start::Model(model) => *model = name(model),
        Start::Init(init) if Path::new(&init.shape).is_absolute() => {
            init.shape = last(Path::new(&init.shape)).display().to_string()
        }
        Start::Init(_) => {}
    }
    let held_out = match &mut recipe.data.validation {
        Some(Validation::Sources(sources)) => &mut sources[..],
        _ => &mut [],
    };
    for source in recipe.data.sources.iter_mut().chain(held_out) {
        source.paths.iter_mut().for_each(|path| *path = last(path));
        if Path::new(&source.name).is_absolute() {
            source.name = last(Path::new(&source.name)).display().to_string();
        }
    }
    recipe
}

/// What a model is called; of a path only the last part, which says nothing about this machine.
fn shown(name: &str, files: &ModelFiles) -> String {
    match ModelRef::parse(name) {
        Ok(ModelRef::Hub { repo, .. }) => repo.to_string(),
        _ => files.model_name(),
    }
}
