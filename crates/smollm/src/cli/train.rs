//! `smollm train`: what models are trained with.

mod run;
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
}

impl Train {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Pretrain(command) => command.run(Kind::Pretrain),
            Command::Sft(command) => command.run(Kind::Sft),
            Command::Dpo(command) => command.run(Kind::Dpo),
            Command::Resume(command) => command.run(),
            Command::Tokenize(command) => command.run(),
        }
    }
}
