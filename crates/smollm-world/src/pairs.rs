//! Preference pairs: a right answer and one that is nearly right, told apart by the check of the exercise.

use crate::item::Item;
use crate::{
    Draw, Split, arithmetic, calls, follow_ups, instructions, questions, refusals, rewriting, small_talk, stories,
    summaries,
};
use serde_json::Value;

/// A kind of exercise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// How files name it.
    pub(crate) name: &'static str,
    /// How many of the pairs are of it, in proportion.
    pub(crate) weight: usize,
    /// An exercise of this kind.
    pub(crate) item: fn(&mut Draw, Split) -> Item,
    /// An answer to it that is nearly right but fails.
    pub(crate) worse: fn(&mut Draw, &Item) -> Option<Value>,
}

/// Every kind of exercise.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "arithmetic", weight: 3, item: arithmetic::item, worse: arithmetic::worse },
    Kind { name: "calls", weight: 4, item: calls::item, worse: calls::worse },
    Kind { name: "facts", weight: 4, item: questions::item, worse: questions::worse },
    Kind { name: "follow-ups", weight: 2, item: follow_ups::item, worse: follow_ups::worse },
    Kind { name: "instructions", weight: 2, item: instructions::item, worse: instructions::worse },
    Kind { name: "refusals", weight: 2, item: refusals::item, worse: refusals::worse },
    Kind { name: "rewriting", weight: 2, item: rewriting::item, worse: rewriting::worse },
    Kind { name: "summaries", weight: 2, item: summaries::item, worse: summaries::worse },
    Kind { name: "small-talk", weight: 1, item: small_talk::item, worse: small_talk::worse },
    Kind { name: "stories", weight: 2, item: stories::item, worse: stories::worse },
];

/// An exercise with a right answer (its own) and a wrong one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    /// The kind's name.
    pub(crate) kind: &'static str,
    /// The exercise; its answer is the chosen one.
    pub(crate) item: Item,
    /// The message of the assistant that is worse.
    pub(crate) rejected: Value,
}

/// A pair of a random kind. The check of the exercise holds for the chosen answer and not for the rejected one.
pub(crate) fn pair(draw: &mut Draw, split: Split) -> Pair {
    loop {
        let kind = kind(draw);
        let item = (kind.item)(draw, split);
        // some exercises have no answer that is nearly right: then another is drawn
        if let Some(rejected) = (kind.worse)(draw, &item)
            && item.check.passes(&item.answer)
            && !item.check.passes(&rejected)
        {
            return Pair { kind: kind.name, item, rejected };
        }
    }
}

fn kind(draw: &mut Draw) -> &'static Kind {
    let mut left = draw.below(KINDS.iter().map(|kind| kind.weight).sum());
    for kind in KINDS {
        if left < kind.weight {
            return kind;
        }
        left -= kind.weight;
    }
    &KINDS[0]
}

#[cfg(test)]
mod tests;
