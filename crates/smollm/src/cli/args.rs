//! The options that several commands share.

use clap::Args;
use clap::builder::PossibleValuesParser;
use smollm::EngineOptions;
use smollm::terminal::ChatOptions;
use smollm_model::Mix;
use std::num::{IntErrorKind, ParseIntError};
use std::path::PathBuf;
use std::str::FromStr;

/// Element types of a K/V cache.
pub(crate) const KV_TYPES: [&str; 4] = ["f32", "f16", "bf16", "q8_0"];

/// What is said of `-m` by commands that answer with the built-in model where none is named.
pub(crate) const MODEL_OR_NANO: &str = "A directory, a .gguf file, a hub id (org/name[@revision][:file.gguf|:QUANT]), a short name \
     (smollm2:135m) or nano, which is built in; without it SMOLLM_MODEL in the environment names the model, and without that nano answers";

/// Which model.
#[derive(Debug, Clone, Args)]
pub(crate) struct NameArgs {
    /// A directory, a .gguf file, a hub id (org/name[@revision][:file.gguf|:QUANT]), a short name (smollm2:135m) or nano,
    /// which is built in; without it SMOLLM_MODEL in the environment names the model
    #[arg(short, long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// No progress bars and notes on standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Which model, and how it runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub(crate) name: NameArgs,
    /// LoRA adapter in PEFT form to lay over the model
    #[arg(long, value_name = "DIR")]
    pub(crate) lora: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// How models run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Convert the weights while loading (default: as they are in the file)
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "f16", "bf16"])]
    pub(crate) dtype: Option<String>,
    /// Quantise the weights while loading, as the command quantize would (q8_0, q4_0, q4_k_m, ...)
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(Mix::names()), conflicts_with = "dtype")]
    pub(crate) quant: Option<String>,
    /// Element type of the K/V cache (default: that of the weights)
    #[arg(long, visible_alias = "kv", value_name = "TYPE", value_parser = KV_TYPES)]
    pub(crate) kv_type: Option<String>,
    /// Tokens of context (default: what the model was made for, at most 8192)
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(crate) ctx: Option<usize>,
    /// Threads (default: the cores that the affinity mask and the cgroup really grant)
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(crate) threads: Option<usize>,
}

/// What bounds the memory of an engine.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Requests that are answered at once (default: 64)
    #[arg(long, value_name = "N", value_parser = places)]
    pub(crate) parallel: Option<usize>,
    /// Bytes that weights, caches and buffers of all models in memory may take, as 800M or 2G
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory: Option<usize>,
    /// Tokens that the cache of a model holds for all requests together (default: four contexts, or what --memory leaves)
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>)]
    pub(crate) kv_tokens: Option<usize>,
    /// Tokens of a forward pass: prompts are read in parts of so many
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>)]
    pub(crate) batch_tokens: Option<usize>,
}

impl EngineArgs {
    /// As the library has them.
    pub(crate) fn options(&self) -> EngineOptions {
        let options = EngineOptions::default();
        EngineOptions {
            token_budget: self.batch_tokens.unwrap_or(options.token_budget),
            max_running: self.parallel.unwrap_or(options.max_running),
            memory: self.memory,
            kv_tokens: self.kv_tokens,
            ..options
        }
    }
}

/// A chat, or one question: with which model, how it looks, what it keeps, and how it is answered.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("model", |model| model.help(MODEL_OR_NANO)))]
pub(crate) struct ChatArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Ask this, print the answer and end
    pub(crate) question: Option<String>,
    /// System message
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) system: Option<String>,
    /// Let the model think before it answers, or not (SmolLM3)
    #[arg(long, value_name = "on|off", value_parser = ["on", "off"])]
    think: Option<String>,
    /// Name at the prompt
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// No colours (NO_COLOR in the environment does the same)
    #[arg(long)]
    no_color: bool,
    /// Do not keep inputs for the next session
    #[arg(long)]
    no_history: bool,
    /// Where chats are saved
    #[arg(long, value_name = "DIR")]
    save_folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
}

impl ChatArgs {
    /// Whether the model is to think, where that is said.
    pub(crate) fn thinking(&self) -> Option<bool> {
        self.think.as_deref().map(|think| think == "on")
    }

