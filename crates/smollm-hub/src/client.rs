//! HTTP with the hub's manners: redirects without leaking the token, errors by `X-Error-Code`, bounded retries.

use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use crate::address::{Origin, origin, resolve};
use crate::backoff::{Backoff, Failure, failure_of};
use crate::config::{HubConfig, Retry, Token};
use crate::error::HubError;
use crate::names::{RepoId, is_hex};
use crate::progress::Progress;

const MOST_REDIRECTS: usize = 8;
/// A listing page of 1,000 files is some 300 KB.
const LARGEST_JSON: u64 = 64 << 20;

/// What a request is about, for its errors.
pub(crate) struct Asked<'a> {
    pub(crate) repo: &'a RepoId,
    pub(crate) revision: &'a str,
    pub(crate) file: Option<&'a str>,
    /// The hash that the listing gives the file.
    pub(crate) etag: Option<&'a str>,
}

/// An answer with status 200 or 206, or 416 where a range was asked for.
pub(crate) struct Reply {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ureq::Body,
}

/// Talks to one hub.
pub(crate) struct Client {
    agent: ureq::Agent,
    endpoint: String,
    origin: Origin,
    token: Option<Token>,
    retry: Retry,
}

impl Client {
    pub(crate) fn new(config: &HubConfig) -> Result<Self, HubError> {
        let bad = |reason: &str| HubError::Config {
            setting: "HF_ENDPOINT",
            reason: format!("{}: {reason}", config.endpoint.escape_debug()),
        };
        let uri: Uri = config.endpoint.parse().map_err(|_| bad("not a web address"))?;
        let origin = origin(&uri).ok_or_else(|| bad("an address starts with https:// or http://"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || uri.query().is_some() {
            return Err(bad("no user name and no query; a token belongs into HF_TOKEN"));
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("smollm/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(config.connect_timeout))
            .timeout_connect(Some(config.connect_timeout))
            .timeout_per_read(Some(config.read_timeout))
            .timeout_per_write(Some(config.read_timeout))
            .proxy(if config.proxy_from_environment { ureq::Proxy::try_from_env() } else { None })
            .tls_config(TlsConfig::builder().root_certs(root_certificates(config)?).build())
            .build()
            .new_agent();
        Ok(Self { agent, endpoint: config.endpoint.clone(), origin, token: config.token.clone(), retry: config.retry })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.retry)
    }

    /// A JSON answer and its headers; passing failures are tried again unless `once`.
    pub(crate) fn json(
        &self,
        url: &str,
        asked: &Asked<'_>,
        once: bool,
        progress: &dyn Progress,
    ) -> Result<(Value, HeaderMap), HubError> {
        let mut backoff = self.backoff();
        loop {
            let failure = match self.get(url, 0, asked).and_then(read_json) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            match failure {
                Failure::Passing { .. } if !once => backoff.wait(failure, progress)?,
                other => return Err(other.into_error()),
            }
        }
    }

    /// One GET, from byte `start` on, redirects followed. The token goes to the endpoint's origin only.
    pub(crate) fn get(&self, url: &str, start: u64, asked: &Asked<'_>) -> Result<Reply, Failure> {
        let mut url = url.to_owned();
        for _ in 0..MOST_REDIRECTS {
            let uri: Uri = url.parse().map_err(|_| bad_reply(&url, "a redirect to something that is no address"))?;
            let own = origin(&uri).is_some_and(|origin| origin == self.origin);
            let mut request = self.agent.get(&url).header("Accept-Encoding", "identity");
            if let Some(token) = self.token.as_ref().filter(|_| own) {
                request = request.header("Authorization", format!("Bearer {}", token.value));
            }
            if start > 0 {
                request = request.header("Range", format!("bytes={start}-"));
            }
            let response = request.call().map_err(|error| failure_of(&url, error))?;
            let status = response.status().as_u16();
            let (parts, body) = response.into_parts();
            let headers = parts.headers;
            if own {
                check_linked_etag(&headers, asked)?;
            }
            match status {
                200 | 206 => return Ok(Reply { url, status, headers, body }),
                416 if start > 0 => return Ok(Reply { url, status, headers, body }),
                301 | 302 | 303 | 307 | 308 => {
                    let location = text(&headers, "location").unwrap_or_default();
                    let next = resolve(&uri, location).ok_or_else(|| bad_reply(&url, "a redirect to nowhere"))?;
                    if url.starts_with("https://") && !next.starts_with("https://") {
                        return Err(bad_reply(&url, "a redirect from https to an open connection"));
                    }
                    url = next;
                }
                _ => return Err(self.refusal(url, status, &headers, body, own, asked)),
            }
        }
        Err(bad_reply(&url, "too many redirects"))
    }

    /// What a status that is no success means.
    fn refusal(
        &self,
        url: String,
        status: u16,
        headers: &HeaderMap,
        body: ureq::Body,
        own: bool,
        asked: &Asked<'_>,
    ) -> Failure {
        let code = text(headers, "x-error-code").unwrap_or_default();
        let message = text(headers, "x-error-message").map_or_else(|| error_in(body), str::to_owned);
        let message = printable(&message);
        let repo = asked.repo.to_string();
        let endpoint = self.endpoint.clone();
        let token = self.token.is_some();
        let error = match (status, code) {
            (408 | 429 | 500..=599, _) => {
                let wait = text(headers, "retry-after").and_then(|value| value.trim().parse().ok());
                let reason = if message.is_empty() { format!("status {status}") } else { message };
                return Failure::Passing { url, reason, status: Some(status), wait: wait.map(Duration::from_secs) };
            }
            (_, "GatedRepo") => HubError::Gated { repo, endpoint, token },
            (_, "RevisionNotFound") => {
                HubError::RevisionNotFound { repo, revision: asked.revision.to_owned(), endpoint }
            }
            (_, "EntryNotFound") => HubError::FileNotFound {
                repo,
                file: asked.file.unwrap_or(asked.revision).to_owned(),
                available: Vec::new(),
            },
            (401, _) if own && message.contains("Invalid credentials") => {
                let source = self.token.as_ref().map_or("nowhere", |token| &token.source);
                HubError::BadToken { token: source.to_owned() }
            }
            (_, "RepoNotFound") => HubError::RepoNotFound { repo, endpoint, token },
            (401 | 404, "") if own => HubError::RepoNotFound { repo, endpoint, token },
            _ => HubError::Status { url, status, message },
        };
        Failure::Final(error)
    }
}

/// `X-Linked-Etag` of the hub's redirect is the SHA-256 of a large file: a contradiction is seen before the download.
fn check_linked_etag(headers: &HeaderMap, asked: &Asked<'_>) -> Result<(), Failure> {
    let (Some(etag), Some(expected)) = (text(headers, "x-linked-etag"), asked.etag) else { return Ok(()) };
    let actual = etag.trim_start_matches("W/").trim_matches('"');
    if actual == expected || !is_hex(actual, 64) {
        return Ok(());
    }
    let file = asked.file.unwrap_or_default().to_owned();
    Err(Failure::Final(HubError::Hash { file, expected: expected.to_owned(), actual: actual.to_owned() }))
}

/// A header as text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn bad_reply(url: &str, reason: &str) -> Failure {
    Failure::Final(HubError::BadReply { url: url.to_owned(), reason: reason.to_owned() })
}

fn read_json(mut reply: Reply) -> Result<(Value, HeaderMap), Failure> {
    let bytes =
        reply.body.with_config().limit(LARGEST_JSON).read_to_vec().map_err(|error| failure_of(&reply.url, error))?;
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok((value, reply.headers)),
        Err(error) => Err(bad_reply(&reply.url, &format!("{error}"))),
    }
}

fn root_certificates(config: &HubConfig) -> Result<RootCerts, HubError> {
    let Some(path) = &config.root_certificates else { return Ok(RootCerts::WebPki) };
    let bad =
        |reason: String| HubError::Config { setting: "SSL_CERT_FILE", reason: format!("{}: {reason}", path.display()) };
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| bad(error.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// `{"error": "..."}` of a body.
fn error_in(body: ureq::Body) -> String {
    let bytes = body.into_with_config().limit(1 << 16).read_to_vec().unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    value["error"].as_str().unwrap_or_default().to_owned()
}

/// A server's words, fit for one line of a terminal.
fn printable(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect::<String>().trim().to_owned()
}
