//! Data sets to batches: the rows of any step, without a look at the steps before it.

mod batch;
mod error;
mod part;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Sequence, Span};
pub use error::FeedError;
pub use part::Part;

use crate::dataset::Dataset;
use crate::examples::Document;
use crate::mixture::{Draw, Mixture, Stage};
use crate::packing::{PackOptions, Packing, Rows};
use crate::permutation::{Permutation, mixed};
use crate::shards::Origin;
use std::ops::Range;
use std::sync::Arc;

/// A data set that a feed takes rows from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The data set.
    pub dataset: Arc<Dataset>,
    /// Which of its documents.
    pub part: Part,
}

/// How rows are made.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// How documents share rows.
    pub packing: Packing,
    /// Inputs of a full row.
    pub row_tokens: u32,
    /// Everything that is shuffled or dealt goes by it.
    pub seed: u64,
    /// Whether rows come in another order in each epoch. Without it they come as they were packed, for evaluation.
    pub shuffle: bool,
    /// The weights of the sources.
    pub stages: Vec<Stage>,
}

/// Rows of one or more data sets, numbered from 0 without an end: when a data set has given all its rows, it gives them again in another
/// order. Which row has which number depends on the data, the options and nothing else.
#[derive(Debug)]
pub struct Feed {
    sources: Vec<Packed>,
    mixture: Mixture,
    row_tokens: u32,
    seed: u64,
    shuffle: bool,
}

#[derive(Debug)]
struct Packed {
    dataset: Arc<Dataset>,
    rows: Rows,
}

impl Feed {
    /// Packs the data sets. That takes time and memory by the number of documents (some 20 bytes each), not by their tokens, and is the
    /// same at every start.
    ///
    /// # Errors
    /// No sources, stages that do not fit them, pairs beside other data, documents that do not fit a row, a source without a single row, or
    /// a data set that cannot be read.
    pub fn new(sources: &[Source], options: &FeedOptions) -> Result<Self, FeedError> {
        let mixture = Mixture::new(&options.stages, sources.len(), options.row_tokens, options.seed)?;
        let mut packed: Vec<Packed> = Vec::with_capacity(sources.len());
        for (index, Source { dataset, part }) in sources.iter().enumerate() {
            let kind = dataset.kind();
            if let Some(first) = packed.first().filter(|first| first.dataset.kind() != kind) {
                return Err(FeedError::Kinds { one: first.dataset.folder().into(), other: dataset.folder().into() });
            }
            let documents = part.documents(dataset)?;
            let pack = PackOptions {
                packing: options.packing,
                row_tokens: options.row_tokens,
                seed: mixed(&[options.seed, index as u64]),
                pairs: kind.pairs,
            };
            let folder = || dataset.folder().to_path_buf();
            let rows = Rows::pack(&documents, &pack).map_err(|source| FeedError::Pack { folder: folder(), source })?;
            if rows.count() == 0 {
                return Err(FeedError::Empty { folder: folder() });
            }
            packed.push(Packed { dataset: dataset.clone(), rows });
        }
        let FeedOptions { row_tokens, seed, shuffle, .. } = *options;
        Ok(Self { sources: packed, mixture, row_tokens, seed, shuffle })
    }

    /// Other weights for the same rows: those that depend on how many rows there are, which packing alone tells.
    ///
    /// # Errors
    /// The stages do not fit the sources.
    pub fn set_stages(&mut self, stages: &[Stage]) -> Result<(), FeedError> {
        self.mixture = Mixture::new(stages, self.sources.len(), self.row_tokens, self.seed)?;
        Ok(())
    }

    /// How many rows each source has: one epoch of it.
    pub fn rows(&self) -> Vec<u64> {
        self.sources.iter().map(|source| source.rows.count()).collect()
    }

    /// For each source the checksums of its shards: equal ones have the same tokens.
    pub fn checksums(&self) -> Vec<Vec<u32>> {
        let of = |source: &Packed| source.dataset.manifest().shards.iter().map(|shard| shard.checksum).collect();
        self.sources.iter().map(of).collect()
    }

    /// For each source how many of the first `rows` rows it gives: over [`Feed::rows`], its epochs.
    pub fn given(&self, rows: u64) -> Vec<u64> {
        self.mixture.counts(rows)
    }

    /// The rows of these numbers, one after the other. The rows of step s, with n rows to a step, are s * n .. (s + 1) * n; those of a
    /// micro-batch are a part of them.
    ///
    /// # Errors
    /// A data set cannot be read or is damaged.
    pub fn batch(&self, rows: Range<u64>) -> Result<Batch, FeedError> {
        let mut batch = Batch::default();
        let mut read = Document::default();
        for number in rows {
            let Draw { dataset: source, nth } = self.mixture.row(number);
            let packed = &self.sources[source];
            let count = packed.rows.count();
            let (epoch, place) = (nth / count, nth % count);
            let key = mixed(&[self.seed, ROWS, source as u64, epoch]);
            let row = if self.shuffle { Permutation::new(count, key).at(place) } else { place };
            batch.rows.push(batch.sequences.len());
            for pieces in packed.rows.sequences(row) {
                read.ids.clear();
                read.mask.clear();
                let first = batch.spans.len();
                for piece in pieces {
                    let (from, length) = (u64::from(piece.from), u64::from(piece.length));
                    packed.dataset.read(u64::from(piece.document), from..from + length, &mut read)?;
                    batch.spans.push(Span { source, document: u64::from(piece.document), from, length });
                }
                batch.push(&read, first);
            }
        }
        Ok(batch)
    }

    /// Where a span of a batch comes from.
    ///
    /// # Errors
    /// A data set cannot be read or is damaged; there is no such source or document.
    pub fn origin(&self, span: &Span) -> Result<Origin, FeedError> {
        match self.sources.get(span.source) {
            Some(source) => Ok(source.dataset.origin(span.document)?),
            None => Err(FeedError::NoSource { source_number: span.source, sources: self.sources.len() }),
        }
    }
}

/// What keeps the shuffle of rows apart from other uses of the seed.
const ROWS: u64 = 3;
