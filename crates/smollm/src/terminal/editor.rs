//! The prompt of the interactive chat: line editing, history, several lines, completion.

use std::borrow::Cow;
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::config::{Builder, CompletionType};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Cmd, Context, Editor, EventHandler, Helper, KeyCode, KeyEvent, Modifiers};

use super::complete::{Names, complete, hint};
use super::style::{Colour, Style};
use super::{command, neutral};

/// Inputs kept in the history file.
const HISTORY: usize = 1000;

/// What the prompt returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Text(String),
    /// Ctrl-C; whether there was text to clear.
    Interrupt(bool),
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// The line editor with its history file.
pub(crate) struct Prompt {
    editor: Editor<Typing, FileHistory>,
    history: Option<PathBuf>,
}

impl Prompt {
    /// A prompt. A history file that cannot be read or written is no error:
    /// the chat goes on without it.
    pub(crate) fn new(colours: bool, names: Names, history: Option<PathBuf>) -> Result<Self, ReadlineError> {
        let config = Builder::new()
            .max_history_size(HISTORY)?
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Typing { names, colours, typed: Cell::new(false), greeting: Cell::new(true) }));
        for newline in [
            KeyEvent(KeyCode::Enter, Modifiers::ALT),
            KeyEvent(KeyCode::Char('\r'), Modifiers::ALT),
            KeyEvent::alt('\r'),
            KeyEvent::alt('\n'),
        ] {
            editor.bind_sequence(newline, EventHandler::Simple(Cmd::Newline));
        }
        if let Some(path) = &history {
            // Absent at first; unreadable is no reason not to chat.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// Reads one input, which begins with `initial`. Nothing stands before it on the row, so that the lines of a long
    /// input are flush and can be copied.
    pub(crate) fn read(&mut self, initial: &str) -> Result<Input, ReadlineError> {
        match self.editor.readline_with_initial("", (initial, "")) {
            Ok(text) => {
                if !text.trim().is_empty() {
                    self.remember(&text);
                }
                Ok(Input::Text(text))
            }
            Err(ReadlineError::Interrupted) => {
                Ok(Input::Interrupt(self.editor.helper().is_some_and(|typing| typing.typed.get())))
            }
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(error),
        }
    }

    /// Asks a question on one line; `None` if it was not answered.
    pub(crate) fn ask(&mut self, question: &str) -> Option<String> {
        self.editor.readline(&neutral::line(question)).ok()
    }

    fn remember(&mut self, text: &str) {
        if let Some(typing) = self.editor.helper() {
            typing.greeting.set(false);
        }
        // Kept at once, so that a crash loses nothing; a full disk is no reason not to chat.
        let _ = self.editor.add_history_entry(text);
        if let Some(path) = &self.history {
            if let Some(folder) = path.parent() {
                let _ = fs::create_dir_all(folder);
            }
            let _ = self.editor.append_history(path);
        }
    }
}

/// What the editor asks while a line is typed.
struct Typing {
    names: Names,
    colours: bool,
    /// The line had text when it was last shown.
    typed: Cell<bool>,
    /// Nothing was sent yet.
    greeting: Cell<bool>,
}

impl Helper for Typing {}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = complete(&line[..at], &self.names);
        let pair = |text: String| Pair { display: text.trim_end().to_owned(), replacement: text };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

/// Dim text after the cursor; the right arrow takes the part that can be typed.
struct Suggestion {
    shown: String,
    typed: usize,
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        Some(&self.shown[..self.typed]).filter(|text| !text.is_empty())
    }
}

impl Hinter for Typing {
    type Hint = Suggestion;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<Suggestion> {
        self.typed.set(!line.is_empty());
        if line.is_empty() && self.greeting.get() {
            return Some(Suggestion { shown: "Send a message, or /help".to_owned(), typed: 0 });
        }
        let (rest, usage) = hint(line, at, &self.names)?;
        Some(Suggestion { typed: rest.len(), shown: format!("{rest}{usage}") })
    }
}

impl Highlighter for Typing {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        if line.starts_with('/') && command::is_name(&line[..end]) {
            let name = Style::default().colour(Colour::Cyan).paint(&line[..end], self.colours);
            return Cow::Owned(name + &line[end..]);
        }
        Cow::Borrowed(line)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(Style::default().dim().paint(hint, self.colours))
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        line.starts_with('/')
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if command::is_open(context.input()) { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}
