//! What the cache holds: repositories, revisions, files, bytes, and when they were last used.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cache::RepoCache;
use crate::error::HubError;
use crate::fetch::Hub;
use crate::names::{RepoId, is_hex};

/// A repository in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedRepo {
    /// `org/name`.
    pub repo: RepoId,
    /// Its revisions with at least one file, the most recently used first.
    pub revisions: Vec<CachedRevision>,
    /// Bytes of all contents, those shared by revisions counted once.
    pub bytes: u64,
    /// Bytes of downloads that were cut and can be resumed.
    pub partial_bytes: u64,
    /// Latest use of any file.
    pub last_used: Option<SystemTime>,
}

/// A commit in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedRevision {
    /// 40 hexadecimal digits.
    pub commit: String,
    /// Branches and tags that name it.
    pub refs: Vec<String>,
    /// Files whose content is there.
    pub files: Vec<CachedFile>,
    /// Their bytes.
    pub bytes: u64,
    /// Latest use of any of its files, as far as the file system records it.
    pub last_used: Option<SystemTime>,
}

/// A file of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFile {
    /// Path inside the repository.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

impl Hub {
    /// Every model repository in the cache, by name. Datasets and other folders are left out; an absent cache is empty.
    ///
    /// # Errors
    /// If the cache folder exists and cannot be read.
    pub fn list(&self) -> Result<Vec<CachedRepo>, HubError> {
        let root = &self.config.cache;
        let entries = match fs::read_dir(root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(HubError::io(root, "list", error)),
        };
        let mut repos: Vec<CachedRepo> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| RepoId::from_folder(&entry.file_name().to_string_lossy()))
            .map(|repo| describe(&RepoCache::new(root, &repo), repo))
            .filter(|repo| !repo.revisions.is_empty() || repo.partial_bytes > 0)
            .collect();
        repos.sort_by(|a, b| a.repo.cmp(&b.repo));
        Ok(repos)
    }
}

fn describe(cache: &RepoCache, repo: RepoId) -> CachedRepo {
    let refs = refs(cache);
    let mut contents: BTreeMap<PathBuf, u64> = BTreeMap::new();
    let mut revisions: Vec<CachedRevision> = commits(cache)
        .into_iter()
        .map(|commit| {
            let mut revision =
                CachedRevision { commit, refs: Vec::new(), files: Vec::new(), bytes: 0, last_used: None };
            revision.refs =
                refs.iter().filter(|(_, commit)| *commit == revision.commit).map(|(name, _)| name.clone()).collect();
            for path in cache.snapshot_files(&revision.commit) {
                let entry = cache.entry(&revision.commit, &path);
                let Ok(metadata) = fs::metadata(&entry) else { continue };
                contents.insert(fs::canonicalize(&entry).unwrap_or(entry), metadata.len());
                revision.bytes += metadata.len();
                revision.last_used = revision.last_used.max(last_used(&metadata));
                revision.files.push(CachedFile { path: path.to_string(), bytes: metadata.len() });
            }
            revision
        })
        .collect();
    // a download that was refused or cut at its first file leaves an empty snapshot
    revisions.retain(|revision| !revision.files.is_empty());
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.last_used));
    let last_used = revisions.iter().filter_map(|revision| revision.last_used).max();
    CachedRepo {
        repo,
        revisions,
        bytes: contents.values().sum(),
        partial_bytes: partial_bytes(&cache.blobs()),
        last_used,
    }
}

/// The commits with a snapshot folder.
pub(crate) fn commits(cache: &RepoCache) -> Vec<String> {
    let entries = fs::read_dir(cache.snapshots()).into_iter().flatten().flatten();
    let mut commits: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_hex(name, 40))
        .collect();
    commits.sort();
    commits
}

/// Every branch and tag with its commit; names may lie in folders (`refs/pr/1`).
pub(crate) fn refs(cache: &RepoCache) -> Vec<(String, String)> {
    fn walk(folder: &Path, prefix: &str, refs: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), refs);
            } else if let Ok(commit) = fs::read_to_string(entry.path()) {
                refs.push((name, commit.trim().to_owned()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&cache.refs(), "", &mut found);
    found.sort();
    found
}

fn partial_bytes(blobs: &Path) -> u64 {
    let entries = fs::read_dir(blobs).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".incomplete"))
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// Access time, or modification time where that is later (file systems mounted without access times).
fn last_used(metadata: &Metadata) -> Option<SystemTime> {
    metadata.accessed().ok().max(metadata.modified().ok())
}
