//! `smollm serve`: models over HTTP.

use super::args::{RunArgs, whole};
use super::failure::{plain, usage};
use super::output::{note, output};
use super::progress::DownloadBars;
use smollm::{EngineOptions, ServeOptions, sources};
use smollm_server::{Server, Settings};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Serve models over HTTP, with OpenAI's API (see docs/api.md).
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// A directory, a .gguf file, a hub id, a short name, or a folder of models (repeatable); without it SMOLLM_MODEL in the
    /// environment names the model. One model is loaded at once and answers any name; several are loaded when asked for
    #[arg(short, long, value_name = "MODEL")]
    model: Vec<String>,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    run: RunArgs,
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
    speculation: Speculation,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    load: Load,
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
    /// Serve the network without API keys
    #[arg(long)]
    insecure: bool,
    /// SHA-256 hashes of the API keys, one a line as sha256sum prints them; read again when it changes
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Let web pages of this origin use the server, as https://chat.example; * is every page (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// Access log: a JSON object a line for each request, on standard output
    #[arg(long)]
    access_log: bool,
}

/// How much at once.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
struct Load {
    /// Requests that are answered at once
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value_t = 64)]
    parallel: usize,
    /// Requests that may wait; more are refused with 429
    #[arg(long, value_name = "N", value_parser = whole::<usize>, default_value_t = 512)]
    queue: usize,
    /// Refuse requests with 429 while they are expected to wait longer than this before their prompts are read
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    queue_limit: Duration,
    /// Bytes that weights, cache and buffers of a model may take, as 800M or 2G
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    memory: Option<usize>,
    /// Tokens that the cache of a model holds for all requests together (default: four contexts, or what --memory leaves)
    #[arg(long, value_name = "TOKENS", value_parser = whole::<usize>)]
    kv_tokens: Option<usize>,
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
        let sources = sources(&names, &self.adapters)?;
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
            engine: EngineOptions {
                max_running: self.load.parallel,
                max_waiting: self.load.queue,
                memory: self.load.memory,
                kv_tokens: self.load.kv_tokens,
                draft_tokens: self.speculation.draft_tokens,
                ..EngineOptions::default()
            },
            draft: self.speculation.draft.clone(),
        };
        let quiet = self.quiet;
        let loader = Arc::new(move |source: &_| {
            options.load(source, &DownloadBars::new(quiet)).map_err(|error| plain(&error.to_string()))
        });
        let count = sources.len();
        let mut server = Server::bind(self.settings(), sources, loader)?;
        if self.network.access_log {
            server.log_access(|line| {
                // a log that nobody takes must not end the server
                let mut out = output();
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            });
        }
        if !quiet {
            server.note(|line| note(plain(line)));
        }
        let models = if count == 1 { names[0].clone() } else { format!("{count} models") };
        note(plain(&format!("serving {models} at http://{}", server.address())));
        Ok(server.run()?)
    }

    fn names(&self) -> anyhow::Result<Vec<String>> {
        if !self.model.is_empty() {
            return Ok(self.model.clone());
        }
        match std::env::var("SMOLLM_MODEL") {
            Ok(name) if !name.is_empty() => Ok(vec![name]),
            _ => usage("no model given; name one with -m (smollm2:135m, a directory, a .gguf file) or in SMOLLM_MODEL"),
        }
    }

    fn settings(&self) -> Settings {
        let (network, load) = (&self.network, &self.load);
        Settings {
            host: network.host.clone(),
            port: network.port,
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
            ..Settings::default()
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
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a number of seconds above 0".into())
}

/// A number of bytes, with K, M or G for powers of 1024.
fn bytes(text: &str) -> Result<usize, String> {
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
