//! The months: place, days, neighbours, quarter, season, abbreviation.

use super::{Attribute, Class, Reverse, Row};

pub(super) static CLASS: Class = Class { name: "month", attributes: ATTRIBUTES };

pub(super) fn rows() -> Vec<Row> {
    let row = |i: usize| {
        let [name, place, days, quarter, season] = TABLE[i];
        let (before, after) = (TABLE[(i + 11) % 12][0], TABLE[(i + 1) % 12][0]);
        let short = match name {
            "September" => "Sep|Sept".to_owned(),
            _ if name.len() > 4 => name[..3].to_owned(),
            _ => String::new(),
        };
        let values = [place, days, before, after, quarter, season, &short];
        Row { names: name, plural: "", values: values.map(str::to_owned).to_vec() }
    };
    (0..12).map(row).collect()
}

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        key: "place",
        nouns: &[],
        answer: "{E} is the {V} month of the year.",
        statements: &[
            "{E} is the {V} month[ of the year|].",
            "[It|This month] is the {V} [month|one] [of|in] the year.",
            "[In the calendar|In the year] it is the {V} month.",
        ],
        asks: &[
            "Which month of the year is {E}?",
            "Where does {E} come in the year?",
            "What place does {E} have among the months?",
            "At which place in the year is {E}?",
            "Counted from the start of the year, which month is {E}?",
        ],
        clauses: &["which month of the year {E} is", "where {E} comes in the year"],
        follow_ups: &["Which month of the year is it?", "Where does it come in the year?"],
        reverse: Some(Reverse {
            answer: "The {V} month of the year is {E}.",
            asks: &[
                "Which month is the {V} of the year?",
                "What is the {V} month of the year?",
                "Which is the {V} month?",
                "What is the name of the {V} month of the year?",
            ],
            clauses: &[
                "which month is the {V} of the year",
                "what the {V} month of the year is",
                "what the {V} month of the year is called",
            ],
        }),
    },
    Attribute {
        key: "days",
        nouns: &["number of days"],
        answer: "{E} has {V} days.",
        statements: &[
            "{E} has {V} days.",
            "[It|This month|The month] [has|lasts] {V} days.",
            "[Its length|The length of the month] is {V} days.",
        ],
        asks: &["How many days does {E} have?", "How many days are in {E}?", "How long is {E}?"],
        clauses: &["how many days {E} has", "how many days are in {E}"],
        follow_ups: &["How many days does it have?", "How long is it?"],
        reverse: None,
    },
    Attribute {
        key: "before",
        nouns: &[],
        answer: "The month before {E} is {V}.",
        statements: &[
            "The month before {E} is {V}.",
            "[It|This month] [comes after|follows] {V}.",
            "[The month before it|The month before|The previous month] is {V}.",
        ],
        asks: &[
            "Which month comes before {E}?",
            "What is the month before {E}?",
            "Which month is right before {E}?",
            "What comes before {E} in the year?",
            "What is the previous month if it is {E} now?",
        ],
        clauses: &["which month comes before {E}", "what month is right before {E}"],
        follow_ups: &["Which month comes before it?", "What is the month before it?"],
        reverse: None,
    },
    Attribute {
        key: "after",
        nouns: &[],
        answer: "The month after {E} is {V}.",
        statements: &[
            "The month after {E} is {V}.",
            "[It|This month] [comes before|is followed by] {V}.",
            "[The month after it|The month after|The next month] is {V}.",
        ],
        asks: &[
            "Which month comes after {E}?",
            "What is the month after {E}?",
            "Which month follows {E}?",
            "What comes after {E} in the year?",
            "What is the next month if it is {E} now?",
        ],
        clauses: &["which month comes after {E}", "what month follows {E}"],
        follow_ups: &["Which month comes after it?", "What is the month after it?"],
        reverse: None,
    },
    Attribute {
        key: "quarter",
        nouns: &[],
        answer: "{E} is in the {V} quarter of the year.",
        statements: &[
            "{E} is in the {V} quarter[ of the year|].",
            "[It|This month] [is in|belongs to] the {V} quarter[ of the year|].",
            "[Its|The] quarter is the {V}.",
        ],
        asks: &[
            "Which quarter of the year is {E} in?",
            "In which quarter of the year is {E}?",
            "To which quarter does {E} belong?",
            "What quarter does {E} fall in?",
            "What is the quarter of {E}?",
        ],
        clauses: &["which quarter of the year {E} is in", "to which quarter {E} belongs"],
        follow_ups: &["Which quarter of the year is it in?", "To which quarter does it belong?"],
        reverse: None,
    },
    Attribute {
        key: "season",
        nouns: &[],
        answer: "In the northern hemisphere {E} is {aV} month.",
        statements: &[
            "In the northern hemisphere {E} is {aV} month.",
            "[It|This month] is {aV} month [in the northern hemisphere|in northern countries|in Europe].",
            "[North of the equator|In the north|In Europe] it is {aV} month.",
        ],
        asks: &[
            "Which season is {E} in?",
            "In which season is {E} in the northern hemisphere?",
            "To which season does {E} belong in the northern hemisphere?",
            "What season is it in {E} in the northern hemisphere?",
            "What season does {E} fall in?",
        ],
        clauses: &["which season {E} is in", "what season it is in {E} in the northern hemisphere"],
        follow_ups: &["Which season is it in?", "To which season does it belong?"],
        reverse: None,
    },
    Attribute {
        key: "abbreviation",
        nouns: &["abbreviation", "short form"],
        answer: "The abbreviation of {E} is {V}.",
        statements: &[
            "The [abbreviation|short form] of {E} is {V}.",
            "[Its|The] [abbreviation|short form] is {V}.",
            "[In short|On many calendars] it is written {V}.",
        ],
        asks: &["How is {E} abbreviated?", "How do you shorten {E}?"],
        clauses: &["how {E} is abbreviated"],
        follow_ups: &["How is it abbreviated?", "How do you shorten it?"],
        reverse: None,
    },
];

/// Name, place, days, quarter, season.
#[rustfmt::skip]
const TABLE: [[&str; 5]; 12] = [
    ["January", "first", "31", "first", "winter"],
    ["February", "second", "28 or 29|28", "first", "winter"],
    ["March", "third", "31", "first", "spring"],
    ["April", "fourth", "30", "second", "spring"],
    ["May", "fifth", "31", "second", "spring"],
    ["June", "sixth", "30", "second", "summer"],
    ["July", "seventh", "31", "third", "summer"],
    ["August", "eighth", "31", "third", "summer"],
    ["September", "ninth", "30", "third", "autumn|fall"],
    ["October", "tenth", "31", "fourth", "autumn|fall"],
    ["November", "eleventh", "30", "fourth", "autumn|fall"],
    ["December", "twelfth", "31", "fourth", "winter"],
];
