//! The answer that follows the instructions: always the same for the same request.

use super::asked::Asked;
use super::{Place, Subject};
use crate::english::with_capital;
use serde_json::Value;

/// The answer, or nothing if the topic has too few sentences for all that is asked.
pub(super) fn answer(subject: &Subject, asked: &[Asked], request: &str) -> Option<String> {
    let body = asked.iter().find(|one| matches!(one.place(), Place::Body | Place::Whole));
    let (mut text, used) = match *subject {
        Subject::Topic(topic) => about(topic, body, request),
        Subject::List { kind, things } => (named(kind, things, body), 0),
    };
    let lines = text.contains('\n');
    let between = if lines { "\n" } else { " " };
    for one in asked {
        match one {
            Asked::Title => text = format!("<<{}>>\n{text}", with_capital(subject.name())),
            Asked::Start(phrase) => text = format!("{phrase}{between}{text}"),
            Asked::End(phrase) => text = format!("{text}{between}{phrase}"),
            Asked::Postscript => {
                let Subject::Topic(topic) = subject else { return None };
                let is_free = |i: &usize| body.is_none_or(|body| may_say(topic.says[*i], body));
                let next = (used..topic.says.len()).find(is_free)?;
                text = format!("{text}\nP.S. {}", topic.sentence_by_name(next));
            }
            _ => {}
        }
    }
    for one in asked {
        match one {
            Asked::Upper => text = text.to_uppercase(),
            Asked::Lower => text = text.to_lowercase(),
            _ => {}
        }
    }
    if asked.contains(&Asked::Quotes) {
        text = format!("\"{text}\"");
    }
    Some(text)
}

fn may_say(says: &str, body: &Asked) -> bool {
    !matches!(body, Asked::Avoid(word) if says.split(' ').any(|other| other == *word))
}

/// A text about a topic, and how many of its sentences are used up.
fn about(topic: &super::Topic, body: Option<&Asked>, request: &str) -> (String, usize) {
    let first = |n: usize| topic.sentences(0..n);
    match body {
        Some(Asked::Bullets(n)) => (lines(first(*n).iter().map(|sentence| format!("* {sentence}"))), *n),
        Some(Asked::Paragraphs(n)) => {
            let all = first(2 * n);
            (all.chunks(2).map(|pair| pair.join(" ")).collect::<Vec<_>>().join("\n***\n"), 2 * n)
        }
        Some(Asked::Sections(word, n)) => {
            let all = first(2 * n);
            let parts = all.chunks(2).zip(1..).map(|(pair, i)| format!("{word} {i}\n{}", pair.join(" ")));
            (lines(parts), 2 * n)
        }
        Some(Asked::Highlights(n)) => {
            let marked = first(3).into_iter().zip(0..).map(|(text, i)| if i < *n { format!("*{text}*") } else { text });
            (marked.collect::<Vec<_>>().join(" "), 3)
        }
        Some(Asked::TwoResponses) => {
            (format!("{}\n******\n{}", first(2).join(" "), topic.sentences(2..4).join(" ")), 4)
        }
        Some(Asked::Json) => {
            (format!("{{\"topic\": {}, \"facts\": {}}}", Value::from(topic.name), json_list(&first(3))), 3)
        }
        Some(Asked::Placeholders(n)) => {
            let meeting = match n {
                0..=2 => "",
                3 => " Please come to [place].",
                _ => " Please come to [place] on [day].",
            };
            let end = if *n > 1 { "\nBest wishes from [sender]" } else { "" };
            (format!("Dear [name]!\n{}{meeting}{end}", first(3).join(" ")), 3)
        }
        Some(Asked::AtMost(_)) => (first(1).join(" "), 1),
        Some(Asked::AtLeast(_)) => (first(6).join(" "), 6),
        Some(Asked::Often(n, _)) => {
            let n = *n;
            let mut all: Vec<String> = (0..n).map(|i| topic.sentence_by_name(i)).collect();
            all.extend(first(3).into_iter().skip(n));
            (all.join(" "), n.max(3))
        }
        Some(Asked::Include(a, b)) => {
            let story = format!("A story about {} could have a {a} and a {b} in it.", topic.name);
            (format!("{} {story}", first(2).join(" ")), 2)
        }
        Some(avoid @ Asked::Avoid(_)) => {
            let which: Vec<usize> = (0..topic.says.len()).filter(|&i| may_say(topic.says[i], avoid)).take(3).collect();
            let used = which.last().map_or(0, |last| last + 1);
            (topic.sentences(which).join(" "), used)
        }
        Some(Asked::Repeat) => (format!("{request}\n{}", first(3).join(" ")), 3),
        _ => (first(3).join(" "), 3),
    }
}

/// Some things of a kind.
fn named(kind: &str, things: &[&str], body: Option<&Asked>) -> String {
    match body {
        Some(Asked::Bullets(_)) => lines(things.iter().map(|thing| format!("* {}", with_capital(thing)))),
        Some(Asked::Json) => {
            let things: Vec<String> = things.iter().map(|&thing| thing.to_owned()).collect();
            format!("{{{}: {}}}", Value::from(kind), json_list(&things))
        }
        Some(Asked::NoComma) => format!("{}.", with_capital(&things.join(" and "))),
        _ => {
            let (last, others) = things.split_last().unwrap_or((&"", &[]));
            format!("{} and {last}.", with_capital(&others.join(", ")))
        }
    }
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join("\n")
}

/// A list as JSON, with a space after each comma.
fn json_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    format!("[{}]", quoted.join(", "))
}
