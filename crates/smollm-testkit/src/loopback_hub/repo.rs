//! What the loopback hub serves: repositories with revisions, files and their hashes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use serde_json::{Value, json};
use sha1::Digest as _;

/// Suffixes that the hub's `.gitattributes` sends to large file storage.
const LFS_SUFFIXES: [&str; 6] = [".safetensors", ".gguf", ".bin", ".onnx", ".pt", ".npz"];

/// One file of one revision.
#[derive(Debug, Clone)]
pub(super) struct RepoFile {
    pub(super) bytes: Arc<[u8]>,
    /// Git blob id (SHA-1) of the file, or of its LFS pointer.
    pub(super) oid: String,
    /// SHA-256 where the file is stored as LFS.
    pub(super) sha256: Option<String>,
}

/// One commit and the branches and tags that name it.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) names: Vec<String>,
    pub(super) commit: String,
    pub(super) files: BTreeMap<String, RepoFile>,
    /// Entries that the tree listing shows instead of, or besides, the true ones.
    pub(super) false_entries: Vec<(String, Value)>,
}

/// A model repository: `org/name`, with one or more revisions.
#[derive(Debug, Clone)]
pub struct Repo {
    id: String,
    pub(super) gated: bool,
    pub(super) private: bool,
    pub(super) snapshots: Vec<Snapshot>,
}

impl Repo {
    /// An empty repository with the branch `main`.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), gated: false, private: false, snapshots: vec![Snapshot::named("main")] }
    }

    /// Every file under `folder` as the branch `main`.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn from_folder(id: &str, folder: &Path) -> io::Result<Self> {
        let mut repo = Self::new(id);
        let mut folders = vec![folder.to_path_buf()];
        while let Some(current) = folders.pop() {
            for entry in fs::read_dir(&current)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(relative) = path.strip_prefix(folder) {
                    repo = repo.file(&relative.to_string_lossy().replace('\\', "/"), fs::read(&path)?);
                }
            }
        }
        Ok(repo)
    }

    /// `org/name`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds a file to the newest revision.
    pub fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let snapshot = self.newest();
        snapshot.files.insert(path.to_owned(), RepoFile::new(path, bytes.into()));
        snapshot.commit = snapshot.compute_commit();
        self
    }

    /// Starts another revision, with the newest one's files, under this branch or tag name. A name that exists moves.
    pub fn revision(mut self, name: &str) -> Self {
        let mut next = self.newest().clone();
        for snapshot in &mut self.snapshots {
            snapshot.names.retain(|old| old != name);
        }
        next.names = vec![name.to_owned()];
        next.commit = next.compute_commit();
        self.snapshots.push(next);
        self
    }

    /// Files need a token that was granted access.
    pub fn gated(mut self) -> Self {
        self.gated = true;
        self
    }

    /// Everything needs a valid token; without one the repository does not seem to exist.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Lies in the tree listing of the newest revision: `entry` appears in place of the file `path`.
    pub fn lie(mut self, path: &str, entry: Value) -> Self {
        self.newest().false_entries.push((path.to_owned(), entry));
        self
    }

    /// The true listing entry of a file of the newest revision, a start for [`Repo::lie`].
    pub fn entry(&self, path: &str) -> Value {
        let snapshot = self.snapshots.last().expect("a repository has a revision");
        snapshot.files[path].entry(path)
    }

    /// The commit that a branch, tag or commit names.
    pub fn commit(&self, revision: &str) -> Option<String> {
        Some(self.resolve(revision)?.commit.clone())
    }

    pub(super) fn resolve(&self, revision: &str) -> Option<&Snapshot> {
        self.snapshots
            .iter()
            .find(|snapshot| snapshot.commit == revision || snapshot.names.iter().any(|name| name == revision))
    }

    fn newest(&mut self) -> &mut Snapshot {
        self.snapshots.last_mut().expect("a repository has a revision")
    }
}

impl Snapshot {
    fn named(name: &str) -> Self {
        let mut snapshot = Self {
            names: vec![name.to_owned()],
            commit: String::new(),
            files: BTreeMap::new(),
            false_entries: Vec::new(),
        };
        snapshot.commit = snapshot.compute_commit();
        snapshot
    }

    fn compute_commit(&self) -> String {
        let mut hasher = sha1::Sha1::new();
        for name in &self.names {
            hasher.update(name.as_bytes());
        }
        for (path, file) in &self.files {
            hasher.update(path.as_bytes());
            hasher.update(file.oid.as_bytes());
        }
        hex(&hasher.finalize())
    }

    /// The tree listing, true entries replaced by the false ones.
    pub(super) fn listing(&self) -> Vec<Value> {
        let mut entries: Vec<Value> = self
            .files
            .iter()
            .filter(|(path, _)| !self.false_entries.iter().any(|(of, _)| of == *path))
            .map(|(path, file)| file.entry(path))
            .collect();
        entries.extend(self.false_entries.iter().map(|(_, entry)| entry.clone()));
        entries
    }
}

impl RepoFile {
    fn new(path: &str, bytes: Vec<u8>) -> Self {
        let lfs = LFS_SUFFIXES.iter().any(|suffix| path.ends_with(suffix));
        let sha256 = lfs.then(|| hex(&sha2::Sha256::digest(&bytes)));
        let oid = match &sha256 {
            Some(sha256) => git_blob_id(
                format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {}\n", bytes.len())
                    .as_bytes(),
            ),
            None => git_blob_id(&bytes),
        };
        Self { bytes: bytes.into(), oid, sha256 }
    }

    /// The hub's entity tag: SHA-256 of a large file, git blob id of a small one.
    pub(super) fn etag(&self) -> &str {
        self.sha256.as_deref().unwrap_or(&self.oid)
    }

    fn entry(&self, path: &str) -> Value {
        let mut entry = json!({"type": "file", "oid": self.oid, "size": self.bytes.len(), "path": path});
        if let Some(sha256) = &self.sha256 {
            entry["lfs"] = json!({"oid": sha256, "size": self.bytes.len(), "pointerSize": 134});
        }
        entry
    }
}

/// `git hash-object`: SHA-1 of `blob LEN\0` and the content.
fn git_blob_id(bytes: &[u8]) -> String {
    let mut hasher = sha1::Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()).as_bytes());
    hasher.update(bytes);
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
