//! E-mails and short reports, their summaries in the third person, and titles for them.
//!
//! A text has three sentences that matter, each in one of several wordings, among others that do not. Held out are combinations of wordings
//! and of what stands between them, and surnames.

mod scenarios;

use crate::draw::Draw;
use crate::english::with_capital;
use crate::item::{Item, assistant};
use crate::presets::{summarize, title};
use crate::rewriting::slots::{Filled, altered};
use crate::split::Split;
use scenarios::{ASIDES, FILLERS, emails, reports};
use serde_json::Value;
use smollm_verify::Check;

/// How long a summary may be. The longest of this world's has fewer words.
const SUMMARY_WORDS: usize = 45;
/// How long a title may be.
const TITLE_WORDS: usize = 10;

/// A text to be summarised, or now and then to be given a title.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    loop {
        if let Some(item) = drawn(draw, split) {
            return item;
        }
    }
}

/// An item, if what is drawn belongs to this split.
fn drawn(draw: &mut Draw, split: Split) -> Option<Item> {
    let is_email = draw.chance(0.65);
    let (all, fillers) = if is_email { (emails(), &FILLERS[..]) } else { (reports(), &ASIDES[..]) };
    let which = draw.below(all.len());
    let scenario = &all[which];
    let mut key = format!("{is_email}|{which}");
    let mut filled = Filled::default();
    let mut sentences = Vec::new();
    filled.add(draw, split, if is_email { "{name}{first}" } else { "" });
    for ways in &scenario.says {
        let way = draw.below(ways.len());
        key += &format!("|{way}");
        filled.add(draw, split, ways[way]);
        sentences.push(with_capital(&filled.text(ways[way])));
    }
    // the first sentence of a report names what it is about; before that of an e-mail there may be another
    let count = draw.between(if is_email { 1 } else { 2 }, 4) as usize;
    for filler in draw.sample(fillers, count) {
        let at = draw.between(i64::from(!is_email), sentences.len() as i64) as usize;
        key += &format!("|{filler}{at}");
        sentences.insert(at, (*filler).to_owned());
    }
    let text = sentences.join(" ");
    let text = if is_email {
        filled.text(&format!(
            "Dear {{first}},\n{text}\n{}\n{{name}}",
            draw.pick(&["Best regards,", "Kind regards,", "Yours,"])
        ))
    } else {
        text
    };
    if Split::of_text(&key) != split {
        return None;
    }
    let all_kept: String = scenario.says.iter().flatten().copied().collect();
    if draw.chance(0.2) {
        let checks = vec![
            Check::Keeps { terms: filled.kept(scenario.title), allowed: filled.kept(&all_kept) },
            Check::AtMostWords { words: TITLE_WORDS },
            Check::Mentions { any: vec![filled.text(scenario.about)], none: vec![] },
        ];
        return Some(Item {
            messages: title(&text),
            tools: Vec::new(),
            answer: assistant(titled(&filled, scenario.title)),
            check: Check::All { checks },
        });
    }
    let answer = with_capital(&filled.text(scenario.summary));
    // the prompt forbids pronouns of the second and third person; the first would be whoever wrote the text
    let persons = [
        "I", "me", "my", "we", "our", "us", "you", "your", "he", "him", "his", "she", "her", "it", "its", "they",
        "them", "their",
    ];
    let checks = vec![
        Check::Keeps { terms: filled.kept(scenario.summary), allowed: filled.kept(&all_kept) },
        Check::AtMostWords { words: SUMMARY_WORDS },
        Check::Mentions { any: vec![], none: persons.map(str::to_owned).to_vec() },
    ];
    Some(Item {
        messages: summarize(&text),
        tools: Vec::new(),
        answer: assistant(answer),
        check: Check::All { checks },
    })
}

/// The title with capitals, but for short words, and for what must be kept letter by letter.
fn titled(filled: &Filled, template: &str) -> String {
    const SMALL: [&str; 12] = ["a", "an", "the", "of", "on", "at", "by", "for", "from", "to", "with", "near"];
    let cased = |word: &str| if SMALL.contains(&word) { word.to_owned() } else { with_capital(word) };
    let words = template.split(' ').map(|word| {
        let text = filled.text(word);
        let is_kept = !filled.kept(word).is_empty();
        if is_kept { text } else { text.split(' ').map(cased).collect::<Vec<_>>().join(" ") }
    });
    with_capital(&words.collect::<Vec<_>>().join(" "))
}

/// A summary or title with another name, number or date than it should have, or the beginning of the text in its place.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let Check::All { checks } = &item.check else { return None };
    let Some(Check::Keeps { terms, .. }) = checks.first() else { return None };
    let answer = item.answer["content"].as_str()?;
    let text = item.messages.last()?["content"].as_str()?;
    let body = text.split_once("The text: ").map_or(text, |(_, body)| body);
    let beginning = assistant(body.split(' ').take(14).collect::<Vec<_>>().join(" "));
    if draw.chance(0.1) && !item.check.passes(&beginning) {
        return Some(beginning);
    }
    draw.sample(terms, terms.len())
        .into_iter()
        .filter_map(|term| Some(assistant(altered(draw, answer, term)?)))
        .chain([beginning])
        .find(|worse| !item.check.passes(worse))
}

#[cfg(test)]
mod tests;
