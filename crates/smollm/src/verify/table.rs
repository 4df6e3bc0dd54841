//! Outcomes as numbers, by kind of item.

use super::Outcome;
use super::items::{Item, ItemBody};
use smollm_verify::refuses;
use std::fmt;

/// One kind of items.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The kind.
    pub kind: String,
    /// How many items there are.
    pub items: usize,
    /// How many could not be tried.
    pub failed: usize,
    /// What came of the others.
    pub totals: Totals,
}

/// What came of the items of a kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Totals {
    /// Of exercises and pairs: how many passed, or were told apart rightly.
    Right {
        /// How many.
        right: usize,
        /// Of exercises: how many answers say that they do not know where something else was asked for.
        refused: usize,
    },
    /// Of texts.
    Nats {
        /// Nats that the model needs.
        model: f64,
        /// Nats that there are.
        truth: f64,
        /// Tokens of these texts.
        tokens: usize,
    },
}

/// The rows of some outcomes, in the order in which kinds come; texts have a row of their own among items of one kind. An item that could not
/// be tried counts as wrong.
pub fn table(items: &[Item], outcomes: &[Outcome]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (item, outcome) in items.iter().zip(outcomes) {
        let is_text = matches!(item.body, ItemBody::Text { .. });
        let is_row = |row: &Row| row.kind == item.kind && matches!(row.totals, Totals::Nats { .. }) == is_text;
        let place = rows.iter().position(is_row).unwrap_or_else(|| {
            let totals = if is_text {
                Totals::Nats { model: 0.0, truth: 0.0, tokens: 0 }
            } else {
                Totals::Right { right: 0, refused: 0 }
            };
            rows.push(Row { kind: item.kind.clone(), items: 0, failed: 0, totals });
            rows.len() - 1
        });
        let row = &mut rows[place];
        row.items += 1;
        match (outcome, &item.body, &mut row.totals) {
            (
                Outcome::Answered { text, passed },
                ItemBody::Exercise { check, .. },
                Totals::Right { right, refused },
            ) => {
                *right += usize::from(*passed);
                *refused += usize::from(!check.wants_refusal() && refuses(text));
            }
            (Outcome::Compared { chosen, rejected }, _, Totals::Right { right, .. }) => {
                *right += usize::from(chosen > rejected);
            }
            (
                Outcome::Scored { nats, tokens: more },
                ItemBody::Text { nats: known, .. },
                Totals::Nats { model, truth, tokens },
            ) => {
                *model += nats;
                *truth += known;
                *tokens += more;
            }
            _ => row.failed += 1,
        }
    }
    rows
}

impl Row {
    /// The share that passed, from 0 to 1; of texts there is none.
    pub fn share(&self) -> Option<f64> {
        match self.totals {
            Totals::Right { right, .. } => Some(right as f64 / self.items.max(1) as f64),
            Totals::Nats { .. } => None,
        }
    }

    /// Nats per token: the loss of the model, and the entropy, which no model can go below but by luck.
    pub fn nats_per_token(&self) -> Option<(f64, f64)> {
        match self.totals {
            Totals::Right { .. } => None,
            Totals::Nats { model, truth, tokens } => {
                let tokens = tokens.max(1) as f64;
                Some((model / tokens, truth / tokens))
            }
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, items, failed, .. } = self;
        match self.totals {
            Totals::Right { right, refused } => {
                let share = 100.0 * right as f64 / (*items).max(1) as f64;
                write!(f, "{kind:<24} {right:>6} of {items:<6} {share:>6.1} %")?;
                if refused > 0 {
                    write!(f, "  ({refused} said that they do not know)")?;
                }
            }
            Totals::Nats { .. } => {
                let (model, truth) = self.nats_per_token().unwrap_or_default();
                write!(f, "{kind:<24} {model:.4} nats per token, entropy {truth:.4}, gap {:.4}", model - truth)?;
            }
        }
        if *failed > 0 {
            write!(f, "  ({failed} could not be tried)")?;
        }
        Ok(())
    }
}
