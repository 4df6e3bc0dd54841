//! Units of measure: what they measure, symbol, what one of them equals.

use super::{Attribute, Class, Row};

pub(super) static CLASS: Class = Class { name: "unit", attributes: ATTRIBUTES };

pub(super) fn rows() -> Vec<Row> {
    TABLE
        .iter()
        .map(|&[names, plural, measures, symbol, equals]| Row {
            names,
            plural,
            values: vec![
                measures.to_owned(),
                symbol.to_owned(),
                // thousands may be typed without their comma
                if equals.contains(',') { format!("{equals}|{}", equals.replace(',', "")) } else { equals.to_owned() },
            ],
        })
        .collect()
}

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        key: "measures",
        nouns: &[],
        answer: "{E} is a unit of {V}.",
        statements: &[
            "{E} is a unit of {V}.",
            "[It|This unit] [is a unit of|measures|is used for] {V}.",
            "[We|People|Scientists] [use it to measure|need it to measure] {V}.",
        ],
        asks: &[
            "What does {E} measure?",
            "What is {E} a unit of?",
            "What do you measure in {P}?",
            "What do {P} measure?",
            "What is measured in {P}?",
        ],
        clauses: &["what {E} measures", "what is measured in {P}"],
        follow_ups: &["What does it measure?", "What is it a unit of?"],
        reverse: None,
    },
    Attribute {
        key: "symbol",
        nouns: &["symbol", "unit symbol"],
        answer: "The symbol of {E} is {V}.",
        statements: &[
            "The [symbol|unit symbol] of {E} is {V}.",
            "[Its|The] [symbol|unit symbol] is {V}.",
            "[We|People] [write|abbreviate] it as {V}.",
        ],
        asks: &["How do you abbreviate {E}?", "Which symbol stands for {E}?"],
        clauses: &["which symbol stands for {E}"],
        follow_ups: &["Which symbol stands for it?", "How do you abbreviate it?"],
        reverse: None,
    },
    Attribute {
        key: "equals",
        nouns: &[],
        answer: "{E} has {V}.",
        statements: &[
            "{E} has {V}.",
            "[It|This unit] [has|equals|is equal to] {V}.",
            "[One of them|One such unit] [has|equals] {V}.",
        ],
        asks: &[
            "How many {T} are in {A}?",
            "How many {T} does {A} have?",
            "How many {T} are there in one {B}?",
            "How many {T} make one {B}?",
            "One {B} is how many {T}?",
        ],
        clauses: &["how many {T} are in {A}", "how many {T} {A} has"],
        follow_ups: &["How many {T} does it have?", "How many {T} are in it?"],
        reverse: None,
    },
];

/// Names, plural, what it measures, symbol, what one is.
#[rustfmt::skip]
const TABLE: &[[&str; 5]] = &[
    ["the millimeter|the millimetre", "millimeters", "length", "mm", ""],
    ["the centimeter|the centimetre", "centimeters", "length", "cm", "10 millimeters"],
    ["the meter|the metre", "meters", "length", "m", "100 centimeters"],
    ["the kilometer|the kilometre", "kilometers", "length", "km", "1,000 meters"],
    ["the inch", "inches", "length", "in", "2.54 centimeters"],
    ["the foot", "feet", "length", "ft", "12 inches"],
    ["the yard", "yards", "length", "yd", "3 feet"],
    ["the mile", "miles", "length", "mi", "1,760 yards"],
    ["the gram", "grams", "mass", "g", "1,000 milligrams"],
    ["the kilogram", "kilograms", "mass", "kg", "1,000 grams"],
    ["the tonne", "tonnes", "mass", "t", "1,000 kilograms"],
    ["the ounce", "ounces", "mass", "oz", ""],
    ["the pound", "pounds", "mass", "lb", "16 ounces"],
    ["the second", "seconds", "time", "s", "1,000 milliseconds"],
    ["the minute", "minutes", "time", "min", "60 seconds"],
    ["the hour", "hours", "time", "h", "60 minutes"],
    ["the day", "days", "time", "", "24 hours"],
    ["the week", "weeks", "time", "", "7 days|seven days"],
    ["the year", "years", "time", "", "12 months|twelve months"],
    ["the decade", "decades", "time", "", "10 years|ten years"],
    ["the century", "centuries", "time", "", "100 years"],
    ["the millennium", "millennia", "time", "", "1,000 years"],
    ["the milliliter|the millilitre", "milliliters", "volume", "mL|ml", ""],
    ["the liter|the litre", "liters", "volume", "L|l", "1,000 milliliters"],
    ["the newton", "newtons", "force", "N", ""],
    ["the joule", "joules", "energy", "J", ""],
    ["the watt", "watts", "power", "W", ""],
    ["the volt", "volts", "voltage", "V", ""],
    ["the ohm", "ohms", "resistance", "", ""],
    ["the ampere", "amperes", "electric current", "A", ""],
    ["the kelvin", "kelvins", "temperature", "K", ""],
    ["the hertz", "hertz", "frequency", "Hz", ""],
    ["the pascal", "pascals", "pressure", "Pa", ""],
];
