//! How a request is spoken: politely, in a hurry, several things at once.

use crate::Draw;
use crate::english::{listed, with_capital};

/// "tell me the time" as a sentence.
pub(super) fn spoken(draw: &mut Draw, clause: &str) -> String {
    let whole = match draw.below(20) {
        0..6 => format!("{}.", with_capital(clause)),
        6..8 => format!("Please {clause}."),
        8..10 => format!("{}, please.", with_capital(clause)),
        10..13 => format!("Can you {clause}?"),
        13..15 => format!("Could you {clause}?"),
        15 => format!("Could you please {clause}?"),
        16 => format!("Can you please {clause}?"),
        17 => format!("I want you to {clause}."),
        18 => format!("I would like you to {clause}."),
        _ => format!("Hello! Please {clause}."),
    };
    hurried(draw, &whole)
}

/// A question, as it is asked.
pub(super) fn question(draw: &mut Draw, question: &str) -> String {
    let whole = match draw.below(10) {
        0 => format!("Hello! {question}"),
        _ => question.to_owned(),
    };
    hurried(draw, &whole)
}

/// Several clauses in one request.
pub(super) fn joined(draw: &mut Draw, clauses: &[String]) -> String {
    let all = listed(clauses);
    let [first, rest @ ..] = clauses else { return String::new() };
    let then = rest.join(", and ");
    let whole = match draw.below(12) {
        0..2 => format!("{}.", with_capital(&all)),
        2 => format!("Please {all}."),
        3..5 => format!("Can you {all}?"),
        5 => format!("Could you {all}?"),
        6 => format!("{}, please.", with_capital(&all)),
        7 => format!("{}. Also, {then}.", with_capital(first)),
        8 => format!("{}. Then {then}.", with_capital(first)),
        9 => format!("First {first}, then {then}."),
        10 => format!("{} and then {then}.", with_capital(first)),
        _ => format!("I want you to {all}."),
    };
    hurried(draw, &whole)
}

/// Some leave out the mark at the end, or the capital at the start. What is inside stays as it is, for it is copied into calls.
fn hurried(draw: &mut Draw, text: &str) -> String {
    let mut text = text.to_owned();
    if draw.chance(0.15) {
        text.truncate(text.trim_end_matches(['.', '?']).len());
    }
    if draw.chance(0.12) {
        let mut letters = text.chars();
        text = letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect());
    }
    text
}
