//! Messages to prompt: the chat templates that models carry, rendered byte for byte as transformers renders them.
//!
//! ```
//! use smollm_tokenizer::chat::{ChatTemplate, DateTime, RenderOptions};
//!
//! let template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}";
//! let template = ChatTemplate::new(template, serde_json::Map::new())?;
//! let messages = serde_json::json!([{"role": "user", "content": "Hello"}]);
//! let options = RenderOptions::new(DateTime::from_unix(0));
//! assert_eq!(template.render(&messages, &options)?, "<|user|>Hello\n");
//! # Ok::<(), smollm_tokenizer::chat::TemplateError>(())
//! ```

mod clock;
mod config;
mod jinja;
mod messages;

use std::ops::Range;

use serde_json::{Map, Value};

pub use clock::DateTime;
pub use config::{TemplateSet, special_tokens, template_from_tokenizer_config};

/// A chat template, parsed.
pub struct ChatTemplate {
    name: String,
    source: String,
    program: jinja::Program,
    special_tokens: Map<String, Value>,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a rendering depends on beside the messages; the arguments of transformers' `apply_chat_template`.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// Ends the prompt with the header of the assistant's turn.
    pub add_generation_prompt: bool,
    /// Leaves the last message open, for the model to go on with it (an assistant prefill).
    pub continue_final_message: bool,
    /// JSON schemas of the tools: an array of objects.
    pub tools: Option<Value>,
    /// Documents to ground the answer on: an array of objects.
    pub documents: Option<Value>,
    /// More variables for the template (`enable_thinking`, `xml_tools`, …); they win over the special tokens.
    pub extra: Map<String, Value>,
    /// What `strftime_now` shows.
    pub now: DateTime,
}

impl RenderOptions {
    /// Only the time; nothing else is asked for.
    pub fn new(now: DateTime) -> Self {
        Self {
            add_generation_prompt: false,
            continue_final_message: false,
            tools: None,
            documents: None,
            extra: Map::new(),
            now,
        }
    }
}

/// Why a prompt could not be made from a template. The line is the template's, from 1.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template text is not Jinja, or uses what a chat template cannot use.
    #[error("chat template '{name}'{}: {message}", in_line(*line))]
    Syntax {
        /// Name of the template: `default`, `tool_use`, …
        name: String,
        /// Line of the template.
        line: Option<u32>,
        /// What is wrong.
        message: String,
    },
    /// An operation failed while rendering; Python would raise there, too.
    #[error("chat template '{name}'{}: {message}", in_line(*line))]
    Render {
        /// Name of the template.
        name: String,
        /// Line of the template.
        line: Option<u32>,
        /// What is wrong, mostly in Python's words.
        message: String,
    },
    /// The template itself refused the messages, with `raise_exception`.
    #[error("chat template '{name}'{} refuses these messages: {message}", in_line(*line))]
    Raised {
        /// Name of the template.
        name: String,
        /// Line of the template.
        line: Option<u32>,
        /// The template's own words.
        message: String,
    },
    /// The template asks for more work, depth or output than any honest one needs.
    #[error("chat template '{name}'{}: {message}", in_line(*line))]
    Limit {
        /// Name of the template.
        name: String,
        /// Line of the template.
        line: Option<u32>,
        /// Which limit.
        message: String,
    },
    /// The messages are not what transformers takes as messages.
    #[error("{place}: {message}")]
    Messages {
        /// `messages`, `messages[3]`, `tools[0]`, …
        place: String,
        /// What is wrong.
        message: String,
    },
    /// `tokenizer_config.json` holds no usable template.
    #[error("{file}: {message}")]
    Config {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
}

fn in_line(line: Option<u32>) -> String {
    line.map_or_else(String::new, |line| format!(" line {line}"))
}

impl TemplateError {
    /// Line of the template, where the error has one.
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Syntax { line, .. }
            | Self::Render { line, .. }
            | Self::Raised { line, .. }
            | Self::Limit { line, .. } => *line,
            Self::Messages { .. } | Self::Config { .. } => None,
        }
    }

    fn new(name: &str, fault: &jinja::Fault) -> Self {
        let (name, line, message) = (name.to_owned(), fault.line(), fault.message().to_owned());
        match fault.kind() {
            jinja::FaultKind::Syntax => Self::Syntax { name, line, message },
            jinja::FaultKind::Runtime => Self::Render { name, line, message },
            jinja::FaultKind::Raised => Self::Raised { name, line, message },
            jinja::FaultKind::Limit => Self::Limit { name, line, message },
        }
    }
}

impl ChatTemplate {
    /// Parses a template. `special_tokens` maps `bos_token`, `eos_token` and so on to their text; the template sees them
    /// as variables.
    ///
    /// # Errors
    /// [`TemplateError::Syntax`] with the line, or [`TemplateError::Limit`].
    pub fn new(source: &str, special_tokens: Map<String, Value>) -> Result<Self, TemplateError> {
        Self::named("default", source, special_tokens)
    }

    /// As [`ChatTemplate::new`], with the name that errors show.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn named(name: &str, source: &str, special_tokens: Map<String, Value>) -> Result<Self, TemplateError> {
        let program = jinja::parse(source).map_err(|fault| TemplateError::new(name, &fault))?;
        Ok(Self { name: name.to_owned(), source: source.to_owned(), program, special_tokens })
    }

    /// The template's text, as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt for `messages`: an array of objects, each with a string `role` (transformers 5.23,
    /// `apply_chat_template(…, tokenize=False)`; unlike there, an empty array is not refused).
    ///
    /// # Errors
    /// Any [`TemplateError`] but `Syntax` and `Config`.
    pub fn render(&self, messages: &Value, options: &RenderOptions) -> Result<String, TemplateError> {
        self.render_with_spans(messages, options).map(|(prompt, _)| prompt)
    }

    /// The prompt, and the byte ranges of it that stand in `{% generation %}` blocks: what the assistant said, for
    /// training masks.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_with_spans(
        &self,
        messages: &Value,
        options: &RenderOptions,
    ) -> Result<(String, Vec<Range<usize>>), TemplateError> {
        let (mut messages, input_bytes) = messages::prepare(messages, options)?;
        let last =
            if options.continue_final_message { Some(messages::open_last(&mut messages, &self.source)?) } else { None };
        let messages = Value::Array(messages);
        let generation = Value::Bool(options.add_generation_prompt);
        let variable = |name: &str| match name {
            "messages" => Some(&messages),
            "tools" => Some(options.tools.as_ref().unwrap_or(&Value::Null)),
            "documents" => Some(options.documents.as_ref().unwrap_or(&Value::Null)),
            "add_generation_prompt" => Some(&generation),
            _ => options.extra.get(name).or_else(|| self.special_tokens.get(name)),
        };
        let (prompt, spans) = jinja::render(&self.program, variable, options.now, input_bytes)
            .map_err(|fault| TemplateError::new(&self.name, &fault))?;
        match last {
            Some(last) => Ok((messages::close_last(prompt, &last)?, Vec::new())),
            None => Ok((prompt, spans)),
        }
    }
}
