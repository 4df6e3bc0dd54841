//! `smollm convert`: safetensors to GGUF and back.

use super::interrupt::Interrupt;
use super::open::dtype;
use super::output::note;
use super::progress::{Bar, DownloadBars};
use smollm::{convert, local_files};
use std::path::PathBuf;

/// Convert between safetensors and GGUF.
#[derive(Debug, clap::Args)]
pub(crate) struct Convert {
    /// The model: a directory, a .gguf file, a hub id or a short name
    input: String,
    /// A name ending in .gguf writes a GGUF file, any other a safetensors directory
    output: PathBuf,
    /// Type of the matrices (default: as they are)
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f16", "bf16"])]
    dtype: Option<String>,
    /// No progress bar
    #[arg(short, long)]
    quiet: bool,
}

impl Convert {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let files = local_files(&self.input, &DownloadBars::new(self.quiet))?;
        let interrupt = Interrupt::listen()?;
        let bar = Bar::writing(&self.output, self.quiet);
        convert(&files, &self.output, self.dtype.as_deref().map(dtype), |at| {
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
