//! What a model thinks before it answers, told apart from the answer: `<think>` ... `</think>`.

mod after;

pub use after::AfterThoughts;

use smollm_tokenizer::stream::overlap;
use smollm_tokenizer::template::ChatTemplate;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Splits text that comes in pieces.
#[derive(Debug, Clone)]
pub struct Splitter {
    state: State,
    /// Text that may turn out to be a tag, or space around one.
    held: String,
    /// Bytes at its start that stand in the prompt: they are told apart with the rest, and not told again.
    old: usize,
    /// Whether space between thoughts and answer is part of the answer.
    keeps_space: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Nothing but space has come.
    Start,
    /// Inside of the tags; `true` right after the opening one, whose line break is not part of the thoughts.
    Thinking {
        fresh: bool,
    },
    /// After the closing tag, before the answer's first character.
    Between,
    Answering,
}

/// A piece of text, told apart.
#[derive(Debug, Default, PartialEq)]
pub struct Split {
    /// Of the thoughts, without the space at their ends.
    pub reasoning: String,
    /// Of the answer.
    pub content: String,
}

impl Splitter {
    /// For an answer to this prompt, which may have opened the thoughts itself, and whose end may be the beginning of the answer (`begun`,
    /// give or take the space around it). `thinks` is false for a model that does so only where the prompt has opened thoughts.
    pub fn new(prompt: &str, begun: &str, thinks: bool) -> Self {
        let before = prompt.trim_end().strip_suffix(begun.trim()).unwrap_or_default();
        let state = match thinks {
            _ if before.trim_end().ends_with(OPEN) => State::Thinking { fresh: true },
            false => State::Answering,
            true if ends_with_thoughts(before) => State::Between,
            true => State::Start,
        };
        let mut splitter = Self { state, held: String::new(), old: 0, keeps_space: false };
        splitter.push(begun);
        splitter.old = splitter.held.len();
        splitter
    }

    /// The same for an answer that begins right behind the thoughts, whatever it begins with. Else space there belongs to neither: templates
    /// and models put line breaks there.
    pub fn keeping_space(self) -> Self {
        Self { keeps_space: true, ..self }
    }

    /// Whether thoughts have come or may still come.
    pub fn may_think(&self) -> bool {
        self.state != State::Answering
    }

    /// Whether the text so far leaves off inside of thoughts.
    pub fn is_thinking(&self) -> bool {
        matches!(self.state, State::Thinking { .. })
    }

    /// Whether nothing but space has come, so that thoughts may still begin.
    pub fn has_heard_nothing(&self) -> bool {
        self.state == State::Start && self.held.trim_start().is_empty()
    }

    /// Whether nothing has come but space and what may become the tag that opens thoughts.
    pub fn is_undecided(&self) -> bool {
        self.state == State::Start
    }

    /// What of the tag that ends thoughts is missing at the end of these thoughts.
    pub(crate) fn missing_of_the_end(&self) -> &'static str {
        &CLOSE[overlap(&self.held, CLOSE)..]
    }

    /// The next piece.
    pub fn push(&mut self, text: &str) -> Split {
        let mut split = Split::default();
        if self.state == State::Answering {
            split.content.push_str(text);
            return split;
        }
        self.held.push_str(text);
        while self.advance(&mut split) {}
        split
    }

    /// Nothing follows.
    pub fn finish(&mut self) -> Split {
        let rest = self.take(self.held.len());
        match self.state {
            State::Thinking { .. } => Split { reasoning: rest.trim_end().into(), ..Split::default() },
            State::Between if !self.keeps_space => Split::default(),
            State::Between | State::Start | State::Answering => Split { content: rest, ..Split::default() },
        }
    }

    /// The next bytes of what is held, without those that stand in the prompt.
    fn take(&mut self, len: usize) -> String {
        let old = self.old.min(len);
        self.old -= old;
        self.held.drain(..len).as_str()[old..].to_owned()
    }

    /// Drops space at the start of what is held.
    fn trim_start(&mut self) {
        self.take(self.held.len() - self.held.trim_start().len());
    }

    /// One step; whether there may be another.
    fn advance(&mut self, split: &mut Split) -> bool {
        match self.state {
            State::Start => {
                let text = self.held.trim_start();
                if text.starts_with(OPEN) {
                    self.trim_start();
                    self.take(OPEN.len());
                    self.state = State::Thinking { fresh: true };
                    return true;
                }
                if OPEN.starts_with(text) {
                    return false; // may become the tag
                }
                self.state = State::Answering;
                split.content.push_str(&self.take(self.held.len()));
                false
            }
            State::Thinking { fresh } => {
                if fresh {
                    self.trim_start();
                    self.state = State::Thinking { fresh: self.held.is_empty() };
                }
                if let Some(at) = self.held.find(CLOSE) {
                    split.reasoning.push_str(self.take(at).trim_end());
                    self.take(CLOSE.len());
                    self.state = State::Between;
                    return true;
                }
                split.reasoning.push_str(&self.take(self.held.len() - uncertain(&self.held)));
                false
            }
            State::Between => {
                if !self.keeps_space {
                    self.trim_start();
                }
                if !self.held.is_empty() {
                    self.state = State::Answering;
                    split.content.push_str(&self.take(self.held.len()));
                }
                false
            }
            State::Answering => false,
        }
    }
}

