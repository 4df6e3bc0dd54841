//! How a server is set up: everything that an operator may choose and that is not a model's business.

use smollm_engine::Pooling;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A name or address to listen on. Anything but loopback needs `key_file` or `insecure`.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Names besides those of this machine for itself that requests may have in `Host`, or `*`; without any, all names where other
    /// machines can reach the server.
    pub allowed_hosts: Vec<String>,
    /// Serve the whole network without keys.
    pub insecure: bool,
    /// SHA-256 hashes of API keys, one a line as `sha256sum` prints them; read again when the file changes.
    pub key_file: Option<PathBuf>,
    /// Origins of web pages that may use the server (`https://chat.example`), or `*`.
    pub cors_origins: Vec<String>,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
    /// The longest that one request may take.
    pub request_limit: Option<Duration>,
    /// The longest that headers or a body may take to arrive, and that a client may leave an answer unread.
    pub read_limit: Duration,
    /// Requests are refused while they are expected to wait longer than this before their prompts are read.
    pub queue_limit: Option<Duration>,
    /// How embeddings are made of hidden states where a request does not say.
    pub pooling: Pooling,
    /// Whether `/slots` and `/metrics` are there.
    pub slots: bool,
    /// See `slots`.
    pub metrics: bool,
    /// Whether LoRA adapters may be loaded and unloaded over HTTP without keys; where keys are asked for, they may.
    pub adapter_updates: bool,
    /// How often a stream says that it is alive while it has nothing else to say.
    pub keep_alive: Duration,
    /// How long requests under way may go on once the server is told to stop.
    pub drain_limit: Duration,
    /// A model loaded on demand is let go of after this long without a request.
    pub idle_unload: Option<Duration>,
    /// Bytes that all models in memory may take together.
    pub memory: Option<usize>,
    /// Bytes that answers may take before they go out: of all requests together, and a quarter of it for each.
    pub answer_memory: usize,
    /// Models in memory at once.
    pub max_models: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            allowed_hosts: Vec::new(),
            insecure: false,
            key_file: None,
            cors_origins: Vec::new(),
            max_body: 16 << 20,
            request_limit: None,
            read_limit: Duration::from_secs(30),
            queue_limit: Some(Duration::from_secs(60)),
            adapter_updates: false,
            pooling: Pooling::Mean,
            slots: true,
            metrics: true,
            keep_alive: Duration::from_secs(15),
            drain_limit: Duration::from_secs(30),
            idle_unload: None,
            memory: None,
            answer_memory: 512 << 20,
            max_models: 4,
        }
    }
}
