//! How much there is to learn.

use crate::error::Error;
use crate::train::recipe::{Data, Duration, Recipe};
use smollm_corpus::examples::Tally;
use smollm_corpus::feed::{Part, Source};
use smollm_corpus::packing::Packing;

/// What a source has.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Its name in the recipe; of what is held out, that of the folder.
    pub name: String,
    /// Documents: of pairs, two each.
    pub documents: u64,
    /// Predictions: all tokens but the first of each sequence.
    pub tokens: u64,
    /// Rows that they are packed into.
    pub rows: u64,
    /// What became of its records when they were tokenised, those held out among them.
    pub tally: Tally,
}

/// What all sources have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FeedCounts {
    /// What is learnt, source by source.
    pub training: Vec<Counts>,
    /// What is held out, source by source.
    pub validation: Vec<Counts>,
    /// Rows of an epoch.
    pub epoch_rows: u64,
}

impl FeedCounts {
    /// What there is if every row is full and every token learnt: for an estimate of a recipe whose data are not at hand. `None` if the
    /// recipe says how long it takes in epochs, which cannot be told then. There are no rows in the epoch of these counts.
    pub fn of_full_rows(recipe: &Recipe) -> Option<Self> {
        let tokens = u64::from(recipe.data.sequence_length);
        let tally = Tally { tokens, supervised: tokens, ..Tally::default() };
        let full = Counts { name: "full rows".into(), documents: 1, tokens, rows: 1, tally };
        let counts = Self { training: vec![full], validation: Vec::new(), epoch_rows: 0 };
        (!matches!(recipe.duration, Duration::Epochs(_))).then_some(counts)
    }

    /// The mean of a training row's tokens, as the sources have rows.
    pub fn row_tokens(&self) -> f64 {
        let sum = |of: fn(&Counts) -> u64| self.training.iter().map(of).sum::<u64>() as f64;
        sum(|counts| counts.tokens) / sum(|counts| counts.rows).max(1.0)
    }
}

pub(super) fn count(names: Vec<String>, sources: &[Source], rows: &[u64], data: &Data) -> Result<Vec<Counts>, Error> {
    let mut all = Vec::with_capacity(names.len());
    for ((name, source), &rows) in names.into_iter().zip(sources).zip(rows) {
        let dataset = &source.dataset;
        let hashes = if source.part == Part::All { Vec::new() } else { dataset.hashes()? };
        let pairs = dataset.kind().pairs;
        let (mut documents, mut tokens) = (0, 0);
        for document in 0..dataset.documents() {
            // A pair goes by its first.
            let first = if pairs { document & !1 } else { document };
            if hashes.get(first as usize).is_none_or(|&hash| source.part.has(hash)) {
                documents += 1;
                tokens += match data.packing {
                    Packing::Wrapped => dataset.length(document),
                    _ => dataset.length(document).saturating_sub(1),
                };
            }
        }
        if data.packing == Packing::Wrapped {
            // Only the very first token is not predicted.
            tokens = tokens.saturating_sub(1);
        }
        all.push(Counts { name, documents, tokens, rows, tally: dataset.manifest().tally });
    }
    Ok(all)
}
