//! What can go wrong between messages and prompt.

use std::error::Error;

/// A template that cannot be parsed, messages that make no sense, or a template that refuses them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template is not valid Jinja, or asks for something unknown, or fails while it runs.
    #[error("chat template, line {line}: {problem}")]
    Template {
        /// Line of the template, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The template called `raise_exception`.
    #[error("the chat template refuses these messages: {message} (line {line})")]
    Raised {
        /// The template's own words.
        message: String,
        /// Line of the template, from 1.
        line: usize,
    },
    /// The messages are not what every template expects.
    #[error("{problem}")]
    Messages {
        /// Which message, and what is wrong with it.
        problem: String,
    },
    /// What the assistant says cannot be told from the rest of the rendered text, or not exactly.
    #[error("what the assistant says cannot be told exactly under this chat template: {problem}")]
    Turns {
        /// Which message, and what the template does with it.
        problem: String,
    },
    /// `tokenizer_config.json` has no usable template or token.
    #[error("{file}: {problem}")]
    Source {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The template ran into a fault of the engine.
    #[error("the chat template could not be executed: the template engine failed on it")]
    Engine,
}

/// The message of a `raise_exception` call, carried through the engine as an error's source.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct RaisedException(pub(super) String);

impl TemplateError {
    pub(super) fn from_engine(error: &minijinja::Error) -> Self {
        let line = error.line().unwrap_or(0);
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(source) = cause {
            if let Some(RaisedException(message)) = source.downcast_ref() {
                return Self::Raised { message: one_line(message), line };
            }
            cause = source.source();
        }
        let kind = error.kind();
        let problem = match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        };
        Self::Template { line, problem: one_line(&problem) }
    }
}

/// A text out of a template, fit for a one-line message.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
