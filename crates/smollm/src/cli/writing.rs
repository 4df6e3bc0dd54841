//! `smollm summarize`, `rewrite` and `title`: small tools over texts.

use super::args::{MODEL_OR_NANO, ModelArgs, SamplingArgs};
use super::failure::usage;
use super::input;
use super::output::{note, output};
use smollm::terminal::Neutraliser;
use smollm::writing::{Task, Tone, write_about};
use smollm::{BUILT_IN, End, Model};
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const MAX_TOKENS: &str = "At most this many new tokens (default: 1024, of a title 128)";

/// The text, and the model that reads it.
#[derive(Debug, clap::Args)]
#[command(mut_arg("model", |model| model.help(MODEL_OR_NANO)), mut_arg("max_tokens", |most| most.help(MAX_TOKENS)))]
struct TextArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The text; - or nothing reads standard input
    text: Option<String>,
    /// Read the text from a file
    #[arg(short, long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// Summarise a text in up to three sentences, and ask about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Summarize {
    /// A question about the text, answered after the summary (repeatable)
    #[arg(long = "ask", value_name = "QUESTION", allow_hyphen_values = true)]
    questions: Vec<String>,
    // last, for the heading of its options would go on behind them
    #[command(flatten)]
    of: TextArgs,
}

/// Rewrite a message in a more friendly or professional tone.
#[derive(Debug, clap::Args)]
pub(crate) struct Rewrite {
    /// How it is to sound
    #[arg(long, default_value = "friendly", value_parser = ["friendly", "professional"])]
    tone: String,
    #[command(flatten)]
    of: TextArgs,
}

/// Find a title for a text.
#[derive(Debug, clap::Args)]
pub(crate) struct Title {
    #[command(flatten)]
    of: TextArgs,
}

impl Summarize {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.questions.iter().any(|question| question.trim().is_empty()) {
            return usage("the question is empty");
        }
        let questions = self.questions.iter().map(|question| Task::Question(question));
        self.of.run(std::iter::once(Task::Summary).chain(questions))
    }
}

impl Rewrite {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let tone = if self.tone == "friendly" { Tone::Friendly } else { Tone::Professional };
        self.of.run([Task::Rewrite(tone)])
    }
}

impl Title {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        self.of.run([Task::Title])
    }
}

impl TextArgs {
    fn run<'t>(&self, tasks: impl IntoIterator<Item = Task<'t>>) -> anyhow::Result<()> {
        let text = input::text(self.text.as_deref(), self.file.as_deref(), "text")?;
        if text.trim().is_empty() {
            return usage("the text is empty");
        }
        let quiet = self.model.name.quiet;
        if let Some(text) = self.text.as_deref().filter(|text| !quiet && Path::new(text).is_file()) {
            note(format_args!("note: \"{text}\" is taken for the text itself; --file {text} reads the file"));
        }
        let model = self.model.open_or_built_in()?;
        if model.name() == BUILT_IN && !quiet {
            note(format_args!(
                "note: {BUILT_IN} is a toy and may get names, numbers and dates wrong: compare them with the text"
            ));
        }
        for task in tasks {
            self.write(&model, task, text.trim())?;
        }
        Ok(())
    }

    /// Prints an answer as it comes, on a terminal made harmless.
    fn write(&self, model: &Model, task: Task<'_>, text: &str) -> anyhow::Result<()> {
        let options = self.sampling.options(None)?;
        let mut out = output();
        let mut neutraliser = std::io::stdout().is_terminal().then(Neutraliser::default);
        let mut written = Ok(());
        let answer = write_about(model, task, text, &options, &mut |piece| {
            let mut shown = String::new();
            match &mut neutraliser {
                Some(neutraliser) => neutraliser.push(piece, &mut shown),
                None => shown.push_str(piece),
            }
            written = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        writeln!(out)?;
        if matches!(answer.end, End::Length | End::ContextFull) && !self.model.name.quiet {
            note("note: the answer was cut off; --max-tokens gives it more room, as far as the context goes");
        }
        Ok(())
    }
}
