//! Children's stories in which things have a place and an owner, and questions on that.
//!
//! What is held out is who meets which thing: no story that is learnt has the first person and the first thing of one that is not.

pub(crate) mod pools;
mod told;

use crate::item::{Item, assistant};
use crate::{Draw, Split};
use serde_json::Value;
use smollm_verify::Check;
use told::{Place, Told};

/// A story of three to six sentences and a question on how things are at its end.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    let (told, asked) = loop {
        let mut told = Told::begin(draw, split, false);
        let events = draw.between(2, 4);
        (0..events).for_each(|_| told.event(draw));
        if let Some(asked) = question(draw, &told) {
            break (told, asked);
        }
    };
    let story = told.sentences.join(" ");
    let Asked { question, answer, check } = asked;
    let request = match draw.below(8) {
        0 => format!("{story}\n\n{question}"),
        1 => format!("Read this story: {story} {question}"),
        2 => format!("Here is a story. {story} Now tell me: {}", lower(&question)),
        3 => format!("Answer the question about the story.\n\nStory: {story}\n\nQuestion: {question}"),
        4 => format!("{story}\n{question}"),
        5 => format!("Listen: {story} {question}"),
        _ => format!("{story} {question}"),
    };
    Item::of(request, answer, check)
}

struct Asked {
    question: String,
    answer: String,
    check: Check,
}

/// A question that the story answers, if there is one of the kind that was drawn.
fn question(draw: &mut Draw, told: &Told) -> Option<Asked> {
    let thing = draw.below(told.things.len());
    let person = draw.below(told.people.len());
    let (name, who) = (told.things[thing].clone(), told.people[person].0);
    let people: Vec<String> = told.people.iter().map(|person| person.0.to_owned()).collect();
    let one = |draw: &mut Draw, forms: &[&str]| draw.pick(forms).replace("{thing}", &name).replace("{who}", who);
    Some(match draw.below(10) {
        0..4 => {
            let Place::Held(holder) = told.places[thing] else { return None };
            let question = one(draw, &HOLDER);
            let answer = format!("{} has the {name}.", people[holder]);
            Asked { question, answer, check: exactly(&people[holder], &people) }
        }
        4..7 => {
            let Place::In(place) = &told.places[thing] else { return None };
            let question = one(draw, &PLACE);
            Asked {
                question,
                answer: format!("The {name} is in the {place}."),
                check: exactly(place, &told.all_places()),
            }
        }
        7 => {
            let place = told.stays[person]?;
            let question = one(draw, &STAY);
            Asked { question, answer: format!("{who} is in the {place}."), check: exactly(place, &told.all_places()) }
        }
        8 => {
            let held = told.held_by(person);
            let question = one(draw, &HELD);
            let [only] = &held[..] else { return None };
            Asked { question, answer: format!("{who} has the {only}."), check: exactly(only, &told.things) }
        }
        _ => {
            let first = told.first_owners[thing]?;
            let question = one(draw, &FIRST);
            let answer = format!("{} had the {name} first.", people[first]);
            Asked { question, answer, check: exactly(&people[first], &people) }
        }
    })
}

/// This one of all of them, and none of the others.
fn exactly(one: &str, all: &[String]) -> Check {
    let none = all.iter().filter(|other| *other != one).cloned().collect();
    Check::Mentions { any: vec![one.to_owned()], none }
}

const HOLDER: [&str; 8] = [
    "Who has the {thing} now?",
    "Who has the {thing}?",
    "Who has the {thing} at the end?",
    "Who has got the {thing} now?",
    "Who owns the {thing} now?",
    "At the end, who has the {thing}?",
    "Who is holding the {thing}?",
    "Can you tell me who has the {thing}?",
];

const PLACE: [&str; 8] = [
    "Where is the {thing} now?",
    "Where is the {thing}?",
    "Where is the {thing} at the end?",
    "In the end, where is the {thing}?",
    "Where can we find the {thing}?",
    "Where did the {thing} end up?",
    "Where should we look for the {thing}?",
    "Can you tell me where the {thing} is?",
];

const STAY: [&str; 7] = [
    "Where is {who} now?",
    "Where is {who}?",
    "Where is {who} at the end?",
    "In the end, where is {who}?",
    "Where can we find {who}?",
    "Where did {who} end up?",
    "Can you tell me where {who} is?",
];

const HELD: [&str; 6] = [
    "What does {who} have now?",
    "What does {who} have?",
    "What does {who} have at the end?",
    "What has {who} got now?",
    "At the end, what does {who} have?",
    "Which thing does {who} have now?",
];

const FIRST: [&str; 6] = [
    "Who had the {thing} first?",
    "Who had the {thing} at the beginning?",
    "Who was the first to have the {thing}?",
    "At first, who had the {thing}?",
    "Who had the {thing} before the others?",
    "Who had the {thing} at the start?",
];

/// The question with a small letter, unless a name begins it.
fn lower(question: &str) -> String {
    let mut letters = question.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The answer with another person, place or thing of the story.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let Check::Mentions { any, none } = &item.check else { return None };
    let (right, said) = (any.first()?, item.answer["content"].as_str()?);
    if none.is_empty() {
        return None;
    }
    Some(assistant(said.replace(right.as_str(), draw.pick::<String>(none))))
}

/// A story of 60 to 150 words, often with questions on how it ends.
pub(crate) fn text(draw: &mut Draw) -> String {
    loop {
        let mut told = Told::begin(draw, Split::Train, true);
        let events = draw.between(4, 7);
        for _ in 0..events {
            told.event(draw);
            if draw.chance(0.45) {
                told.aside(draw);
            }
        }
        told.end(draw);
        let mut text = told.sentences.join(" ");
        if draw.chance(0.2) {
            let title = format!("{} and the {}", told.people[0].0, told.things[0]);
            text = format!("{title}\n\n{text}");
        }
        if !(60..=150).contains(&text.split_whitespace().count()) {
            continue;
        }
        if draw.chance(0.5) {
            let asked: Vec<Asked> = (0..3).filter_map(|_| question(draw, &told)).collect();
            for (i, Asked { question, answer, .. }) in asked.iter().enumerate() {
                if asked[..i].iter().all(|other| other.answer != *answer) {
                    text = format!("{text}\n{question} {answer}");
                }
            }
        }
        return text;
    }
}

/// Two or three sentences of a story, for whoever asks for a short one.
pub(crate) fn short(draw: &mut Draw) -> String {
    let mut told = Told::begin(draw, Split::Train, false);
    told.event(draw);
    told.event(draw);
    told.end(draw);
    told.sentences.join(" ")
}

#[cfg(test)]
mod tests;
