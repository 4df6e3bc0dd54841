//! Removing models: only inside the cache, only contents that no other revision shows.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cache::{RepoCache, remove_file};
use crate::error::HubError;
use crate::fetch::Hub;
use crate::file_lock::{Attempt, FileLock};
use crate::inventory::{commits, refs};
use crate::model_ref::{HubFile, ModelRef};
use crate::names::{RepoId, Revision};
use crate::selection::select;
use crate::shared_blobs;

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// `org/name`.
    pub repo: RepoId,
    /// The commits that are gone, wholly or in part.
    pub commits: Vec<String>,
    /// Bytes that were freed.
    pub bytes: u64,
}

impl Hub {
    /// Removes a repository from the cache (`org/name`), one revision (`org/name@revision`), or one GGUF
    /// (`org/name:Q4_K_M`, from every revision that is cached or from the one named).
    ///
    /// # Errors
    /// [`HubError::NotCached`], [`HubError::NotOurs`] for a path, [`HubError::Busy`] while another process downloads
    /// into the repository.
    pub fn remove(&self, model: &ModelRef) -> Result<Removed, HubError> {
        let (repo, revision, file) = match model {
            ModelRef::Path(path) => return Err(HubError::NotOurs { path: path.clone() }),
            ModelRef::Hub { repo, revision, file } => (repo, revision.as_ref(), file.as_ref()),
        };
        let cache = RepoCache::new(&self.config.cache, repo);
        let not_cached = || -> Result<HubError, HubError> {
            let cached = self.list()?.into_iter().map(|cached| cached.repo.to_string()).collect();
            Ok(HubError::NotCached { what: model.to_string(), cached })
        };
        // A link in place of the folder leads out of the cache.
        if !fs::symlink_metadata(cache.folder()).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(not_cached()?);
        }
        let _locks = hold_all(&cache, repo)?;
        let commits = match revision {
            Some(revision) => {
                cache.commit(revision).filter(|commit| cache.snapshot(commit).is_dir()).into_iter().collect()
            }
            None => commits(&cache),
        };
        let removed = match (file, revision) {
            (None, None) => remove_repo(&cache)?,
            (None, Some(revision)) if !commits.is_empty() => remove_revision(&cache, revision, &commits[0])?,
            (Some(file), _) => remove_gguf(&cache, repo, &commits, file)?,
            _ => None,
        };
        let Some((commits, bytes)) = removed else { return Err(not_cached()?) };
        Ok(Removed { repo: repo.clone(), commits, bytes })
    }
}

type Outcome = Result<Option<(Vec<String>, u64)>, HubError>;

/// Takes every lock of the repository, so that nobody downloads into what is being removed.
fn hold_all(cache: &RepoCache, repo: &RepoId) -> Result<Vec<FileLock>, HubError> {
    let mut held = Vec::new();
    for entry in fs::read_dir(cache.locks()).into_iter().flatten().flatten() {
        let path = entry.path();
        match FileLock::attempt(&path).map_err(|error| HubError::io(&path, "lock", error))? {
            Attempt::Held(lock) => held.push(lock),
            Attempt::Busy => return Err(HubError::Busy { repo: repo.to_string() }),
            Attempt::Unsupported => {}
        }
    }
    Ok(held)
}

fn remove_repo(cache: &RepoCache) -> Outcome {
    let commits = commits(cache);
    let blobs: BTreeSet<OsString> =
        fs::read_dir(cache.blobs()).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    let links: Vec<PathBuf> = blobs.iter().filter_map(|name| shared_blobs::target(cache, name)).collect();
    let mut bytes = bytes_in(&cache.blobs()) + bytes_in(&cache.snapshots());
    remove_folder(cache.folder())?;
    for store in links {
        bytes += shared_blobs::sweep(cache.root(), &store);
    }
    Ok(Some((commits, bytes)))
}

