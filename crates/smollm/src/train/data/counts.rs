//! How much there is to learn.

use crate::error::Error;
use crate::train::estimate::grouped;
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

/// What of the records did not come to be learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lost {
    /// Documents of which something was cut away.
    pub truncated: u64,
    /// Tokens that were cut away.
    pub cut_tokens: u64,
    /// Answers that were cut away whole.
    pub answers_cut: u64,
    /// Records that were skipped because nothing of them would be learnt.
    pub skipped: u64,
}

impl Lost {
    /// Names and texts of what there is of it; nothing if all is learnt.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if self.truncated > 0 {
            let (documents, tokens) = (grouped(self.truncated as f64), grouped(self.cut_tokens as f64));
            lines.push(("truncated", format!("{documents} documents ({tokens} tokens cut away)")));
        }
        for (name, count) in [("answers lost", self.answers_cut), ("skipped", self.skipped)] {
            if count > 0 {
                lines.push((name, grouped(count as f64)));
            }
        }
        lines
    }
}

impl FeedCounts {
    /// What of the sources of the training data is not learnt. Rows that are held out of these are counted with them.
    pub fn lost(&self) -> Lost {
        let mut lost = Lost::default();
        for Counts { tally, .. } in &self.training {
            lost.truncated += tally.truncated;
            lost.cut_tokens += tally.cut_tokens;
            lost.answers_cut += tally.answers_cut;
            lost.skipped += tally.skipped;
        }
        lost
    }

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
