//! How good a model is at items whose right answers can be told: exercises with checks, texts of known probability, preference pairs.

mod answering;
mod items;
mod scoring;
mod table;

pub use items::{Item, ItemBody, read_items};
pub use table::{Row, Totals, table};

use crate::error::Error;
use crate::model::Model;
use crate::outputs::write_file;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::Path;

/// What a model made of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It answered an exercise.
    Answered {
        /// What it said, calls as it writes them.
        text: String,
        /// Whether the check passes.
        passed: bool,
    },
    /// A text was scored.
    Scored {
        /// Nats that the model needs for what is scored of it.
        nats: f64,
        /// Tokens of that, the end among them.
        tokens: usize,
    },
    /// Two answers were compared.
    Compared {
        /// Log-probability of the preferred answer, in nats.
        chosen: f64,
        /// That of the other one.
        rejected: f64,
    },
    /// The prompt leaves no room in the context, or cannot be written; why.
    Failed(String),
}

/// How items are tried.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions {
    /// The longest answer, in tokens.
    pub max_tokens: usize,
    /// Items that are answered at once.
    pub parallel: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { max_tokens: 256, parallel: 16 }
    }
}

/// Tries all items, greedily, and returns what came of each, in their order. `progress` hears how many are done; `None` if it stopped that.
///
/// # Errors
/// The model has no tokenizer or no chat template where one is needed, its memory cannot be had, or it gives no finite numbers.
pub fn verify(
    model: &Model,
    items: &[Item],
    options: VerifyOptions,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Option<Vec<Outcome>>, Error> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; items.len()];
    let mut done = 0;
    let exercises: Vec<usize> = numbers(items, |body| matches!(body, ItemBody::Exercise { .. }));
    let answered = answering::answer(model, items, &exercises, options, &mut |number, outcome| {
        outcomes[number] = Some(outcome);
        done += 1;
        progress(done)
    })?;
    if answered.is_break() {
        return Ok(None);
    }
    let mut session = model.session();
    for number in numbers(items, |body| !matches!(body, ItemBody::Exercise { .. })) {
        outcomes[number] = Some(scoring::score(model, &mut session, &items[number].body)?);
        done += 1;
        if progress(done).is_break() {
            return Ok(None);
        }
    }
    Ok(outcomes.into_iter().collect())
}

fn numbers(items: &[Item], wanted: impl Fn(&ItemBody) -> bool) -> Vec<usize> {
    items.iter().enumerate().filter(|(_, item)| wanted(&item.body)).map(|(number, _)| number).collect()
}

/// Writes what came of each item as JSON lines, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write_outcomes(path: &Path, items: &[Item], outcomes: &[Outcome]) -> Result<(), Error> {
    let line = |(item, outcome): (&Item, &Outcome)| format!("{}\n", outcome.to_json(&item.kind));
    write_file(path, items.iter().zip(outcomes).map(line).collect::<String>().as_bytes())
}

impl Outcome {
    /// As a line of a file, under the kind of its item.
    fn to_json(&self, kind: &str) -> Value {
        match self {
            Self::Answered { text, passed } => json!({ "kind": kind, "answer": text, "passed": passed }),
            Self::Scored { nats, tokens } => json!({ "kind": kind, "nats": nats, "tokens": tokens }),
            Self::Compared { chosen, rejected } => json!({ "kind": kind, "chosen": chosen, "rejected": rejected }),
            Self::Failed(problem) => json!({ "kind": kind, "failed": problem }),
        }
    }
}
