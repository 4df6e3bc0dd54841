//! `smollm imatrix`: how strong the inputs of each matrix are on a text.

use super::args::{ModelArgs, token_ids};
use super::failure::{Usage, usage};
use super::input;
use super::interrupt::Interrupt;
use super::output::note;
use super::progress::Bar;
use smollm::{IMATRIX_CHUNK, Prompt, imatrix};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Compute an importance matrix from a text, for `smollm quantize --imatrix`.
///
/// The text should be like those the model will see; some hundred thousand tokens are plenty. The file has the GGUF form of
/// llama.cpp, which reads it too. Ctrl-C writes what was read so far.
#[derive(Debug, clap::Args)]
pub(crate) struct ImatrixCommand {
    #[command(flatten)]
    model: ModelArgs,
    /// The text (default: standard input)
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Token ids instead of text, as 1,2,3
    #[arg(long, value_name = "IDS", conflicts_with = "file")]
    ids: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Tokens of each piece that is read by itself
    #[arg(long, value_name = "TOKENS", default_value_t = IMATRIX_CHUNK)]
    chunk: usize,
    /// Read at most so many pieces
    #[arg(long, value_name = "N")]
    chunks: Option<usize>,
}

impl ImatrixCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.chunk == 0 || self.chunks == Some(0) {
            return usage("--chunk and --chunks must be at least 1");
        }
        let prompt = match &self.ids {
            Some(ids) => Prompt::Ids(token_ids(ids).map_err(Usage)?),
            None => Prompt::Text(input::text(None, self.file.as_deref(), "text")?),
        };
        let dataset = self.file.as_ref().map_or("standard input".into(), |file| file.display().to_string());
        let model = self.model.open()?;
        let mut ids = model.prompt_ids(&prompt)?;
        ids.truncate(self.chunks.map_or(usize::MAX, |chunks| chunks.saturating_mul(self.chunk)));
        let interrupt = Interrupt::listen()?;
        let bar = Bar::counting("reading", self.model.name.quiet);
        let imatrix = imatrix(&model, &ids, self.chunk, &dataset, &mut |done, total| {
            bar.at(done, total);
            if interrupt.check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        drop(bar);
        if imatrix.chunks == 0 {
            interrupt.check()?;
        }
        imatrix.write(&self.output)?;
        if !self.model.name.quiet {
            let (chunks, tokens) = (imatrix.chunks, imatrix.chunk_tokens);
            note(format_args!("wrote {} ({chunks} x {tokens} tokens)", self.output.display()));
        }
        Ok(())
    }
}
