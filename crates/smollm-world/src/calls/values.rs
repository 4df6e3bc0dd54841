//! Values of arguments: how a request says them, and what the call must have.

use super::words::*;
use crate::Draw;
use crate::calendar::{MONTHS, WEEKDAYS};
use crate::stories::pools::{COLOURS, PEOPLE, PLACES, THINGS};
use serde_json::{Value, json};

/// What an argument may be, as the tables of tools write it: `city`, `int:1-60`, `enum:red,green`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// An integer of a range.
    Int(i64, i64),
    /// An integer that is above the argument before by something of a range.
    Above(i64, i64),
    /// A number of a range, some with a digit behind the point.
    Number(i64, i64),
    /// One of these words.
    Enum(Vec<String>),
    /// One of these integers.
    EnumInt(Vec<i64>),
    /// What is said for true and for false.
    Bool(String, String),
    /// A sum or the like, as the tool `calculate` takes it.
    Expression,
    /// A text of a pool.
    Pool(String),
}

/// A value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    /// As a request says it.
    pub(super) shown: String,
    /// As the call must have it.
    pub(super) json: Value,
    /// What an expression comes to.
    pub(super) value: Option<i64>,
}

impl Said {
    fn text(text: String) -> Self {
        Self { json: text.clone().into(), shown: text, value: None }
    }

    fn int(value: i64) -> Self {
        Self { shown: value.to_string(), json: value.into(), value: None }
    }

    /// Some say "plus" where a call must have "+".
    fn expression(draw: &mut Draw) -> Self {
        let (a, b, c) = (draw.between(2, 999), draw.between(2, 99), draw.between(2, 20));
        let (json, words, value) = match draw.below(6) {
            0 | 1 => (format!("{a} + {b}"), format!("{a} plus {b}"), a + b),
            2 => (format!("{} - {b}", a + b), format!("{} minus {b}", a + b), a),
            3 | 4 => (format!("{a} * {b}"), format!("{a} times {b}"), a * b),
            _ => {
                let text = format!("({a} + {b}) * {c}");
                (text.clone(), text, (a + b) * c)
            }
        };
        let shown = if draw.chance(0.4) { words } else { json.clone() };
        Self { shown, json: json.into(), value: Some(value) }
    }
}

impl Kind {
    /// Reads what a table says.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let range = || {
            let (low, high) = rest.split_once('-')?;
            Some((low.parse().ok()?, high.parse().ok()?))
        };
        let words = || rest.split(',').map(str::to_owned);
        Some(match kind {
            "int" => range().map(|(low, high)| Self::Int(low, high))?,
            "above" => range().map(|(low, high)| Self::Above(low, high))?,
            "num" => range().map(|(low, high)| Self::Number(low, high))?,
            "id" => Self::Int(100, 9_999),
            "expression" => Self::Expression,
            "enum" => Self::Enum(words().collect()),
            "enum_int" => Self::EnumInt(words().map(|word| word.parse().ok()).collect::<Option<_>>()?),
            "bool" => rest.split_once(',').map(|(yes, no)| Self::Bool(yes.to_owned(), no.to_owned()))?,
            pool => {
                text_of(pool, &mut Draw::new(0, pool))?;
                Self::Pool(pool.to_owned())
            }
        })
    }

    /// JSON Schema's type, with the words of an enumeration.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Int(..) | Self::Above(..) | Self::EnumInt(_) => json!({"type": "integer"}),
            Self::Number(..) => json!({"type": "number"}),
            Self::Enum(words) => json!({"type": "string", "enum": words}),
            Self::Bool(..) => json!({"type": "boolean"}),
            Self::Expression | Self::Pool(_) => json!({"type": "string"}),
        }
    }

    /// A value; `before` are those of the arguments before it, which it does not repeat.
    pub(super) fn draw(&self, draw: &mut Draw, before: &[Said]) -> Said {
        match self {
            Self::Int(low, high) => Said::int(draw.between(*low, *high)),
            Self::Above(low, high) => {
                let base = before.last().and_then(|said| said.json.as_i64()).unwrap_or(0);
                Said::int(base + draw.between(*low, *high))
            }
            Self::Number(low, high) => {
                let whole = draw.between(*low, *high);
                if draw.chance(0.5) {
                    return Said::int(whole);
                }
                let shown = format!("{whole}.{}", draw.between(1, 9));
                // written and read as decimal digits: nothing is rounded on the way
                Said { json: serde_json::from_str(&shown).unwrap_or(Value::Null), shown, value: None }
            }
            Self::Enum(words) => Said::text(draw.pick(words).clone()),
            Self::EnumInt(values) => Said::int(*draw.pick(values)),
            Self::Bool(yes, no) => {
                let value = draw.chance(0.5);
                Said { shown: if value { yes } else { no }.clone(), json: value.into(), value: None }
            }
            Self::Expression => Said::expression(draw),
            Self::Pool(pool) => loop {
                let said = Said::text(text_of(pool, draw).unwrap_or_default());
                if !before.contains(&said) {
                    return said;
                }
            },
        }
    }
}

