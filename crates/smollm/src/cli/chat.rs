//! `smollm chat`: the terminal over a chat session.

use super::args::ChatArgs;
use smollm::{ChatSession, terminal};

/// Talk to a model; with QUESTION, ask once.
#[derive(Debug, clap::Args)]
pub(crate) struct Chat {
    /// What the first answer begins with
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prefill: Option<String>,
    // last: the headings of its help would be those of what follows
    #[command(flatten)]
    chat: ChatArgs,
}

impl Chat {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self { chat, prefill } = self;
        let options = chat.sampling.options(None)?;
        let model = chat.model.open_or_built_in()?;
        let mut session = ChatSession::new(&model, options, chat.system.clone(), chat.thinking())?;
        Ok(terminal::run(&mut session, &chat.options(prefill))?)
    }
}