fn remove_revision(cache: &RepoCache, revision: &Revision, commit: &str) -> Outcome {
    for (name, of) in refs(cache) {
        if of == commit || name == revision.as_str() {
            remove_file(&cache.refs().join(name))?;
        }
    }
    let shown = blobs_shown(cache, commit);
    let mut bytes = bytes_in(&cache.snapshot(commit));
    remove_folder(&cache.snapshot(commit))?;
    remove_folder(&cache.folder().join(".no_exist").join(commit))?;
    remove_file(&cache.tree(commit))?;
    bytes += remove_unshown(cache, &shown)?;
    if commits(cache).is_empty() {
        // The last revision takes cut downloads and the empty folders with it.
        if let Some((_, rest)) = remove_repo(cache)? {
            bytes += rest;
        }
    }
    Ok(Some((vec![commit.to_owned()], bytes)))
}

fn remove_gguf(cache: &RepoCache, repo: &RepoId, commits: &[String], file: &HubFile) -> Outcome {
    let mut touched = Vec::new();
    let mut shown = BTreeSet::new();
    let mut bytes = 0;
    let mut refused = None;
    for commit in commits {
        let selection = match select(repo, &cache.snapshot_files(commit), Some(file)) {
            Ok(selection) => selection,
            Err(error @ HubError::AmbiguousGguf { .. }) => return Err(error),
            Err(error) => {
                refused = Some(error);
                continue;
            }
        };
        for path in selection.files() {
            let entry = cache.entry(commit, path);
            match blob_of(cache, &entry) {
                Some(blob) => {
                    shown.insert(blob);
                }
                None => bytes += cache.entry_bytes(commit, path).unwrap_or(0),
            }
            remove_file(&entry)?;
        }
        touched.push(commit.clone());
    }
    match refused {
        Some(error) if touched.is_empty() => return Err(error),
        _ if touched.is_empty() => return Ok(None),
        _ => {}
    }
    bytes += remove_unshown(cache, &shown)?;
    Ok(Some((touched, bytes)))
}

/// Removes those of `candidates` that no snapshot shows any more; bytes that were freed.
fn remove_unshown(cache: &RepoCache, candidates: &BTreeSet<OsString>) -> Result<u64, HubError> {
    let kept: BTreeSet<OsString> = commits(cache).iter().flat_map(|commit| blobs_shown(cache, commit)).collect();
    let mut bytes = 0;
    for name in candidates.difference(&kept) {
        let blob = cache.blobs().join(name);
        let store = shared_blobs::target(cache, name);
        if store.is_none() {
            bytes += fs::symlink_metadata(&blob).map_or(0, |metadata| metadata.len());
        }
        remove_file(&blob)?;
        bytes += store.map_or(0, |store| shared_blobs::sweep(cache.root(), &store));
    }
    Ok(bytes)
}

/// Names of the blobs that a snapshot links to.
fn blobs_shown(cache: &RepoCache, commit: &str) -> BTreeSet<OsString> {
    cache.snapshot_files(commit).iter().filter_map(|path| blob_of(cache, &cache.entry(commit, path))).collect()
}

/// The blob that a snapshot's link names: the last part of the link, if it lies in this repository's `blobs`.
fn blob_of(cache: &RepoCache, entry: &Path) -> Option<OsString> {
    let link = fs::read_link(entry).ok()?;
    let name = link.file_name()?.to_owned();
    let folder = entry.parent()?.join(link.parent()?);
    let same = fs::canonicalize(folder).ok()? == fs::canonicalize(cache.blobs()).ok()?;
    same.then_some(name)
}

/// Bytes of the regular files under a folder; links count nothing.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match fs::symlink_metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => 0,
        })
        .sum()
}

/// Removes a folder that may be gone already; links in it are removed, not followed.
fn remove_folder(folder: &Path) -> Result<(), HubError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(HubError::io(folder, "remove", error)),
        _ => Ok(()),
    }
}
