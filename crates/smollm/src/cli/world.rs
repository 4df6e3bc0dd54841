//! `smollm world`: a closed world to learn from, as files.

use super::failure::usage;
use super::interrupt::Interrupt;
use super::output::output;
use super::progress::Bar;
use indicatif::HumanCount;
use serde_json::json;
use smollm::Error;
use smollm_world::WorldOptions;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Make a closed world to learn from: texts, chats, calls, pairs, and what is held out of them.
///
/// Everything is a function of the seed; nothing is downloaded. texts/ and chats/ are learnt from, pairs.jsonl says which of two answers is better,
/// held-out/ has items that nothing of the rest says, with checks for `smollm verify`, and web/ dirty pages with the truth about them.
#[derive(Debug, clap::Args)]
pub(crate) struct World {
    /// Folder to write; must not be there
    folder: PathBuf,
    /// The same seed makes the same files
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How much there is to learn from; 1 is some twenty-two million characters
    #[arg(long, value_name = "TIMES", default_value_t = 1.0)]
    scale: f64,
    /// Print the files as JSON
    #[arg(long)]
    json: bool,
    /// No progress bar on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl World {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if !(self.scale > 0.0 && self.scale <= 1000.0) {
            return usage("--scale must be more than 0 and at most 1000");
        }
        let interrupt = Interrupt::listen()?;
        let bar = Bar::counting("records", self.quiet);
        let options = WorldOptions { seed: self.seed, scale: self.scale };
        let written = smollm_world::write(&self.folder, options, &mut |done, total| {
            bar.at(done, total);
            if interrupt.check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        drop(bar);
        let Some(summary) = written? else { return Err(Error::Interrupted.into()) };
        let mut out = output();
        if self.json {
            let files: Vec<_> =
                summary.files.iter().map(|(file, records)| json!({ "file": file, "records": records })).collect();
            writeln!(
                out,
                "{}",
                json!({ "folder": self.folder.to_string_lossy(), "seed": self.seed, "scale": self.scale, "files": files })
            )?;
            return Ok(());
        }
        for (file, records) in &summary.files {
            writeln!(out, "{file:<32} {:>12}", HumanCount(*records as u64).to_string())?;
        }
        Ok(())
    }
}
