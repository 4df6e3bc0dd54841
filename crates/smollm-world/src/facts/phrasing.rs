//! How an entity and a value are put into a sentence, and the phrasings of a question that frames and noun phrases give.

use crate::english::{article, with_capital};
use crate::split::Split;

/// The forms of a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    /// As in the middle of a sentence: "the Netherlands", "iron", "the lion".
    pub(crate) full: String,
    /// Without "the".
    pub(crate) bare: String,
    /// Many of the kind; empty where nothing is asked of many.
    pub(crate) plural: String,
}

impl Name {
    /// The forms of this name.
    pub(crate) fn of(full: &str, plural: &str) -> Self {
        let bare = full.strip_prefix("the ").unwrap_or(full);
        Self { full: full.to_owned(), bare: bare.to_owned(), plural: plural.to_owned() }
    }

    /// The name of an owner.
    fn owner(&self) -> String {
        format!("{}{}", self.full, if self.full.ends_with('s') { "'" } else { "'s" })
    }
}

/// The template with the entity and the value put in.
pub(crate) fn put_in(template: &str, name: &Name, value: &str) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (slot, after) = after.split_once('}').unwrap_or((after, ""));
        match slot {
            "E" => text.push_str(&name.full),
            "A" => text.push_str(&format!("{} {}", article(&name.bare), name.bare)),
            "B" => text.push_str(&name.bare),
            "P" => text.push_str(&name.plural),
            "S" => text.push_str(&name.owner()),
            "V" => text.push_str(value),
            "aV" => text.push_str(&format!("{} {value}", article(value))),
            "T" => text.push_str(value.split_once(' ').map_or(value, |(_, tail)| tail)),
            _ => {}
        }
        rest = after;
        // an abbreviation's full stop ends the sentence too
        if text.ends_with('.') {
            rest = rest.strip_prefix('.').unwrap_or(rest);
        }
    }
    text.push_str(rest);
    text
}

/// The template as a sentence.
pub(crate) fn fill(template: &str, name: &Name, value: &str) -> String {
    with_capital(&put_in(template, name, value))
}

/// `{N}` is the noun phrase. The first is the most usual.
const NOUN_FRAMES: &[&str] = &[
    "What is the {N} of {E}?",
    "Tell me the {N} of {E}.",
    "What's the {N} of {E}?",
    "Can you tell me the {N} of {E}?",
    "Do you know the {N} of {E}?",
    "Please give me the {N} of {E}.",
    "I would like to know the {N} of {E}.",
    "Could you name the {N} of {E}?",
    "What is {S} {N}?",
    "What would you say is the {N} of {E}?",
    "The {N} of {E}, please.",
];

/// `{C}` is an indirect question.
const CLAUSE_FRAMES: &[&str] = &[
    "Tell me {C}.",
    "Can you tell me {C}?",
    "Do you know {C}?",
    "I want to know {C}.",
    "Please tell me {C}.",
    "I wonder {C}.",
];

/// `{Q}` is a question, `{q}` the same in the middle of a sentence.
const ASK_FRAMES: &[&str] = &["{Q}", "Quick question: {q}", "Here is a question: {q}", "Hi! {Q}"];

const PRONOUN_NOUN_FRAMES: &[&str] = &[
    "What is its {N}?",
    "And what is its {N}?",
    "And its {N}?",
    "What about its {N}?",
    "Tell me its {N} too.",
    "Do you also know its {N}?",
    "Thanks. What is its {N}?",
];

const PRONOUN_ASK_FRAMES: &[&str] = &["{Q}", "And {q}", "Thank you. {Q}", "Okay, and {q}", "Good to know. {Q}"];

/// The ways of asking for the thing that this noun phrase names.
pub(crate) fn noun_questions(noun: &str) -> impl Iterator<Item = String> {
    NOUN_FRAMES.iter().map(move |frame| frame.replace("{N}", noun))
}

fn framed(frame: &str, ask: &str) -> String {
    let mut letters = ask.chars();
    // what begins with a slot has the capitals of what is put in
    let lower: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    frame.replace("{Q}", ask).replace("{q}", &lower)
}

/// All phrasings of a question as templates, by the split they belong to.
#[derive(Debug, Default)]
pub(crate) struct Phrasings {
    train: Vec<String>,
    held_out: Vec<String>,
}

impl Phrasings {
    /// Frames with these noun phrases, direct and indirect questions put in. The first is always learnt.
    pub(crate) fn of(class: &str, key: &str, nouns: &[&str], asks: &[&str], clauses: &[&str]) -> Self {
        let nouns = nouns.iter().flat_map(|noun| noun_questions(noun));
        let asks = asks.iter().flat_map(|ask| ASK_FRAMES.iter().map(|frame| framed(frame, ask)));
        let clauses = clauses.iter().flat_map(|clause| CLAUSE_FRAMES.iter().map(|frame| frame.replace("{C}", clause)));
        // what one question withholds, others teach
        let first = class.bytes().chain(key.bytes()).map(usize::from).sum::<usize>();
        let mut phrasings = Self::default();
        for (i, template) in nouns.chain(asks).chain(clauses).enumerate() {
            match Split::of_index(first + i) {
                Split::HeldOut if i > 0 => phrasings.held_out.push(template),
                _ => phrasings.train.push(template),
            }
        }
        phrasings
    }

    /// Those of this split.
    pub(crate) fn of_split(&self, split: Split) -> &[String] {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.held_out,
        }
    }
}

/// All phrasings of a question by pronoun.
pub(crate) fn by_pronoun(nouns: &[&str], asks: &[&str]) -> Vec<String> {
    let nouns = nouns.iter().flat_map(|noun| PRONOUN_NOUN_FRAMES.iter().map(|frame| frame.replace("{N}", noun)));
    let asks = asks.iter().flat_map(|ask| PRONOUN_ASK_FRAMES.iter().map(|frame| framed(frame, ask)));
    nouns.chain(asks).collect()
}
