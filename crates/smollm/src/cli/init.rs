//! `smollm init`: a random-initialised checkpoint.

use super::args::whole;
use super::interrupt::Interrupt;
use super::output::note;
use super::progress::Bar;
use super::template::variable;
use indicatif::HumanCount;
use serde_json::Value;
use smollm::{InitOptions, parameter_count};
use std::path::{Path, PathBuf};

/// Make a random-initialised checkpoint of a released shape, for benches, tests and training.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// smollm2-135m, smollm-360m-instruct, smollm3-3b, ..., or a config.json
    shape: String,
    /// Directory to write
    out: PathBuf,
    /// Every weight is a function of it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: u64,
    /// Take the tokenizer files from this directory; without them the checkpoint works with --ids only
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Override a key of config.json, as in hidden_size=64 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = variable)]
    set: Vec<(String, Value)>,
    /// No progress bar
    #[arg(short, long)]
    quiet: bool,
}

impl Init {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let options = InitOptions { seed: self.seed, tokenizer: self.tokenizer, set: self.set };
        let interrupt = Interrupt::listen()?;
        let bar = Bar::writing(Path::new("model.safetensors"), self.quiet);
        let config = smollm::init(&self.shape, &self.out, &options, |at| {
            bar.written(at);
            interrupt.check()
        })?;
        drop(bar);
        if !self.quiet {
            note(format_args!("{}: {} parameters", self.out.display(), HumanCount(parameter_count(&config) as u64)));
        }
        Ok(())
    }
}
