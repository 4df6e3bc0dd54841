//! Requests with an instruction or two that can be verified: a subset of IFEval's that a very small model can learn.
//!
//! A request is about one of the topics, or for some things of a kind. Held out are combinations of what it is about, the instructions,
//! and the phrasings of both: each topic is met in training with each instruction, but not in all words.

mod asked;
mod broken;
mod phrasings;
mod topics;
mod written;

use crate::draw::Draw;
use crate::item::{Item, casual};
use crate::split::Split;
use asked::{Asked, Place};
use smollm_verify::{Check, Instruction};
use topics::{LISTS, Topic, topics};

pub(crate) use broken::worse;

/// What a request is about.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Topic(&'static Topic),
    /// So many things of a kind.
    List {
        kind: &'static str,
        things: &'static [&'static str],
    },
}

const ABOUT: [&str; 16] = [
    "Write about {t}.",
    "Tell me about {t}.",
    "Write a short text about {t}.",
    "Say something about {t}.",
    "Describe {t}.",
    "Give me some facts about {t}.",
    "What can you tell me about {t}?",
    "What do you know about {t}?",
    "Write a few words about {t}.",
    "I want to read about {t}.",
    "Explain {t} to a child.",
    "Please write about {t}.",
    "Can you write about {t}?",
    "Teach me about {t}.",
    "Write a little note about {t}.",
    "I would like to learn about {t}.",
];

const NAME: [&str; 12] = [
    "Name {n} {t}.",
    "List {n} {t}.",
    "Give me {n} {t}.",
    "Tell me {n} {t}.",
    "Can you name {n} {t}?",
    "I need {n} {t}.",
    "Please name {n} {t}.",
    "Write down {n} {t}.",
    "Please list {n} {t}.",
    "Think of {n} {t}.",
    "Can you give me {n} {t}?",
    "I want {n} {t}.",
];

/// Three to six are small enough to be written as words.
pub(super) fn in_words(n: usize) -> String {
    const WORDS: [&str; 11] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    WORDS.get(n).map_or_else(|| n.to_string(), |&word| word.to_owned())
}

/// A request with one instruction or two, and the answer that follows them.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    loop {
        if let Some((key, item)) = drawn(draw)
            && Split::of_text(&key) == split
        {
            return item;
        }
    }
}

/// An exercise and the combination that decides where it belongs; nothing if what was drawn does not go together.
fn drawn(draw: &mut Draw) -> Option<(String, Item)> {
    if draw.chance(0.06) {
        return Some(question(draw));
    }
    let subject = if draw.chance(0.75) {
        Subject::Topic(draw.pick(topics()))
    } else {
        let &(kind, things) = draw.pick(&LISTS);
        let n = draw.between(2, 4) as usize;
        Subject::List { kind, things: &things[..n] }
    };
    let mut asked = vec![Asked::draw(draw, &subject)?];
    if draw.chance(0.4) {
        asked.push(Asked::draw(draw, &subject)?);
        if !asked[0].goes_with(&asked[1]) {
            return None;
        }
    }
    let base = match subject {
        Subject::Topic(_) => draw.below(ABOUT.len()),
        Subject::List { .. } => draw.below(NAME.len()),
    };
    let request = match subject {
        Subject::Topic(topic) => ABOUT[base].replace("{t}", topic.name),
        Subject::List { kind, things } => NAME[base].replace("{t}", kind).replace("{n}", &in_words(things.len())),
    };
    let mut question = request.clone();
    let mut key = format!("{}|{base}", subject.name());
    let instructions_first = draw.chance(0.15);
    for (place, one) in asked.iter().enumerate() {
        let (phrasing, text) = one.phrase(draw);
        key += &format!("|{}{phrasing}", one.name());
        question = match text.strip_prefix('~') {
            // what ends the sentence of the request, if that is the first thing said after it
            Some(end) if place == 0 && question.ends_with('.') => {
                format!("{}{end}.", question.trim_end_matches('.'))
            }
            Some(_) => return None,
            None if instructions_first => format!("{text} {question}"),
            None => format!("{question} {text}"),
        };
    }
    let answer = written::answer(&subject, &asked, &request)?;
    let instructions: Vec<Instruction> =
        asked.iter().map(|one| one.instruction(&request)).collect::<Result<_, _>>().expect("IFEval's arguments");
    let about = match subject {
        Subject::Topic(topic) => vec![topic.name.to_owned()],
        // any of the kind that the table has; how many there are is not checked, for it does not have them all
        Subject::List { kind, .. } => {
            let all = LISTS.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, all)| all);
            all.iter().map(|&thing| thing.to_owned()).collect()
        }
    };
    let check =
        Check::All { checks: vec![Check::Instructions { instructions }, Check::Mentions { any: about, none: vec![] }] };
    if asked.iter().all(Asked::may_be_typed_in_a_hurry) {
        question = casual(draw, &question);
    }
    Some((key, Item::of(question, answer, check)))
}

impl Subject {
    fn name(&self) -> &'static str {
        match self {
            Self::Topic(topic) => topic.name,
            Self::List { kind, .. } => kind,
        }
    }
}

/// Topics that may well do some of what is [`UNTRUE`].
const MACHINES: [&str; 3] = ["computers", "phones", "robots"];

/// What no other topic does.
const UNTRUE: [&str; 6] = [
    "can read newspapers",
    "live inside volcanoes",
    "come from Mars",
    "speak ten languages",
    "wear tiny shoes",
    "play chess every Sunday",
];

const QUESTIONS: [&str; 5] = [
    "Is it true that {s}?",
    "Is this true: {s}?",
    "Do you think that {s}?",
    "Would you say that {s}?",
    "Tell me if {s}.",
];

const OPEN: [&str; 8] = [
    "Will I like {t}?",
    "Will I see {t} tomorrow?",
    "Will my friend talk about {t} today?",
    "Is my brother thinking of {t} right now?",
    "Does my neighbour like {t}?",
    "Will my sister draw {t} next week?",
    "Did my teacher dream of {t} last night?",
    "Will our class write about {t} this year?",
];

/// A question to be answered with "My answer is yes.", "My answer is no." or "My answer is maybe.".
fn question(draw: &mut Draw) -> (String, Item) {
    let topic = draw.pick(topics());
    let (asked, answer) = match draw.below(3) {
        0 => (draw.pick(&OPEN).replace("{t}", topic.name), "My answer is maybe."),
        kind => {
            // the untrue things are said of many, and some are true of machines
            let is_true = kind == 1 || topic.pronoun == "It" || MACHINES.contains(&topic.name);
            let says = if is_true { draw.pick(&topic.says) } else { draw.pick(&UNTRUE) };
            let answer = if is_true { "My answer is yes." } else { "My answer is no." };
            (draw.pick(&QUESTIONS).replace("{s}", &format!("{} {says}", topic.name)), answer)
        }
    };
    let (phrasing, text) = Asked::Constrained.phrase(draw);
    let check = Check::All {
        checks: vec![
            Check::Instructions { instructions: vec![Instruction::Constrained] },
            Check::Mentions { any: vec![answer.to_owned()], none: vec![] },
        ],
    };
    (format!("{asked}|{phrasing}"), Item::of(format!("{asked} {text}"), answer, check))
}

#[cfg(test)]
mod tests;
