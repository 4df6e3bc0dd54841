//! `smollm tokenizer eval`: tokenizers side by side on the same texts.

use super::TextArgs;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::output;
use crate::cli::progress::{Bar, DownloadBars};
use indicatif::HumanCount;
use serde_json::json;
use smollm::{Error, TextParts, evaluate_tokenizers, local_files};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::eval::Evaluation;
use std::io::Write;
use std::path::Path;

/// Judge tokenizers by how they take texts apart.
#[derive(Debug, clap::Args)]
pub(crate) struct Eval {
    /// A tokenizer: a directory, a tokenizer.json, a .gguf file, a hub id or a short name
    tokenizer: String,
    #[command(flatten)]
    texts: TextArgs,
    /// A further tokenizer, for a line beside that of the first (repeatable)
    #[arg(long = "with", value_name = "TOKENIZER")]
    further: Vec<String>,
    /// One JSON object per tokenizer
    #[arg(long)]
    json: bool,
    /// No progress bars and notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl Eval {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let files = self.texts.files()?;
        let names: Vec<String> = [vec![self.tokenizer], self.further].concat();
        let tokenizers = names.iter().map(|name| open(name, self.quiet)).collect::<anyhow::Result<Vec<_>>>()?;
        let interrupt = Interrupt::listen()?;
        let bar = Bar::reading(self.quiet);
        let found = evaluate_tokenizers(&tokenizers.iter().collect::<Vec<_>>(), &files, |bytes, of| {
            bar.at(bytes as usize, of as usize);
            interrupt.check()
        })?;
        drop(bar);
        let mut out = output();
        if self.json {
            for ((name, tokenizer), at) in names.iter().zip(&tokenizers).zip(&found) {
                writeln!(out, "{}", object(name, tokenizer, at))?;
            }
            return Ok(());
        }
        if let Some(first) = found.first() {
            let [texts, bytes] = [first.texts, first.bytes].map(HumanCount);
            writeln!(out, "{texts} text{}, {bytes} bytes\n", if first.texts == 1 { "" } else { "s" })?;
        }
        writeln!(
            out,
            "{:<28} {:>8} {:>12} {:>11} {:>11} {:>8} {:>8} {:>9} {:>11}",
            "tokenizer", "size", "tokens", "bytes/token", "tokens/word", "whole", "used", "exact", "tokens/s"
        )?;
        for ((name, tokenizer), at) in names.iter().zip(&tokenizers).zip(&found) {
            let mean = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
            let share = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.2} %", 100.0 * value));
            let speed = at.tokens_per_second().map_or("-".to_owned(), |speed| HumanCount(speed as u64).to_string());
            let exact = format!("{}/{}", at.exact_texts, at.texts);
            writeln!(
                out,
                "{:<28} {:>8} {:>12} {:>11} {:>11} {:>8} {:>8} {exact:>9} {speed:>11}",
                short(name),
                tokenizer.vocab_size(),
                HumanCount(at.tokens).to_string(),
                mean(at.bytes_per_token()),
                mean(at.tokens_per_word()),
                share(at.whole()),
                share(at.used()),
            )?;
        }
        Ok(())
    }
}

/// The tokenizer of a model, or of a file.
fn open(name: &str, quiet: bool) -> anyhow::Result<Tokenizer> {
    if name.ends_with(".json") {
        return Ok(Tokenizer::from_file(name)?);
    }
    let text = TextParts::read(&local_files(name, &DownloadBars::new(quiet))?)?;
    Ok(text.tokenizer.ok_or_else(|| Error::NoTokenizer { model: name.to_owned() })?)
}

/// The end of a path: what tells it from others in the table.
fn short(name: &str) -> &str {
    let path = Path::new(name);
    let end = path.file_name().and_then(|end| end.to_str()).unwrap_or(name);
    match path.parent() {
        Some(folder) if end == "tokenizer.json" => folder.file_name().and_then(|end| end.to_str()).unwrap_or(end),
        _ => end,
    }
}

fn object(name: &str, tokenizer: &Tokenizer, at: &Evaluation) -> serde_json::Value {
    json!({
        "tokenizer": name, "vocab_size": tokenizer.vocab_size(), "texts": at.texts, "exact_texts": at.exact_texts,
        "bytes": at.bytes, "tokens": at.tokens, "words": at.words, "word_tokens": at.word_tokens,
        "whole_words": at.whole_words, "plain_tokens": at.plain_tokens, "used_tokens": at.used_tokens,
        "bytes_per_token": at.bytes_per_token(), "tokens_per_word": at.tokens_per_word(),
        "encode_s": at.time.as_secs_f64(),
    })
}
