//! A body of which every 4,096 bytes have a checksum: what is read was checked, and what is not read costs nothing.

use super::ShardError;
use super::layout::{BLOCK, HEADER};
use super::positioned::Positioned;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a body and keeps its checksums.
pub(super) struct BlockWriter<W> {
    out: W,
    block: crc32fast::Hasher,
    written: u64,
    pub(super) table: Vec<u8>,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, block: crc32fast::Hasher::new(), written: 0, table: Vec::new() }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = (BLOCK - self.written % BLOCK) as usize;
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            self.out.write_all(part)?;
            self.block.update(part);
            self.written += part.len() as u64;
            if self.written.is_multiple_of(BLOCK) {
                self.end_block();
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Zeros up to a multiple of 8.
    pub(super) fn align(&mut self) -> io::Result<()> {
        self.write(&[0; 8][..(self.written.next_multiple_of(8) - self.written) as usize])
    }

    /// The checksums behind the body, and their own.
    pub(super) fn finish(mut self) -> io::Result<(W, u32)> {
        if !self.written.is_multiple_of(BLOCK) {
            self.end_block();
        }
        self.out.write_all(&self.table)?;
        Ok((self.out, crc32fast::hash(&self.table)))
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.table.extend(block.finalize().to_le_bytes());
    }
}

/// A body that is read in checked blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    path: PathBuf,
    input: Positioned,
    /// Bytes of the body.
    end: u64,
    table: Vec<u32>,
}

impl Blocks {
    /// Reads and checks the checksums behind a body of `end` bytes.
    pub(super) fn new(path: &Path, input: Positioned, end: u64, checksum: u32) -> Result<Self, ShardError> {
        let mut blocks = Self { path: path.into(), input, end, table: Vec::new() };
        let mut bytes = vec![0; 4 * end.div_ceil(BLOCK) as usize];
        blocks.fill(&mut bytes, end)?;
        if crc32fast::hash(&bytes) != checksum {
            return Err(blocks.invalid(end, "the checksum of the table of checksums is wrong".into()));
        }
        blocks.table = bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
        Ok(blocks)
    }

    /// `length` bytes of the body from `at` on.
    pub(super) fn read(&self, at: u64, length: u64) -> Result<Vec<u8>, ShardError> {
        let end = at.checked_add(length).filter(|&end| end <= self.end);
        let end = end.ok_or_else(|| self.invalid(at, "a read beyond the end".into()))?;
        let (first, last) = (at / BLOCK * BLOCK, end.next_multiple_of(BLOCK).min(self.end));
        let mut bytes = vec![0; (last - first) as usize];
        self.fill(&mut bytes, first)?;
        for (index, block) in bytes.chunks(BLOCK as usize).enumerate() {
            let number = first / BLOCK + index as u64;
            if self.table.get(number as usize) != Some(&crc32fast::hash(block)) {
                let problem = format!("the checksum of these {} bytes is wrong: the file is damaged", block.len());
                return Err(self.invalid(number * BLOCK, problem));
            }
        }
        bytes.truncate((end - first) as usize);
        bytes.drain(..(at - first) as usize);
        Ok(bytes)
    }

    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), ShardError> {
        let read = self.input.read_exact_at(bytes, HEADER + at);
        read.map_err(|source| ShardError::Read { file: self.path.clone(), source })
    }

    /// What is wrong at a place of the body.
    pub(super) fn invalid(&self, at: u64, problem: String) -> ShardError {
        ShardError::Invalid { file: self.path.clone(), offset: HEADER + at, problem }
    }
}
