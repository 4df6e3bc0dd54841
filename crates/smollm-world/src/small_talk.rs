//! Everyday conversations: greetings, who are you, moods, jokes, spelling, opposites and the like.
//!
//! A fifth of the phrasings of each topic is held out, and so is a fifth of the words that are spelt, rhymed or turned into their opposites.

mod topics;
mod words;

use crate::english::with_capital;
use crate::item::{Item, assistant, casual, user};
use crate::{Draw, Split, stories};
use serde_json::Value;
use smollm_verify::Check;
use topics::{LIFE, OPENERS, SELF, Topic};
use words::{LISTS, OPPOSITES, RHYMES, SPELT};

/// A conversation of one to three turns; the check is of the last answer.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    let mut turns = Vec::new();
    for _ in 0..[0, 0, 0, 1, 1, 2][draw.below(6)] {
        let (question, answer, _) = turn(draw, split);
        turns.extend([user(casual(draw, &question)), assistant(answer)]);
    }
    let (question, answer, check) = turn(draw, split);
    turns.push(user(casual(draw, &question)));
    Item { messages: turns, tools: Vec::new(), answer: assistant(answer), check }
}

/// What is said, the answer, and what any answer must fulfil.
fn turn(draw: &mut Draw, split: Split) -> (String, String, Check) {
    match draw.below(10) {
        0 => spelling(draw, split),
        1 => opposite(draw, split),
        2 => rhyme(draw, split),
        3 => list(draw, split),
        4 if draw.chance(0.5) => story(draw, split),
        _ => talk(draw, split),
    }
}

fn talk(draw: &mut Draw, split: Split) -> (String, String, Check) {
    let topics: Vec<&Topic> = SELF.iter().chain(LIFE).collect();
    let Topic { asks, opens, answers, keys, .. } = *draw.pick(&topics);
    // the answer follows from the words that were said, so that it can be learnt
    let (at, ask) = **draw.pick(&split.of(&asks.iter().enumerate().collect::<Vec<_>>()));
    let (opener, of) = if *opens { *draw.pick(&OPENERS) } else { ("", 0) };
    let answer = answers[(at + of) % answers.len()];
    let question = format!("{opener}{ask}");
    (question, answer.to_owned(), mentions(keys))
}

fn mentions(any: &[&str]) -> Check {
    Check::Mentions { any: any.iter().map(|text| (*text).to_owned()).collect(), none: Vec::new() }
}

/// A phrasing of the split for a word of any split, or of any split for a word of it: what is held out has a held-out part.
fn asked(draw: &mut Draw, split: Split, asks: &[&str], word: &str) -> String {
    let asks: Vec<&&str> = if split == Split::Train { split.of(asks) } else { asks.iter().collect() };
    draw.pick(&asks).replace("{}", word)
}

fn spelling(draw: &mut Draw, split: Split) -> (String, String, Check) {
    let word = **draw.pick(&SPELT.iter().filter(|word| Split::of_text(word) == split).collect::<Vec<_>>());
    let spelt: Vec<String> = word.chars().map(|letter| letter.to_uppercase().to_string()).collect();
    let spelt = spelt.join("-");
    let question = asked(draw, split, &words::SPELL, word);
    (question, format!("The word \"{word}\" is spelled {spelt}."), mentions(&[&spelt]))
}

fn opposite(draw: &mut Draw, split: Split) -> (String, String, Check) {
    // opposites cannot be guessed: all are learnt, and phrasings are held out
    let (one, other) = *draw.pick(&OPPOSITES);
    let (one, other) = if draw.chance(0.5) { (one, other) } else { (other, one) };
    let question = draw.pick(&split.of(&words::OPPOSITE)).replace("{}", one);
    (question, format!("The opposite of \"{one}\" is \"{other}\"."), mentions(&[other]))
}

fn rhyme(draw: &mut Draw, split: Split) -> (String, String, Check) {
    let group = *draw.pick(&RHYMES);
    let at = draw.below(group.len());
    // each word has one rhyme, the next of its group
    let (one, other) = (group[at], group[(at + 1) % group.len()]);
    let question = draw.pick(&split.of(&words::RHYME)).replace("{}", one);
    let others: Vec<&str> = group.iter().copied().filter(|word| *word != one).collect();
    (question, format!("The word \"{other}\" rhymes with \"{one}\"."), mentions(&others))
}

fn list(draw: &mut Draw, split: Split) -> (String, String, Check) {
    if draw.chance(0.4) {
        let (from, count) = (draw.between(1, 20), draw.between(3, 10));
        let numbers: Vec<String> = (from..from + count).map(|number| number.to_string()).collect();
        let asks = split.of(&words::COUNT);
        let question = draw.pick(&asks).replace("{a}", &numbers[0]).replace("{b}", &numbers[numbers.len() - 1]);
        let counted = numbers.join(", ");
        return (question, format!("{counted}."), mentions(&[&counted]));
    }
    let (name, items) = *draw.pick(&LISTS);
    let question = draw.pick(&split.of(&words::LIST)).replace("{}", name);
    (question, format!("{}: {items}.", with_capital(name)), mentions(&[items]))
}

fn story(draw: &mut Draw, split: Split) -> (String, String, Check) {
    let question = **draw.pick(&split.of(&words::STORY));
    let story = stories::short(draw);
    // any story will do that has a few sentences
    let names: Vec<&str> = stories::pools::PEOPLE.iter().map(|person| person.0).collect();
    (question.to_owned(), story, mentions(&names))
}

/// An answer to something else that was said.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    (0..20).find_map(|_| {
        let (_, answer, _) = turn(draw, Split::Train);
        let answer = assistant(answer);
        (!item.check.passes(&answer)).then_some(answer)
    })
}

#[cfg(test)]
mod tests;
