//! What the commands that take a recipe share.

use crate::cli::interrupt::Interrupt;
use crate::cli::progress::{Bar, DownloadBars};
use smollm::Error;
use smollm::train::data::{Prepared, prepare, text_parts};
use smollm::train::recipe::Recipe;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::ChatTemplate;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Which recipe.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RecipeArgs {
    /// The recipe, a YAML file
    recipe: PathBuf,
    /// Change a key of the recipe, as in optimizer.learning_rate=3e-4 or data.sources.0.path=chats.jsonl (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// No progress bars and notes on standard error
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// The text side of a recipe: what reads and what is read.
pub(super) struct TextSide {
    pub(super) tokenizer: Tokenizer,
    pub(super) template: Option<ChatTemplate>,
}

impl RecipeArgs {
    /// The recipe with its changes.
    pub(super) fn read(&self) -> Result<Recipe, Error> {
        Ok(Recipe::open(&self.recipe, &self.set)?)
    }

    /// Tokenizer and template of the recipe.
    pub(super) fn text(&self, recipe: &Recipe) -> Result<TextSide, Error> {
        let (tokenizer, template) = text_parts(recipe, &DownloadBars::new(self.quiet))?;
        Ok(TextSide { tokenizer, template })
    }

    /// The data of the recipe, tokenised if they have not been.
    pub(super) fn data(&self, recipe: &Recipe, text: &TextSide, interrupt: &Interrupt) -> Result<Prepared, Error> {
        let mut bar: Option<(String, Bar)> = None;
        prepare(recipe, &text.tokenizer, text.template.as_ref(), &mut |source, at| {
            if bar.as_ref().is_none_or(|(name, _)| name != source) {
                bar = Some((source.to_owned(), Bar::writing(Path::new(source), self.quiet)));
            }
            if let Some((_, bar)) = &bar {
                bar.bytes(at.read, at.total);
            }
            if interrupt.check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    }
}
