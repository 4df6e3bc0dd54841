//! One answer on the page: streamed, stopped by Ctrl-C, followed by what there is to say about it.

use std::io;

use super::conversation::{AnswerStats, Conversation, Finish, Message};
use super::keys::Keys;
use super::markdown::Markdown;
use super::neutral::Neutraliser;
use super::page::Page;
use super::style::Style;

/// Shown while the model reads the prompt, and how it is taken away again.
const WAITING: &str = "…";
const ERASE_ROW: &str = "\r\x1b[K";

/// Writes text as it streams: Markdown on a terminal, as it is over a pipe.
pub(crate) struct Writer {
    markdown: Option<Markdown>,
    neutraliser: Neutraliser,
    waiting: bool,
    empty: bool,
    at_line_start: bool,
}

impl Writer {
    pub(crate) fn new(page: &Page<'_>) -> Self {
        let markdown = page.look.terminal.then(|| Markdown::new(page.width(), page.look.colours));
        Self { markdown, neutraliser: Neutraliser::default(), waiting: false, empty: true, at_line_start: true }
    }

    /// Shows that the model is at work.
    fn wait(&mut self, page: &mut Page<'_>) -> io::Result<()> {
        self.waiting = true;
        let colours = page.look.colours;
        page.raw(&Style::default().dim().paint(WAITING, colours))
    }

    pub(crate) fn push(&mut self, page: &mut Page<'_>, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.empty = false;
        let mut out = String::new();
        if std::mem::take(&mut self.waiting) {
            out.push_str(ERASE_ROW);
        }
        match &mut self.markdown {
            Some(markdown) => {
                markdown.set_width(page.width());
                out.push_str(&markdown.push(text));
            }
            None => self.neutraliser.push(text, &mut out),
        }
        self.at_line_start = out.ends_with('\n') || (out.is_empty() && self.at_line_start);
        page.raw(&out)
    }

    /// Ends the text with a line break. Over a pipe an empty text is a line too, for whoever counts answers.
    pub(crate) fn finish(&mut self, page: &mut Page<'_>) -> io::Result<()> {
        self.at_line_start &= !self.empty;
        self.abandon(page)
    }

    /// Ends what was written of a text that failed.
    fn abandon(&mut self, page: &mut Page<'_>) -> io::Result<()> {
        let mut out = String::new();
        if std::mem::take(&mut self.waiting) {
            out.push_str(ERASE_ROW);
        }
        match &mut self.markdown {
            Some(markdown) => out.push_str(&markdown.finish()),
            None if !self.at_line_start => out.push('\n'),
            None => {}
        }
        page.raw(&out)
    }
}

/// Why there is no answer.
pub(crate) enum NoAnswer {
    /// The page cannot be written.
    Page(io::Error),
    /// The conversation says so.
    Conversation(String),
}

/// Lets the conversation answer and writes the answer; on failure the messages are `before`. `keys`
/// stop it.
pub(crate) fn stream(
    conversation: &mut dyn Conversation,
    page: &mut Page<'_>,
    prefill: Option<&str>,
    keys: Option<&Keys>,
    before: &[Message],
) -> Result<AnswerStats, NoAnswer> {
    let mut writer = Writer::new(page);
    let mut written = match prefill {
        Some(prefill) => writer.push(page, prefill),
        None if page.look.terminal => writer.wait(page),
        None => Ok(()),
    };
    let answered = match &written {
        Err(_) => Err(String::new()),
        Ok(()) => conversation.answer(prefill, &mut |text| {
            if keys.is_some_and(Keys::stopped) {
                return false;
            }
            written = writer.push(page, text);
            written.is_ok()
        }),
    };
    let ended = if answered.is_ok() { writer.finish(page) } else { writer.abandon(page) };
    if answered.is_err() {
        conversation.set_messages(before.to_vec());
    }
    written.and(ended).map_err(NoAnswer::Page)?;
    answered.map_err(NoAnswer::Conversation)
}

/// Tells of an end that is not the model's own.
pub(crate) fn explain_end(page: &mut Page<'_>, stats: &AnswerStats, context: usize, goes_on: bool) -> io::Result<()> {
    let hint = if goes_on { "; /continue goes on" } else { "" };
    match stats.finish {
        Finish::Stop => Ok(()),
        Finish::Interrupted => page.notice(&format!("stopped{hint}")),
        Finish::Length { limit } => page.notice(&format!("stopped at the limit of {limit} tokens{hint}")),
        Finish::ContextFull => page.warning(&format!("context of {context} tokens full: the answer ends here")),
    }
}

/// Tells that the model no longer sees everything.
pub(crate) fn explain_dropped(page: &mut Page<'_>, dropped: usize, context: usize) -> io::Result<()> {
    let messages = if dropped == 1 { "oldest message".to_owned() } else { format!("{dropped} oldest messages") };
    page.warning(&format!("context of {context} tokens full: the model no longer sees the {messages}"))
}

/// The figures of an answer on one line.
pub(crate) fn figures(stats: &AnswerStats) -> String {
    format!(
        "{} prompt tokens ({} cached), {} generated, first token after {:.2} s, then {:.1} tokens/s",
        stats.prompt_tokens,
        stats.cached_tokens,
        stats.generated_tokens,
        stats.seconds_to_first_token,
        stats.tokens_per_second
    )
}
