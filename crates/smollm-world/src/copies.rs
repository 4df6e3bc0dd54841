//! Texts in which what comes later was said before: lists said again, tables that are looked up in, functions that are called.
//!
//! Words are made up or drawn at random, so that nothing but copying tells what comes. In ordinary texts a small model takes very long to
//! find out that it can copy. It does so within a million tokens of lists of words that all surprise it, said several times
//! ([`repeated`]); after that it learns from [`text`] to look up, and names in requests, tools and messages are in reach.

use crate::draw::Draw;
use crate::english::with_capital;
use crate::split::Split;
use crate::stories::pools::{COLOURS, PEOPLE, PLACES, THINGS};
use crate::{questions, rewriting, stories, summaries, textbook};
use serde_json::{Map, Value, json};
use smollm_tokenizer::template::python_json;
use smollm_tokenizer::tools::{Call, CallForm};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const STARTS: [&str; 32] = [
    "b", "br", "c", "ch", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r",
    "s", "sh", "sk", "st", "t", "th", "tr", "v", "w", "y", "z",
];
const VOWELS: [&str; 10] = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "oo", "ou"];
const ENDS: [&str; 18] = ["", "", "", "b", "ck", "d", "g", "l", "m", "n", "nd", "ng", "p", "r", "rt", "s", "t", "x"];

/// How often a word is found where words are looked for, at least: a tokenizer of the world has it whole then.
const COMMON: usize = 6;

/// Common words of what is learnt from, each once.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut draw = Draw::new(0, "words of the world");
    let mut words = BTreeMap::new();
    for _ in 0..4_000 {
        let (passage, rest, _) = textbook::known(&mut draw);
        let items = [questions::item, rewriting::item, summaries::item].map(|item| item(&mut draw, Split::Train));
        let said = items.iter().flat_map(|item| item.messages.iter().chain([&item.answer]));
        let said: Vec<&str> = said.filter_map(|message| message["content"].as_str()).collect();
        for text in [passage.as_str(), &rest, &stories::text(&mut draw)].into_iter().chain(said) {
            for word in text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
                *words.entry(word.to_owned()).or_insert(0) += 1;
            }
        }
    }
    words.into_iter().filter(|(_, count)| *count >= COMMON).map(|(word, _)| word).collect()
});

/// A few words, all as likely as each other, said two to five times: nothing else can be learnt from them than to copy.
pub(crate) fn repeated(draw: &mut Draw) -> String {
    let said: Vec<&str> = (0..draw.between(2, 12)).map(|_| draw.pick(&WORDS).as_str()).collect();
    vec![said.join(" "); draw.between(2, 5) as usize].join("\n")
}

/// A text of any other kind.
pub(crate) fn text(draw: &mut Draw) -> String {
    match draw.below(10) {
        0..4 => list(draw),
        4 => followers(draw),
        5 | 6 => table(draw),
        _ => functions(draw),
    }
}

fn syllables(draw: &mut Draw) -> String {
    let count = [1, 2, 2, 3][draw.below(4)];
    (0..count).map(|_| [*draw.pick(&STARTS), *draw.pick(&VOWELS), *draw.pick(&ENDS)].concat()).collect()
}

fn word(draw: &mut Draw) -> String {
    match draw.below(20) {
        0..3 => draw.pick(&THINGS).replace(' ', "-"),
        3 => draw.pick(&COLOURS).to_string(),
        4 => draw.pick(&PLACES).replace(' ', "-"),
        5..8 => draw.pick(&PEOPLE).0.to_owned(),
        8 | 9 => number(draw),
        10 => format!("{}-{}", with_capital(&syllables(draw)), draw.between(1, 99)),
        11..14 => with_capital(&syllables(draw)),
        _ => syllables(draw),
    }
}

fn number(draw: &mut Draw) -> String {
    let most = *draw.pick(&[9, 99, 999, 9_999]);
    draw.between(0, most).to_string()
}

