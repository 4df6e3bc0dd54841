//! Patterns that come with the data: IFEval takes keywords for regular expressions.

use super::InstructionError;
use regex_lite::{Regex, RegexBuilder};

/// What a compiled pattern may take, in bytes. A search takes time in proportion to this times the length of the text, whatever the two are;
/// counting makes one search for each place that is found.
const SIZE_LIMIT: usize = 1 << 16;

/// A regular expression of bounded size. In what has no special characters, letters of any script match whatever their case; in the rest,
/// `\w`, `\b`, `\d`, `\s` and the case of letters are ASCII's, and look-around and back-references (Python's) are refused.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// In lower case; `whole` if it must not cut a word.
    Literal {
        text: String,
        whole: bool,
    },
    Regex(Regex),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// A pattern that may be anywhere, whatever the case.
    pub fn anywhere(source: &str) -> Result<Self, InstructionError> {
        Self::new(source, "", "", false)
    }

    /// A pattern that must be whole words, whatever the case.
    pub fn words(source: &str) -> Result<Self, InstructionError> {
        Self::new(source, r"\b", r"\b", true)
    }

    /// A heading and its number, the case as given.
    pub fn heading(source: &str) -> Result<Self, InstructionError> {
        let regex = compiled(source, &format!(r"\s?{}\s?\d+\s?", source.trim()), false)?;
        Ok(Self { source: source.to_owned(), matcher: Matcher::Regex(regex) })
    }

    /// The beginning of a postscript, whatever the case.
    pub fn postscript(marker: &str) -> Result<Self, InstructionError> {
        let pattern = match marker {
            "P.P.S" => r"p\.\s?p\.\s?s",
            "P.S." => r"p\.\s?s\.",
            other => other,
        };
        Ok(Self { source: marker.to_owned(), matcher: Self::anywhere(pattern)?.matcher })
    }

    fn new(source: &str, before: &str, after: &str, whole: bool) -> Result<Self, InstructionError> {
        let matcher = if source.contains(['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$']) {
            Matcher::Regex(compiled(source, &format!("{before}{source}{after}"), true)?)
        } else {
            Matcher::Literal { text: source.to_lowercase(), whole }
        };
        Ok(Self { source: source.to_owned(), matcher })
    }

    /// As it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How often it is in the text, without overlaps.
    pub fn count(&self, text: &str) -> usize {
        match &self.matcher {
            Matcher::Regex(regex) => regex.find_iter(text).count(),
            Matcher::Literal { text: phrase, whole: false } => text.to_lowercase().matches(phrase.as_str()).count(),
            Matcher::Literal { text: phrase, whole: true } => {
                let text = text.to_lowercase();
                text.match_indices(phrase.as_str())
                    .filter(|(at, _)| is_boundary(&text, *at) && is_boundary(&text, at + phrase.len()))
                    .count()
            }
        }
    }
}

/// Does a word begin or end here (`\b`)?
fn is_boundary(text: &str, at: usize) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text[..at].chars().next_back().is_some_and(is_word) != text[at..].chars().next().is_some_and(is_word)
}

fn compiled(source: &str, pattern: &str, any_case: bool) -> Result<Regex, InstructionError> {
    RegexBuilder::new(pattern)
        .case_insensitive(any_case)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| InstructionError::Pattern { pattern: source.to_owned(), reason: error.to_string() })
}
