//! `smollm generate`: one prompt, or JSON lines of prompts.

use super::args::{MODEL_OR_NANO, ModelArgs, SamplingArgs, token_ids, whole};
use super::failure::{Usage, usage};
use super::input;
use super::jsonl::{Line, answer_json};
use super::output::{note, output};
use super::template::variable;
use anyhow::Context;
use serde_json::{Map, Value, json};
use smollm::terminal::Neutraliser;
use smollm::{Answer, GenerateOptions, Model, Prompt};
use smollm_tokenizer::constrain::GrammarSource;
use smollm_tokenizer::template::{RenderOptions, local_time};
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// New tokens where neither the command nor the model says how many.
const DEFAULT_MAX_TOKENS: usize = 256;

/// Continue a prompt, or answer it with --chat.
#[derive(Debug, clap::Args)]
#[command(mut_arg("model", |model| model.help(MODEL_OR_NANO)))]
pub(crate) struct Generate {
    #[command(flatten)]
    model: ModelArgs,
    /// The prompt; - or nothing reads standard input
    prompt: Option<String>,
    /// Read the prompt from a file
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Continue token ids instead of text, as 1,2,3
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, conflicts_with_all = ["prompt", "file", "chat", "jsonl"])]
    ids: Option<String>,
    /// Put the prompt into the model's chat template as the user's message
    #[arg(long)]
    chat: bool,
    /// System message (with --chat)
    #[arg(long, value_name = "TEXT", requires = "chat", allow_hyphen_values = true)]
    system: Option<String>,
    /// Beginning of the answer, to be continued (with --chat)
    #[arg(long, value_name = "TEXT", requires = "chat", allow_hyphen_values = true)]
    prefill: Option<String>,
    /// Set a variable of the template, as in enable_thinking=false (with --chat; repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable, requires = "chat")]
    variables: Vec<(String, Value)>,
    /// Prompts as JSON lines, answers as JSON lines (see docs/json.md)
    #[arg(long)]
    jsonl: bool,
    /// Log-probability of each token with N alternatives (in --json)
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    logprobs: Option<usize>,
    /// The whole answer as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    grammar: GrammarArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
}

/// What the answer is to be.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct GrammarArgs {
    /// The answer is JSON of this schema
    #[arg(long, value_name = "FILE")]
    json_schema: Option<PathBuf>,
    /// The answer is a text of this grammar, in Lark's syntax or in llama.cpp's (GBNF)
    #[arg(long, value_name = "FILE")]
    grammar: Option<PathBuf>,
    /// The whole answer matches this regular expression
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    regex: Option<String>,
}

impl GrammarArgs {
    fn source(&self) -> anyhow::Result<Option<GrammarSource>> {
        let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        Ok(match (&self.json_schema, &self.grammar, &self.regex) {
            (Some(path), ..) => {
                let schema = serde_json::from_str(&read(path)?).with_context(|| path.display().to_string())?;
                Some(GrammarSource::JsonSchema(schema))
            }
            (_, Some(path), _) => Some(GrammarSource::of_text(&read(path)?)),
            (.., Some(regex)) => Some(GrammarSource::Regex(regex.clone())),
            _ => None,
        })
    }
}

