//! `smollm merge`: adapters into a model, or models into their average.

use super::failure::usage;
use super::interrupt::Interrupt;
use super::open::{dtype, threads};
use super::output::note;
use super::progress::{Bar, DownloadBars};
use smollm::{MergeOptions, Share, average, local_files, merge_adapters};
use std::path::PathBuf;

/// Lay LoRA adapters into a model for good, or average models.
///
/// `smollm merge BASE --adapter DIR -o OUT` writes W + s B A, computed in f32 and rounded once; several adapters add up.
/// `smollm merge A B C --weights 0.5,0.3,0.2 -o OUT` writes the weighted average of models of one configuration. OUT becomes a
/// directory as transformers reads it, with tokenizer files and a card that says what it is made of.
#[derive(Debug, clap::Args)]
pub(crate) struct Merge {
    /// The models: directories, .gguf files, hub ids or short names
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// Lay this LoRA adapter (a PEFT directory) into the model (repeatable)
    #[arg(long = "adapter", value_name = "DIR", conflicts_with = "weights")]
    adapters: Vec<PathBuf>,
    /// How much of each model, 1 together (default: the same of each)
    #[arg(long, value_name = "W,W,...", value_delimiter = ',', allow_negative_numbers = true)]
    weights: Vec<f64>,
    /// Directory to write
    #[arg(short, long = "out", value_name = "DIR")]
    out: PathBuf,
    /// Type of the result (default: that of the first model)
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f16", "bf16"])]
    dtype: Option<String>,
    /// Threads (default: the cores that the affinity mask and the cgroup really grant)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// No progress bar
    #[arg(short, long)]
    quiet: bool,
}

impl Merge {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) {
            return usage("merge writes a directory; smollm convert makes a GGUF file of it");
        }
        let count = self.models.len();
        match (self.adapters.is_empty(), count) {
            (false, 2..) => return usage("--adapter goes into one model, not several"),
            (true, 1) => return usage("nothing to merge: give --adapter, or several models"),
            _ => {}
        }
        let weights = match self.weights.len() {
            0 => vec![1.0 / count as f64; count],
            given if given != count => return usage(format!("{given} weights for {count} models")),
            _ => self.weights,
        };
        let options = MergeOptions { dtype: self.dtype.as_deref().map(dtype), threads: threads(self.threads)? };
        let mut shares = Vec::new();
        for (name, weight) in self.models.into_iter().zip(weights) {
            let files = local_files(&name, &DownloadBars::new(self.quiet))?;
            shares.push(Share { name, files, weight });
        }
        let interrupt = Interrupt::listen()?;
        let bar = Bar::writing(&self.out, self.quiet);
        let progress = |at| {
            bar.written(at);
            interrupt.check()
        };
        match &shares[..] {
            [base] if !self.adapters.is_empty() => {
                merge_adapters((&base.name, &base.files), &self.adapters, &self.out, &options, progress)?;
            }
            shares => average(shares, &self.out, &options, progress)?,
        }
        drop(bar);
        if !self.quiet {
            note(format_args!("wrote {}", self.out.display()));
        }
        Ok(())
    }
}
