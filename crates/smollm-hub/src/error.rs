//! Everything that can go wrong, each in one line that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::names::NameError;

/// Why a model could not be brought here, listed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A setting cannot be used.
    #[error("{setting}: {reason}")]
    Config {
        /// Name of the environment variable or setting.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A local path that is neither a folder nor a `.gguf` file.
    #[error("{}: neither a folder nor a .gguf file; give the folder that holds model.safetensors and config.json", .path.display())]
    LocalKind {
        /// The path.
        path: PathBuf,
    },
    /// The hub does not know the repository, or hides it.
    #[error(
        "{repo}: no such repository on {endpoint}, or it is private; check the name{}",
        if *.token { ", and that your token may read it" } else { ", or set HF_TOKEN if it is private" }
    )]
    RepoNotFound {
        /// `org/name`.
        repo: String,
        /// The hub.
        endpoint: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// The repository has no such branch, tag or commit.
    #[error("{repo}: no revision {revision}; branches and tags are listed at {endpoint}/api/models/{repo}/refs")]
    RevisionNotFound {
        /// `org/name`.
        repo: String,
        /// What was asked for.
        revision: String,
        /// The hub.
        endpoint: String,
    },
    /// The repository has no such file.
    #[error("{repo}: no file {file}; GGUF files there: {}", list(.available))]
    FileNotFound {
        /// `org/name`.
        repo: String,
        /// What was asked for.
        file: String,
        /// The GGUF files that there are.
        available: Vec<String>,
    },
    /// No GGUF file of the repository has this quantisation.
    #[error("{repo}: no GGUF with {quant}; there is {}", list(.available))]
    NoSuchQuant {
        /// `org/name`.
        repo: String,
        /// What was asked for.
        quant: String,
        /// The GGUF files that there are.
        available: Vec<String>,
    },
    /// Several GGUF files match, or none was named and there are several.
    #[error("{repo}: several GGUF files to choose from; name one as {repo}:FILE: {}", list(.candidates))]
    AmbiguousGguf {
        /// `org/name`.
        repo: String,
        /// The files.
        candidates: Vec<String>,
    },
    /// Neither safetensors nor GGUF.
    #[error("{repo}: holds no model.safetensors, no shards of one and no .gguf file; it holds {}", list(.found))]
    NoModel {
        /// `org/name`.
        repo: String,
        /// Its files.
        found: Vec<String>,
    },
    /// A split file lacks parts.
    #[error("{repo}: the repository lacks {}", list(.missing))]
    MissingParts {
        /// `org/name`.
        repo: String,
        /// The parts that should be there.
        missing: Vec<String>,
    },
    /// The repository's conditions have not been accepted.
    #[error(
        "{repo}: gated; accept its conditions at {endpoint}/{repo}{}",
        if *.token { " with the account of your token" } else { ", then set HF_TOKEN (or run `hf auth login`)" }
    )]
    Gated {
        /// `org/name`.
        repo: String,
        /// The hub.
        endpoint: String,
        /// Whether a token was sent.
        token: bool,
    },
    /// The hub does not know the token.
    #[error("the hub refused the token from {token}; renew it with `hf auth login`, or unset it for public models")]
    BadToken {
        /// Where the token came from.
        token: String,
    },
    /// An answer that trying again did not change.
    #[error("{url}: status {status}{}", after(.message))]
    Status {
        /// The request.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the server said.
        message: String,
    },
    /// The hub asks for a longer pause than is reasonable.
    #[error("{url}: too many requests; the hub asks to wait {seconds} s (a token in HF_TOKEN raises the limit)")]
    RateLimited {
        /// The request.
        url: String,
        /// Seconds to wait.
        seconds: u64,
    },
    /// No connection, and no usable copy in the cache.
    #[error("cannot reach {url}: {reason}; check the network, the proxy or HF_ENDPOINT")]
    Unreachable {
        /// The request.
        url: String,
        /// Why.
        reason: String,
    },
    /// Offline, and the cache does not have it.
    #[error(
        "{what} is not in the cache {} and HF_HUB_OFFLINE is set; unset it, or fetch the model where there is a network",
        .cache.display()
    )]
    Offline {
        /// Name and revision.
        what: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The cache has the revision, but not all of its files, and the network must not or cannot be used.
    #[error("{what} is only partly in the cache, without {}; fetch it again with a network", list(.missing))]
    Partial {
        /// Name and revision.
        what: String,
        /// The files that are missing.
        missing: Vec<String>,
    },
    /// The download was cut too often.
    #[error("{file}: cut at {position} of {bytes} bytes ({reason}); run it again to resume")]
    Cut {
        /// Path inside the repository.
        file: String,
        /// Bytes that are here.
        position: u64,
        /// Bytes in all.
        bytes: u64,
        /// The last failure.
        reason: String,
    },
    /// The content is not what the hub lists.
    #[error(
        "{file}: wrong hash {actual}, the hub lists {expected}; the download was discarded, try again later or another HF_ENDPOINT"
    )]
    Hash {
        /// Path inside the repository.
        file: String,
        /// SHA-256, or git blob id, of the listing.
        expected: String,
        /// The same of what arrived.
        actual: String,
    },
    /// The length is not what the hub lists.
    #[error("{file}: the server sends {actual} bytes, the hub lists {expected}; the download was discarded")]
    Size {
        /// Path inside the repository.
        file: String,
        /// Bytes of the listing.
        expected: u64,
        /// Bytes announced or received.
        actual: u64,
    },
    /// The server names a file that would leave the cache.
    #[error("{repo}: the hub lists an unsafe file name; {reason}")]
    UnsafeName {
        /// `org/name`.
        repo: String,
        /// Name and rule.
        reason: NameError,
    },
    /// An answer that is not the hub's protocol.
    #[error("{url}: not an answer of a model hub: {reason}; is HF_ENDPOINT right?")]
    BadReply {
        /// The request.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// No room.
    #[error("{}: the disk is full; free some space (`smollm list`, `smollm rm`) and run it again to resume", .path.display())]
    DiskFull {
        /// The file being written.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{}: cannot {doing}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The progress callback said stop.
    #[error("cancelled; run it again to resume")]
    Cancelled,
    /// Not in the cache, so nothing to remove.
    #[error("{what} is not in the cache{}", if .cached.is_empty() { String::new() } else { format!("; it holds {}", list(.cached)) })]
    NotCached {
        /// Name and revision.
        what: String,
        /// What is there.
        cached: Vec<String>,
    },
    /// A path outside the cache is not ours to remove.
    #[error("{}: only models of the cache are removed here; delete a path yourself", .path.display())]
    NotOurs {
        /// The path.
        path: PathBuf,
    },
    /// Another process is downloading into the repository.
    #[error("{repo}: being downloaded by another process; wait for it or stop it")]
    Busy {
        /// `org/name`.
        repo: String,
    },
}

impl HubError {
    /// An I/O error at a path, with a full disk told apart.
    pub(crate) fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.to_path_buf() },
            _ => Self::Io { path: path.to_path_buf(), doing, source },
        }
    }

    /// Whether a complete copy in the cache may stand in: the hub is out of reach or out of order.
    pub(crate) fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::RateLimited { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

/// Names for a message, at most twelve.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

fn after(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
