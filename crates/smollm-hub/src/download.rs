//! One blob into the cache: locked, resumed where it was cut, checked against size and hash before it gets its name.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::address::quote;
use crate::backoff::{Failure, failure_of, pause, tell};
use crate::cache::{RepoCache, remove_file};
use crate::client::{Asked, Client, Reply, text};
use crate::digest::Digest;
use crate::error::HubError;
use crate::file_lock::{Attempt, FileLock};
use crate::links;
use crate::names::{RepoId, RepoPath};
use crate::progress::{Event, Progress};
use crate::tree::TreeFile;

const BUFFER: usize = 1 << 18;

/// A file of a commit that the cache shall hold.
pub(crate) struct Wanted<'a> {
    pub(crate) repo: &'a RepoId,
    pub(crate) commit: &'a str,
    pub(crate) path: &'a RepoPath,
    pub(crate) file: &'a TreeFile,
}

/// Brings a blob into the cache. Returns whether it is new there.
pub(crate) fn fetch_blob(
    client: &Client,
    cache: &RepoCache,
    wanted: &Wanted<'_>,
    progress: &dyn Progress,
) -> Result<bool, HubError> {
    let etag = wanted.file.etag();
    let blob = cache.blob(etag);
    let lock = acquire(&cache.lock(etag), wanted.path, progress)?;
    if let Ok(metadata) = fs::metadata(&blob) {
        if metadata.len() == wanted.file.bytes {
            return Ok(false);
        }
        // A blob of another length was damaged after it was written.
        remove_file(&blob)?;
    }
    // Without locks two processes could write one file, so there each has its own, and nothing to resume.
    let shared = cache.incomplete(etag);
    let incomplete = if lock.is_some() { shared } else { links::beside(&blob, "incomplete") };
    let result = complete(client, wanted, &incomplete, progress);
    if lock.is_none() && result.is_err() {
        remove_file(&incomplete)?;
    }
    result?;
    fs::rename(&incomplete, &blob).map_err(|error| HubError::io(&blob, "move the download to", error))?;
    tell(progress, Event::Done { path: wanted.path.as_str() })?;
    Ok(true)
}

/// Waits for the lock; `None` where the file system has none.
fn acquire(path: &Path, file: &RepoPath, progress: &dyn Progress) -> Result<Option<FileLock>, HubError> {
    let mut told = false;
    loop {
        match FileLock::attempt(path).map_err(|error| HubError::io(path, "lock", error))? {
            Attempt::Held(lock) => return Ok(Some(lock)),
            Attempt::Unsupported => return Ok(None),
            Attempt::Busy => {
                if !told {
                    tell(progress, Event::Locked { path: file.as_str() })?;
                    told = true;
                }
                pause(Duration::from_millis(100), progress)?;
            }
        }
    }
}

/// Downloads until the file has the right length and hash. What is refused is removed; what was cut stays.
fn complete(client: &Client, wanted: &Wanted<'_>, incomplete: &Path, progress: &dyn Progress) -> Result<(), HubError> {
    let url = format!(
        "{}/{}/resolve/{}/{}",
        client.endpoint(),
        wanted.repo,
        wanted.commit,
        quote(wanted.path.as_str(), true)
    );
    let mut partial = Partial::open(incomplete, wanted, progress)?;
    let mut backoff = client.backoff();
    loop {
        if partial.position == wanted.file.bytes {
            match partial.check(wanted) {
                Ok(()) => return Ok(()),
                // The fault may lie in bytes that an earlier process left behind.
                Err(_) if partial.resumed => partial.restart(wanted)?,
                Err(error) => return remove_file(incomplete).and(Err(error)),
            }
        }
        let before = partial.position;
        let failure = match receive(client, &url, wanted, &mut partial, progress) {
            Ok(()) => continue,
            Err(failure) => failure,
        };
        if let Failure::Final(error) = failure {
            if matches!(error, HubError::Size { .. } | HubError::Hash { .. }) {
                remove_file(incomplete)?;
            }
            return Err(error);
        }
        if partial.position > before {
            backoff.reset();
        }
        backoff.wait(failure, progress).map_err(|error| partial.cut(error, wanted))?;
    }
}

