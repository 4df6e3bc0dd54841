//! Where the hub and the cache are, and how patient to be: an explicit struct, filled from the environment by one call.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of a [`crate::Hub`].
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Base URL of the hub, without a slash at the end.
    pub endpoint: String,
    /// The cache: the folder that holds `models--org--name`.
    pub cache: PathBuf,
    /// Sent to the endpoint's host and to nobody else.
    pub token: Option<Token>,
    /// Never use the network.
    pub offline: bool,
    /// Link snapshots to blobs; `false` (and file systems that cannot) keeps real files in snapshots.
    pub symlinks: bool,
    /// How long to wait for a connection, name resolution included.
    pub connect_timeout: Duration,
    /// How long to wait for the next bytes of an answer.
    pub read_timeout: Duration,
    /// How often to try again.
    pub retry: Retry,
    /// Use `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` as the environment has them.
    pub proxy_from_environment: bool,
    /// PEM file of root certificates that replaces the built-in ones (`SSL_CERT_FILE`).
    pub root_certificates: Option<PathBuf>,
}

/// An access token and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The secret.
    pub value: String,
    /// What to name in an error: `HF_TOKEN` or the file.
    pub source: String,
}

/// How often a request that failed for a passing reason is made again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in a row without a single new byte.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles from there.
    pub first_wait: Duration,
    /// Longest pause, also where the hub asks for more with `Retry-After`.
    pub longest_wait: Duration,
}

impl HubConfig {
    /// The public hub and this cache; nothing from the environment.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: "https://huggingface.co".to_owned(),
            cache: cache.into(),
            token: None,
            offline: false,
            symlinks: true,
            connect_timeout: Duration::from_secs(8),
            read_timeout: Duration::from_secs(20),
            retry: Retry { attempts: 5, first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(60) },
            proxy_from_environment: false,
            root_certificates: None,
        }
    }

    /// The environment of this process, read as `huggingface_hub` reads it: `HF_ENDPOINT`; `HF_HUB_CACHE`
    /// (`HUGGINGFACE_HUB_CACHE`), else `HF_HOME/hub`, else `XDG_CACHE_HOME/huggingface/hub`, else
    /// `~/.cache/huggingface/hub`; `HF_TOKEN` (`HUGGING_FACE_HUB_TOKEN`), else the file `HF_TOKEN_PATH`, else
    /// `HF_HOME/token`, unless `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_HUB_OFFLINE` (`TRANSFORMERS_OFFLINE`);
    /// `HF_HUB_DISABLE_SYMLINKS`; `HF_HUB_DOWNLOAD_TIMEOUT` in seconds; `SSL_CERT_FILE`; the proxy variables.
    pub fn from_env() -> Self {
        let config = Self::from_variables(&|name| std::env::var(name).ok(), std::env::home_dir());
        Self { proxy_from_environment: true, ..config }
    }

    /// As [`HubConfig::from_env`] with another source of variables and another home folder. Empty variables count as
    /// unset.
    pub fn from_variables(variable: &dyn Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Self {
        let get = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let flag = |name: &str| {
            get(name).is_some_and(|value| matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE"))
        };
        let home = home.unwrap_or_else(|| PathBuf::from("."));
        let path = |name: &str| get(name).map(|value| expand_home(&value, &home));

        let hf_home = path("HF_HOME")
            .unwrap_or_else(|| path("XDG_CACHE_HOME").unwrap_or_else(|| home.join(".cache")).join("huggingface"));
        let cache =
            path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE")).unwrap_or_else(|| hf_home.join("hub"));
        let mut config = Self::new(cache);
        if let Some(endpoint) = get("HF_ENDPOINT") {
            config.endpoint = endpoint.trim_end_matches('/').to_owned();
        }
        if !flag("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            let named = |name: &str| get(name).map(|value| Token { value, source: name.to_owned() });
            let file = path("HF_TOKEN_PATH").unwrap_or_else(|| hf_home.join("token"));
            config.token =
                named("HF_TOKEN").or_else(|| named("HUGGING_FACE_HUB_TOKEN")).or_else(|| token_in_file(&file));
        }
        config.offline = flag("HF_HUB_OFFLINE") || flag("TRANSFORMERS_OFFLINE");
        config.symlinks = !flag("HF_HUB_DISABLE_SYMLINKS");
        if let Some(seconds) = get("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|value| value.parse::<u32>().ok()) {
            config.read_timeout = Duration::from_secs(u64::from(seconds.max(1)));
        }
        config.root_certificates = path("SSL_CERT_FILE");
        config
    }
}

fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix('~') {
        Some("") => home.to_path_buf(),
        Some(rest) if rest.starts_with(['/', '\\']) => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

/// The token of `hf auth login`; an absent or unreadable file is no token.
fn token_in_file(file: &Path) -> Option<Token> {
    let value = std::fs::read_to_string(file).ok()?.trim().to_owned();
    (!value.is_empty()).then(|| Token { value, source: file.display().to_string() })
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(from {})", self.source)
    }
}

#[cfg(test)]
mod tests;
