//! IFEval's instructions that can be told from the text alone (Zhou et al. 2023, arXiv:2311.07911), as its code checks them.
//!
//! Of its 25 kinds, these 22. Absent are the three that need a model of language: the count of sentences (Punkt), of words in capitals
//! (NLTK's tokeniser), and the language of the response (langdetect). `change_case:*` ask IFEval's code for English too; here they do not.

mod parse;
mod pattern;

pub use parse::InstructionError;
pub use pattern::Pattern;

use crate::text::word_count;
use parse::Raw;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// An instruction. As JSON it has IFEval's form, `{"id": "length_constraints:number_words", "kwargs": {...}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub enum Instruction {
    /// `keywords:existence`: each of these is somewhere.
    Existence {
        /// Patterns, whatever the case.
        keywords: Vec<Pattern>,
    },
    /// `keywords:frequency`: this is there so often.
    Frequency {
        /// A pattern, whatever the case.
        keyword: Pattern,
        /// How often.
        bound: Bound,
    },
    /// `keywords:forbidden_words`: none of these is there as a whole word.
    Forbidden {
        /// Patterns, whatever the case.
        words: Vec<Pattern>,
    },
    /// `keywords:letter_frequency`: this character is there so often.
    Letter {
        /// In lower case; it stands for the upper case too.
        letter: char,
        /// How often.
        bound: Bound,
    },
    /// `length_constraints:number_paragraphs`: paragraphs parted by `***`.
    Paragraphs {
        /// Exactly so many.
        count: usize,
    },
    /// `length_constraints:number_words`: the number of `\w+`.
    Words {
        /// How many.
        bound: Bound,
    },
    /// `length_constraints:nth_paragraph_first_word`: paragraphs parted by blank lines, one of which begins with a given word.
    NthParagraph {
        /// Exactly so many.
        count: usize,
        /// Which one, from 1.
        nth: usize,
        /// Its first word, in lower case.
        first_word: String,
    },
    /// `detectable_content:number_placeholders`: places to fill in, as `[name]`.
    Placeholders {
        /// At least so many.
        count: usize,
    },
    /// `detectable_content:postscript`: there is a postscript.
    Postscript {
        /// As `P.S.` or `P.P.S`, in which a space may follow a stop; others are patterns.
        marker: Pattern,
    },
    /// `detectable_format:number_bullet_lists`: lines that begin with `*` or `-`.
    Bullets {
        /// Exactly so many.
        count: usize,
    },
    /// `detectable_format:constrained_response`: "My answer is yes.", "My answer is no." or "My answer is maybe." is there.
    Constrained,
    /// `detectable_format:number_highlighted_sections`: texts within `*` or `**`.
    Highlights {
        /// At least so many.
        count: usize,
    },
    /// `detectable_format:multiple_sections`: sections with numbered headings.
    Sections {
        /// What stands before the number: a pattern.
        splitter: Pattern,
        /// At least so many.
        count: usize,
    },
    /// `detectable_format:json_format`: all of it is JSON, perhaps in a fence. (Python's `NaN` and `Infinity` are not JSON here.)
    Json,
    /// `detectable_format:title`: there is a title within `<<` and `>>`.
    Title,
    /// `combination:two_responses`: two different ones, parted by `******`.
    TwoResponses,
    /// `combination:repeat_prompt`: it begins with this, whatever the case.
    RepeatPrompt {
        /// The beginning.
        prompt: String,
    },
    /// `startend:end_checker`: it ends with this, whatever the case; quotes may follow.
    EndPhrase {
        /// The end.
        phrase: String,
    },
    /// `startend:quotation`: all of it is within double quotes.
    Quotation,
    /// `change_case:english_capital`: there is a capital letter and no small one.
    UpperCase,
    /// `change_case:english_lowercase`: there is a small letter and no capital.
    LowerCase,
    /// `punctuation:no_comma`: there is no comma.
    NoComma,
}

/// Less than a number, or at least that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Fewer than this.
    LessThan(usize),
    /// This or more.
    AtLeast(usize),
}

impl Bound {
    fn holds(self, count: usize) -> bool {
        match self {
            Self::LessThan(limit) => count < limit,
            Self::AtLeast(limit) => count >= limit,
        }
    }
}

/// A regular expression of this file, compiled once.
macro_rules! regex {
    ($pattern:expr) => {{
        static REGEX: OnceLock<Regex> = OnceLock::new();
        REGEX.get_or_init(|| Regex::new($pattern).expect("a regular expression of this file"))
    }};
}

impl Instruction {
    /// Is it followed, read strictly? A blank response follows nothing.
    pub fn passes(&self, response: &str) -> bool {
        !response.trim().is_empty() && self.is_followed(response)
    }

