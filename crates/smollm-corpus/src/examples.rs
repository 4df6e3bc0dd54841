//! Records to tokens, each of which is learnt or not.
//!
//! The mask is told from where tokens stand in the text, never from ids: SmolLM2 pads with its end token, which it must also learn to say. A
//! token that reaches into an answer is learnt, as in transformers' `return_assistant_tokens_mask`. Without marks of the template an answer
//! ends with the last special token of its turn, if only space follows it: the end of a turn is learnt, the line break behind it is not,
//! for no model is ever asked to say it. With marks (`{% generation %}`) it ends where they say.

mod chat;
mod error;
mod tally;
#[cfg(test)]
mod tests;

pub use error::{ExampleError, Lost};
pub use tally::Tally;

use crate::records::{Place, Record};
use serde_json::{Map, Value};
use smollm_tokenizer::template::{ChatTemplate, DateTime};
use smollm_tokenizer::{Specials, Tokenizer};

/// Which tokens count in the loss. Preference pairs have their own: the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All of them.
    All,
    /// What the assistant says in any message that is not marked with `train: false`; of a prompt with its completion, the completion.
    Answers,
    /// Of those only the last one: what stands before it is a prompt.
    LastAnswer,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::Answers, Self::LastAnswer];

    /// The word for it in recipes, flags and data sets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Answers => "answers",
            Self::LastAnswer => "last-answer",
        }
    }
}

/// What becomes of an example of which nothing is left to learn, or of which an answer is cut away whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLost {
    /// It is an error.
    Stop,
    /// It is counted. If nothing is left to learn, it is skipped.
    Count,
}

/// How records become examples.
#[derive(Debug, Clone)]
pub struct ExampleOptions {
    /// Which tokens count.
    pub loss: Loss,
    /// The tokens of the longest example: what is beyond is cut away.
    pub max_tokens: Option<usize>,
    /// The tokens of a pair's longest prompt: what comes before is cut away.
    pub max_prompt: Option<usize>,
    /// The token behind plain texts and completions.
    pub end_token: Option<u32>,
    /// What special tokens in plain texts mean.
    pub specials: Specials,
    /// What becomes of examples without anything to learn.
    pub on_lost: OnLost,
    /// Variables of the template for all records; those of a record beat them.
    pub variables: Map<String, Value>,
    /// The clock of the template.
    pub now: DateTime,
}

/// Token ids, and for each whether it is learnt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The tokens.
    pub ids: Vec<u32>,
    /// For each token whether the loss counts how it is predicted.
    pub mask: Vec<bool>,
}

/// What one record gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Example {
    /// One document.
    One(Document),
    /// Two answers to one prompt.
    Pair {
        /// How many tokens both begin with before either has something to learn.
        prompt: usize,
        /// The prompt and the answer that is preferred.
        chosen: Document,
        /// The prompt and the other one.
        rejected: Document,
    },
}

impl Document {
    /// How many tokens count. The first has nothing before it that it could be predicted from.
    pub fn supervised(&self) -> usize {
        self.mask.iter().skip(1).filter(|&&learnt| learnt).count()
    }

    fn push(&mut self, id: u32, learnt: bool) {
        self.ids.push(id);
        self.mask.push(learnt);
    }

    fn cut(&mut self, length: usize) {
        self.ids.truncate(length);
        self.mask.truncate(length);
    }
}

/// Makes examples of records and counts them.
#[derive(Debug)]
pub struct Examples<'a> {
    tokenizer: &'a Tokenizer,
    template: Option<&'a ChatTemplate>,
    options: ExampleOptions,
    tally: Tally,
}

impl<'a> Examples<'a> {
    /// For one tokenizer, and a template if there are to be conversations.
    pub fn new(tokenizer: &'a Tokenizer, template: Option<&'a ChatTemplate>, options: ExampleOptions) -> Self {
        Self { tokenizer, template, options, tally: Tally::default() }
    }

