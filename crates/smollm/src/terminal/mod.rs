//! The terminal chat: line editing, commands, live Markdown, and the same over a pipe.
//!
//! [`run`] chooses. With standard input and output on a terminal the chat is interactive. Otherwise
//! it is a stream ([`run_lines`]): each line of standard input is one turn (a line that ends in a
//! backslash goes on in the next, text between `"""` may have several lines), each answer is plain
//! text followed by a line break, commands work, and nothing but text is ever written: no control
//! codes, and control characters of the model as visible substitutes. Notices go to standard error,
//! and the first error ends the stream. A terminal that understands no control codes (`TERM=dumb`) is
//! treated so too.
//!
//! Saved chats are in `chat_history` in the user's data folder, where `/load NAME` finds them from
//! any directory; a NAME with a slash or `.json` is a path instead.

mod answer;
mod archive;
mod chat;
mod command;
mod complete;
mod conversation;
mod editor;
mod folders;
mod keys;
mod markdown;
pub(crate) mod neutral;
mod obey;
mod page;
mod questions;
mod source;
mod style;
mod timestamp;
mod wrap;

use std::env;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use thiserror::Error;

pub use conversation::{AnswerStats, ContextUse, Conversation, Finish, Message, Role, Setting};
pub use neutral::Neutraliser;

use chat::Chat;
use complete::Names;
use editor::Prompt;
use page::{Look, Page};
use source::{Lines, Source};

/// How to chat.
#[derive(Clone, Debug, Default)]
pub struct ChatOptions {
    /// Ask this, print the answer and end; it is never read as a command.
    pub question: Option<String>,
    /// What the first answer begins with.
    pub prefill: Option<String>,
    /// The name at the prompt; else that of the system's user.
    pub user: Option<String>,
    /// No colours; bold and italics stay. A non-empty `NO_COLOR` in the environment asks for it too.
    pub no_color: bool,
    /// No greeting and no notices.
    pub quiet: bool,
    /// Where chats are saved; else `chat_history` in the user's data folder.
    pub save_folder: Option<PathBuf>,
    /// Do not keep inputs for the next session.
    pub no_history: bool,
}

/// Why a chat ended badly.
#[derive(Debug, Error)]
pub enum ChatError {
    /// Standard input cannot be read.
    #[error("standard input: {0}")]
    Read(#[source] io::Error),
    /// Standard output or standard error cannot be written.
    #[error("standard output: {0}")]
    Write(#[source] io::Error),
    /// The line editor gave up.
    #[error("prompt: {0}")]
    Prompt(String),
    /// A line of standard input is not text.
    #[error("standard input, line {line}: not UTF-8")]
    NotUtf8 {
        /// From 1.
        line: usize,
    },
    /// A line of standard input was not carried out.
    #[error("standard input, line {line}: {message}")]
    Input {
        /// From 1.
        line: usize,
        /// What was wrong.
        message: String,
    },
    /// The question of [`ChatOptions::question`] was not answered.
    #[error("{0}")]
    Answer(String),
}

/// Chats on standard input and output until the user leaves, the input ends, or the one question is
/// answered. A reader of standard output that has left is no error.
pub fn run(conversation: &mut dyn Conversation, options: &ChatOptions) -> Result<(), ChatError> {
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    let terminal = io::stdout().is_terminal() && !dumb;
    let no_color = options.no_color || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let interactive = options.question.is_none() && terminal && io::stdin().is_terminal();
    let styled = terminal && (interactive || options.question.is_some());
    let look = Look { terminal: styled, colours: styled && !no_color, quiet: options.quiet };
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let page = Page::new(look, &mut out, &mut err);
    let ended = if interactive {
        let names = Names {
            settings: conversation.settings().into_iter().map(|setting| setting.name).collect(),
            save_folder: options.save_folder.clone().unwrap_or_else(folders::chats),
            no_beginnings: !conversation.takes_beginnings(),
        };
        let history = folders::data().filter(|_| !options.no_history).map(|data| data.join("chat_input_history"));
        let prompt = Prompt::new(look.colours, names, history).map_err(|e| ChatError::Prompt(e.to_string()))?;
        chat(conversation, options, page, Source::Prompt(Box::new(prompt)))
    } else {
        chat(conversation, options, page, Source::Lines(Lines::new(&mut io::stdin().lock())))
    };
    match ended {
        Err(ChatError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

/// Chats over streams: what [`run`] does where standard input or output is not a terminal.
pub fn run_lines(
    conversation: &mut dyn Conversation,
    options: &ChatOptions,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<(), ChatError> {
    let look = Look { terminal: false, colours: false, quiet: options.quiet };
    chat(conversation, options, Page::new(look, output, errors), Source::Lines(Lines::new(input)))
}

/// Why an answer cannot be begun.
pub(crate) const NO_BEGINNINGS: &str = "an answer that may have calls of tools is not begun by others";

fn chat<'a>(
    conversation: &'a mut dyn Conversation,
    options: &ChatOptions,
    page: Page<'a>,
    source: Source<'a>,
) -> Result<(), ChatError> {
    if options.prefill.as_ref().is_some_and(|text| !text.is_empty()) && !conversation.takes_beginnings() {
        return Err(ChatError::Answer(NO_BEGINNINGS.to_owned()));
    }
    let mut chat = Chat::new(conversation, page, source, options);
    match &options.question {
        Some(question) => chat.ask_once(question),
        None => chat.run(),
    }
}