/// One request, its body appended to the partial file.
fn receive(
    client: &Client,
    url: &str,
    wanted: &Wanted<'_>,
    partial: &mut Partial,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let file = wanted.path.as_str();
    let asked = Asked { repo: wanted.repo, revision: wanted.commit, file: Some(file), etag: Some(wanted.file.etag()) };
    let reply = client.get(url, partial.position, &asked)?;
    if reply.status == 416 {
        partial.restart(wanted).map_err(Failure::Final)?;
        let reason = "the server refused to resume".to_owned();
        return Err(Failure::Passing { url: reply.url, reason, status: None, wait: None });
    }
    let (start, total) = extent(&reply);
    if start == 0 && partial.position > 0 {
        partial.restart(wanted).map_err(Failure::Final)?;
    }
    if start != partial.position {
        let reason = format!("it resumes at byte {start} instead of {}", partial.position);
        return Err(Failure::Final(HubError::BadReply { url: reply.url, reason }));
    }
    let size = |actual| Failure::Final(HubError::Size { file: file.to_owned(), expected: wanted.file.bytes, actual });
    if let Some(total) = total.filter(|total| *total != wanted.file.bytes) {
        return Err(size(total));
    }
    let mut body = reply.body.into_with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) if partial.position < wanted.file.bytes => {
                let reason = "the connection closed".to_owned();
                return Err(Failure::Passing { url: reply.url, reason, status: None, wait: None });
            }
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) => return Err(passing(failure_of(&reply.url, error.into()))),
        };
        if partial.position + count as u64 > wanted.file.bytes {
            return Err(size(partial.position + count as u64));
        }
        partial.append(&buffer[..count]).map_err(Failure::Final)?;
        tell(progress, Event::Position { path: file, position: partial.position, bytes: wanted.file.bytes })
            .map_err(Failure::Final)?;
    }
}

/// A connection that broke in the middle of a body was there a moment ago, so it is worth another attempt.
fn passing(failure: Failure) -> Failure {
    match failure {
        Failure::Unreachable { url, reason } => Failure::Passing { url, reason, status: None, wait: None },
        other => other,
    }
}

/// First byte and whole length of the file, as far as the answer says.
fn extent(reply: &Reply) -> (u64, Option<u64>) {
    let length = text(&reply.headers, "content-length").and_then(|value| value.trim().parse().ok());
    if reply.status != 206 {
        return (0, length);
    }
    // Content-Range: bytes START-END/TOTAL
    let range = text(&reply.headers, "content-range").and_then(|value| value.trim().strip_prefix("bytes "));
    let Some((span, total)) = range.and_then(|range| range.split_once('/')) else { return (0, None) };
    let start = span.split_once('-').and_then(|(start, _)| start.parse().ok());
    // A start that cannot be read is no start that we asked for.
    (start.unwrap_or(u64::MAX), total.parse().ok())
}

/// The `.incomplete` file and the hash of what it holds.
struct Partial {
    path: PathBuf,
    file: File,
    position: u64,
    digest: Digest,
    /// Whether some bytes come from an earlier process.
    resumed: bool,
}

impl Partial {
    fn open(path: &Path, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Self, HubError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| HubError::io(path, "open", error))?;
        let digest = new_digest(wanted)?;
        let mut partial = Self { path: path.to_path_buf(), file, position: 0, digest, resumed: false };
        let length = partial.file.metadata().map_err(|error| HubError::io(path, "read", error))?.len();
        if length > wanted.file.bytes {
            partial.restart(wanted)?;
        } else if length > 0 {
            partial.rehash(wanted, progress)?;
        }
        Ok(partial)
    }

    /// Reads what is there, for the hash covers the whole file.
    fn rehash(&mut self, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<(), HubError> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = self.file.read(&mut buffer).map_err(|error| HubError::io(&self.path, "read", error))?;
            if count == 0 {
                break;
            }
            self.digest.update(&buffer[..count]);
            self.position += count as u64;
            tell(progress, Event::Tick)?;
        }
        self.resumed = true;
        let path = wanted.path.as_str();
        tell(progress, Event::Position { path, position: self.position, bytes: wanted.file.bytes })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(|error| HubError::io(&self.path, "write", error))?;
        self.digest.update(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self, wanted: &Wanted<'_>) -> Result<(), HubError> {
        self.digest = new_digest(wanted)?;
        self.position = 0;
        self.resumed = false;
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(|error| HubError::io(&self.path, "empty", error))?;
        Ok(())
    }

    /// Whether the complete file has the listed hash.
    fn check(&mut self, wanted: &Wanted<'_>) -> Result<(), HubError> {
        let actual = std::mem::replace(&mut self.digest, new_digest(wanted)?).finish();
        if actual == wanted.file.etag() {
            return Ok(());
        }
        Err(HubError::Hash { file: wanted.path.to_string(), expected: wanted.file.etag().to_owned(), actual })
    }

    /// The last of too many failures, with what is here.
    fn cut(&self, error: HubError, wanted: &Wanted<'_>) -> HubError {
        match error {
            HubError::Unreachable { reason, .. } if self.position > 0 => HubError::Cut {
                file: wanted.path.to_string(),
                position: self.position,
                bytes: wanted.file.bytes,
                reason,
            },
            other => other,
        }
    }
}

fn new_digest(wanted: &Wanted<'_>) -> Result<Digest, HubError> {
    Digest::for_etag(wanted.file.etag(), wanted.file.bytes).ok_or_else(|| HubError::BadReply {
        url: wanted.path.to_string(),
        reason: "its entity tag is no hash".to_owned(),
    })
}
