//! `smollm serve`: models over HTTP.

use super::args::{EngineArgs, RunArgs, bytes, number, whole};
use super::failure::{plain, usage};
use super::line_log::line_log;
use super::open::{built_in, named_by_environment};
use super::output::note;
use super::progress::DownloadBars;
use smollm::{EngineOptions, Error, GenerateOptions, SamplingParams, ServeOptions, sources};
use smollm_engine::{EngineError, Pooling};
use smollm_server::{LoadError, Server, Settings};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Serve models over HTTP, with OpenAI's API (see docs/api.md).
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// A directory, a .gguf file, a hub id, a short name, nano, or a folder of models (repeatable); without it SMOLLM_MODEL in
    /// the environment names the model, and without that nano, which is built in, answers. One model is loaded at once and
    /// answers any name; several are loaded when asked for
    #[arg(short, long, value_name = "MODEL")]
    model: Vec<String>,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    run: RunArgs,
    /// What answers and /v1/models call the model, where there is one
    #[arg(long, value_name = "NAME")]
    alias: Option<String>,
    /// A Jinja chat template in place of the model's own
    #[arg(long, value_name = "FILE")]
    chat_template: Option<PathBuf>,
    /// How embeddings are made of hidden states where a request does not say
    #[arg(long, value_name = "HOW", value_parser = ["mean", "last"], default_value = "mean")]
    pooling: String,
    /// LoRA adapter in PEFT form that requests name as MODEL+NAME (repeatable)
    #[arg(long = "adapter", value_name = "NAME=DIR", value_parser = adapter)]
    adapters: Vec<(String, PathBuf)>,
    /// Let requests load and unload LoRA adapters without API keys (/v1/load_lora_adapter); with --key-file they may
    #[arg(long)]
    adapter_updates: bool,
    /// Let go of a model that nobody asked for in this long
    #[arg(long, value_name = "SECONDS", value_parser = whole::<u64>)]
    idle_unload: Option<u64>,
    #[command(flatten)]
    answers: Answers,
    #[command(flatten)]
    speculation: Speculation,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    load: Load,
}

/// What applies where a request does not say. What is not given comes from generation_config.json, then from the model card.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Answers, where a request does not say")]
struct Answers {
    /// 0 is greedy
    #[arg(long, value_name = "T", value_parser = number, allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Keep the K likeliest tokens; 0 keeps all
    #[arg(long, value_name = "K", value_parser = whole::<usize>)]
    top_k: Option<usize>,
    /// Keep the smallest set of tokens that reaches probability P
    #[arg(long, value_name = "P", value_parser = number, allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Drop tokens less likely than P times the likeliest
    #[arg(long, value_name = "P", value_parser = number, allow_negative_numbers = true)]
    min_p: Option<f32>,
    /// Divide the logits of tokens seen in prompt or answer; 1 is off
    #[arg(long, value_name = "X", value_parser = number, allow_negative_numbers = true)]
    repetition_penalty: Option<f32>,
    /// Whether a model that can think does so (default: as it is used to)
    #[arg(long, value_name = "SWITCH", value_parser = ["on", "off"])]
    thinking: Option<String>,
    /// The same seed for every request (default: a new one each time)
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    seed: Option<u64>,
    /// At most this many new tokens
    #[arg(short = 'n', long, value_name = "N", value_parser = whole::<usize>)]
    max_tokens: Option<usize>,
}

/// How tokens are guessed; what is answered stays the same.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Speculation")]
struct Speculation {
    /// Smaller model with the same tokenizer that guesses tokens, which the model then verifies many at once (default: guesses
    /// are what followed the same words before)
    #[arg(long, value_name = "MODEL")]
    draft: Option<String>,
    /// Tokens of an answer that are guessed at once, at most, and where it is expected to save time; 0 for none
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value_t = 8)]
    draft_tokens: usize,
}

/// Who may ask.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Network")]
struct Network {
    /// Address to listen on; one that other machines can reach needs --key-file or --insecure
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Name by which requests may call the server (their Host header) besides localhost, its addresses and --host; * for any
    /// (repeatable; default: any where other machines can reach it)
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Serve the network without API keys
    #[arg(long)]
    insecure: bool,
    /// SHA-256 hashes of the API keys, one a line as sha256sum prints them; read again when it changes
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Let web pages of this origin use the server, as https://chat.example; localhost is every page of this machine, * every page
    /// (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// Access log: a JSON object a line for each request, on standard output
    #[arg(long)]
    access_log: bool,
    /// Do not tell at /slots what the server does
    #[arg(long)]
    no_slots: bool,
    /// Do not tell at /metrics what the server has done
    #[arg(long)]
    no_metrics: bool,
}