    /// How the library is to chat.
    pub(crate) fn options(self, prefill: Option<String>) -> ChatOptions {
        ChatOptions {
            question: self.question,
            prefill,
            user: self.user,
            no_color: self.no_color,
            quiet: self.model.name.quiet,
            save_folder: self.save_folder,
            no_history: self.no_history,
        }
    }
}

/// How tokens are chosen. What is not given comes from generation_config.json, then from the model card.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// 0 is greedy
    #[arg(short, long, value_name = "T", value_parser = number, allow_negative_numbers = true)]
    pub(crate) temperature: Option<f32>,
    /// Keep the K likeliest tokens; 0 keeps all
    #[arg(long, value_name = "K", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(crate) top_k: Option<usize>,
    /// Keep the smallest set of tokens that reaches probability P
    #[arg(long, value_name = "P", value_parser = number, allow_negative_numbers = true)]
    pub(crate) top_p: Option<f32>,
    /// Drop tokens less likely than P times the likeliest
    #[arg(long, value_name = "P", value_parser = number, allow_negative_numbers = true)]
    pub(crate) min_p: Option<f32>,
    /// Divide the logits of tokens seen in prompt or answer; 1 is off
    #[arg(long, value_name = "X", value_parser = number, allow_negative_numbers = true)]
    pub(crate) repetition_penalty: Option<f32>,
    /// Subtract per occurrence in the answer
    #[arg(long, value_name = "X", value_parser = number, allow_negative_numbers = true)]
    pub(crate) frequency_penalty: Option<f32>,
    /// Subtract once for tokens that occur in the answer
    #[arg(long, value_name = "X", value_parser = number, allow_negative_numbers = true)]
    pub(crate) presence_penalty: Option<f32>,
    /// Add BIAS to the logit of token ID (repeatable)
    #[arg(long, value_name = "ID=BIAS", value_parser = logit_bias, allow_hyphen_values = true)]
    pub(crate) logit_bias: Vec<(u32, f32)>,
    /// Makes sampling reproducible (default: a new one each time)
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// End the answer before this text (repeatable)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) stop: Vec<String>,
    /// At most this many new tokens (default: max_new_tokens of generation_config.json; else 256, in a chat no limit)
    #[arg(short = 'n', long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    pub(crate) max_tokens: Option<usize>,
    /// Go on after the model's end token
    #[arg(long)]
    pub(crate) ignore_eos: bool,
}

/// A whole number from 0 up.
pub(crate) fn whole<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => "the number is too large".into(),
        _ => "expected a whole number, 0 or more".into(),
    })
}

/// Sequences that may run at once: `/slots` lists them all.
fn places(text: &str) -> Result<usize, String> {
    const MOST: usize = 4096;
    let wrong = || format!("expected a whole number from 1 to {MOST}");
    text.parse().ok().filter(|places| (1..=MOST).contains(places)).ok_or_else(wrong)
}

pub(crate) fn number(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| "expected a number".into())
}

fn logit_bias(text: &str) -> Result<(u32, f32), String> {
    let (id, bias) = text.split_once('=').ok_or("expected ID=BIAS, as in 42=-100")?;
    let id = id.trim().parse().map_err(|_| format!("`{id}` is not a token id"))?;
    let bias: f32 = bias.trim().parse().map_err(|_| format!("`{bias}` is not a number"))?;
    Ok((id, bias))
}

/// A number of bytes, with K, M or G for powers of 1024.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || "expected a number of bytes, as 800M or 2G".to_owned();
    let (digits, shift) = match text.char_indices().next_back().ok_or_else(wrong)? {
        (at, 'k' | 'K') => (&text[..at], 10),
        (at, 'm' | 'M') => (&text[..at], 20),
        (at, 'g' | 'G') => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: usize = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|&bytes| bytes > 0).ok_or_else(wrong)
}

/// Token ids as `1,2,3` (spaces allowed).
pub(crate) fn token_ids(text: &str) -> Result<Vec<u32>, String> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let ids = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    ids.map(|part| part.parse().map_err(|_| format!("`{part}` is not a token id; expected numbers like 1,2,3")))
        .collect()
}
