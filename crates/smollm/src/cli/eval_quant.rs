//! `smollm eval-quant`: what quantising cost, on a text.

use super::args::token_ids;
use super::failure::{Usage, usage};
use super::input;
use super::open::{kv_dtype, threads};
use super::progress::{Bar, DownloadBars};
use serde_json::json;
use smollm::{Error, Model, OpenOptions, Prompt, Windows, compare};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Compare quantised models with the one they were made from: perplexity, KL divergence, agreement.
///
/// Both predict every token of a text from those before it in its window. KL is how many nats the quantised model's
/// prediction is off, 0 where nothing was lost; top-1 is how often both find the same token likeliest.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalQuant {
    /// The model that the others were made from: a directory, a .gguf file, a hub id or a short name
    base: String,
    /// The quantised models
    #[arg(required = true)]
    quantized: Vec<String>,
    /// The text (default: standard input)
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Token ids instead of text, as 1,2,3
    #[arg(long, value_name = "IDS", conflicts_with = "file")]
    ids: Option<String>,
    /// Tokens per window
    #[arg(long, value_name = "TOKENS", default_value_t = 512)]
    window: usize,
    /// Tokens between the starts of two windows (default: half a window)
    #[arg(long, value_name = "TOKENS")]
    stride: Option<usize>,
    /// Element type of the K/V caches (default: that of the weights)
    #[arg(long, visible_alias = "kv", value_name = "TYPE", value_parser = super::args::KV_TYPES)]
    kv_type: Option<String>,
    /// Threads (default: the cores that the affinity mask and the cgroup really grant)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// One JSON object per quantised model
    #[arg(long)]
    json: bool,
    /// No progress bars and notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl EvalQuant {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.window < 2 || self.stride == Some(0) {
            return usage("--window must be at least 2 and --stride at least 1");
        }
        let threads = threads(self.threads)?;
        let prompt = match &self.ids {
            Some(ids) => Prompt::Ids(token_ids(ids).map_err(Usage)?),
            None => Prompt::Text(input::text(None, self.file.as_deref(), "text")?),
        };
        let open = |name: &str| {
            let kv_dtype = self.kv_type.as_deref().map(kv_dtype);
            let options = OpenOptions { threads, kv_dtype, ..OpenOptions::default() };
            Model::open_with(name, &options, &DownloadBars::new(self.quiet))
        };
        let base = open(&self.base)?;
        let ids = base.prompt_ids(&prompt)?;
        if ids.len() < 2 {
            return Err(Error::TextTooShort { tokens: ids.len(), needed: 2 }.into());
        }
        let windows = Windows { length: self.window, stride: self.stride.unwrap_or(self.window.div_ceil(2)) };
        let mut out = std::io::stdout().lock();
        for (i, name) in self.quantized.iter().enumerate() {
            let model = open(name)?;
            let bar = Bar::counting(model.short_name(), self.quiet);
            let comparison = compare(&base, &model, &ids, windows, &mut |done, total| {
                bar.at(done, total);
                ControlFlow::Continue(())
            })?;
            drop(bar);
            let Some(at) = comparison else { return Ok(()) }; // never stopped from here
            let bytes = model.decoder().weights.bytes();
            if self.json {
                let json = json!({
                    "base": self.base, "model": name, "weight_bytes": bytes, "tokens": at.tokens,
                    "base_perplexity": at.base_perplexity, "perplexity": at.perplexity, "mean_kl": at.mean_kl,
                    "kl_error": at.kl_error, "max_kl": at.max_kl, "same_top": at.same_top,
                });
                writeln!(out, "{json}")?;
                continue;
            }
            let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
            if i == 0 {
                writeln!(out, "{:<28} {:>9} {:>11} {:>21} {:>8}", "model", "MiB", "perplexity", "KL", "top-1")?;
                let base_bytes = mib(base.decoder().weights.bytes());
                writeln!(out, "{:<28} {base_bytes:>9.1} {:>11.4}", base.short_name(), at.base_perplexity)?;
            }
            let kl = format!("{:.6} ± {:.6}", at.mean_kl, at.kl_error);
            let (size, top) = (mib(bytes), 100.0 * at.same_top);
            writeln!(out, "{:<28} {size:>9.1} {:>11.4} {kl:>21} {top:>6.2} %", model.short_name(), at.perplexity)?;
        }
        Ok(())
    }
}
