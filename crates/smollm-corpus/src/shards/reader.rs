//! Reads a shard, checked: its index when it is opened, everything else when it is read.

use super::blocks::Blocks;
use super::layout::{HEADER, Header, Layout, ORIGIN, token_bytes};
use super::positioned::Positioned;
use super::{Origin, ShardError, ShardKind};
use crate::examples::Document;
use crate::records::Unit;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// A shard that is open. It can be read from many threads at once; its borders (8 bytes for each document) and checksums (a thousandth of
/// the file) are in memory.
#[derive(Debug)]
pub struct Shard {
    header: Header,
    layout: Layout,
    blocks: Blocks,
    borders: Vec<u64>,
    names: Vec<String>,
}

impl Shard {
    /// Opens a shard and checks all that an index promises: the length of the file, borders in order, names.
    ///
    /// # Errors
    /// The file cannot be read, or is no whole shard.
    pub fn open(path: &Path) -> Result<Self, ShardError> {
        let file = File::open(path).map_err(|source| ShardError::Read { file: path.into(), source })?;
        Self::of(path, Positioned::File(file))
    }

    /// A shard in memory, called `path` in what is said of it.
    ///
    /// # Errors
    /// As [`Shard::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, ShardError> {
        Self::of(path, Positioned::Memory(bytes))
    }

    fn of(path: &Path, input: Positioned) -> Result<Self, ShardError> {
        let unread = |source| ShardError::Read { file: path.into(), source };
        let invalid = |(offset, problem)| ShardError::Invalid { file: path.into(), offset, problem };
        let length = input.len().map_err(unread)?;
        if length < HEADER {
            return Err(invalid((length, format!("the file ends in the header of {HEADER} bytes"))));
        }
        let mut bytes = [0; HEADER as usize];
        input.read_exact_at(&mut bytes, 0).map_err(unread)?;
        let header = Header::from_bytes(&bytes).map_err(invalid)?;
        let layout = header.layout().ok_or_else(|| invalid((24, "larger than any file".into())))?;
        if layout.file != length {
            let problem = format!("the file has {length} bytes where its header tells of {}", layout.file);
            return Err(invalid((length.min(layout.file), problem)));
        }
        let blocks = Blocks::new(path, input, layout.end, header.table)?;
        let borders = borders(&blocks, &header, &layout)?;
        let names = names(&blocks, &header, &layout)?;
        Ok(Self { header, layout, blocks, borders, names })
    }

    /// What its documents have in common.
    pub fn kind(&self) -> ShardKind {
        self.header.kind
    }

    /// The checksum that [`super::ShardWriter::finish`] returned.
    pub fn checksum(&self) -> u32 {
        self.header.table
    }

    /// How many documents it has.
    pub fn documents(&self) -> u64 {
        self.header.documents
    }

    /// How many tokens it has.
    pub fn tokens(&self) -> u64 {
        self.header.tokens
    }

    /// How many tokens count.
    pub fn supervised(&self) -> u64 {
        self.header.supervised
    }

    /// The tokens of a document, by number; 0 if there is none of that number.
    pub fn length(&self, document: u64) -> u64 {
        self.range(document).map_or(0, |range| range.end - range.start)
    }

    fn range(&self, document: u64) -> Option<Range<u64>> {
        let at = usize::try_from(document).ok()?;
        Some(*self.borders.get(at)?..*self.borders.get(at + 1)?)
    }

    /// Appends tokens of a document, with their mask, to `out`.
    ///
    /// # Errors
    /// The file cannot be read or is damaged; there is no such document or part of it.
    pub fn read(&self, document: u64, part: Range<u64>, out: &mut Document) -> Result<(), ShardError> {
        let whole = self.range(document).filter(|whole| part.start <= part.end && part.end <= whole.end - whole.start);
        let Some(whole) = whole else {
            let problem = format!("there are no tokens {} to {} of document {document}", part.start, part.end);
            return Err(self.blocks.invalid(self.layout.borders, problem));
        };
        let (from, to) = (whole.start + part.start, whole.start + part.end);
        let width = token_bytes(self.header.kind.vocabulary);
        let bytes = self.blocks.read(from * width, (to - from) * width)?;
        for (index, token) in bytes.chunks_exact(width as usize).enumerate() {
            let id = token.iter().rev().fold(0, |id, &byte| id << 8 | u32::from(byte));
            if id >= self.header.kind.vocabulary {
                let problem = format!("token {id} is beyond the vocabulary of {}", self.header.kind.vocabulary);
                return Err(self.blocks.invalid((from + index as u64) * width, problem));
            }
            out.ids.push(id);
        }
        if !self.header.has_mask {
            out.mask.resize(out.ids.len(), true);
            return Ok(());
        }
        let first = from / 8;
        let bits = self.blocks.read(self.layout.mask + first, to.div_ceil(8) - first)?;
        out.mask.extend((from..to).map(|token| bits[(token / 8 - first) as usize] >> (token % 8) & 1 == 1));
        Ok(())
    }

    /// Where a document comes from.
    ///
    /// # Errors
    /// The file cannot be read or is damaged; there is no such document.
    pub fn origin(&self, document: u64) -> Result<Origin, ShardError> {
        let at = self.layout.origins + document.min(self.header.documents) * ORIGIN;
        if document >= self.header.documents {
            return Err(self.blocks.invalid(at, format!("there is no document {document}")));
        }
        let bytes = self.blocks.read(at, ORIGIN)?;
        let number = |at: usize, count: usize| {
            bytes[at..at + count].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        let unit = match number(20, 4) {
            0 => Unit::Line,
            1 => Unit::Row,
            other => return Err(self.blocks.invalid(at + 20, format!("unknown unit {other}"))),
        };
        let source = number(16, 4);
        let file = self.names.get(source as usize);
        let file = file.ok_or_else(|| self.blocks.invalid(at + 16, format!("there is no source {source}")))?;
        Ok(Origin { file: file.clone(), number: number(8, 8), unit, hash: number(0, 8) })
    }

    /// The hash of every document's record.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn hashes(&self) -> Result<Vec<u64>, ShardError> {
        let bytes = self.blocks.read(self.layout.origins, self.header.documents * ORIGIN)?;
        let hash = |origin: &[u8]| origin[..8].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        Ok(bytes.chunks_exact(ORIGIN as usize).map(hash).collect())
    }

    /// Reads everything once, so that whatever is damaged is found.
    ///
    /// # Errors
    /// Something is damaged, or a count in the header is not what the documents say.
    pub fn verify(&self) -> Result<(), ShardError> {
        let mut supervised = 0;
        for number in 0..self.header.documents {
            let mut document = Document::default();
            self.read(number, 0..self.length(number), &mut document)?;
            self.origin(number)?;
            supervised += document.supervised() as u64;
        }
        if supervised != self.header.supervised {
            let problem = format!("{supervised} tokens count where the header tells of {}", self.header.supervised);
            return Err(self.blocks.invalid(0, problem));
        }
        Ok(())
    }
}

