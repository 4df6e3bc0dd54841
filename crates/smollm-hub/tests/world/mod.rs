//! A loopback hub, an empty cache and a client of both, for one test.
#![allow(dead_code, unreachable_pub)] // every test file takes what it needs

use std::cell::RefCell;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use smollm_hub::{Event, Hub, HubConfig, HubError, LocalModel, ModelRef, Progress, Retry, Token};
use smollm_testkit::loopback_hub::{LoopbackHub, Record, Repo, stand_in_repos};

pub const MODEL: &str = "HuggingFaceTB/SmolLM2-135M-Instruct";
pub const ONE_GGUF: &str = "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF";
pub const GGUF_FILE: &str = "smollm2-1.7b-instruct-q4_k_m.gguf";

pub struct World {
    pub hub: LoopbackHub,
    folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with(stand_in_repos())
    }

    pub fn with(repos: Vec<Repo>) -> Self {
        Self::of(LoopbackHub::start(repos).expect("loopback hub"))
    }

    pub fn of(hub: LoopbackHub) -> Self {
        Self { hub, folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    pub fn repo_folder(&self, repo: &str) -> PathBuf {
        self.cache().join(format!("models--{}", repo.replace('/', "--")))
    }

    /// Patient enough for faults, quick enough for tests.
    pub fn config(&self) -> HubConfig {
        let mut config = HubConfig::new(self.cache());
        config.endpoint = self.hub.endpoint().to_owned();
        config.retry =
            Retry { attempts: 4, first_wait: Duration::from_millis(5), longest_wait: Duration::from_secs(2) };
        config.read_timeout = Duration::from_secs(5);
        config
    }

    pub fn client(&self) -> Hub {
        Hub::new(self.config()).expect("a client")
    }

    pub fn offline(&self) -> Hub {
        let mut config = self.config();
        config.offline = true;
        // Any request would end here.
        config.endpoint = "http://127.0.0.1:9".to_owned();
        Hub::new(config).expect("a client")
    }

    /// A client whose hub does not answer at all.
    pub fn unreachable(&self) -> Hub {
        let mut config = self.config();
        config.endpoint = "http://127.0.0.1:9".to_owned();
        Hub::new(config).expect("a client")
    }

    pub fn with_token(&self, token: &str) -> Hub {
        let mut config = self.config();
        config.token = Some(Token { value: token.to_owned(), source: "HF_TOKEN".to_owned() });
        Hub::new(config).expect("a client")
    }

    pub fn fetch(&self, name: &str) -> Result<LocalModel, HubError> {
        self.client().fetch(&parse(name), &smollm_hub::Silent)
    }

    /// GET requests for file contents since the last call.
    pub fn downloads(&self) -> Vec<Record> {
        let mut records = self.hub.take_requests();
        records.retain(|record| {
            record.method == "GET" && (record.target.contains("/files/") || record.target.contains("resolve-cache"))
        });
        records
    }

    /// Files in the blobs folder of a repository.
    pub fn blobs(&self, repo: &str) -> Vec<String> {
        names(&self.repo_folder(repo).join("blobs"))
    }
}

pub fn parse(name: &str) -> ModelRef {
    ModelRef::parse(name).expect("a model name")
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Records events as short texts and stops after `limit` positions.
pub struct Recorder {
    pub seen: RefCell<Vec<String>>,
    pub stop_at: Option<u64>,
}

impl Recorder {
    pub fn new() -> Self {
        Self { seen: RefCell::default(), stop_at: None }
    }

    /// Stops the fetch as soon as a file has that many bytes.
    pub fn stopping_at(position: u64) -> Self {
        Self { seen: RefCell::default(), stop_at: Some(position) }
    }

    pub fn has(&self, start: &str) -> bool {
        self.seen.borrow().iter().any(|text| text.starts_with(start))
    }
}

impl Progress for Recorder {
    fn event(&self, event: Event<'_>) -> ControlFlow<()> {
        let text = match event {
            Event::Plan(files) => {
                let present: u64 = files.iter().map(|file| file.present).sum();
                let bytes: u64 = files.iter().map(|file| file.bytes).sum();
                format!("plan {} files {present}/{bytes}", files.len())
            }
            Event::Position { path, position, bytes } => format!("at {path} {position}/{bytes}"),
            Event::Done { path } => format!("done {path}"),
            Event::Retry { reason, .. } => format!("retry {reason}"),
            Event::Locked { path } => format!("locked {path}"),
            Event::Unreachable { reason } => format!("unreachable {reason}"),
            _ => return ControlFlow::Continue(()),
        };
        self.seen.borrow_mut().push(text);
        match (event, self.stop_at) {
            (Event::Position { position, .. }, Some(limit)) if position >= limit => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}
