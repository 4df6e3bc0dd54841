//! `smollm chat`: the terminal over a chat session.

use super::args::{ModelArgs, SamplingArgs};
use smollm::ChatSession;
use smollm::terminal::{self, ChatOptions};
use std::path::PathBuf;

/// Talk to a model; with QUESTION, ask once.
#[derive(Debug, clap::Args)]
pub(crate) struct Chat {
    #[command(flatten)]
    model: ModelArgs,
    /// Ask this, print the answer and end
    question: Option<String>,
    /// System message
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    system: Option<String>,
    /// What the first answer begins with
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prefill: Option<String>,
    /// Let the model think before it answers, or not (SmolLM3)
    #[arg(long, value_name = "on|off", value_parser = ["on", "off"])]
    think: Option<String>,
    /// Name at the prompt
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// No colours (NO_COLOR in the environment does the same)
    #[arg(long)]
    no_color: bool,
    /// Do not keep inputs for the next session
    #[arg(long)]
    no_history: bool,
    /// Where chats are saved
    #[arg(long, value_name = "DIR")]
    save_folder: Option<PathBuf>,
    #[command(flatten)]
    sampling: SamplingArgs,
}

impl Chat {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let options = self.sampling.options(None)?;
        let model = self.model.open()?;
        let thinking = self.think.as_deref().map(|think| think == "on");
        let mut session = ChatSession::new(&model, options, self.system, thinking)?;
        let options = ChatOptions {
            question: self.question,
            prefill: self.prefill,
            user: self.user,
            no_color: self.no_color,
            quiet: self.model.name.quiet,
            save_folder: self.save_folder,
            no_history: self.no_history,
        };
        Ok(terminal::run(&mut session, &options)?)
    }
}
