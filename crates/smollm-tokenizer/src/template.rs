//! Messages to prompt: the chat template that ships with a model, executed as `transformers` executes it.
//!
//! The engine is minijinja with Jinja's whitespace settings of `transformers`; what Python templates take for granted
//! (methods of str, list and dict, `tojson`, `raise_exception`, `strftime_now`, `{% generation %}`) is added in
//! `environment.rs`, `json.rs` and `rewrite.rs`.

mod begun;
mod environment;
mod error;
mod json;
mod limits;
mod messages;
mod namespaces;
mod repr;
mod rewrite;
mod source;
#[cfg(test)]
mod tests;
mod tools;
mod turns;
mod unprintable;
mod value;

pub use error::TemplateError;
pub use jiff::civil::DateTime;
pub use source::{TemplateSource, special_tokens};
pub use tools::python_json;
pub use turns::{Turn, Turns};

use environment::environment;
use limits::LONGEST_TEXT;
use messages::checked;
use minijinja::{Environment, Value};
use rewrite::{Markers, code, rewritten};
use serde_json::Map;
use std::io::Write;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use value::to_template;

/// The two templates a model may have: for conversations, and for conversations with tools.
const NAME: &str = "chat_template";
const TOOL_USE: &str = "tool_use";
/// Steps after which a rendering is stopped: a template that needs more loops for ever.
const FUEL: u64 = 20_000_000;

/// A parsed chat template with the special tokens it may name.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    /// The template for conversations with tools, where there is one of its own.
    tool_use: Option<String>,
    special_tokens: Vec<(String, String)>,
}

/// What a rendering needs besides messages.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// End with the header of an assistant's turn.
    pub add_generation_prompt: bool,
    /// Tools offered to the model, as JSON.
    pub tools: Option<serde_json::Value>,
    /// Documents offered to the model, as JSON.
    pub documents: Option<serde_json::Value>,
    /// Further variables, as in `enable_thinking`.
    pub extra: Map<String, serde_json::Value>,
    /// The clock that `strftime_now` reads.
    pub now: DateTime,
}

impl Default for RenderOptions {
    /// No generation prompt, no tools, and a clock at the beginning of 1970.
    fn default() -> Self {
        Self {
            add_generation_prompt: false,
            tools: None,
            documents: None,
            extra: Map::new(),
            now: DateTime::constant(1970, 1, 1, 0, 0, 0, 0),
        }
    }
}

/// The local date and time, for [`RenderOptions::now`].
pub fn local_time() -> DateTime {
    jiff::Zoned::now().datetime()
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("source", &self.source).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Parses a template. `special_tokens` are variables such as `bos_token`; see [`special_tokens`].
    ///
    /// # Errors
    /// The template is not valid Jinja; the message names the line.
    pub fn new(source: &str, special_tokens: &[(String, String)]) -> Result<Self, TemplateError> {
        let mut environment = environment();
        environment.set_fuel(Some(FUEL));
        let mut template =
            Self { environment, source: source.into(), tool_use: None, special_tokens: special_tokens.to_vec() };
        template.add(NAME, source)?;
        Ok(template)
    }

    /// The same with another template for conversations with tools, as `transformers` chooses between named templates.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn with_tool_use(mut self, source: &str) -> Result<Self, TemplateError> {
        self.add(TOOL_USE, source)?;
        self.tool_use = Some(source.into());
        Ok(self)
    }

    fn add(&mut self, name: &'static str, source: &str) -> Result<(), TemplateError> {
        if let Some((line, name)) = namespaces::used_as_value(&code(source)) {
            let problem = format!("the namespace `{name}` is used as a value; only its attributes can be");
            return Err(TemplateError::Template { line, problem });
        }
        self.environment.add_template_owned(name, rewritten(source)).map_err(|e| TemplateError::from_engine(&e))
    }

    /// The template as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The prompt for `messages`, a JSON list of objects with `role` and `content`.
    ///
    /// # Errors
    /// The messages are malformed (the message names which), or the template refuses them or fails (names the line).
    pub fn render(&self, messages: &serde_json::Value, options: &RenderOptions) -> Result<String, TemplateError> {
        Ok(self.render_with_spans(messages, options)?.0)
    }

    /// As [`ChatTemplate::render`], with the byte ranges that the template's `{% generation %}` blocks produced.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_with_spans(
        &self,
        messages: &serde_json::Value,
        options: &RenderOptions,
    ) -> Result<(String, Vec<Range<usize>>), TemplateError> {
        checked(messages)?;
        let markers = Markers::absent_from(&[&self.source, &messages.to_string(), &format!("{options:?}")]);
        let mut variables: Vec<(String, Value)> = Vec::new();
        let mut set = |name: &str, value: Value| variables.push((name.to_owned(), value));
        for (name, token) in &self.special_tokens {
            set(name, Value::from(token.as_str()));
        }
        set("messages", to_template(messages));
        set("tools", options.tools.as_ref().map_or_else(|| Value::from(()), to_template));
        set("documents", options.documents.as_ref().map_or_else(|| Value::from(()), to_template));
        set("add_generation_prompt", Value::from(options.add_generation_prompt));
        set(environment::CLOCK, Value::from(options.now.to_string()));
        set(environment::GENERATION_START, Value::from(markers.start.as_str()));
        set(environment::GENERATION_END, Value::from(markers.end.as_str()));
        for (name, value) in &options.extra {
            set(name, to_template(value));
        }
        let tool_use = options.tools.as_ref().and_then(|_| self.environment.get_template(TOOL_USE).ok());
        let template = match tool_use {
            Some(template) => Ok(template),
            None => self.environment.get_template(NAME),
        };
        let template = template.map_err(|e| TemplateError::from_engine(&e))?;
        let mut output = Capped(Vec::new());
        // The engine has a bug or two that panic (a reversed slice of an empty list in 3.0.5); a template must not be
        // able to take the program down with one.
        let rendered = catch_unwind(AssertUnwindSafe(|| {
            template.render_captured_to(Value::from_pairs(variables), &mut output).map(drop)
        }));
        match rendered {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(TemplateError::from_engine(&error)),
            Err(_) => return Err(TemplateError::Engine),
        }
        let text = String::from_utf8(output.0).map_err(|_| TemplateError::Engine)?;
        Ok(markers.take_spans(&text))
    }
}

/// Output up to a limit.
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_TEXT {
            return Err(std::io::Error::other("the output grows beyond all bounds"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
