//! Answers that are nearly right: one instruction is not followed.

use super::asked::THINGS;
use super::topics::topics;
use crate::draw::Draw;
use crate::english::with_capital;
use crate::item::{Item, assistant};
use serde_json::Value;
use smollm_verify::text::word_count;
use smollm_verify::{Bound, Check, Instruction};

/// An answer that breaks one of the item's instructions, and so fails its check.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let Check::All { checks } = &item.check else { return None };
    let [Check::Instructions { instructions }, Check::Mentions { any: about, .. }] = checks.as_slice() else {
        return None;
    };
    let text = item.answer["content"].as_str()?;
    draw.sample(instructions, instructions.len())
        .into_iter()
        .filter_map(|instruction| Some(assistant(broken(draw, instruction, text, about)?)))
        .find(|answer| !item.check.passes(answer))
}

fn broken(draw: &mut Draw, instruction: &Instruction, text: &str, about: &[String]) -> Option<String> {
    let without = |part: &str| without(text, part);
    Some(match instruction {
        Instruction::Bullets { .. } => {
            let mut lines: Vec<&str> = text.lines().collect();
            let last = lines.iter().rposition(|line| line.starts_with('*'))?;
            if draw.chance(0.5) {
                lines.remove(last);
            } else {
                lines.insert(last, lines[last]);
            }
            lines.join("\n")
        }
        Instruction::Paragraphs { .. } => text.replacen("\n***\n", "\n\n", 1),
        Instruction::Sections { splitter, .. } => {
            let at = text.rfind(splitter.source())?;
            let end = text[at..].find('\n')? + at + 1;
            format!("{}{}", &text[..at], &text[end..])
        }
        Instruction::Highlights { .. } => text.replace('*', ""),
        Instruction::TwoResponses => text.replace("\n******\n", "\n\n"),
        Instruction::Json => text.strip_suffix('}')?.to_owned(),
        Instruction::Placeholders { .. } => text.replacen('[', "", 1).replacen(']', "", 1),
        Instruction::Words { bound: Bound::LessThan(limit) } => {
            let topic = topics().iter().find(|topic| about.iter().any(|name| name == topic.name))?;
            let mut text = text.to_owned();
            for i in (1..topic.says.len()).cycle() {
                if word_count(&text) >= *limit {
                    break;
                }
                text += &format!(" {}", topic.sentence_by_name(i));
            }
            text
        }
        Instruction::Words { .. } | Instruction::Frequency { .. } => {
            let end = text.find(". ")?;
            text[..=end].to_owned()
        }
        Instruction::Existence { keywords } => {
            let word = draw.pick(keywords).source();
            let others: Vec<&str> = THINGS.into_iter().filter(|thing| !text.contains(thing)).collect();
            let other = *draw.pick(&others);
            let found = text.to_lowercase().rfind(word)?;
            format!("{}{other}{}", &text[..found], &text[found + word.len()..])
        }
        Instruction::Forbidden { words } => {
            let word = words.first()?.source();
            let topic = topics().iter().find(|topic| about.iter().any(|name| name == topic.name))?;
            let i = (0..topic.says.len()).find(|&i| topic.says[i].split(' ').any(|other| other == word))?;
            format!("{} {text}", topic.sentence_by_name(i))
        }
        Instruction::NoComma => {
            let comma = [(". They ", ", they "), (". It ", ", it "), (" and ", ", "), (". ", ", ")];
            let (from, to) = comma.into_iter().find(|(from, _)| text.contains(from))?;
            text.replacen(from, to, 1)
        }
        Instruction::Title => text.replacen("<<", "", 1).replacen(">>", "", 1),
        Instruction::RepeatPrompt { prompt } => without(prompt)?,
        Instruction::EndPhrase { phrase } => without(phrase)?,
        Instruction::Postscript { .. } => without("P.S. ")?,
        Instruction::Quotation => {
            if draw.chance(0.5) {
                text.strip_prefix('"')?.to_owned()
            } else {
                text.strip_suffix('"')?.to_owned()
            }
        }
        Instruction::UpperCase => {
            let middle = text.len() / 2;
            format!("{}{}", text.get(..middle)?, text.get(middle..)?.to_lowercase())
        }
        Instruction::LowerCase => with_capital(text),
        Instruction::Constrained => {
            let answers = ["My answer is yes.", "My answer is no.", "My answer is maybe.", "Yes.", "No.", "Maybe."];
            let others: Vec<&str> = answers.into_iter().filter(|&answer| answer != text).collect();
            (*draw.pick(&others)).to_owned()
        }
        Instruction::Letter { .. } | Instruction::NthParagraph { .. } => return None,
    })
}

/// The text without this part, whatever its case, and without what then is left at its ends.
fn without(text: &str, part: &str) -> Option<String> {
    let at = text.to_ascii_lowercase().find(&part.to_ascii_lowercase())?;
    let (before, after) = (&text[..at], &text[at + part.len()..]);
    let before = if after.is_empty() || after == "\"" { before.trim_end() } else { before };
    let after = if before.is_empty() || before == "\"" { after.trim_start() } else { after };
    Some(format!("{before}{after}"))
}