/// How much at once.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
struct Load {
    #[command(flatten)]
    engine: EngineArgs,
    /// Requests that may wait; more are refused with 429
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value_t = 512)]
    queue: usize,
    /// Refuse requests with 429 while they are expected to wait longer than this before their prompts are read
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    queue_limit: Duration,
    /// Bytes that answers of all requests may take before they go out; a quarter for each
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "512M")]
    answer_memory: usize,
    /// Models in memory at once; a further one takes the place of one that is idle
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value_t = 4)]
    max_models: usize,
    /// Largest body of a request, in bytes
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "16M")]
    max_body: usize,
    /// Longest time for one request (default: no limit)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    request_limit: Option<Duration>,
    /// Longest time for the head or the body of a request to arrive, and for a client to leave an answer unread
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    read_limit: Duration,
    /// How long requests under way may go on once the server is told to stop
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    drain_limit: Duration,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let names = self.names()?;
        let mut sources = sources(&names, &self.adapters)?;
        match (&self.alias, sources.as_mut_slice()) {
            (None, _) => {}
            (Some(alias), [one]) => one.name.clone_from(alias),
            (Some(_), several) => return usage(format!("--alias is for one model, and there are {}", several.len())),
        }
        for (index, (name, _)) in self.adapters.iter().enumerate() {
            if self.adapters[..index].iter().any(|(other, _)| other == name) {
                return usage(format!("two adapters are called {name}"));
            }
        }
        if sources.len() > 1 && self.speculation.draft.is_some() {
            return usage("--draft guesses for one model, and there are several; serve them apart");
        }
        let options = ServeOptions {
            open: self.run.options()?,
            answers: self.answers.options()?,
            chat_template: self.chat_template.clone(),
            engine: EngineOptions {
                max_waiting: self.load.queue,
                draft_tokens: self.speculation.draft_tokens,
                ..self.load.engine.options()
            },
            thinking: self.answers.thinking.as_ref().map(|switch| switch == "on"),
            draft: self.speculation.draft.clone(),
            shares_memory: sources.len() > 1,
        };
        let quiet = self.quiet;
        let loader = Arc::new(move |source: &_, memory| {
            options.load(source, memory, &DownloadBars::new(quiet)).map_err(|error| {
                let line = plain(&error.to_string());
                match error {
                    Error::Engine(EngineError::OverBudget { .. }) => LoadError::NoRoom(line),
                    _ => LoadError::Failed(line),
                }
            })
        });
        let count = sources.len();
        let mut server = Server::bind(self.settings(), sources, loader)?;
        let mut writer = None;
        if self.network.access_log {
            let (lines, thread) = line_log()?;
            server.log_access(move |line| lines.write(line));
            writer = Some(thread);
        }
        if !quiet {
            server.note(|line| note(plain(line)));
        }
        let models = if count == 1 { names[0].clone() } else { format!("{count} models") };
        note(plain(&format!("serving {models} at http://{}", server.address())));
        let ended = server.run();
        if let Some(writer) = writer {
            writer.finish();
        }
        Ok(ended?)
    }

    fn names(&self) -> anyhow::Result<Vec<String>> {
        if !self.model.is_empty() {
            return Ok(self.model.clone());
        }
        Ok(vec![named_by_environment()?.unwrap_or_else(|| built_in(self.quiet))])
    }

    fn settings(&self) -> Settings {
        let (network, load) = (&self.network, &self.load);
        Settings {
            host: network.host.clone(),
            port: network.port,
            allowed_hosts: network.allow_host.clone(),
            insecure: network.insecure,
            key_file: network.key_file.clone(),
            cors_origins: network.cors.clone(),
            max_body: load.max_body,
            request_limit: load.request_limit,
            read_limit: load.read_limit,
            queue_limit: Some(load.queue_limit),
            adapter_updates: self.adapter_updates,
            drain_limit: load.drain_limit,
            idle_unload: self.idle_unload.map(Duration::from_secs),
            memory: load.engine.memory,
            answer_memory: load.answer_memory,
            max_models: load.max_models.max(1),
            pooling: if self.pooling == "last" { Pooling::Last } else { Pooling::Mean },
            slots: !network.no_slots,
            metrics: !network.no_metrics,
            ..Settings::default()
        }
    }
}

impl Answers {
    fn options(&self) -> anyhow::Result<GenerateOptions> {
        let options = GenerateOptions {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            seed: self.seed,
            max_tokens: self.max_tokens,
            ..GenerateOptions::default()
        };
        match options.sampling(&SamplingParams::default()).validate(usize::MAX) {
            Ok(()) => Ok(options),
            Err(error) => usage(error.to_string()),
        }
    }
}

fn adapter(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, _)) if name.contains('+') => Err("a name must not contain +".into()),
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.into(), path.into())),
        _ => Err("expected NAME=DIR".into()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds")?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && duration.as_secs() <= 1_000_000_000)
        .ok_or_else(|| "expected a number of seconds, above 0 and at most 1e9".into())
}
