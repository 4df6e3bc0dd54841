//! `smollm tools`: what requests say of tools.

use super::input;
use super::output::{note, output};
use clap::Subcommand;
use serde_json::Value;
use smollm::tool_schema::{of_json, of_python};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Make the `tools` of a request.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Tools {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// JSON schemas of Python functions, or of tools in JSON of other forms
    ///
    /// A Python file is read, not run: type hints and Google-style docstrings become what transformers' get_json_schema makes of
    /// them. JSON may hold functions in the forms of OpenAI, Anthropic, Gemini, MCP or the Berkeley function-calling
    /// leaderboard. What is printed is the `tools` of a request.
    Schema(Schema),
}

/// JSON schemas of Python functions, or of tools in JSON of other forms.
#[derive(Debug, clap::Args)]
struct Schema {
    /// A Python file, or JSON; - or nothing reads standard input
    file: Option<PathBuf>,
    /// Only this function, or Class.method of a Python file (repeatable; default: all whose names do not begin with _)
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl Tools {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Schema(command) => command.run(),
        }
    }
}

impl Schema {
    fn run(self) -> anyhow::Result<()> {
        let text = input::text(None, self.file.as_deref(), "file")?;
        let name = self.file.as_deref().map_or("standard input".to_owned(), |path| path.display().to_string());
        let tools = self.tools(&text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        let mut out = output();
        serde_json::to_writer_pretty(&mut out, &tools)?;
        writeln!(out)?;
        Ok(())
    }

    fn tools(&self, text: &str) -> anyhow::Result<Vec<Value>> {
        if !is_json(self.file.as_deref(), text) {
            return Ok(of_python(text, &self.functions)?);
        }
        let converted = of_json(text)?;
        if !self.quiet {
            converted.notes.iter().for_each(|line| note(format_args!("note: {line}")));
        }
        if self.functions.is_empty() {
            return Ok(converted.tools);
        }
        let of = |name: &String| {
            let found = converted.tools.iter().find(|tool| tool["function"]["name"] == name.as_str());
            found.cloned().ok_or_else(|| anyhow::anyhow!("there is no function {name}"))
        };
        self.functions.iter().map(of).collect()
    }
}

/// By the name of the file, or else by how the text begins: no function of Python begins with a bracket.
fn is_json(file: Option<&Path>, text: &str) -> bool {
    match file.and_then(|path| path.extension()).and_then(|extension| extension.to_str()) {
        Some("py" | "pyi") => false,
        Some("json" | "jsonl" | "ndjson") => true,
        _ => text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']),
    }
}