/// Whether a model with this template thinks: it has a switch for that.
pub fn can_think(template: &ChatTemplate) -> bool {
    template.source().contains("enable_thinking")
}

/// An answer that has these thoughts, which have ended if it says something besides.
pub(crate) fn begun_thoughts(thoughts: &str, content: &str) -> String {
    match content {
        "" => format!("{OPEN}\n{thoughts}"),
        _ => format!("{OPEN}\n{}\n{CLOSE}\n\n{content}", thoughts.trim_end()),
    }
}

/// Whether the thoughts have just ended.
pub(crate) fn ends_with_thoughts(text: &str) -> bool {
    text.trim_end().ends_with(CLOSE)
}

/// Bytes at the end that may be the space before the closing tag, or its beginning.
fn uncertain(text: &str) -> usize {
    let tag = overlap(text, CLOSE);
    let before = &text[..text.len() - tag];
    tag + before.len() - before.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut the text into two pieces gives the same, and so does one character at a time.
    #[track_caller]
    fn check(prompt: &str, text: &str, reasoning: &str, content: &str) {
        check_begun(prompt, "", text, reasoning, content);
    }

    /// The same where the prompt ends with the beginning of the answer.
    #[track_caller]
    fn check_begun(prompt: &str, begun: &str, text: &str, reasoning: &str, content: &str) {
        let cuts = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).map(|at| vec![&text[..at], &text[at..]]);
        let letters = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]).collect();
        for pieces in cuts.chain([letters]) {
            let mut splitter = Splitter::new(&format!("{prompt}{begun}"), begun, true);
            let mut whole = Split::default();
            let mut add = |split: Split| {
                whole.reasoning.push_str(&split.reasoning);
                whole.content.push_str(&split.content);
            };
            pieces.iter().for_each(|piece| add(splitter.push(piece)));
            add(splitter.finish());
            assert_eq!(whole, Split { reasoning: reasoning.into(), content: content.into() }, "{pieces:?}");
        }
    }

    #[test]
    fn thoughts_and_answer_are_told_apart() {
        check("", "<think>\nIt is äasy.\n</think>\n\nYes.", "It is äasy.", "Yes.");
        check("", "\n<think>a < b</think>c </think> d", "a < b", "c </think> d");
        check("...<think>\n", "deep\n\n</think>\nanswer\n", "deep", "answer\n");
    }

    #[test]
    fn an_answer_without_thoughts_is_left_as_it_is() {
        check("", "plain <think> text", "", "plain <think> text");
        check("", " leading space", "", " leading space");
        check("", "<thin", "", "<thin");
        check("", "", "", "");
    }

    #[test]
    fn thoughts_that_never_end_are_thoughts() {
        check("", "<think>\nhm </thin", "hm </thin", "");
        check("", "<think>", "", "");
        check("", "<think>a</think>\n", "a", "");
    }

    #[test]
    fn what_stands_in_the_prompt_is_told_apart_and_not_told_again() {
        check_begun("", "<think>\nLet me", " see</think>\nYes.", " see", "Yes.");
        check_begun("", "<think>\nLet me \n", "see</think>Yes.", "see", "Yes.");
        check_begun("<think>\n", "Let me", " see</think>Yes.", " see", "Yes.");
        check_begun("", "<think>a</thi", "nk>Yes.", "", "Yes.");
        check_begun("", "<think>a</thi", "ck>", "ck>", "");
        check_begun("", "<think>a</think>\nY", "es </think>", "", "es </think>");
        check_begun("", "<think>a</think>", "\n\nYes", "", "Yes");
        check_begun("", "<thi", "nk>a</think>b", "a", "b");
        check_begun("", "<thi", "s>", "", "s>");
        check_begun("", "The", " <think>", "", " <think>");
        check_begun("", "\n", "<think>a", "a", "");
        check_begun("", " \n", " b", "", " b");
        check_begun("<think>\n\n</think>\n\n", "Th", "e", "", "e");
    }

    #[test]
    fn thoughts_that_the_prompt_has_ended_do_not_begin_again() {
        check("<think>\n\n</think>\n", "\n\nYes <think>.", "", "Yes <think>.");
        check("<think>\n\n</think>", "<think>a</think>", "", "<think>a</think>");
        assert!(!Splitter::new("<think></think>\n", "", true).has_heard_nothing());
    }

    #[test]
    fn space_behind_thoughts_may_be_the_answers() {
        for pieces in [&["<think>a</think>\n b"][..], &["<think>a</think>", "\n", " b"], &["<think>a</think>\n", " b"]]
        {
            let mut splitter = Splitter::new("", "", true).keeping_space();
            let mut content: String = pieces.iter().map(|piece| splitter.push(piece).content).collect();
            content.push_str(&splitter.finish().content);
            assert_eq!(content, "\n b", "{pieces:?}");
        }
    }

    #[test]
    fn a_model_that_cannot_think_is_not_split() {
        let mut splitter = Splitter::new("", "", false);
        assert_eq!(splitter.push("<think>a</think>b").content, "<think>a</think>b");
    }

    #[test]
    fn a_prompt_that_has_opened_thoughts_makes_any_model_think() {
        let mut splitter = Splitter::new("...<think>\n", "", false);
        assert!(splitter.may_think() && !Splitter::new("...", "", false).may_think());
        assert_eq!(splitter.push("a</think>b"), Split { reasoning: "a".into(), content: "b".into() });
    }
}
