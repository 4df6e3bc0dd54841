//! The files of one commit with their sizes and hashes, from the hub's listing or from the cache's `trees/COMMIT.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::names::{NameError, RepoPath, is_hex};

/// Version of the cached form, that of `huggingface_hub` 2.
const FORMAT_VERSION: u64 = 1;

/// One file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// Git blob id; for a large file that of its pointer.
    oid: String,
    /// SHA-256 of a large file.
    sha256: Option<String>,
    xet_hash: Option<String>,
}

impl TreeFile {
    /// The name of the blob in the cache and the hash of the content: SHA-256 of a large file, git blob id of a small one.
    pub(crate) fn etag(&self) -> &str {
        self.sha256.as_deref().unwrap_or(&self.oid)
    }
}

/// Why a listing cannot be used.
#[derive(Debug)]
pub(crate) enum TreeError {
    UnsafeName(NameError),
    Malformed(String),
}

/// All files of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    files: BTreeMap<RepoPath, TreeFile>,
}

impl Tree {
    pub(crate) fn get(&self, path: &RepoPath) -> Option<&TreeFile> {
        self.files.get(path)
    }

    pub(crate) fn paths(&self) -> Vec<RepoPath> {
        self.files.keys().cloned().collect()
    }

    /// Adds one page of `/api/models/ID/tree/COMMIT?recursive=true`.
    ///
    /// One unsafe name spoils the listing: a repository that tries is not to be trusted with the others.
    pub(crate) fn extend(&mut self, page: &Value) -> Result<(), TreeError> {
        let Value::Array(entries) = page else {
            return Err(TreeError::Malformed("the listing is no array".to_owned()));
        };
        for entry in entries {
            if entry["type"] != "file" {
                continue;
            }
            let path = entry["path"].as_str().unwrap_or_default();
            let lfs = &entry["lfs"];
            self.insert(path, &entry["size"], &entry["oid"], &lfs["oid"], &lfs["size"], &entry["xetHash"])?;
        }
        Ok(())
    }

    /// Reads the cached form; `None` where it is of another version or not as it should be, so that it is fetched anew.
    pub(crate) fn from_cached(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        if value["format_version"].as_u64() != Some(FORMAT_VERSION) {
            return None;
        }
        let mut tree = Self::default();
        for (path, info) in value["files"].as_object()? {
            tree.insert(
                path,
                &info["size"],
                &info["blob_id"],
                &info["lfs_sha256"],
                &info["lfs_size"],
                &info["xet_hash"],
            )
            .ok()?;
        }
        Some(tree)
    }

    /// The cached form, as `huggingface_hub` reads and writes it.
    pub(crate) fn to_cached(&self) -> Vec<u8> {
        let mut files = Map::new();
        for (path, file) in &self.files {
            let mut info = json!({"size": file.bytes, "blob_id": file.oid});
            if let Some(sha256) = &file.sha256 {
                info["lfs_sha256"] = json!(sha256);
                info["lfs_size"] = json!(file.bytes);
            }
            if let Some(xet_hash) = &file.xet_hash {
                info["xet_hash"] = json!(xet_hash);
            }
            files.insert(path.as_str().to_owned(), info);
        }
        json!({"format_version": FORMAT_VERSION, "files": files}).to_string().into_bytes()
    }

    fn insert(
        &mut self,
        path: &str,
        size: &Value,
        oid: &Value,
        lfs_oid: &Value,
        lfs_size: &Value,
        xet_hash: &Value,
    ) -> Result<(), TreeError> {
        let malformed = |what: &str| TreeError::Malformed(format!("{}: {what}", path.escape_debug()));
        let path_checked = RepoPath::new(path).map_err(TreeError::UnsafeName)?;
        let oid = oid.as_str().filter(|oid| is_hex(oid, 40)).ok_or_else(|| malformed("no git blob id"))?;
        let sha256 = match lfs_oid {
            Value::Null => None,
            other => {
                Some(other.as_str().filter(|oid| is_hex(oid, 64)).ok_or_else(|| malformed("its SHA-256 is none"))?)
            }
        };
        let bytes = if sha256.is_some() { lfs_size } else { size };
        let file = TreeFile {
            bytes: bytes.as_u64().ok_or_else(|| malformed("no size"))?,
            oid: oid.to_owned(),
            sha256: sha256.map(str::to_owned),
            xet_hash: xet_hash.as_str().map(str::to_owned),
        };
        self.files.insert(path_checked, file);
        Ok(())
    }
}
