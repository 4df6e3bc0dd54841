//! An answer while it comes: thoughts and text are told, calls are kept until it is whole.

use super::trace::AgentEvent;
use smollm_server::Splitter;
use smollm_tokenizer::tools::{CallReader, Said};
use std::ops::ControlFlow;

/// An answer, told apart.
pub(super) struct Heard {
    /// Thoughts, and `reader` what follows them: a call that is only thought of is none.
    splitter: Splitter,
    /// None where nothing may be called.
    reader: Option<CallReader>,
    /// What may open thoughts.
    held: String,
    pub(super) text: String,
    /// Name and arguments.
    pub(super) calls: Vec<(String, String)>,
}

impl Heard {
    pub(super) fn new(splitter: Splitter, reader: Option<CallReader>) -> Self {
        Self { splitter, reader, held: String::new(), text: String::new(), calls: Vec::new() }
    }

    /// Whether it has ended inside of a call.
    pub(super) fn is_cut(&self) -> bool {
        self.reader.as_ref().is_some_and(CallReader::is_cut)
    }

    /// The next piece.
    pub(super) fn hear(
        &mut self,
        piece: &str,
        on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.held.push_str(piece);
        let content = self.splitter.push(piece).content;
        if piece.is_empty() || self.splitter.is_undecided() {
            return on_event(AgentEvent::Text(""));
        }
        // thoughts are told as they were written, with their tags and the space around them
        let mut thoughts = std::mem::take(&mut self.held);
        thoughts.truncate(thoughts.len() - content.len());
        let thought = (!thoughts.is_empty()).then_some(Said::Text(thoughts));
        let said = thought.into_iter().chain(self.read(content)).collect();
        self.take(said, on_event)
    }

    /// Nothing follows.
    pub(super) fn finish(&mut self, on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let rest = self.splitter.finish().content; // what might have opened thoughts
        let mut said = self.read(rest);
        said.extend(self.reader.iter_mut().flat_map(CallReader::finish));
        self.take(said, on_event)
    }

    /// What is said behind the thoughts.
    fn read(&mut self, content: String) -> Vec<Said> {
        match &mut self.reader {
            _ if content.is_empty() => Vec::new(),
            Some(reader) => reader.push(&content),
            None => vec![Said::Text(content)],
        }
    }

    fn take(
        &mut self,
        said: Vec<Said>,
        on_event: &mut dyn FnMut(AgentEvent<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        let mut told = false;
        for said in said {
            match said {
                Said::Text(text) => {
                    self.text.push_str(&text);
                    told = true;
                    if on_event(AgentEvent::Text(&text)).is_break() {
                        flow = ControlFlow::Break(());
                    }
                }
                Said::Call(name) => self.calls.push((name, String::new())),
                Said::Arguments(piece) => {
                    if let Some((_, arguments)) = self.calls.last_mut() {
                        arguments.push_str(&piece);
                    }
                }
            }
        }
        // a call may be long: whoever listens can stop it while it comes
        if told { flow } else { on_event(AgentEvent::Text("")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and calls, however the answer is cut into two pieces, and letter by letter.
    #[track_caller]
    fn check(prompt: &str, thinks: bool, answer: &str, text: &str, calls: &[&str]) {
        let cuts = (0..=answer.len()).map(|at| vec![&answer[..at], &answer[at..]]);
        let letters = (0..answer.len()).map(|at| &answer[at..=at]).collect();
        for pieces in cuts.chain([letters]) {
            let mut heard = Heard::new(Splitter::new(prompt, "", thinks), Some(CallReader::bound()));
            let mut told = String::new();
            let mut tell = |event: AgentEvent<'_>| {
                if let AgentEvent::Text(text) = event {
                    told.push_str(text);
                }
                ControlFlow::Continue(())
            };
            let flows = [pieces.iter().try_for_each(|piece| heard.hear(piece, &mut tell)), heard.finish(&mut tell)];
            assert!(flows.iter().all(ControlFlow::is_continue) && !heard.is_cut());
            let names: Vec<&str> = heard.calls.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!((told.as_str(), heard.text.as_str(), &*names), (text, text, calls), "{pieces:?}");
        }
    }

    const F: &str = "<tool_call>[{\"name\": \"f\", \"arguments\": {}}]</tool_call>";
    const G: &str = "<tool_call>[{\"name\": \"g\", \"arguments\": {}}]</tool_call>";

    #[test]
    fn a_call_that_is_only_thought_of_is_text() {
        for thinks in [false, true] {
            check("...<think>\n", thinks, &format!("{F}</think>\n{G}"), &format!("{F}</think>\n"), &["g"]);
        }
        check("...\n", true, &format!("\n<think>{F}</think>{G}"), &format!("\n<think>{F}</think>"), &["g"]);
        check("...\n", true, &format!("<think>{F}"), &format!("<think>{F}"), &[]);
    }

    #[test]
    fn what_is_no_thought_may_be_a_call() {
        check("...\n", true, &format!("Well, <think>{F}"), "Well, <think>", &["f"]);
        check("...\n", true, F, "", &["f"]);
        check("<think>\n\n</think>\n", true, &format!("<think>{F}"), "<think>", &["f"]);
        check("...\n", false, &format!("<think>{F}</think>"), "<think>", &["f"]);
        check("...\n", true, "<thin", "<thin", &[]);
        check("...\n", true, " ", " ", &[]);
    }
}
