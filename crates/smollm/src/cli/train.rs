//! `smollm train`: what models are trained with.

mod recipe;
mod run;
mod show;
mod tokenize;

use clap::Subcommand;
use smollm::train::recipe::Kind;

/// Train models, and make what they are trained with.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Train {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A model learns the next token of texts, from random weights or those of a model
    Pretrain(run::RunRecipe),
    /// A model learns from conversations, or prompts and completions
    Sft(run::RunRecipe),
    /// A model learns which of two answers is preferred
    Dpo(run::RunRecipe),
    /// Go on with a run that was broken off, from its newest whole checkpoint
    Resume(run::Resume),
    /// Texts, conversations and preference pairs to tokens with a loss mask
    ///
    /// Files are JSON lines, JSON lists, Parquet or text; all but Parquet may be compressed with gzip. Rows are told by their
    /// columns: `messages`, `conversations` (ShareGPT), `instruction` and `output` (Alpaca), `prompt` and `completion`, `chosen`
    /// and `rejected`, `text`. A message with "train": false is not learnt. What is wrong with a row is said with its file and
    /// line, and nothing is written then.
    Tokenize(tokenize::TokenizeData),
    /// Show what of a recipe's data is learnt
    ///
    /// A row of the data is printed with the tokens that count in the loss coloured, or in [[ ]]; with where it comes from, and how
    /// many tokens there are. The data are tokenised first, as training would, if they have not been.
    Show(show::Show),
}

impl Train {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Pretrain(command) => command.run(Kind::Pretrain),
            Command::Sft(command) => command.run(Kind::Sft),
            Command::Dpo(command) => command.run(Kind::Dpo),
            Command::Resume(command) => command.run(),
            Command::Tokenize(command) => command.run(),
            Command::Show(command) => command.run(),
        }
    }
}
