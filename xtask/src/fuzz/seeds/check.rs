//! Checks of items and answers to them, with a NUL byte between the two.

use super::Seed;
use serde_json::json;

/// Names of checks and of their keys, and words that answers have.
pub(super) const WORDS: &[&str] = &[
    "{\"check\": \"",
    "exact",
    "answers",
    "mentions",
    "any",
    "none",
    "number",
    "value",
    "calls",
    "arguments",
    "instructions",
    "kwargs",
    "keeps",
    "terms",
    "allowed",
    "refuses",
    "at-most-words",
    "words",
    "all",
    "checks",
    "keywords:existence",
    "keywords:frequency",
    "length_constraints:number_words",
    "detectable_format:json_format",
    "startend:end_checker",
    "at least",
    "less than",
    "<tool_call>[",
    "]</tool_call>",
    "I do not know",
    "1,234.5",
    "\u{0}",
];

pub(super) fn seeds() -> Vec<Seed> {
    let instruction =
        |id: &str, kwargs| json!({"check": "instructions", "instructions": [{"id": id, "kwargs": kwargs}]});
    let call = json!({"name": "f", "arguments": {"a": [1, 2.5, null], "b": {"c": "x"}}});
    let said = format!("Well. <tool_call>[{call}]</tool_call>");
    let message = json!({"tool_calls": [{"function": call}]}).to_string();
    let all = json!({"check": "all", "checks": [{"check": "answers"}, {"check": "at-most-words", "words": 3}]});
    let keeps = json!({"check": "keeps", "terms": ["Ann Lee", "$1,200"], "allowed": ["5"]});
    let frequency = json!({"keyword": "a.*?b|a+", "frequency": 2, "relation": "at least"});
    [
        ("exact", json!({"check": "exact", "answers": ["Paris", "It is Paris."]}), "paris. "),
        ("mentions", json!({"check": "mentions", "any": ["C++", "don't"], "none": ["Rome"]}), "C++, I don’t"),
        ("number", json!({"check": "number", "value": "-1,234.50"}), "10-20 is −1234.5"),
        ("calls", json!({"check": "calls", "calls": [call]}), &said),
        ("calls-in-a-message", json!({"check": "calls", "calls": [call]}), &message),
        ("keeps", keeps, "Ann Lee pays $1,200 for 5."),
        ("refuses", json!({"check": "refuses"}), "Sorry, I  don’t know."),
        ("all", all, "one two"),
        ("pattern", instruction("keywords:frequency", frequency), "aab ab"),
        (
            "paragraphs",
            instruction("length_constraints:number_paragraphs", json!({"num_paragraphs": 2})),
            "one\n***\ntwo",
        ),
        ("json", instruction("detectable_format:json_format", json!({})), "```json\n{\"a\": [1e999]}\n```"),
        ("end", instruction("startend:end_checker", json!({"end_phrase": "That is all."})), "x that is all.\""),
    ]
    .map(|(name, check, answer)| (name, format!("{check}\0{answer}").into_bytes()))
    .into()
}
