//! `smollm train show`: a row of a recipe's data.

use super::recipe::RecipeArgs;
use crate::cli::args::whole;
use crate::cli::failure::usage;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::output;
use smollm::train::recipe::Kind;
use smollm::train::show::{Marks, show_row};
use std::io::{IsTerminal, Write};

/// Show what of a recipe's data is learnt.
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Which row, from 0, in the order in which they are learnt
    #[arg(long, value_name = "N", value_parser = whole::<u64>, default_value = "0")]
    row: u64,
    /// A row of what is held out
    #[arg(long)]
    validation: bool,
    /// No colours (NO_COLOR in the environment does the same): what is learnt stands in [[ ]]
    #[arg(long)]
    no_color: bool,
}

impl Show {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let recipe = self.recipe.read()?;
        let interrupt = Interrupt::listen()?;
        let text = self.recipe.text(&recipe)?;
        let data = self.recipe.data(&recipe, &text, &interrupt)?;
        let feed = match (&data.validation, self.validation) {
            (_, false) => &data.training,
            (Some(held_out), true) => held_out,
            (None, true) => return usage("the recipe holds nothing out: it has no `data.validation`"),
        };
        let rows: u64 = feed.rows().iter().sum();
        if self.validation && self.row >= rows {
            return usage(format!("--row {}: there are {rows} rows, counted from 0", self.row));
        }
        let no_color = self.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let marks = if !no_color && std::io::stdout().is_terminal() { Marks::Colour } else { Marks::Brackets };
        let shown = show_row(feed, self.row, &text.tokenizer, recipe.kind == Kind::Dpo, marks)?;
        output().write_all(shown.as_bytes())?;
        Ok(())
    }
}
