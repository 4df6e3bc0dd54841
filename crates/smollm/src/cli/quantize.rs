//! `smollm quantize`: a model into a quantised GGUF file.

use super::failure::usage;
use super::interrupt::Interrupt;
use super::open::threads;
use super::output::note;
use super::progress::{Bar, DownloadBars};
use clap::builder::PossibleValuesParser;
use smollm::{QuantizeOptions, local_files, quantize};
use smollm_model::Mix;
use std::path::PathBuf;

/// Quantise a model to a GGUF file.
///
/// TYPE is a mix of types by llama.cpp's name; the matrices that matter most get more bits than it says. `smollm eval-quant`
/// shows what a type costs.
#[derive(Debug, clap::Args)]
pub(crate) struct Quantize {
    /// The model: a directory, a .gguf file, a hub id or a short name
    input: String,
    /// The .gguf file to write
    output: PathBuf,
    /// What to quantise to
    #[arg(long = "type", value_name = "TYPE", ignore_case = true, value_parser = PossibleValuesParser::new(Mix::names()))]
    mix: String,
    /// Importance matrix of the model, as `smollm imatrix` and llama.cpp's llama-imatrix write it
    #[arg(long, value_name = "FILE")]
    imatrix: Option<PathBuf>,
    /// Quantise a model that is quantised already (the errors of both add up)
    #[arg(long)]
    requantize: bool,
    /// Threads (default: the cores that the affinity mask and the cgroup really grant)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// No progress bar
    #[arg(short, long)]
    quiet: bool,
}

impl Quantize {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.output.extension().is_none_or(|e| !e.eq_ignore_ascii_case("gguf")) {
            return usage(format!(
                "{} does not end in .gguf, the only format of quantised files",
                self.output.display()
            ));
        }
        let Some(mix) = Mix::named(&self.mix.to_ascii_lowercase()) else {
            return usage(format!("there is no type {}", self.mix));
        };
        let (imatrix, requantize, threads) = (self.imatrix, self.requantize, threads(self.threads)?);
        let options = QuantizeOptions { mix, imatrix, requantize, threads };
        let files = local_files(&self.input, &DownloadBars::new(self.quiet))?;
        let interrupt = Interrupt::listen()?;
        let bar = Bar::writing(&self.output, self.quiet);
        quantize(&files, &self.output, &options, |at| {
            bar.written(at);
            interrupt.check()
        })?;
        drop(bar);
        if !self.quiet {
            note(format_args!("wrote {}", self.output.display()));
        }
        Ok(())
    }
}