/// A text of a pool, unless there is no such pool.
pub(super) fn text_of(pool: &str, draw: &mut Draw) -> Option<String> {
    let one = |draw: &mut Draw, pool: &[&str]| (*draw.pick(pool)).to_owned();
    Some(match pool {
        "city" => city(draw),
        "person" => person(draw),
        "names" => {
            let count = draw.between(3, 5) as usize;
            let names: Vec<&str> = draw.sample(&PEOPLE, count).into_iter().map(|person| person.0).collect();
            names.join(", ")
        }
        "word" => one(draw, &WORDS),
        "secret" => format!("{}{}", draw.pick(&WORDS), draw.between(100, 999)),
        "thing" => {
            let colour = *draw.pick(&COLOURS);
            let thing = *draw.pick(&THINGS);
            if draw.chance(0.5) { format!("{colour} {thing}") } else { thing.to_owned() }
        }
        "food" => one(draw, &FOODS),
        "room" => one(draw, &ROOMS),
        "petname" => one(draw, &PETS),
        "colour" => one(draw, &COLOURS),
        "title" => format!("{} {}", draw.pick(&ADJECTIVES), draw.pick(&NOUNS)),
        "query" => format!("{} {} {}", draw.pick(&MANNERS), draw.pick(&COLOURS), draw.pick(&PLURALS)),
        "subject" => one(draw, &SUBJECTS),
        "chore" => chore(draw),
        "text" => message(draw),
        "day" => one(draw, &WEEKDAYS),
        "date" => format!("{} {}", draw.between(1, 28), draw.pick(&MONTHS)),
        "time" => format!("{:02}:{:02}", draw.between(0, 23), draw.between(0, 11) * 5),
        "clock" => format!("{:02}:{:02}:{:02}", draw.between(0, 23), draw.between(0, 59), draw.between(0, 59)),
        "datetime" => {
            let (year, month, day) = (draw.between(2024, 2030), draw.between(1, 12), draw.between(1, 28));
            format!("{year}-{month:02}-{day:02} {}", text_of("clock", draw)?)
        }
        "email" => {
            let (first, last) = (draw.pick(&PEOPLE).0.to_lowercase(), draw.pick(&SURNAMES).to_lowercase());
            format!("{first}.{last}@{}", draw.pick(&["example.com", "example.org", "mail.example", "post.example"]))
        }
        "phone" => format!("555-{:04}", draw.between(0, 9_999)),
        "url" => format!("www.{}{}.{}", draw.pick(&WORDS), draw.pick(&WORDS), draw.pick(&["com", "org", "net"])),
        "file" => {
            let end = *draw.pick(&["txt", "pdf", "csv", "doc", "md", "json"]);
            let number = if draw.chance(0.3) { draw.between(1, 99).to_string() } else { String::new() };
            format!("{}{number}.{end}", draw.pick(&WORDS))
        }
        "folder" => one(draw, &WORDS),
        "app" => one(draw, &APPS),
        "company" => format!(
            "{} {}",
            draw.pick(&SURNAMES),
            draw.pick(&["Foods", "Motors", "Energy", "Bank", "Paper", "Glass", "Steel", "Air"])
        ),
        "address" => format!(
            "{} {} {}",
            draw.between(1, 199),
            draw.pick(&NOUNS),
            draw.pick(&["Street", "Road", "Lane", "Avenue", "Square"])
        ),
        "currency" => one(
            draw,
            &[
                "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "CZK", "INR", "BRL",
                "MXN", "NZD",
            ],
        ),
        "length" => {
            one(draw, &["metres", "kilometres", "centimetres", "millimetres", "feet", "inches", "yards", "miles"])
        }
        "weight" => one(draw, &["grams", "kilograms", "pounds", "ounces", "tonnes", "milligrams"]),
        "language" => one(draw, &LANGUAGES),
        "sky" => one(draw, &["sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear", "stormy"]),
        "status" => one(draw, &["open", "closed", "ready", "active", "late", "waiting", "new", "done", "sent", "paid"]),
        "job" => one(
            draw,
            &["baker", "pilot", "nurse", "cook", "clerk", "guide", "engineer", "painter", "designer", "driver"],
        ),
        "side" => one(draw, &["heads", "tails"]),
        "yesno" => one(draw, &["yes", "no"]),
        _ => return None,
    })
}