    /// What has been made so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The example that `record` gives; `None` if it is skipped, as the options say.
    ///
    /// # Errors
    /// The template refuses the conversation or cannot tell its answers, the record has no answers to learn, or nothing is left to learn.
    pub fn example(&mut self, place: &Place, record: &Record) -> Result<Option<Example>, ExampleError> {
        let wrong = |problem: String| ExampleError::Record { place: place.clone(), problem };
        let before = self.tally;
        let example = match record {
            Record::Text(_) if self.options.loss != Loss::All => {
                return Err(wrong("a plain text has no answers; the loss can only be of all its tokens".into()));
            }
            Record::Text(text) => {
                let mut document = self.continued(text, 0).map_err(wrong)?;
                self.limit(&mut document, 0);
                Example::One(document)
            }
            Record::Completion { prompt, completion } => {
                let mut document = self.continued(&format!("{prompt}{completion}"), prompt.len()).map_err(wrong)?;
                if self.options.loss == Loss::All {
                    document.mask.fill(true);
                }
                self.limit(&mut document, 0);
                Example::One(document)
            }
            Record::Chat(chat) => {
                let mut said = self.said(chat).map_err(wrong)?;
                self.limit(&mut said.document, 0);
                self.check_answers(place, &said)?;
                Example::One(said.document)
            }
            Record::TextPair { prompt, chosen, rejected } => {
                let one = |answer: &str| self.continued(&format!("{prompt}{answer}"), prompt.len());
                let (chosen, rejected) = (one(chosen).map_err(wrong)?, one(rejected).map_err(wrong)?);
                self.pair(chosen, rejected)
            }
            Record::Pair(pair) => {
                let chosen = self.answered(&pair.prompt, &pair.chosen).map_err(wrong)?;
                let rejected = self.answered(&pair.prompt, &pair.rejected).map_err(wrong)?;
                self.pair(chosen, rejected)
            }
        };
        let documents = match &example {
            Example::One(document) => vec![document],
            Example::Pair { chosen, rejected, .. } => vec![chosen, rejected],
        };
        if documents.iter().any(|document| document.supervised() == 0) {
            self.lost(place, Lost::Nothing)?;
            // What was cut away of it is no matter any more.
            self.tally = Tally { skipped: before.skipped + 1, ..before };
            return Ok(None);
        }
        self.tally.examples += 1;
        for document in documents {
            self.tally.documents += 1;
            self.tally.tokens += document.ids.len() as u64;
            self.tally.supervised += document.supervised() as u64;
        }
        Ok(Some(example))
    }

    /// Plain text of which what stands behind the first `given` bytes is learnt, with the tokens that begin and end a text.
    fn continued(&self, text: &str, given: usize) -> Result<Document, String> {
        let ids = self.tokenizer.encode(text, self.options.specials);
        let mut document = Document::default();
        if self.tokenizer.add_bos()
            && let Some(bos) = self.tokenizer.bos().filter(|&bos| ids.first() != Some(&bos))
        {
            document.push(bos, false);
        }
        if given == 0 {
            document.mask.resize(document.ids.len() + ids.len(), true);
            document.ids.extend(ids);
        } else {
            let ranges = self.tokenizer.ranges(text, &ids).ok_or(chat::NOT_TOLD)?;
            for (id, range) in ids.into_iter().zip(ranges) {
                document.push(id, range.end > given);
            }
        }
        if let Some(end) = self.options.end_token {
            document.push(end, true);
        }
        Ok(document)
    }

    /// Two documents cut as pairs are: of the prompt the beginning, of the answers the end.
    fn pair(&mut self, mut chosen: Document, mut rejected: Document) -> Example {
        for document in [&mut chosen, &mut rejected] {
            let prompt = document.mask.iter().take_while(|&&learnt| !learnt).count();
            let before = self.options.max_prompt.map_or(0, |max| prompt.saturating_sub(max));
            self.limit(document, before);
        }
        let equal = chosen.ids.iter().zip(&rejected.ids).take_while(|(a, b)| a == b).count();
        let given = |document: &Document| document.mask.iter().take_while(|&&learnt| !learnt).count();
        let prompt = equal.min(given(&chosen)).min(given(&rejected));
        Example::Pair { prompt, chosen, rejected }
    }

    /// Takes away `before` tokens at the beginning and what is too long at the end, and counts it.
    fn limit(&mut self, document: &mut Document, before: usize) {
        let whole = document.ids.len();
        document.ids.drain(..before);
        document.mask.drain(..before);
        document.cut(self.options.max_tokens.unwrap_or(usize::MAX));
        let cut = whole - document.ids.len();
        self.tally.truncated += u64::from(cut > 0);
        self.tally.cut_tokens += cut as u64;
    }

    /// An answer that lies behind the end is lost.
    fn check_answers(&mut self, place: &Place, said: &chat::Said) -> Result<(), ExampleError> {
        let cut = said.answers.iter().filter(|answer| answer.start >= said.document.ids.len()).count();
        if cut > 0 && self.options.loss != Loss::All {
            self.tally.answers_cut += cut as u64;
            self.lost(place, Lost::Answers { cut, of: said.answers.len() })?;
        }
        Ok(())
    }

    fn lost(&self, place: &Place, lost: Lost) -> Result<(), ExampleError> {
        match self.options.on_lost {
            OnLost::Stop => Err(ExampleError::Lost { place: place.clone(), lost }),
            OnLost::Count => Ok(()),
        }
    }
}
