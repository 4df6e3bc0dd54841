//! The days of the week: neighbours, kind, abbreviation.

use super::{Attribute, Class, Row};
use crate::calendar::WEEKDAYS;

pub(super) static CLASS: Class = Class { name: "day of the week", attributes: ATTRIBUTES };

pub(super) fn rows() -> Vec<Row> {
    let row = |i: usize| {
        let day = |ahead: usize| WEEKDAYS[(i + ahead) % 7].to_owned();
        let short = match WEEKDAYS[i] {
            "Tuesday" => "Tue|Tues",
            "Wednesday" => "Wed|Weds",
            "Thursday" => "Thu|Thur|Thurs",
            other => &other[..3],
        };
        let kind = if i < 5 { "weekday" } else { "weekend day" };
        Row {
            names: WEEKDAYS[i],
            plural: "",
            values: vec![day(6), day(1), day(5), day(2), kind.to_owned(), short.to_owned()],
        }
    };
    (0..7).map(row).collect()
}

const ATTRIBUTES: &[Attribute] = &[
    Attribute {
        key: "before",
        nouns: &[],
        answer: "The day before {E} is {V}.",
        statements: &[
            "The day before {E} is {V}.",
            "[It|This day] [comes after|follows] {V}.",
            "[The day before it|The day before|The previous day] is {V}.",
        ],
        asks: &[
            "Which day comes before {E}?",
            "What is the day before {E}?",
            "Which day is right before {E}?",
            "If today is {E}, what day was yesterday?",
            "What day was it yesterday if it is {E} today?",
        ],
        clauses: &["which day comes before {E}", "what day is right before {E}"],
        follow_ups: &["Which day comes before it?", "What is the day before it?"],
        reverse: None,
    },
    Attribute {
        key: "after",
        nouns: &[],
        answer: "The day after {E} is {V}.",
        statements: &[
            "The day after {E} is {V}.",
            "[It|This day] [comes before|is followed by] {V}.",
            "[The day after it|The day after|The next day] is {V}.",
        ],
        asks: &[
            "Which day comes after {E}?",
            "What is the day after {E}?",
            "Which day follows {E}?",
            "If today is {E}, what day is tomorrow?",
            "What day is it tomorrow if it is {E} today?",
        ],
        clauses: &["which day comes after {E}", "what day follows {E}"],
        follow_ups: &["Which day comes after it?", "What is the day after it?"],
        reverse: None,
    },
    Attribute {
        key: "two before",
        nouns: &[],
        answer: "Two days before {E} it is {V}.",
        statements: &[
            "Two days before {E} it is {V}.",
            "[Two days before it|Two days before|Two days earlier], it is {V}.",
            "[If you go back two days|Two days back], you [are at|come to] {V}.",
        ],
        asks: &[
            "Which day is two days before {E}?",
            "What day is it two days before {E}?",
            "What comes two days before {E}?",
            "If today is {E}, what day was it two days ago?",
            "What day was it two days ago if it is {E} today?",
        ],
        clauses: &["which day is two days before {E}", "what day it is two days before {E}"],
        follow_ups: &["Which day is two days before it?", "What day is it two days before?"],
        reverse: None,
    },
    Attribute {
        key: "two after",
        nouns: &[],
        answer: "Two days after {E} it is {V}.",
        statements: &[
            "Two days after {E} it is {V}.",
            "[Two days after it|Two days after|Two days later], it is {V}.",
            "[If you go on two days|Two days on], you [are at|come to] {V}.",
        ],
        asks: &[
            "Which day is two days after {E}?",
            "What day is it two days after {E}?",
            "What comes two days after {E}?",
            "If today is {E}, what day is it in two days?",
            "What day is it in two days if it is {E} today?",
        ],
        clauses: &["which day is two days after {E}", "what day it is two days after {E}"],
        follow_ups: &["Which day is two days after it?", "What day is it two days after?"],
        reverse: None,
    },
    Attribute {
        key: "kind",
        nouns: &[],
        answer: "{E} is a {V}.",
        statements: &[
            "{E} is a {V}.",
            "[It|This day|The day] is a {V}.",
            "[We|People] [call it|speak of it as] a {V}.",
        ],
        asks: &[
            "Is {E} a weekday or a weekend day?",
            "What kind of day is {E}?",
            "Does {E} belong to the weekend?",
            "Is {E} part of the weekend?",
            "What sort of day is {E}?",
        ],
        clauses: &["whether {E} is a weekday", "what kind of day {E} is"],
        follow_ups: &["Is it a weekday or a weekend day?", "What kind of day is it?"],
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
