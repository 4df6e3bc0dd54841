//! Instructions from and to IFEval's form: an id and arguments by name.

use super::{Bound, Instruction, Pattern};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Why an instruction cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstructionError {
    /// No such instruction.
    #[error("there is no instruction `{0}`")]
    Unknown(String),
    /// An instruction that cannot be told from the text alone.
    #[error("`{id}` is not supported: it needs {needs}")]
    Unsupported {
        /// The instruction.
        id: String,
        /// What is missing.
        needs: &'static str,
    },
    /// An argument is absent, or null, 0 or empty, which IFEval takes for absent. (Its code then draws one at random.)
    #[error("`{id}` lacks its argument `{argument}`")]
    Missing {
        /// The instruction.
        id: String,
        /// The argument.
        argument: &'static str,
    },
    /// An argument of the wrong type.
    #[error("the argument `{argument}` of `{id}` is not {expected}")]
    Mistyped {
        /// The instruction.
        id: String,
        /// The argument.
        argument: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An argument that the instruction does not take.
    #[error("`{id}` takes no argument `{argument}`")]
    Unexpected {
        /// The instruction.
        id: String,
        /// The argument.
        argument: String,
    },
    /// A keyword that is no regular expression, or too large a one.
    #[error("`{pattern}` is no pattern that can be searched for: {reason}")]
    Pattern {
        /// The keyword.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An instruction in IFEval's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    id: String,
    #[serde(default)]
    kwargs: Map<String, Value>,
}

impl TryFrom<Raw> for Instruction {
    type Error = InstructionError;

    fn try_from(raw: Raw) -> Result<Self, InstructionError> {
        Self::new(&raw.id, raw.kwargs)
    }
}

impl From<Instruction> for Raw {
    fn from(instruction: Instruction) -> Self {
        let (id, kwargs) = instruction.parts();
        let Value::Object(kwargs) = kwargs else { unreachable!("parts are written as objects") };
        Self { id: id.to_owned(), kwargs }
    }
}

/// The arguments that are left to read.
struct Arguments<'a> {
    id: &'a str,
    left: Map<String, Value>,
}

impl Arguments<'_> {
    fn take(&mut self, argument: &'static str) -> Result<Value, InstructionError> {
        self.left.remove(argument).ok_or_else(|| InstructionError::Missing { id: self.id.to_owned(), argument })
    }

    fn mistyped(&self, argument: &'static str, expected: &'static str) -> InstructionError {
        InstructionError::Mistyped { id: self.id.to_owned(), argument, expected }
    }

    fn text(&mut self, argument: &'static str) -> Result<String, InstructionError> {
        match self.take(argument)? {
            Value::String(text) => Ok(text),
            _ => Err(self.mistyped(argument, "a text")),
        }
    }

    /// A text without white space at its ends, which may not be all of it.
    fn trimmed(&mut self, argument: &'static str) -> Result<String, InstructionError> {
        let text = self.text(argument)?.trim().to_owned();
        if text.is_empty() {
            return Err(InstructionError::Missing { id: self.id.to_owned(), argument });
        }
        Ok(text)
    }

    /// A count; 3.0 is one, since tables of numbers with gaps are often kept as floats.
    fn count(&mut self, argument: &'static str) -> Result<usize, InstructionError> {
        let value = self.take(argument)?;
        let whole = value.as_u64().or_else(|| {
            let float = value.as_f64()?;
            (float.fract() == 0.0 && (0.0..1e9).contains(&float)).then_some(float as u64)
        });
        whole.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| self.mistyped(argument, "a count"))
    }

    fn texts(&mut self, argument: &'static str) -> Result<Vec<String>, InstructionError> {
        let texts = match self.take(argument)? {
            Value::Array(texts) => texts.into_iter().map(|text| text.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        texts.ok_or_else(|| self.mistyped(argument, "a list of texts"))
    }

    fn bound(&mut self, count: &'static str, relation: &'static str) -> Result<Bound, InstructionError> {
        let count = self.count(count)?;
        match self.text(relation)?.as_str() {
            "less than" => Ok(Bound::LessThan(count)),
            "at least" => Ok(Bound::AtLeast(count)),
            _ => Err(self.mistyped(relation, "\"less than\" or \"at least\"")),
        }
    }
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

impl Instruction {
    /// The instruction of this id with these arguments. Those that are null, 0 or empty count as absent.
    pub fn new(id: &str, kwargs: Map<String, Value>) -> Result<Self, InstructionError> {
        let left = kwargs.into_iter().filter(|(_, value)| !is_falsy(value)).collect();
        let mut given = Arguments { id, left };
        let instruction = match id {
            "keywords:existence" => Self::Existence {
                keywords: given
                    .texts("keywords")?
                    .iter()
                    .map(|word| Pattern::anywhere(word))
                    .collect::<Result<_, _>>()?,
            },
            "keywords:frequency" => Self::Frequency {
                keyword: Pattern::anywhere(&given.trimmed("keyword")?)?,
                bound: given.bound("frequency", "relation")?,
            },
            "keywords:forbidden_words" => Self::Forbidden {
                words: given
                    .texts("forbidden_words")?
                    .iter()
                    .map(|word| Pattern::words(word))
                    .collect::<Result<_, _>>()?,
            },
            "keywords:letter_frequency" => {
                let letter = given.text("letter")?.trim().to_lowercase();
                let mut chars = letter.chars();
                let (Some(letter), None) = (chars.next(), chars.next()) else {
                    return Err(given.mistyped("letter", "one letter"));
                };
                Self::Letter { letter, bound: given.bound("let_frequency", "let_relation")? }
            }
            "length_constraints:number_paragraphs" => Self::Paragraphs { count: given.count("num_paragraphs")? },
            "length_constraints:number_words" => Self::Words { bound: given.bound("num_words", "relation")? },
            "length_constraints:nth_paragraph_first_word" => Self::NthParagraph {
                count: given.count("num_paragraphs")?,
                nth: given.count("nth_paragraph")?,
                first_word: given.text("first_word")?.to_lowercase(),
            },
            "detectable_content:number_placeholders" => Self::Placeholders { count: given.count("num_placeholders")? },
            "detectable_content:postscript" => {
                Self::Postscript { marker: Pattern::postscript(&given.trimmed("postscript_marker")?)? }
            }
            "detectable_format:number_bullet_lists" => Self::Bullets { count: given.count("num_bullets")? },
            "detectable_format:constrained_response" => Self::Constrained,
            "detectable_format:number_highlighted_sections" => {
                Self::Highlights { count: given.count("num_highlights")? }
            }
            "detectable_format:multiple_sections" => Self::Sections {
                splitter: Pattern::heading(&given.text("section_spliter")?)?,
                count: given.count("num_sections")?,
            },
            "detectable_format:json_format" => Self::Json,
            "detectable_format:title" => Self::Title,
            "combination:two_responses" => Self::TwoResponses,
            "combination:repeat_prompt" => Self::RepeatPrompt { prompt: given.trimmed("prompt_to_repeat")? },
            "startend:end_checker" => Self::EndPhrase { phrase: given.trimmed("end_phrase")? },
            "startend:quotation" => Self::Quotation,
            "change_case:english_capital" => Self::UpperCase,
            "change_case:english_lowercase" => Self::LowerCase,
            "punctuation:no_comma" => Self::NoComma,
            _ => return Err(unsupported(id)),
        };
        match given.left.into_iter().next() {
            Some((argument, _)) => Err(InstructionError::Unexpected { id: id.to_owned(), argument }),
            None => Ok(instruction),
        }
    }

    /// Its id and arguments.
    fn parts(&self) -> (&'static str, Value) {
        let sources = |patterns: &[Pattern]| patterns.iter().map(|p| p.source().to_owned()).collect::<Vec<_>>();
        match self {
            Self::Existence { keywords } => ("keywords:existence", json!({"keywords": sources(keywords)})),
            Self::Frequency { keyword, bound } => {
                let (relation, count) = bound.parts();
                let kwargs = json!({"keyword": keyword.source(), "frequency": count, "relation": relation});
                ("keywords:frequency", kwargs)
            }
            Self::Forbidden { words } => ("keywords:forbidden_words", json!({"forbidden_words": sources(words)})),
            Self::Letter { letter, bound } => {
                let (relation, count) = bound.parts();
                let kwargs = json!({"letter": letter.to_string(), "let_frequency": count, "let_relation": relation});
                ("keywords:letter_frequency", kwargs)
            }
            Self::Paragraphs { count } => ("length_constraints:number_paragraphs", json!({"num_paragraphs": count})),
            Self::Words { bound } => {
                let (relation, count) = bound.parts();
                ("length_constraints:number_words", json!({"num_words": count, "relation": relation}))
            }
            Self::NthParagraph { count, nth, first_word } => (
                "length_constraints:nth_paragraph_first_word",
                json!({"num_paragraphs": count, "nth_paragraph": nth, "first_word": first_word}),
            ),
            Self::Placeholders { count } => {
                ("detectable_content:number_placeholders", json!({"num_placeholders": count}))
            }
            Self::Postscript { marker } => {
                ("detectable_content:postscript", json!({"postscript_marker": marker.source()}))
            }
            Self::Bullets { count } => ("detectable_format:number_bullet_lists", json!({"num_bullets": count})),
            Self::Constrained => ("detectable_format:constrained_response", json!({})),
            Self::Highlights { count } => {
                ("detectable_format:number_highlighted_sections", json!({"num_highlights": count}))
            }
            Self::Sections { splitter, count } => (
                "detectable_format:multiple_sections",
                json!({"section_spliter": splitter.source(), "num_sections": count}),
            ),
            Self::Json => ("detectable_format:json_format", json!({})),
            Self::Title => ("detectable_format:title", json!({})),
            Self::TwoResponses => ("combination:two_responses", json!({})),
            Self::RepeatPrompt { prompt } => ("combination:repeat_prompt", json!({"prompt_to_repeat": prompt})),
            Self::EndPhrase { phrase } => ("startend:end_checker", json!({"end_phrase": phrase})),
            Self::Quotation => ("startend:quotation", json!({})),
            Self::UpperCase => ("change_case:english_capital", json!({})),
            Self::LowerCase => ("change_case:english_lowercase", json!({})),
            Self::NoComma => ("punctuation:no_comma", json!({})),
        }
    }
}

impl Bound {
    /// Relation and count as IFEval writes them.
    fn parts(self) -> (&'static str, usize) {
        match self {
            Self::LessThan(count) => ("less than", count),
            Self::AtLeast(count) => ("at least", count),
        }
    }
}

fn unsupported(id: &str) -> InstructionError {
    let needs = match id {
        "length_constraints:number_sentences" => "a splitter of sentences (Punkt)",
        "language:response_language" => "a detector of languages (langdetect)",
        "change_case:capital_word_frequency" => "NLTK's tokeniser of words",
        _ => return InstructionError::Unknown(id.to_owned()),
    };
    InstructionError::Unsupported { id: id.to_owned(), needs }
}
