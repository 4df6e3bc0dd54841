//! One row of a recipe's data as text, with what is learnt of it marked.

use crate::error::Error;
use crate::terminal::neutral;
use smollm_corpus::feed::Feed;
use smollm_corpus::records::Unit;
use smollm_corpus::shards::Origin;
use smollm_tokenizer::Tokenizer;
use std::fmt::Write;

/// How what is learnt is told from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// Green on a terminal.
    Colour,
    /// `[[` before it and `]]` behind it.
    Brackets,
}

impl Marks {
    fn pair(self) -> [&'static str; 2] {
        match self {
            Self::Colour => ["\x1b[1;32m", "\x1b[0m"],
            Self::Brackets => ["[[", "]]"],
        }
    }
}

/// Row `number` of a feed: where each of its sequences comes from, how many tokens it has and how many are learnt, and its text.
///
/// # Errors
/// A data set cannot be read or is damaged.
pub fn show_row(feed: &Feed, number: u64, tokenizer: &Tokenizer, pairs: bool, marks: Marks) -> Result<String, Error> {
    let batch = feed.batch(number..number + 1)?;
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let mut out = String::new();
    let (sequences, tokens) = (count(batch.sequences.len(), "sequence"), count(batch.ids.len(), "input"));
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "row {number} of {}: {sequences}, {tokens}, {} learnt",
        feed.rows().iter().sum::<u64>(),
        batch.supervised()
    );
    for (place, sequence) in batch.sequences.iter().enumerate() {
        let inputs = sequence.inputs.clone();
        let learnt = &batch.learnt[inputs.clone()];
        // The first token is predicted from nothing, the last one is no input.
        let last = batch.targets[inputs.clone()].last();
        let ids: Vec<u32> = batch.ids[inputs].iter().chain(last).copied().collect();
        let mask: Vec<bool> = std::iter::once(false).chain(learnt.iter().copied()).collect();
        let mut origins = Vec::new();
        for span in &batch.spans[sequence.spans.clone()] {
            let place = place_of(&feed.origin(span)?);
            if origins.last() != Some(&place) {
                origins.push(place);
            }
        }
        let role = match (pairs, place % 2) {
            (false, _) => "",
            (true, 0) => ", preferred",
            (true, _) => ", the other one",
        };
        let supervised = mask.iter().filter(|&&learnt| learnt).count();
        let _ = writeln!(out, "\n{}{role}: {}, {supervised} learnt", origins.join(" + "), count(ids.len(), "token"));
        out.push_str(&marked(&ids, &mask, tokenizer, marks));
        out.push('\n');
    }
    Ok(out)
}

fn place_of(origin: &Origin) -> String {
    let unit = match origin.unit {
        Unit::Line => "line",
        Unit::Row => "row",
    };
    neutral::line(&format!("{}: {unit} {}", origin.file, origin.number))
}

/// The text of tokens, special ones spelt out.
fn marked(ids: &[u32], mask: &[bool], tokenizer: &Tokenizer, marks: Marks) -> String {
    let [before, behind] = marks.pair();
    let (mut out, mut from) = (String::new(), 0);
    while from < ids.len() {
        let learnt = mask[from];
        let end = from + mask[from..].iter().take_while(|&&other| other == learnt).count();
        let text = neutral::text(&tokenizer.decode(&ids[from..end], false));
        if learnt {
            let _ = write!(out, "{before}{text}{behind}");
        } else {
            out.push_str(&text);
        }
        from = end;
    }
    out
}
