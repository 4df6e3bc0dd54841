//! The card of a model that a run made: what it is, from what, and how.

use super::start::{Source, Start};
use crate::files::ModelFiles;
use crate::train::recipe::{Kind, Recipe};
use smollm_hub::ModelRef;
use std::fmt::Write;

/// What a card says beside the recipe.
pub(super) struct Facts<'a> {
    pub(super) start: &'a Start,
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
    let kind = match recipe.kind {
        Kind::Pretrain => "pretraining",
        Kind::Sft => "sft",
        Kind::Dpo => "dpo",
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
    let _ = write!(text, "\n## Recipe\n\n```yaml\n{}```\n", recipe.to_yaml());
    text
}

/// What a model is called; of a path only the last part, which says nothing about this machine.
fn shown(name: &str, files: &ModelFiles) -> String {
    match ModelRef::parse(name) {
        Ok(ModelRef::Hub { repo, .. }) => repo.to_string(),
        _ => files.model_name(),
    }
}
