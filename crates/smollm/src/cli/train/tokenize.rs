//! `smollm train tokenize`: files to a data set.

use crate::cli::args::{NameArgs, whole};
use crate::cli::failure::usage;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::output;
use crate::cli::progress::Bar;
use crate::cli::template::variable;
use anyhow::Context;
use serde_json::{Value, json};
use smollm::Error;
use smollm_corpus::dataset::Manifest;
use smollm_corpus::examples::{ExampleOptions, Loss, OnLost};
use smollm_corpus::prepare::{Job, PrepareError, prepare};
use smollm_corpus::records::{Documents, ReadOptions};
use smollm_tokenizer::Specials;
use smollm_tokenizer::template::{ChatTemplate, local_time};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Texts, conversations and preference pairs to tokens with a loss mask.
#[derive(Debug, clap::Args)]
pub(super) struct TokenizeData {
    #[command(flatten)]
    model: NameArgs,
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The folder to make
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// What is learnt: all tokens, what the assistant says (or completions), or only the last of that; of preference pairs always the answers
    #[arg(long, value_name = "WHAT", value_parser = Loss::ALL.map(Loss::name), default_value = Loss::All.name())]
    loss: String,
    /// A chat template in place of the model's
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Set a variable of the template, as in enable_thinking=false (JSON, or else text; repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, Value)>,
    /// Cut examples after so many tokens (default: texts are kept whole, whatever their length)
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>)]
    max_tokens: Option<usize>,
    /// Keep only the last TOKENS of the prompt of a preference pair
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>)]
    max_prompt: Option<usize>,
    /// Count examples of which nothing is left to learn, or answers that are cut away whole, in place of stopping there
    #[arg(long)]
    skip: bool,
    /// The column of a text; without it, columns tell what a row is
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// Each line of a text file is a document
    #[arg(long, conflicts_with = "separator")]
    lines: bool,
    /// Lines of this text stand between the documents of a text file
    #[arg(long, value_name = "LINE")]
    separator: Option<String>,
    /// No end token behind texts and completions
    #[arg(long)]
    no_end: bool,
    /// Special tokens in texts are ordinary text
    #[arg(long)]
    no_special: bool,
    /// Tokens after which a file of the data set ends
    #[arg(long, value_name = "TOKENS", value_parser = whole::<u64>, default_value = "268435456")]
    shard_tokens: u64,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
}

impl TokenizeData {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.max_tokens.is_some_and(|tokens| tokens < 2) {
            return usage("--max-tokens must be at least 2: the first token is never learnt");
        }
        let text = self.model.open_text()?;
        let model = self.model.required()?;
        let tokenizer = text.tokenizer.ok_or(Error::NoTokenizer { model: model.clone() })?;
        let template = match &self.template {
            Some(file) => {
                let source = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Some(ChatTemplate::new(&source, &smollm::special_tokens(Some(&tokenizer)))?)
            }
            None => text.template,
        };
        let end_token = match (self.no_end, tokenizer.eos()) {
            (true, _) => None,
            (false, Some(end)) => Some(end),
            (false, None) => return usage(format!("{model} names no end token; leave it out with --no-end")),
        };
        let documents = match (&self.separator, self.lines) {
            (Some(line), _) => Documents::Separator(line.clone()),
            (None, true) => Documents::Lines,
            (None, false) => Documents::Whole,
        };
        let examples = ExampleOptions {
            // the option's parser lets no other word through
            loss: Loss::ALL.into_iter().find(|loss| loss.name() == self.loss).unwrap_or(Loss::All),
            max_tokens: self.max_tokens,
            max_prompt: self.max_prompt,
            end_token,
            specials: if self.no_special { Specials::AsText } else { Specials::Parse },
            on_lost: if self.skip { OnLost::Count } else { OnLost::Stop },
            variables: self.variables.iter().cloned().collect(),
            now: local_time(),
        };
        let job = Job {
            files: &self.files,
            read: ReadOptions { text_column: self.text_column.clone(), documents },
            tokenizer: &tokenizer,
            template: template.as_ref(),
            examples,
            shard_tokens: self.shard_tokens,
        };
        let interrupt = Interrupt::listen()?;
        let bar = Bar::writing(&self.output, self.model.quiet);
        let made = prepare(&job, &self.output, &mut |at| {
            bar.bytes(at.read, at.total);
            if interrupt.check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        drop(bar);
        match made {
            Ok(manifest) => self.print(&manifest),
            Err(PrepareError::Interrupted) => Err(Error::Interrupted.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn print(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let (mut out, tally) = (output(), manifest.tally);
        if self.json {
            writeln!(out, "{}", json!({ "folder": self.output, "shards": manifest.shards.len(), "tally": tally }))?;
            return Ok(());
        }
        let share = 100.0 * tally.supervised as f64 / tally.tokens.max(1) as f64;
        for (name, value) in [
            ("examples", tally.examples.to_string()),
            ("documents", tally.documents.to_string()),
            ("tokens", tally.tokens.to_string()),
            ("learnt", format!("{} ({share:.1} %)", tally.supervised)),
            ("truncated", format!("{} ({} tokens cut away)", tally.truncated, tally.cut_tokens)),
            ("answers lost", tally.answers_cut.to_string()),
            ("skipped", tally.skipped.to_string()),
            ("shards", format!("{} in {}", manifest.shards.len(), self.output.display())),
        ] {
            writeln!(out, "{name:<13} {value}")?;
        }
        Ok(())
    }
}
