//! `smollm tokenizer train`: a vocabulary from texts.

use super::TextArgs;
use crate::cli::args::{bytes, whole};
use crate::cli::input;
use crate::cli::interrupt::Interrupt;
use crate::cli::open::threads;
use crate::cli::output::note;
use crate::cli::progress::Bar;
use indicatif::HumanCount;
use smollm::{Stage, TokenRoles, TokenizerOptions, train_tokenizer};
use smollm_tokenizer::train::{Pattern, SMOLLM2_SPECIALS, TrainOptions, Trained};
use std::path::PathBuf;

/// Train a tokenizer on texts.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    #[command(flatten)]
    texts: TextArgs,
    /// Directory to write
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Tokens in all: special tokens, the 256 bytes, and merges
    #[arg(long, value_name = "N", default_value_t = 49_152, value_parser = whole::<usize>, allow_negative_numbers = true)]
    vocab_size: usize,
    /// A special token; the first gets id 0 (repeatable; default: the 17 of SmolLM2)
    #[arg(long = "special", value_name = "TOKEN", allow_hyphen_values = true)]
    specials: Vec<String>,
    /// The special token that begins texts
    #[arg(long, value_name = "TOKEN", help_heading = "Roles (default: as in SmolLM2, where it has those tokens)")]
    bos: Option<String>,
    /// The special token that ends texts
    #[arg(long, value_name = "TOKEN", help_heading = "Roles (default: as in SmolLM2, where it has those tokens)")]
    eos: Option<String>,
    /// The special token for what has no other
    #[arg(long, value_name = "TOKEN", help_heading = "Roles (default: as in SmolLM2, where it has those tokens)")]
    unk: Option<String>,
    /// The special token that fills batches
    #[arg(long, value_name = "TOKEN", help_heading = "Roles (default: as in SmolLM2, where it has those tokens)")]
    pad: Option<String>,
    /// Chat template in Jinja, for tokenizer_config.json
    #[arg(long, value_name = "FILE")]
    chat_template: Option<PathBuf>,
    /// Where words end: smollm2 keeps every digit alone, gpt2 runs of digits, smollm3 (Llama 3) up to three
    #[arg(long, value_name = "NAME", default_value = "smollm2", value_parser = ["smollm2", "gpt2", "smollm3"])]
    pattern: String,
    /// Pairs that occur less often do not merge
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = whole::<u64>, allow_negative_numbers = true)]
    min_frequency: u64,
    /// Tokens have fewer bytes than this, but for pairs of two (as in tokenizers)
    #[arg(long, value_name = "BYTES", value_parser = whole::<usize>, allow_negative_numbers = true)]
    max_token_length: Option<usize>,
    /// No tokens for bytes that no text has, as in SmolLM2: other texts lose them
    #[arg(long)]
    only_seen_bytes: bool,
    /// Bytes for words and their counts, as 800M or 2G; beyond it counts go to disk, and the rarest words are left out, which is told
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = bytes)]
    memory: usize,
    /// Threads (default: the cores that the affinity mask and the cgroup really grant)
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    threads: Option<usize>,
    /// No progress bars and notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl Train {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let threads = threads(self.threads)?.unwrap_or_else(smollm_kernels::granted_threads);
        let specials = match self.specials.is_empty() {
            true => SMOLLM2_SPECIALS.map(str::to_owned).to_vec(),
            false => self.specials,
        };
        let roles = TokenRoles { bos: self.bos, eos: self.eos, unk: self.unk, pad: self.pad };
        let options = TokenizerOptions {
            roles: roles.or(TokenRoles::of_smollm2(&specials, self.chat_template.is_some())),
            chat_template: self.chat_template.map(|path| input::text(None, Some(&path), "template")).transpose()?,
            vocabulary: TrainOptions {
                vocab_size: self.vocab_size,
                specials,
                pattern: pattern(&self.pattern),
                min_frequency: self.min_frequency,
                max_token_length: self.max_token_length,
                only_seen_bytes: self.only_seen_bytes,
                threads,
                memory: self.memory,
            },
        };
        let files = self.texts.files()?;
        let interrupt = Interrupt::listen()?;
        let (mut reading, mut merging) = (Some(Bar::reading(self.quiet)), None);
        let trained = train_tokenizer(&files, &options, &self.output, |stage| {
            match stage {
                Stage::Reading { bytes, of } => {
                    if let Some(bar) = &reading {
                        bar.at(bytes as usize, of as usize);
                    }
                }
                Stage::Merging { tokens, of } => {
                    reading = None;
                    merging.get_or_insert_with(|| Bar::counting("merging", self.quiet)).at(tokens, of);
                }
            }
            interrupt.check()
        })?;
        drop(merging);
        if !self.quiet {
            notes(&trained, self.vocab_size).iter().for_each(|line| note(format_args!("note: {line}")));
            note(format_args!("wrote {} ({})", self.output.display(), summary(&trained)));
        }
        Ok(())
    }
}

/// The option's parser lets nothing else through.
fn pattern(name: &str) -> Pattern {
    match name {
        "gpt2" => Pattern::Gpt2,
        "smollm3" => Pattern::Llama3,
        _ => Pattern::Gpt2Digits,
    }
}

fn summary(trained: &Trained) -> String {
    let Trained { texts, bytes, words, .. } = *trained;
    let [tokens, texts, bytes, words] = [trained.tokenizer.vocab_size() as u64, texts, bytes, words].map(HumanCount);
    let s = if trained.texts == 1 { "" } else { "s" };
    format!("{tokens} tokens from {texts} text{s} of {bytes} bytes with {words} different words")
}

/// What is not as was asked.
fn notes(trained: &Trained, wanted: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(left) = trained.left_out {
        let share = 100.0 * left.occurrences as f64 / left.of.max(1) as f64;
        notes.push(format!(
            "the {} words that occur less than {} times ({share:.2} % of the text's words) had no place in --memory and were left out",
            HumanCount(left.words),
            left.below
        ));
    }
    let tokens = trained.tokenizer.vocab_size();
    if tokens < wanted {
        notes.push(format!("the texts have no more pairs to merge: {tokens} tokens instead of {wanted}"));
    }
    notes
}
