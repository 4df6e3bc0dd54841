//! The cache-wide store of `huggingface_hub` 2 (`CACHE/blobs/AB/ABCD...`), which several repositories may link to.
//!
//! Python fills it when it downloads over Xet; a repository's blob is then a link into it, and `HASH.refs` beside the
//! content lists those links. We read through the links, never add to the store, and after removing a repository take
//! away what nobody links to any more. Where anything is unclear the content stays.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::cache::RepoCache;
use crate::file_lock::{Attempt, FileLock};
use crate::names::is_hex;

/// The store's content that a repository's blob links to.
pub(crate) fn target(cache: &RepoCache, blob: &OsStr) -> Option<PathBuf> {
    linked(cache.root(), &cache.blobs().join(blob))
}

/// `CACHE/blobs/AB/HASH` if `blob` is a link of exactly that meaning.
fn linked(root: &Path, blob: &Path) -> Option<PathBuf> {
    let link = fs::read_link(blob).ok()?;
    let hash = link.file_name()?.to_str().filter(|hash| is_hex(hash, 64))?.to_owned();
    let store = root.join("blobs").join(&hash[..2]).join(hash);
    let content = fs::symlink_metadata(&store).ok().filter(fs::Metadata::is_file);
    content.is_some_and(|_| same_file(&store, blob)).then_some(store)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// Removes a content of the store if none of its listed links exists any more; bytes that were freed.
pub(crate) fn sweep(root: &Path, store: &Path) -> u64 {
    let Some(hash) = store.file_name().and_then(OsStr::to_str) else { return 0 };
    let beside = |suffix: &str| store.with_file_name(format!("{hash}{suffix}"));
    let Ok(Attempt::Held(_lock)) = FileLock::attempt(&beside(".lock")) else { return 0 };
    let Ok(manifest) = fs::read_to_string(beside(".refs")) else { return 0 };
    let mut listed = manifest.lines().map(Path::new).filter(|line| is_plain(line));
    if listed.any(|line| linked(root, &root.join(line)).as_deref() == Some(store)) {
        return 0;
    }
    let Ok(metadata) = fs::symlink_metadata(store) else { return 0 };
    if !metadata.is_file() || fs::remove_file(store).is_err() {
        return 0;
    }
    // Without its content the list means nothing; a leftover is harmless.
    let _ = fs::remove_file(beside(".refs"));
    metadata.len()
}

/// Relative and without `..`.
fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}
