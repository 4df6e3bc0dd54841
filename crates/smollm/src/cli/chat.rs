//! `smollm chat`: the terminal over a chat session.

use super::args::{ModelArgs, PageArgs, SamplingArgs};
use smollm::{ChatSession, terminal};

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
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
}

impl Chat {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let options = self.sampling.options(None)?;
        let model = self.model.open()?;
        let thinking = self.think.as_deref().map(|think| think == "on");
        let mut session = ChatSession::new(&model, options, self.system, thinking)?;
        let options = self.page.options(self.question, self.prefill, self.model.name.quiet);
        Ok(terminal::run(&mut session, &options)?)
    }
}
