//! What an answer must be to pass: a small language of conditions, as data.

use crate::call::{Call, content, same_calls};
use crate::instruction::Instruction;
use crate::text::{has_exact_phrase, has_phrase, matches, normalized, numbers, word_count};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition on an answer. Files of held-out items have it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// The answer is one of these, but for case, white space and a final full stop.
    Exact {
        /// What it may be.
        answers: Vec<String>,
    },
    /// The answer has one of `any` as whole words, whatever their case, and none of `none`.
    Mentions {
        /// Texts of which one must be there; if there are none, nothing must.
        any: Vec<String>,
        /// Texts none of which may be there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        none: Vec<String>,
    },
    /// The last number in the answer is this one (thousands may be parted by commas).
    Number {
        /// In decimal digits.
        value: String,
    },
    /// The answer is exactly these calls, in any order, with equal arguments as JSON values; an empty list says that nothing is called.
    Calls {
        /// What must be called.
        calls: Vec<Call>,
    },
    /// Every instruction is followed (IFEval's strict reading).
    Instructions {
        /// What was asked.
        instructions: Vec<Instruction>,
    },
    /// Every one of these texts is there, letter by letter, as whole words, and no number that is in none of them nor in `allowed`.
    Keeps {
        /// Names, numbers, dates.
        terms: Vec<String>,
        /// Further numbers that may be there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allowed: Vec<String>,
    },
    /// The answer says that it does not know, in one of the ways of this world's refusals.
    Refuses,
    /// The answer says or calls something and does not refuse.
    Answers,
    /// At most so many words.
    AtMostWords {
        /// How many.
        words: usize,
    },
    /// All of these.
    All {
        /// The conditions.
        checks: Vec<Self>,
    },
    /// One of these.
    Any {
        /// The conditions.
        checks: Vec<Self>,
    },
}

/// The ways in which this world's refusals say it, in lower case.
const REFUSALS: [&str; 5] = ["i do not know", "i don't know", "i cannot know", "i can't know", "i have no way to know"];

impl Check {
    /// What is wrong with it, if it is plain to see that no answer passes or that every answer does.
    pub fn fault(&self) -> Option<&'static str> {
        let has_blank = |phrases: &[String]| phrases.iter().any(|phrase| phrase.trim().is_empty());
        match self {
            Self::Exact { answers } if answers.is_empty() => Some("`exact` without `answers` is passed by nothing"),
            Self::Mentions { any, none } if any.is_empty() && none.is_empty() => {
                Some("`mentions` without `any` and `none` is passed by everything")
            }
            Self::Mentions { any, none } if has_blank(any) || has_blank(none) => {
                Some("`mentions` has an empty text, which no answer mentions")
            }
            Self::Number { value } if numbers(value).len() != 1 => Some("`value` of `number` is not one number"),
            Self::Keeps { terms, .. } if has_blank(terms) => {
                Some("`keeps` has an empty term, which no answer can keep")
            }
            Self::Instructions { instructions } if instructions.is_empty() => {
                Some("`instructions` without any is passed by everything")
            }
            Self::All { checks } if checks.is_empty() => Some("`all` without `checks` is passed by everything"),
            Self::Any { checks } if checks.is_empty() => Some("`any` without `checks` is passed by nothing"),
            Self::All { checks } | Self::Any { checks } => checks.iter().find_map(Self::fault),
            _ => None,
        }
    }

    /// Does only an answer pass that says that it does not know?
    pub fn wants_refusal(&self) -> bool {
        match self {
            Self::Refuses => true,
            Self::All { checks } => checks.iter().any(Self::wants_refusal),
            Self::Any { checks } => !checks.is_empty() && checks.iter().all(Self::wants_refusal),
            _ => false,
        }
    }

    /// Does a message of the assistant pass? Its text is `content`; its calls are `tool_calls` in OpenAI's form, or those in the text.
    pub fn passes(&self, answer: &Value) -> bool {
        self.holds(content(answer), || Call::in_message(answer))
    }

    /// Does what a model printed pass? Calls are read from SmolLM2's `<tool_call>[{"name": ..., "arguments": {...}}, ...]</tool_call>`.
    pub fn passes_text(&self, text: &str) -> bool {
        self.holds(text, || Call::in_text(text))
    }

    /// `said` gives the calls, or nothing if they cannot be read.
    fn holds<F: Copy + Fn() -> Option<Vec<Call>>>(&self, text: &str, said: F) -> bool {
        match self {
            Self::Exact { answers } => answers.iter().any(|answer| matches(answer, text)),
            Self::Mentions { any, none } => {
                (any.is_empty() || any.iter().any(|phrase| has_phrase(text, phrase)))
                    && !none.iter().any(|phrase| has_phrase(text, phrase))
            }
            Self::Number { value } => {
                let expected = numbers(value).pop();
                expected.is_some() && expected == numbers(text).pop()
            }
            Self::Calls { calls } => said().is_some_and(|found| same_calls(calls, &found)),
            Self::Instructions { instructions } => instructions.iter().all(|instruction| instruction.passes(text)),
            Self::Keeps { terms, allowed } => {
                let known: Vec<String> = terms.iter().chain(allowed).flat_map(|term| numbers(term)).collect();
                terms.iter().all(|term| has_exact_phrase(text, term))
                    && numbers(text).iter().all(|number| known.contains(number))
            }
            Self::Refuses => refuses(text),
            Self::Answers => {
                !refuses(text) && (!text.trim().is_empty() || said().is_some_and(|found| !found.is_empty()))
            }
            Self::AtMostWords { words } => word_count(text) <= *words,
            Self::All { checks } => checks.iter().all(|check| check.holds(text, said)),
            Self::Any { checks } => checks.iter().any(|check| check.holds(text, said)),
        }
    }
}

/// Does the text say that one does not know, in one of the ways of this world's refusals?
pub fn refuses(text: &str) -> bool {
    let text = normalized(text);
    REFUSALS.iter().any(|refusal| text.contains(refusal))
}

#[cfg(test)]
mod tests;
