//! `dataset.json`: which shards a folder has, and what they were made with.

use crate::examples::Tally;
use crate::shards::{Shard, ShardError, ShardKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;

/// The name of the file.
pub const MANIFEST: &str = "dataset.json";
const VERSION: u32 = 1;

/// What a data set says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this file's form.
    version: u32,
    /// Every id is less.
    pub vocabulary: u32,
    /// Whether it holds preference pairs.
    pub pairs: bool,
    /// What the documents were made with, in the words of whoever made them: tokenizer, template, loss.
    pub made_with: Map<String, Value>,
    /// What was made of how many records.
    pub tally: Tally,
    /// The shards in their order.
    pub shards: Vec<ShardEntry>,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardEntry {
    /// Its name in the folder.
    pub file: String,
    /// How many documents it has.
    pub documents: u64,
    /// How many tokens.
    pub tokens: u64,
    /// How many of them count.
    pub supervised: u64,
    /// The checksum of its checksums.
    pub checksum: u32,
}

impl ShardEntry {
    /// The entry that a shard of this name would have.
    pub(super) fn of(&self, shard: &Shard) -> Self {
        Self {
            file: self.file.clone(),
            documents: shard.documents(),
            tokens: shard.tokens(),
            supervised: shard.supervised(),
            checksum: shard.checksum(),
        }
    }
}

impl Manifest {
    pub(super) fn new(kind: ShardKind, made_with: Map<String, Value>, tally: Tally, shards: Vec<ShardEntry>) -> Self {
        Self { version: VERSION, vocabulary: kind.vocabulary, pairs: kind.pairs, made_with, tally, shards }
    }

    /// What its shards have in common.
    pub fn kind(&self) -> ShardKind {
        ShardKind { vocabulary: self.vocabulary, pairs: self.pairs }
    }

    pub(super) fn read(folder: &Path) -> Result<Self, ShardError> {
        let path = folder.join(MANIFEST);
        let refuse = |problem: String| ShardError::Dataset { path: path.clone(), problem };
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                let problem = format!("no {MANIFEST} in it: no data set, or one that was not finished");
                ShardError::Dataset { path: folder.into(), problem }
            }
            _ => ShardError::Read { file: path.clone(), source },
        })?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(refuse(format!("version {} of the form, of which only {VERSION} is known", manifest.version)));
        }
        // A name is a name: no way out of the folder.
        match manifest.shards.iter().find(|entry| Path::new(&entry.file).file_name() != Some(entry.file.as_ref())) {
            Some(entry) => Err(refuse(format!("{:?} is not the name of a file", entry.file))),
            None => Ok(manifest),
        }
    }

    /// Written beside its place, and moved there when the system has it.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ShardError> {
        let (path, partial) = (folder.join(MANIFEST), folder.join(format!("{MANIFEST}.partial")));
        let refuse = |source| ShardError::Write { file: path.clone(), source };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| refuse(error.into()))?;
        text.push(b'\n');
        let mut file = std::fs::File::create(&partial).map_err(refuse)?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        let moved = written.and_then(|()| std::fs::rename(&partial, &path));
        if moved.is_err() {
            // What is left of it is no `dataset.json`; where it cannot be removed, it is written over.
            let _ = std::fs::remove_file(&partial);
        }
        moved.map_err(refuse)
    }
}
