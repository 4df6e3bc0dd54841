//! The standard Hugging Face cache layout of one repository: which file is where, and how it is written.
//!
//! ```text
//! CACHE/.locks/models--org--name/ETAG.lock
//! CACHE/models--org--name/refs/main                      the commit, as text
//! CACHE/models--org--name/snapshots/COMMIT/config.json   -> ../../blobs/ETAG
//! CACHE/models--org--name/blobs/ETAG                     the content; ETAG.incomplete while it arrives
//! CACHE/models--org--name/trees/COMMIT.json              sizes and hashes of the commit's files
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::HubError;
use crate::links;
use crate::names::{RepoId, RepoPath, Revision, is_hex};
use crate::tree::Tree;

/// Marks the cache for backup programs (<https://bford.info/cachedir/>); the first line is prescribed.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                            # This file marks a cache folder, which backups may leave out.\n\
                            # See https://bford.info/cachedir/\n";

/// The part of the cache that belongs to one repository.
#[derive(Debug, Clone)]
pub(crate) struct RepoCache {
    root: PathBuf,
    folder: PathBuf,
    locks: PathBuf,
}

impl RepoCache {
    pub(crate) fn new(root: &Path, repo: &RepoId) -> Self {
        let name = repo.folder();
        Self { root: root.to_path_buf(), folder: root.join(&name), locks: root.join(".locks").join(&name) }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn locks(&self) -> &Path {
        &self.locks
    }

    pub(crate) fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.blobs().join(etag)
    }

    pub(crate) fn incomplete(&self, etag: &str) -> PathBuf {
        self.blobs().join(format!("{etag}.incomplete"))
    }

    pub(crate) fn refs(&self) -> PathBuf {
        self.folder.join("refs")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.folder.join("snapshots")
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.snapshots().join(commit)
    }

    pub(crate) fn entry(&self, commit: &str, path: &RepoPath) -> PathBuf {
        path.as_str().split('/').fold(self.snapshot(commit), |folder, part| folder.join(part))
    }

    pub(crate) fn tree(&self, commit: &str) -> PathBuf {
        self.folder.join("trees").join(format!("{commit}.json"))
    }

    /// The commit that the cache knows for a revision.
    pub(crate) fn commit(&self, revision: &Revision) -> Option<String> {
        if revision.is_commit() {
            return Some(revision.as_str().to_owned());
        }
        let text = fs::read_to_string(self.refs().join(revision.as_str())).ok()?;
        let commit = text.trim();
        is_hex(commit, 40).then(|| commit.to_owned())
    }

    /// Remembers which commit a branch or tag names; nothing where it is remembered already.
    pub(crate) fn remember(&self, revision: &Revision, commit: &str) -> Result<(), HubError> {
        if self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.refs().join(revision.as_str());
        create_parent(&path)?;
        links::write_whole(&path, commit.as_bytes()).map_err(|error| HubError::io(&path, "write", error))
    }

    pub(crate) fn read_tree(&self, commit: &str) -> Option<Tree> {
        Tree::from_cached(&fs::read(self.tree(commit)).ok()?)
    }

    pub(crate) fn write_tree(&self, commit: &str, tree: &Tree) -> Result<(), HubError> {
        let path = self.tree(commit);
        create_parent(&path)?;
        links::write_whole(&path, &tree.to_cached()).map_err(|error| HubError::io(&path, "write", error))
    }

    /// Length of a snapshot's file; `None` where it, or the blob that it links to, is absent.
    pub(crate) fn entry_bytes(&self, commit: &str, path: &RepoPath) -> Option<u64> {
        fs::metadata(self.entry(commit, path)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
    }

    /// Every file of a snapshot whose content is there.
    pub(crate) fn snapshot_files(&self, commit: &str) -> Vec<RepoPath> {
        let mut files = Vec::new();
        walk(&self.snapshot(commit), "", &mut files);
        files.retain(|path| self.entry_bytes(commit, path).is_some());
        files.sort();
        files
    }

    /// Makes the folders of this repository.
    pub(crate) fn prepare(&self, commit: &str) -> Result<(), HubError> {
        for folder in [&self.blobs(), &self.snapshot(commit), &self.locks] {
            fs::create_dir_all(folder).map_err(|error| HubError::io(folder, "create the folder", error))?;
        }
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            links::write_whole(&tag, CACHEDIR_TAG.as_bytes()).map_err(|error| HubError::io(&tag, "write", error))?;
        }
        Ok(())
    }

    /// Lets the snapshot show a blob.
    pub(crate) fn place(
        &self,
        commit: &str,
        path: &RepoPath,
        etag: &str,
        symlinks: bool,
        fresh: bool,
    ) -> Result<(), HubError> {
        let entry = self.entry(commit, path);
        create_parent(&entry)?;
        // snapshots/COMMIT/ is two folders below models--org--name.
        let up: PathBuf = std::iter::repeat_n("..", path.depth() + 2).collect();
        let relative = up.join("blobs").join(etag);
        links::place(&self.blob(etag), &entry, &relative, symlinks, fresh)
            .map_err(|error| HubError::io(&entry, "create", error))
    }
}

fn create_parent(path: &Path) -> Result<(), HubError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| HubError::io(parent, "create the folder", error))
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<RepoPath>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(path) = RepoPath::new(&path) {
            files.push(path);
        }
    }
}

/// Removes a file that may be gone already.
pub(crate) fn remove_file(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HubError::io(path, "remove", error)),
        _ => Ok(()),
    }
}
