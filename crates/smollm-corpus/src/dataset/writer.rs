//! Writes examples into as many shards as they need.

use super::manifest::{MANIFEST, Manifest, ShardEntry};
use crate::examples::{Example, Tally};
use crate::records::Place;
use crate::shards::{ShardError, ShardKind, ShardWriter};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A data set that is being written. Dropped before [`DatasetWriter::finish`], it takes away what it made.
#[derive(Debug)]
pub struct DatasetWriter {
    /// Whether it made the folder itself.
    made_folder: bool,
    folder: PathBuf,
    kind: ShardKind,
    shard_tokens: u64,
    shard: Option<(String, ShardWriter)>,
    done: Vec<ShardEntry>,
}

impl DatasetWriter {
    /// Begins a data set. A shard ends with the document that brings it to `shard_tokens`.
    ///
    /// # Errors
    /// The folder cannot be made, or has a data set already.
    pub fn create(folder: &Path, kind: ShardKind, shard_tokens: u64) -> Result<Self, ShardError> {
        let made_folder = !folder.exists();
        std::fs::create_dir_all(folder).map_err(|source| ShardError::Write { file: folder.into(), source })?;
        if folder.join(MANIFEST).exists() {
            return Err(ShardError::Dataset { path: folder.into(), problem: "there is a data set already".into() });
        }
        Ok(Self { made_folder, folder: folder.into(), kind, shard_tokens, shard: None, done: Vec::new() })
    }

    /// What its documents have in common.
    pub fn kind(&self) -> ShardKind {
        self.kind
    }

    /// Adds what a record gave. `hash` is that of the record.
    ///
    /// # Errors
    /// It cannot be written, or is a pair among documents or the other way round.
    pub fn push(&mut self, place: &Place, hash: u64, example: &Example) -> Result<(), ShardError> {
        let documents = match example {
            Example::One(document) => vec![document],
            Example::Pair { chosen, rejected, .. } => vec![chosen, rejected],
        };
        if (documents.len() == 2) != self.kind.pairs {
            let problem = format!("{place}: preference pairs and other examples do not go into one data set");
            return Err(ShardError::Dataset { path: self.folder.clone(), problem });
        }
        let (name, mut shard) = match self.shard.take() {
            Some(begun) => begun,
            None => {
                let name = format!("{:05}.shard", self.done.len());
                (name.clone(), ShardWriter::create(&self.folder.join(name), self.kind)?)
            }
        };
        for document in documents {
            shard.push(place, hash, document)?;
        }
        self.shard = Some((name, shard));
        if self.shard.as_ref().is_some_and(|(_, shard)| shard.tokens() >= self.shard_tokens) {
            self.end_shard()?;
        }
        Ok(())
    }

    fn end_shard(&mut self) -> Result<(), ShardError> {
        if let Some((file, shard)) = self.shard.take() {
            let (documents, tokens, supervised) = (shard.documents(), shard.tokens(), shard.supervised());
            let checksum = shard.finish()?;
            self.done.push(ShardEntry { file, documents, tokens, supervised, checksum });
        }
        Ok(())
    }

    /// Ends the last shard and writes `dataset.json`. `made_with` is for whoever trains with it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self, made_with: Map<String, Value>, tally: Tally) -> Result<Manifest, ShardError> {
        self.end_shard()?;
        let manifest = Manifest::new(self.kind, made_with, tally, self.done.clone());
        manifest.write(&self.folder)?;
        self.done.clear();
        self.made_folder = false;
        Ok(manifest)
    }
}

impl Drop for DatasetWriter {
    fn drop(&mut self) {
        // What cannot be removed is no data set all the same: `dataset.json` is missing.
        drop(self.shard.take());
        for entry in &self.done {
            let _ = std::fs::remove_file(self.folder.join(&entry.file));
        }
        if self.made_folder {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}
