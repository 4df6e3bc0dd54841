//! Documents to rows: which pieces of which documents stand together. Nothing is lost and nothing is doubled: every token but the first of a
//! sequence is predicted once.

mod best_fit;
#[cfg(test)]
mod tests;

use crate::permutation::{Permutation, mixed};
use best_fit::best_fit;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How documents share rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// Each example has a row to itself.
    None,
    /// Whole documents in as few rows as best-fit decreasing makes of them, each attended to and counted from 0 by itself. A document that
    /// is longer than a row is continued in further rows, where it is attended to from there on.
    BestFit,
    /// All documents one after the other, cut at the length of a row, each token attending to all of its row. SmolLM and SmolLM2 were
    /// pretrained so.
    Wrapped,
}

/// A part of a document, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    /// The number of the document.
    pub document: u32,
    /// Its first token.
    pub from: u32,
    /// How many there are.
    pub length: u32,
}

/// Why documents cannot be packed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Rows without a single prediction.
    #[error("a row of no tokens")]
    NoRoom,
    /// The parts of a preference pair cannot run into each other.
    #[error("preference pairs cannot be wrapped: they need packing `best-fit` or `none`")]
    WrappedPairs,
    /// An example that may not be divided does not fit.
    #[error(
        "document {document} has {tokens} tokens, which do not fit a row of {row}: cut it when it is tokenised, or make rows longer"
    )]
    TooLong {
        /// The number of the document; of a pair, the first.
        document: u32,
        /// Its tokens; of a pair, those of both.
        tokens: u64,
        /// Tokens of a row.
        row: u32,
    },
}

/// What becomes of documents.
#[derive(Debug, Clone, Copy)]
pub struct PackOptions {
    /// How they share rows.
    pub packing: Packing,
    /// Predictions of a row: its inputs. A sequence of n tokens has n - 1.
    pub row_tokens: u32,
    /// Documents are shuffled by it.
    pub seed: u64,
    /// Whether each two documents are a preference pair, which stays in one row, whole.
    pub pairs: bool,
}

/// Rows of pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    pieces: Vec<Piece>,
    /// Where each row begins in `pieces`, and behind the last one how many there are.
    starts: Vec<usize>,
    /// Whether each piece is a sequence by itself; otherwise the row is one.
    separate: bool,
}

impl Rows {
    /// Packs `documents`, of each its number and how many tokens it has. What predicts nothing (fewer than two tokens) is left out, but
    /// for `wrapped`.
    ///
    /// # Errors
    /// Something does not fit.
    pub fn pack(documents: &[(u32, u32)], options: &PackOptions) -> Result<Self, PackError> {
        if options.row_tokens == 0 {
            return Err(PackError::NoRoom);
        }
        if options.packing == Packing::Wrapped && options.pairs {
            return Err(PackError::WrappedPairs);
        }
        let units: Vec<&[(u32, u32)]> = documents.chunks(if options.pairs { 2 } else { 1 }).collect();
        let order = Permutation::new(units.len() as u64, mixed(&[options.seed, DOCUMENTS]));
        let shuffled = (0..units.len() as u64).map(|i| units[order.at(i) as usize]);
        let mut rows = Self { pieces: Vec::new(), starts: vec![0], separate: options.packing != Packing::Wrapped };
        match options.packing {
            Packing::Wrapped => rows.wrap(shuffled.flatten().copied(), options.row_tokens),
            Packing::None => {
                for unit in shuffled.filter(|unit| cost(unit) > 0) {
                    rows.pieces.extend(whole(unit, options.row_tokens)?);
                    rows.end_row();
                }
            }
            Packing::BestFit => best_fit(&mut rows, shuffled, options)?,
        }
        Ok(rows)
    }

    /// How many rows there are.
    pub fn count(&self) -> u64 {
        self.starts.len() as u64 - 1
    }

    /// The sequences of a row, less than [`Rows::count`]: tokens of one attend to each other only, and are counted from 0.
    pub fn sequences(&self, row: u64) -> impl Iterator<Item = &[Piece]> {
        let row = row as usize;
        let pieces = &self.pieces[self.starts[row]..self.starts[row + 1]];
        pieces.chunks(if self.separate { 1 } else { pieces.len().max(1) })
    }

    fn end_row(&mut self) {
        self.starts.push(self.pieces.len());
    }

    /// Documents one after the other. A row takes up the last token of the row before it, which there was only predicted.
    fn wrap(&mut self, documents: impl Iterator<Item = (u32, u32)>, row_tokens: u32) {
        let mut room = u64::from(row_tokens) + 1;
        for (document, length) in documents {
            let mut from = 0;
            while from < length {
                let taken = u64::from(length - from).min(room) as u32;
                self.pieces.push(Piece { document, from, length: taken });
                (from, room) = (from + taken, room - u64::from(taken));
                if room == 0 {
                    self.end_row();
                    self.pieces.push(Piece { document, from: from - 1, length: 1 });
                    room = u64::from(row_tokens);
                }
            }
        }
        let last: Range<usize> = self.starts[self.starts.len() - 1]..self.pieces.len();
        if self.pieces[last.clone()].iter().map(|piece| u64::from(piece.length)).sum::<u64>() > 1 {
            self.end_row();
        } else {
            self.pieces.truncate(last.start);
        }
    }
}

/// What keeps the shuffle of documents apart from other uses of the seed.
const DOCUMENTS: u64 = 1;

/// The predictions of documents that stay together.
fn cost(unit: &[(u32, u32)]) -> u64 {
    unit.iter().map(|&(_, length)| u64::from(length.saturating_sub(1))).sum()
}

/// The pieces of documents that may not be divided.
fn whole(unit: &[(u32, u32)], row_tokens: u32) -> Result<impl Iterator<Item = Piece>, PackError> {
    if cost(unit) > u64::from(row_tokens) {
        let tokens = unit.iter().map(|&(_, length)| u64::from(length)).sum();
        return Err(PackError::TooLong { document: unit[0].0, tokens, row: row_tokens });
    }
    Ok(unit.iter().map(|&(document, length)| Piece { document, from: 0, length }))
}