impl Generate {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.logprobs.is_some() && !(self.json || self.jsonl) {
            return usage("--logprobs shows in --json or --jsonl output");
        }
        let mut options = self.sampling.options(self.logprobs)?;
        options.grammar = self.grammar.source()?;
        if self.jsonl {
            let lines = input::text(self.prompt.as_deref(), self.file.as_deref(), "JSON lines")?;
            let lines = Line::parse_all(&lines).map_err(Usage)?;
            let model = self.model.open_or_built_in()?;
            limit(&mut options, &model);
            return self.answer_lines(&model, &lines, &options);
        }
        let prompt = self.prompt()?;
        let model = self.model.open_or_built_in()?;
        limit(&mut options, &model);
        let mut out = output();
        if self.json {
            let answer = model.generate(&mut model.session(), &prompt, &options, &mut |_| ControlFlow::Continue(()))?;
            writeln!(out, "{}", answer_json(&answer))?;
            return Ok(());
        }
        let answer = stream(&model, &prompt, &options, &mut out)?;
        if !self.model.name.quiet && std::io::stderr().is_terminal() {
            note(summary(&answer));
        }
        Ok(())
    }

    fn prompt(&self) -> anyhow::Result<Prompt> {
        if let Some(ids) = &self.ids {
            return Ok(Prompt::Ids(token_ids(ids).map_err(Usage)?));
        }
        let text = input::text(self.prompt.as_deref(), self.file.as_deref(), "prompt")?;
        if !self.chat {
            return Ok(Prompt::Text(text));
        }
        Ok(self.chat_prompt(self.messages(text.trim_end_matches('\n'))))
    }

    /// The conversation that --chat makes of a text.
    fn messages(&self, text: &str) -> Value {
        let system = self.system.as_ref().map(|text| json!({ "role": "system", "content": text }));
        let user = json!({ "role": "user", "content": text });
        system.into_iter().chain([user]).collect()
    }

    fn chat_prompt(&self, messages: Value) -> Prompt {
        let render = RenderOptions {
            add_generation_prompt: true,
            extra: self.variables.iter().cloned().collect::<Map<_, _>>(),
            now: local_time(),
            ..RenderOptions::default()
        };
        Prompt::Chat { messages, render: Box::new(render), prefill: self.prefill.clone().unwrap_or_default() }
    }

    /// Each line is answered on its own: a line that fails gives an `error` object, and the others go on.
    fn answer_lines(&self, model: &Model, lines: &[Line], options: &GenerateOptions) -> anyhow::Result<()> {
        let mut session = model.session();
        let mut failed = 0;
        for line in lines {
            let prompt = match line.prompt.clone() {
                Prompt::Chat { messages, .. } => self.chat_prompt(messages),
                Prompt::Text(text) if self.chat => self.chat_prompt(self.messages(&text)),
                other => other,
            };
            let options = line.options(options);
            let answer = model.generate(&mut session, &prompt, &options, &mut |_| ControlFlow::Continue(()));
            let mut object = match answer {
                Ok(answer) => answer_json(&answer),
                Err(error) => {
                    failed += 1;
                    json!({ "error": error.to_string() })
                }
            };
            if let (Some(id), Value::Object(keys)) = (&line.id, &mut object) {
                keys.insert("id".into(), id.clone());
            }
            let mut out = output();
            writeln!(out, "{object}")?;
            out.flush()?;
        }
        match failed {
            0 => Ok(()),
            n => Err(anyhow::anyhow!("{n} of {} lines failed; their output has an `error`", lines.len())),
        }
    }
}

/// A base model may go on for ever, so there is a limit where neither the user nor the model sets one.
fn limit(options: &mut GenerateOptions, model: &Model) {
    if model.defaults().max_tokens.is_none() {
        options.max_tokens.get_or_insert(DEFAULT_MAX_TOKENS);
    }
}

/// Writes the answer as it comes: to a terminal made harmless, to a file or program byte for byte.
fn stream(model: &Model, prompt: &Prompt, options: &GenerateOptions, out: &mut impl Write) -> anyhow::Result<Answer> {
    let mut written = Ok(());
    let mut neutraliser = std::io::stdout().is_terminal().then(Neutraliser::default);
    let answer = model.generate(&mut model.session(), prompt, options, &mut |text| {
        let mut shown = String::new();
        match &mut neutraliser {
            Some(neutraliser) => neutraliser.push(text, &mut shown),
            None => shown.push_str(text),
        }
        written = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    if model.tokenizer().is_err() {
        let ids: Vec<_> = answer.tokens.iter().map(|t| t.id.to_string()).collect();
        write!(out, "{}", ids.join(","))?;
    }
    writeln!(out)?;
    Ok(answer)
}

/// One line for the terminal.
fn summary(answer: &Answer) -> String {
    let t = &answer.timings;
    let rate = |tokens: usize, seconds: f64| if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 };
    format!(
        "[{} prompt tokens in {:.2} s, {} new tokens at {:.1}/s]",
        answer.prompt_ids.len(),
        t.prefill_s,
        answer.tokens.len(),
        rate(t.decode_tokens, t.decode_s)
    )
}