/// So many words, none of them twice.
fn words(draw: &mut Draw, count: usize) -> Vec<String> {
    different(draw, count, word)
}

fn different(draw: &mut Draw, count: usize, make: fn(&mut Draw) -> String) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    while all.len() < count {
        let one = make(draw);
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// A list, said two or three times.
fn list(draw: &mut Draw) -> String {
    let count = draw.between(2, 24) as usize;
    let said = words(draw, count).join(*draw.pick::<&str>(&[", ", " ", "\n", "; ", " and "]));
    let [first, again] = draw.pick(&[["The list", "Again"], ["Words", "The same"], ["Say", "Said"], ["First", "Then"]]);
    let end = *draw.pick(&["", "."]);
    let mut text = format!("{first}: {said}{end}\n{again}: {said}{end}");
    if draw.chance(0.3) {
        text = format!("{text}\n{again}: {said}{end}");
    }
    text
}

/// A list, and what comes after some of its words.
fn followers(draw: &mut Draw) -> String {
    let count = draw.between(4, 16) as usize;
    let all = words(draw, count);
    let mut text = format!("In a row: {}.", all.join(", "));
    for _ in 0..draw.between(2, 6) {
        let at = draw.below(all.len() - 1);
        text = format!("{text}\nAfter {} comes {}.", all[at], all[at + 1]);
    }
    text
}

/// Keys and values, and values of some keys.
fn table(draw: &mut Draw) -> String {
    let count = draw.between(2, 12) as usize;
    let keys = words(draw, count);
    let values: Vec<String> = (0..count)
        .map(|_| {
            let count = [1, 1, 2, 3][draw.below(4)];
            words(draw, count).join(" ")
        })
        .collect();
    let as_json = draw.chance(0.4);
    let pair = *draw.pick(&[" = ", ": ", " is "]);
    let row = |at: usize| match as_json {
        true => format!("{:?}: {:?}", keys[at], values[at]),
        false => format!("{}{pair}{}", keys[at], values[at]),
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    let mut text = if as_json { format!("{{{}}}", rows.join(", ")) } else { rows.join("\n") };
    let asked: Vec<usize> = (0..draw.between(2, 6)).map(|_| draw.below(count)).collect();
    for at in asked {
        text = format!("{text}\n? {}", rows[at]);
    }
    text
}

/// A function that nobody knows: a name, what it does, and its parameters with their types.
struct Function {
    name: String,
    does: String,
    params: Vec<(String, &'static str, String)>,
}

impl Function {
    fn drawn(draw: &mut Draw) -> Self {
        let parts: Vec<String> = (0..draw.between(1, 3)).map(|_| name_part(draw)).collect();
        let name = match draw.below(6) {
            0 => parts.iter().skip(1).fold(parts[0].clone(), |name, part| name + &with_capital(part)),
            _ => parts.join("_"),
        };
        let count = draw.between(0, 3) as usize;
        let params = different(draw, count, name_part);
        let params = params
            .into_iter()
            .map(|name| {
                let kind = if draw.chance(0.35) { "integer" } else { "string" };
                (name, kind, name_part(draw))
            })
            .collect();
        let does = format!("{} the {}", name_part(draw), name_part(draw));
        let does = if draw.chance(0.5) { format!("{does} of the {}", name_part(draw)) } else { does };
        Self { name, does, params }
    }

    fn definition(&self) -> Value {
        let mut properties = Map::new();
        for (name, kind, about) in &self.params {
            properties.insert(name.clone(), json!({"type": kind, "description": format!("The {about}.")}));
        }
        let mut parameters = json!({"type": "object", "properties": properties});
        if !self.params.is_empty() {
            parameters["required"] = self.params.iter().map(|(name, ..)| name.as_str()).collect();
        }
        let about = format!("{}.", with_capital(&self.does));
        json!({"type": "function", "function": {"name": self.name, "description": about, "parameters": parameters}})
    }

    /// A request and the call that answers it.
    fn asked(&self, draw: &mut Draw) -> (String, Call) {
        let mut request = self.does.clone();
        let mut arguments = Map::new();
        for (name, kind, about) in &self.params {
            let value = match *kind {
                "integer" => number(draw),
                _ => {
                    let count = [1, 1, 2, 3][draw.below(4)];
                    words(draw, count).join(" ")
                }
            };
            request = format!("{request}, the {about} is {value}");
            let value = if *kind == "integer" { value.parse::<i64>().unwrap_or_default().into() } else { value.into() };
            arguments.insert(name.clone(), value);
        }
        let arguments = python_json(&Value::Object(arguments)).unwrap_or_default();
        (request, Call { name: self.name.clone(), arguments })
    }
}

/// A word as names of functions have them.
fn name_part(draw: &mut Draw) -> String {
    match draw.below(10) {
        0 | 1 => draw.pick(&THINGS).replace(' ', "_"),
        2 => draw.pick(&COLOURS).to_string(),
        _ => syllables(draw),
    }
}

/// Functions as prompts define them, requests, and the calls that answer them.
fn functions(draw: &mut Draw) -> String {
    let functions: Vec<Function> = (0..draw.between(1, 4)).map(|_| Function::drawn(draw)).collect();
    let definitions: Value = functions.iter().map(Function::definition).collect();
    // nested five deep: it is not too deep to be written
    let mut text = python_json(&definitions).unwrap_or_default();
    for _ in 0..draw.between(1, 3) {
        let count = [1, 1, 1, 2][draw.below(4)];
        let (requests, calls): (Vec<String>, Vec<Call>) =
            draw.sample(&functions, count).into_iter().map(|function| function.asked(draw)).unzip();
        text = format!("{text}\n{}\n{}", requests.join(", and "), CallForm::List.written(&calls));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_stands_in_the_definitions_and_the_request() {
        let mut draw = Draw::new(1, "test");
        for _ in 0..200 {
            let text = functions(&mut draw);
            let (definitions, rest) = text.split_once('\n').expect("lines");
            let definitions: Vec<Value> = serde_json::from_str(definitions).expect("JSON");
            let names: Vec<&str> = definitions.iter().filter_map(|tool| tool["function"]["name"].as_str()).collect();
            let mut left = rest;
            while let Some((request, behind)) = left.split_once("<tool_call>") {
                let (calls, behind) = behind.split_once("</tool_call>").expect("an end");
                let calls: Vec<Value> = serde_json::from_str(calls).expect("calls");
                for call in calls {
                    assert!(names.contains(&call["name"].as_str().expect("a name")), "{text}");
                    for value in call["arguments"].as_object().expect("arguments").values() {
                        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        assert!(request.contains(&value), "{value}: {request}");
                    }
                }
                left = behind;
            }
            assert_ne!(left, rest, "{text}");
        }
    }

    #[test]
    fn a_repeated_line_is_the_same_each_time() {
        let mut draw = Draw::new(3, "test");
        assert!(WORDS.len() > 1_500, "{}", WORDS.len());
        for _ in 0..200 {
            let text = repeated(&mut draw);
            let (first, rest) = text.split_once('\n').expect("two lines");
            assert!(rest.lines().all(|line| line == first), "{text}");
            assert!(first.split(' ').count() > 1, "{text}");
        }
    }

    #[test]
    fn the_second_half_of_a_list_is_the_first() {
        let mut draw = Draw::new(2, "test");
        for _ in 0..200 {
            let text = list(&mut draw);
            let (first, rest) = text.split_once(": ").expect("an introduction");
            let again = ["Again: ", "The same: ", "Said: ", "Then: "].iter().find_map(|mark| rest.split_once(mark));
            let (said, again) = again.expect("said again");
            assert!(again.starts_with(said.trim_end_matches('\n')), "{first}: {rest}");
        }
    }
}
