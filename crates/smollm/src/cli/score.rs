//! `smollm score`: per-token log-probabilities and perplexity.

use super::args::{ModelArgs, token_ids, whole};
use super::failure::{Usage, usage};
use super::input;
use super::output::output;
use super::progress::Bar;
use serde_json::json;
use smollm::{Prompt, Windows};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Log-probabilities and perplexity of a text.
///
/// A text longer than the context is read in windows of --window tokens that start every --stride tokens; a token is
/// scored once, by the first window that reaches it. Perplexity is exp of minus the mean over all tokens but the first.
#[derive(Debug, clap::Args)]
pub(crate) struct Score {
    #[command(flatten)]
    model: ModelArgs,
    /// The text (default: standard input)
    text: Option<String>,
    /// Read the text from a file
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Score token ids instead of text, as 1,2,3
    #[arg(long, value_name = "IDS", allow_hyphen_values = true, conflicts_with_all = ["text", "file"])]
    ids: Option<String>,
    /// Tokens per window (default: the context)
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>, allow_negative_numbers = true)]
    window: Option<usize>,
    /// Tokens between the starts of two windows (default: half a window)
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>, allow_negative_numbers = true)]
    stride: Option<usize>,
    /// {"ids":[...],"logprobs":[null,...],"perplexity":x}
    #[arg(long)]
    json: bool,
}

impl Score {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.window.is_some_and(|w| w < 2) || self.stride == Some(0) {
            return usage("--window must be at least 2 and --stride at least 1");
        }
        let prompt = match &self.ids {
            Some(ids) => Prompt::Ids(token_ids(ids).map_err(Usage)?),
            None => Prompt::Text(input::text(self.text.as_deref(), self.file.as_deref(), "text")?),
        };
        let model = self.model.open()?;
        let ids = model.prompt_ids(&prompt)?;
        if ids.is_empty() {
            return usage("there is nothing to score: the text has no tokens");
        }
        let length = self.window.unwrap_or(model.context());
        if length > model.context() {
            return usage(format!("--window {length} is more than the context of {} tokens (--ctx)", model.context()));
        }
        let windows = Windows { length, stride: self.stride.unwrap_or(length.div_ceil(2)) };
        let bar = Bar::counting("scoring", self.model.name.quiet);
        let mut session = model.session();
        let score = session.score(&ids, windows, &mut |done, total| {
            bar.at(done, total);
            ControlFlow::Continue(())
        })?;
        drop(bar);
        let Some(score) = score else { return Ok(()) }; // never stopped from here
        let mut out = output();
        if self.json {
            let json = json!({ "ids": ids, "logprobs": score.logprobs, "perplexity": score.perplexity });
            writeln!(out, "{json}")?;
            return Ok(());
        }
        for (id, logprob) in ids.iter().zip(&score.logprobs) {
            // byte for byte, so that spaces show; half a character as U+FFFD
            let bytes = model.tokenizer().ok().and_then(|tokenizer| tokenizer.token_bytes(*id)).unwrap_or_default();
            let token = String::from_utf8_lossy(&bytes);
            match logprob {
                Some(logprob) => writeln!(out, "{id}\t{logprob:.6}\t{token:?}")?,
                None => writeln!(out, "{id}\t-\t{token:?}")?,
            }
        }
        if let Some(perplexity) = score.perplexity {
            let tokens = ids.len() - 1;
            writeln!(out, "perplexity {perplexity:.6} over {tokens} token{}", if tokens == 1 { "" } else { "s" })?;
        }
        Ok(())
    }
}
