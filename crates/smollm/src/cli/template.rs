//! `smollm template`: messages JSON in, exact prompt out.

use super::args::NameArgs;
use super::failure::usage;
use super::input;
use super::output::output;
use serde_json::{Map, Value};
use smollm_tokenizer::template::{RenderOptions, TemplateError, local_time};
use std::io::Write;
use std::path::PathBuf;

/// Messages to the exact prompt.
#[derive(Debug, clap::Args)]
pub(crate) struct Template {
    #[command(flatten)]
    model: NameArgs,
    /// The messages as JSON: [{"role": "user", "content": "..."}, ...] (default: standard input)
    messages: Option<String>,
    /// Read the messages from a file
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Leave out the header that starts the assistant's turn
    #[arg(long)]
    no_generation_prompt: bool,
    /// Tools as a JSON list
    #[arg(long, value_name = "JSON")]
    tools: Option<String>,
    /// Set a variable of the template, as in enable_thinking=false (JSON, or else text; repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, Value)>,
}

/// NAME=VALUE, the value being JSON if it is, else text.
pub(crate) fn variable(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into())))
}

impl Template {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let messages = input::text(self.messages.as_deref(), self.file.as_deref(), "messages")?;
        let messages: Value = match serde_json::from_str(&messages) {
            Ok(messages) => messages,
            Err(error) => return usage(format!("the messages are not JSON: {error}")),
        };
        let tools = match self.tools.as_deref().map(serde_json::from_str).transpose() {
            Ok(tools) => tools,
            Err(error) => return usage(format!("--tools is not JSON: {error}")),
        };
        let template = self.model.open_template()?;
        let options = RenderOptions {
            add_generation_prompt: !self.no_generation_prompt,
            tools,
            extra: self.variables.into_iter().collect::<Map<_, _>>(),
            now: local_time(),
            ..RenderOptions::default()
        };
        match template.render(&messages, &options) {
            Ok(prompt) => Ok(output().write_all(prompt.as_bytes())?),
            Err(error @ TemplateError::Messages { .. }) => usage(error.to_string()),
            Err(error) => Err(error.into()),
        }
    }
}
