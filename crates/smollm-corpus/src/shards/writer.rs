//! Writes a shard beside its place and moves it there when it is whole.

use super::blocks::BlockWriter;
use super::layout::{HEADER, Header, token_bytes};
use super::{ShardError, ShardKind};
use crate::examples::Document;
use crate::records::{Place, Unit};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One shard that is being written. Dropped before [`ShardWriter::finish`], it leaves nothing at its place.
pub struct ShardWriter {
    path: PathBuf,
    partial: Partial,
    body: BlockWriter<BufWriter<File>>,
    header: Header,
    borders: Vec<u64>,
    origins: Vec<u8>,
    mask: Vec<u8>,
    sources: HashMap<Arc<Path>, u32>,
    names: Vec<u8>,
}

impl std::fmt::Debug for ShardWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShardWriter").field("path", &self.path).field("header", &self.header).finish_non_exhaustive()
    }
}

impl ShardWriter {
    /// Begins a shard that will be at `path`. All but its tokens is held in memory until it is finished: 32 bytes for each document and a
    /// bit for each token.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, kind: ShardKind) -> Result<Self, ShardError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".partial");
        let partial = path.with_file_name(name);
        let refuse = |source| ShardError::Write { file: partial.clone(), source };
        let mut file = BufWriter::with_capacity(1 << 18, File::create(&partial).map_err(refuse)?);
        file.write_all(&[0; HEADER as usize]).map_err(refuse)?;
        let header =
            Header { kind, has_mask: false, documents: 0, tokens: 0, supervised: 0, sources: 0, names: 0, table: 0 };
        Ok(Self {
            path: path.into(),
            partial: Partial(partial),
            body: BlockWriter::new(file),
            header,
            borders: vec![0],
            origins: Vec::new(),
            mask: Vec::new(),
            sources: HashMap::new(),
            names: Vec::new(),
        })
    }

    /// How many tokens it has.
    pub fn tokens(&self) -> u64 {
        self.header.tokens
    }

    /// How many documents it has.
    pub fn documents(&self) -> u64 {
        self.header.documents
    }

    /// How many tokens count ([`Document::supervised`]).
    pub fn supervised(&self) -> u64 {
        self.header.supervised
    }

    /// Adds a document; of a pair, first the one that is preferred.
    ///
    /// # Errors
    /// It cannot be written, an id is beyond the vocabulary, or there are more files than a shard can name.
    pub fn push(&mut self, place: &Place, hash: u64, document: &Document) -> Result<(), ShardError> {
        let vocabulary = self.header.kind.vocabulary;
        if let Some(id) = document.ids.iter().find(|&&id| id >= vocabulary) {
            let problem = format!("{place}: token {id} is beyond the vocabulary of {vocabulary}");
            return Err(ShardError::Dataset { path: self.path.clone(), problem });
        }
        let source = self.source(&place.file)?;
        let mut bytes = Vec::with_capacity(4 * document.ids.len());
        for id in &document.ids {
            bytes.extend(&id.to_le_bytes()[..token_bytes(vocabulary) as usize]);
        }
        self.body.write(&bytes).map_err(|source| ShardError::Write { file: self.partial.0.clone(), source })?;
        for (token, &learnt) in (self.header.tokens..).zip(&document.mask) {
            if token.is_multiple_of(8) {
                self.mask.push(0);
            }
            if let (true, Some(last)) = (learnt, self.mask.last_mut()) {
                *last |= 1 << (token % 8);
            }
            self.header.has_mask |= !learnt;
        }
        let unit = match place.unit {
            Unit::Line => 0u32,
            Unit::Row => 1,
        };
        self.origins.extend(hash.to_le_bytes());
        self.origins.extend(place.number.to_le_bytes());
        self.origins.extend(source.to_le_bytes());
        self.origins.extend(unit.to_le_bytes());
        self.header.documents += 1;
        self.header.tokens += document.ids.len() as u64;
        self.header.supervised += document.supervised() as u64;
        self.borders.push(self.header.tokens);
        Ok(())
    }

    /// The number of a file, which is named when it first occurs.
    fn source(&mut self, file: &Arc<Path>) -> Result<u32, ShardError> {
        if let Some(&number) = self.sources.get(file) {
            return Ok(number);
        }
        let name = file.to_string_lossy();
        let number = u32::try_from(self.sources.len()).ok().zip(u32::try_from(name.len()).ok());
        let Some((number, length)) = number else {
            return Err(ShardError::Dataset {
                path: self.path.clone(),
                problem: "too many files for one shard".into(),
            });
        };
        self.names.extend(length.to_le_bytes());
        self.names.extend(name.as_bytes());
        self.sources.insert(file.clone(), number);
        Ok(number)
    }

    /// Writes what is left, and moves the shard to its place when the system has it. Returns its checksum: that of its checksums.
    ///
    /// # Errors
    /// It cannot be written; a half pair.
    pub fn finish(self) -> Result<u32, ShardError> {
        if self.header.kind.pairs && !self.header.documents.is_multiple_of(2) {
            return Err(ShardError::Dataset { path: self.path, problem: "half a pair is left over".into() });
        }
        let Self { path, partial, body, header, borders, origins, mask, sources, names } = self;
        let header = Header { sources: sources.len() as u64, names: names.len() as u64, ..header };
        let rest = Rest { header, borders, origins, names, mask };
        let table = rest.write(body).map_err(|source| ShardError::Write { file: partial.0.clone(), source })?;
        std::fs::rename(&partial.0, &path).map_err(|source| ShardError::Write { file: path, source })?;
        Ok(table)
    }
}

/// What stands behind the tokens, and before them.
struct Rest {
    header: Header,
    borders: Vec<u64>,
    origins: Vec<u8>,
    names: Vec<u8>,
    mask: Vec<u8>,
}

impl Rest {
    fn write(self, mut body: BlockWriter<BufWriter<File>>) -> std::io::Result<u32> {
        body.align()?;
        if self.header.has_mask {
            body.write(&self.mask)?;
            body.align()?;
        }
        for border in &self.borders {
            body.write(&border.to_le_bytes())?;
        }
        body.write(&self.origins)?;
        body.write(&self.names)?;
        body.align()?;
        let (mut file, table) = body.finish()?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&Header { table, ..self.header }.to_bytes())?;
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(table)
    }
}

/// A file that is not at its place yet. What is not finished is of no use and is removed; after a finish there is nothing of that name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // If it cannot be removed, the next run writes over it.
        let _ = std::fs::remove_file(&self.0);
    }
}