/// A town: a known one, or one made up so that its name can only be copied.
fn city(draw: &mut Draw) -> String {
    if draw.chance(0.4) {
        return (*draw.pick(&CITIES)).to_owned();
    }
    let town = format!("{}{}", draw.pick(&TOWN_STARTS), draw.pick(&TOWN_ENDS));
    match draw.below(6) {
        0 => format!("{} {town}", draw.pick(&["New", "Old", "Port", "Lake", "North", "South", "East", "West"])),
        _ => town,
    }
}

fn person(draw: &mut Draw) -> String {
    let first = draw.pick(&PEOPLE).0;
    if draw.chance(0.5) { format!("{first} {}", draw.pick(&SURNAMES)) } else { first.to_owned() }
}

fn chore(draw: &mut Draw) -> String {
    match draw.below(8) {
        0 => format!("buy {}", draw.pick(&FOODS)),
        1 => format!("clean the {}", draw.pick(&ROOMS)),
        2 => format!("call {}", draw.pick(&PEOPLE).0),
        3 => format!("repair the {}", draw.pick(&THINGS)),
        4 => format!("bring back the {} {}", draw.pick(&COLOURS), draw.pick(&THINGS)),
        5 => format!("write to {}", draw.pick(&PEOPLE).0),
        6 => format!("paint the {} {}", draw.pick(&ROOMS), draw.pick(&COLOURS)),
        _ => format!("cook {} with {}", draw.pick(&FOODS), draw.pick(&FOODS)),
    }
}

/// What people write to each other, without an end mark.
fn message(draw: &mut Draw) -> String {
    let (name, thing, place) = (draw.pick(&PEOPLE).0, *draw.pick(&THINGS), *draw.pick(&PLACES));
    let (colour, food, day) = (*draw.pick(&COLOURS), *draw.pick(&FOODS), *draw.pick(&WEEKDAYS));
    let (hour, number) = (draw.between(1, 12), draw.between(2, 60));
    match draw.below(20) {
        0 => format!("I will be {number} minutes late"),
        1 => format!("The meeting is on {day} at {hour}"),
        2 => format!("Please call me back on {day}"),
        3 => format!("Happy birthday, {name}"),
        4 => format!("I found your {thing} in the {place}"),
        5 => format!("Do not forget the {colour} {thing}"),
        6 => format!("The {thing} is in the {place}"),
        7 => format!("We need more {food}"),
        8 => format!("Dinner is ready at {hour}"),
        9 => format!("I cannot come on {day}"),
        10 => format!("See you on {day} in the {place}"),
        11 => format!("Thank you for the {colour} {thing}"),
        12 => format!("The {colour} {thing} is broken"),
        13 => format!("{name} is waiting in the {place}"),
        14 => format!("Bring the {thing} and the {food}"),
        15 => format!("My train arrives at {hour}"),
        16 => format!("I like the {colour} {thing}"),
        17 => format!("The price is {number} euros"),
        18 => format!("{name} has the {thing}"),
        _ => format!("Good luck on {day}, {name}"),
    }
}
