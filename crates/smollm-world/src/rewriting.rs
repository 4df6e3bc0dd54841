//! Curt messages and their rewrites in a friendlier or a more professional tone, which keep every name, number and date.
//!
//! A message is one to four sentences, each with one form for each tone. Held out are combinations of sentences, messages of one sentence
//! by what fills them, and surnames.

mod sentences;
pub(crate) mod slots;

use crate::draw::Draw;
use crate::english::with_capital;
use crate::item::{Item, assistant};
use crate::presets::{Tone, rewrite};
use crate::split::Split;
use sentences::{Sentence, sentences};
use serde_json::Value;
use slots::{Filled, altered};
use smollm_verify::Check;

/// The message on SmolLM2's card; it is only ever held out.
const ON_THE_CARD: &str = "The CI is failing after your last commit!";

/// To whom and from whom, and in how many lines.
#[derive(Debug, Clone, Copy)]
struct Layout {
    greets: bool,
    signs: bool,
    lines: bool,
}

/// A message to be rewritten.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    loop {
        let tone = if draw.chance(0.5) { Tone::Friendly } else { Tone::Professional };
        let (key, message, answer, terms) = drawn(draw, split, tone);
        let belongs = if message.contains(ON_THE_CARD) { Split::HeldOut } else { Split::of_text(&key) };
        if belongs == split {
            let kind_words = ["please", "kindly", "thank you", "thanks", "would", "glad", "happy"];
            let check = Check::All {
                checks: vec![
                    Check::Keeps { terms, allowed: vec![] },
                    Check::Mentions { any: kind_words.map(str::to_owned).to_vec(), none: vec![message.clone()] },
                ],
            };
            return Item { messages: rewrite(&message, tone), tools: Vec::new(), answer: assistant(answer), check };
        }
    }
}

/// What decides where it belongs, the message, its rewrite, and what that must keep.
fn drawn(draw: &mut Draw, split: Split, tone: Tone) -> (String, String, String, Vec<String>) {
    let all = sentences();
    let n = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4][draw.below(11)];
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < n {
        let i = draw.below(all.len());
        if !chosen.contains(&i) {
            chosen.push(i);
        }
    }
    let layout =
        Layout { greets: draw.chance(0.5), signs: n > 1 && draw.chance(0.3), lines: n > 1 && draw.chance(0.4) };
    let (mut curt, mut kind, mut terms) = (Vec::new(), Vec::new(), Vec::new());
    let mut people = Filled::default();
    people.add(draw, split, "{first} {first2}");
    // nobody in the text has the name of somebody else there, or a rewrite that mixes them up could not be told
    let mut names = people.first_names();
    if layout.greets {
        curt.push(people.text("{first}!"));
        terms.extend(people.kept("{first}"));
    }
    kind.push(greeting(tone, layout, &people));
    for &i in &chosen {
        let Sentence { curt: ways, friendly, professional } = &all[i];
        let way = draw.pick(ways);
        let mut filled = Filled::without(names.clone());
        filled.add(draw, split, way);
        names.extend(filled.first_names());
        curt.push(with_capital(&filled.text(way)));
        kind.push(with_capital(&filled.text(match tone {
            Tone::Friendly => friendly,
            Tone::Professional => professional,
        })));
        terms.extend(filled.kept(way));
    }
    kind.push(
        match tone {
            Tone::Friendly => "Thanks so much!",
            Tone::Professional => "Thank you for your help.",
        }
        .to_owned(),
    );
    if layout.signs {
        curt.push(people.text("{first2}"));
        kind.push(people.text(match tone {
            Tone::Friendly => "Best wishes, {first2}",
            Tone::Professional => "Kind regards, {first2}",
        }));
        terms.extend(people.kept("{first2}"));
    }
    let between = if layout.lines { "\n" } else { " " };
    let message = curt.join(between);
    let key = if n == 1 { message.clone() } else { format!("{chosen:?}") };
    (key, message, kind.join(between), terms)
}

fn greeting(tone: Tone, layout: Layout, people: &Filled) -> String {
    people.text(match (tone, layout.greets) {
        (Tone::Friendly, true) => "Hi {first}!",
        (Tone::Friendly, false) => "Hi there!",
        (Tone::Professional, true) => "Hello {first}.",
        (Tone::Professional, false) => "Hello.",
    })
}

/// The message itself, or a rewrite with another name, number or date in the place of one to be kept.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let Check::All { checks } = &item.check else { return None };
    let [Check::Keeps { terms, .. }, Check::Mentions { none, .. }] = checks.as_slice() else { return None };
    let text = item.answer["content"].as_str()?;
    let unchanged = none.first().map(|message| assistant(message.as_str()));
    if draw.chance(0.15) {
        return unchanged;
    }
    draw.sample(terms, terms.len())
        .into_iter()
        .filter_map(|term| Some(assistant(altered(draw, text, term)?)))
        .find(|answer| !item.check.passes(answer))
        .or(unchanged)
}

#[cfg(test)]
mod tests;