    /// Is it followed by the response or by one of its seven variants, without asterisks, first line or last line?
    pub fn passes_loosely(&self, response: &str) -> bool {
        let lines: Vec<&str> = response.split('\n').collect();
        let part = |from: usize, to: usize| lines.get(from..to).unwrap_or_default().join("\n").trim().to_owned();
        let n = lines.len();
        [response.to_owned(), part(1, n), part(0, n - 1), part(1, n - 1)]
            .iter()
            .any(|variant| self.passes(variant) || self.passes(&variant.replace('*', "")))
    }

    fn is_followed(&self, text: &str) -> bool {
        match self {
            Self::Existence { keywords } => keywords.iter().all(|keyword| keyword.count(text) > 0),
            Self::Frequency { keyword, bound } => bound.holds(keyword.count(text)),
            Self::Forbidden { words } => words.iter().all(|word| word.count(text) == 0),
            Self::Letter { letter, bound } => bound.holds(text.to_lowercase().matches(*letter).count()),
            Self::Paragraphs { count } => paragraphs(text) == Some(*count),
            Self::Words { bound } => bound.holds(word_count(text)),
            Self::NthParagraph { count, nth, first_word } => begins_nth_paragraph(text, *count, *nth, first_word),
            Self::Placeholders { count } => regex!(r"\[.*?\]").find_iter(text).count() >= *count,
            Self::Postscript { marker } => marker.count(text) > 0,
            Self::Bullets { count } => {
                let stars = regex!(r"(?m)^\s*\*[^*].*$").find_iter(text).count();
                stars + regex!(r"(?m)^\s*-.*$").find_iter(text).count() == *count
            }
            Self::Constrained => {
                ["yes", "no", "maybe"].iter().any(|answer| text.contains(&format!("My answer is {answer}.")))
            }
            Self::Highlights { count } => highlights(text) >= *count,
            Self::Sections { splitter, count } => splitter.count(text) >= *count,
            Self::Json => is_json(text),
            Self::Title => regex!(r"<<[^\n]+>>")
                .find_iter(text)
                .any(|title| !title.as_str().trim_start_matches('<').trim_end_matches('>').trim().is_empty()),
            Self::TwoResponses => are_two_responses(text),
            Self::RepeatPrompt { prompt } => text.trim().to_lowercase().starts_with(&prompt.trim().to_lowercase()),
            Self::EndPhrase { phrase } => {
                text.trim().trim_matches('"').to_lowercase().ends_with(&phrase.trim().to_lowercase())
            }
            Self::Quotation => {
                let text = text.trim();
                text.len() > 1 && text.starts_with('"') && text.ends_with('"')
            }
            Self::UpperCase => text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
            Self::LowerCase => text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
            Self::NoComma => !text.contains(','),
        }
    }
}

/// How many parts `***` makes of the text, not counting an empty first or last one. None if one between them is empty.
fn paragraphs(text: &str) -> Option<usize> {
    let parts: Vec<&str> = regex!(r"\s?\*\*\*\s?").split(text).collect();
    let last = parts.len() - 1;
    let empty: Vec<usize> = (0..parts.len()).filter(|&i| parts[i].trim().is_empty()).collect();
    empty.iter().all(|&i| i == 0 || i == last).then_some(parts.len() - empty.len())
}

fn begins_nth_paragraph(text: &str, count: usize, nth: usize, first_word: &str) -> bool {
    let parts: Vec<&str> = text.split("\n\n").collect();
    let filled = parts.iter().filter(|part| !part.trim().is_empty()).count();
    // the n-th of all parts, empty ones too, as in IFEval's code
    let Some(word) = nth.checked_sub(1).and_then(|i| parts.get(i)?.split_whitespace().next()) else { return false };
    let word = word.trim_start_matches('\'').trim_start_matches('"');
    let end = word.find(['.', ',', '?', '!', '\'', '"']).unwrap_or(word.len());
    filled == count && nth <= filled && word[..end].to_lowercase() == first_word
}

fn highlights(text: &str) -> usize {
    let single = regex!(r"\*[^\n*]*\*").find_iter(text);
    let double = regex!(r"\*\*[^\n*]*\*\*").find_iter(text);
    single.chain(double).filter(|found| !found.as_str().trim_matches('*').trim().is_empty()).count()
}

fn is_json(text: &str) -> bool {
    let mut text = text.trim();
    for fence in ["```json", "```Json", "```JSON", "```"] {
        text = text.strip_prefix(fence).unwrap_or(text);
    }
    let text = text.strip_suffix("```").unwrap_or(text).trim();
    // ignoring the values takes any depth and any size of numbers
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn are_two_responses(text: &str) -> bool {
    let parts: Vec<&str> = text.split("******").map(str::trim).collect();
    let last = parts.len() - 1;
    let filled: Vec<&&str> = parts.iter().filter(|part| !part.is_empty()).collect();
    let no_gap = parts.iter().enumerate().all(|(i, part)| !part.is_empty() || i == 0 || i == last);
    no_gap && filled.len() == 2 && filled[0] != filled[1]
}

#[cfg(test)]
mod tests;