fn borders(blocks: &Blocks, header: &Header, layout: &Layout) -> Result<Vec<u64>, ShardError> {
    let bytes = blocks.read(layout.borders, (header.documents + 1) * 8)?;
    let number = |c: &[u8]| c.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    let borders: Vec<u64> = bytes.chunks_exact(8).map(number).collect();
    let wrong = |index: usize, problem: &str| blocks.invalid(layout.borders + 8 * index as u64, problem.into());
    if borders.first() != Some(&0) || borders.last() != Some(&header.tokens) {
        return Err(wrong(0, "the documents do not begin at 0 and end at the last token"));
    }
    match borders.windows(2).position(|pair| pair[0] > pair[1]) {
        Some(index) => Err(wrong(index + 1, "a document ends before it begins")),
        None => Ok(borders),
    }
}

fn names(blocks: &Blocks, header: &Header, layout: &Layout) -> Result<Vec<String>, ShardError> {
    let bytes = blocks.read(layout.names, header.names)?;
    let (mut names, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let name = after.get(..length).and_then(|name| std::str::from_utf8(name).ok());
        let Some(name) = name else { break };
        names.push(name.to_owned());
        rest = &after[length..];
    }
    if !rest.is_empty() || names.len() as u64 != header.sources {
        let at = layout.names + (bytes.len() - rest.len()) as u64;
        return Err(blocks.invalid(at, format!("these are not the names of {} sources", header.sources)));
    }
    Ok(names)
}
