//! A data set: a folder of shards, and `dataset.json`, which is written last.

mod manifest;
#[cfg(test)]
mod tests;
mod writer;

pub use manifest::{MANIFEST, Manifest, ShardEntry};
pub use writer::DatasetWriter;

use crate::examples::Document;
use crate::shards::{Origin, Shard, ShardError, ShardKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A data set that is open. Its documents are numbered through all shards.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    manifest: Manifest,
    kind: ShardKind,
    shards: Vec<Shard>,
    /// The number of each shard's first document, and behind the last one how many there are.
    firsts: Vec<u64>,
}

impl Dataset {
    /// Opens a folder that [`DatasetWriter`] made.
    ///
    /// # Errors
    /// The folder has no `dataset.json` (it is not finished), or a shard is not the one that it tells of.
    pub fn open(folder: &Path) -> Result<Self, ShardError> {
        let manifest = Manifest::read(folder)?;
        let refuse = |path: &Path, problem: &str| ShardError::Dataset { path: path.into(), problem: problem.into() };
        let (mut shards, mut firsts) = (Vec::with_capacity(manifest.shards.len()), vec![0]);
        let mut documents = 0;
        for entry in &manifest.shards {
            let path = folder.join(&entry.file);
            let shard = Shard::open(&path)?;
            if entry.of(&shard) != *entry {
                return Err(refuse(&path, "is not the shard that dataset.json tells of"));
            }
            if shard.kind() != manifest.kind() {
                return Err(refuse(&path, "has another vocabulary or form than dataset.json tells of"));
            }
            documents += shard.documents();
            firsts.push(documents);
            shards.push(shard);
        }
        Ok(Self { folder: folder.into(), kind: manifest.kind(), manifest, shards, firsts })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What its documents have in common.
    pub fn kind(&self) -> ShardKind {
        self.kind
    }

    /// How many documents it has: of a set of pairs, twice as many as pairs.
    pub fn documents(&self) -> u64 {
        self.firsts.last().copied().unwrap_or(0)
    }

    /// How many tokens it has.
    pub fn tokens(&self) -> u64 {
        self.shards.iter().map(Shard::tokens).sum()
    }

    /// The tokens of a document; 0 if there is none of that number.
    pub fn length(&self, document: u64) -> u64 {
        self.place(document).map_or(0, |(shard, document)| shard.length(document))
    }

    /// Appends tokens of a document, with their mask, to `out`.
    ///
    /// # Errors
    /// As [`Shard::read`].
    pub fn read(&self, document: u64, part: Range<u64>, out: &mut Document) -> Result<(), ShardError> {
        let (shard, document) = self.place(document).ok_or_else(|| self.no_document(document))?;
        shard.read(document, part, out)
    }

    /// Where a document comes from.
    ///
    /// # Errors
    /// As [`Shard::origin`].
    pub fn origin(&self, document: u64) -> Result<Origin, ShardError> {
        let (shard, document) = self.place(document).ok_or_else(|| self.no_document(document))?;
        shard.origin(document)
    }

    /// The hash of every document's record, in order.
    ///
    /// # Errors
    /// A shard cannot be read or is damaged.
    pub fn hashes(&self) -> Result<Vec<u64>, ShardError> {
        let mut hashes = Vec::new();
        for shard in &self.shards {
            hashes.extend(shard.hashes()?);
        }
        Ok(hashes)
    }

    /// Reads everything once, so that whatever is damaged is found.
    ///
    /// # Errors
    /// As [`Shard::verify`].
    pub fn verify(&self) -> Result<(), ShardError> {
        self.shards.iter().try_for_each(Shard::verify)
    }

    /// The shard of a document, and its number there.
    fn place(&self, document: u64) -> Option<(&Shard, u64)> {
        let at = self.firsts.partition_point(|&first| first <= document).checked_sub(1)?;
        Some((self.shards.get(at)?, document - self.firsts[at]))
    }

    fn no_document(&self, document: u64) -> ShardError {
        ShardError::Dataset { path: self.folder.clone(), problem: format!("there is no document {document}") }
    }
}
