//! Where the user's inputs come from: the prompt of a terminal, or the lines of a stream.

use std::io::BufRead;

use super::command::is_open;
use super::editor::{Input, Prompt};
use super::{ChatError, command};

/// Inputs, one after the other.
pub(crate) enum Source<'io> {
    /// A terminal.
    Prompt(Box<Prompt>),
    /// A stream: each line is an input, except where a line goes on in the next.
    Lines(Lines<'io>),
}

impl Source<'_> {
    /// Asks a question that a key or two answer; `None` where nobody can answer.
    pub(crate) fn ask(&mut self, question: &str) -> Option<String> {
        match self {
            Self::Prompt(prompt) => prompt.ask(question),
            Self::Lines(_) => None,
        }
    }
}

/// The lines of a stream.
pub(crate) struct Lines<'io> {
    reader: &'io mut dyn BufRead,
    /// Number of the line read last, from 1.
    line: usize,
}

impl<'io> Lines<'io> {
    pub(crate) fn new(reader: &'io mut dyn BufRead) -> Self {
        Self { reader, line: 0 }
    }

    /// The next input and the number of its first line; `None` at the end of the stream, which also
    /// ends an input that would go on.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, String)>, ChatError> {
        let Some(mut input) = self.line()? else { return Ok(None) };
        let first = self.line;
        while is_open(&input) {
            match self.line()? {
                Some(next) => {
                    input.push('\n');
                    input.push_str(&next);
                }
                None => {
                    input = command::closed(&input);
                    break;
                }
            }
        }
        Ok(Some((first, input)))
    }

    fn line(&mut self) -> Result<Option<String>, ChatError> {
        let mut bytes = Vec::new();
        if self.reader.read_until(b'\n', &mut bytes).map_err(ChatError::Read)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        let text = String::from_utf8(bytes).map_err(|_| ChatError::NotUtf8 { line: self.line })?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }
}

/// What an interactive user wants next.
pub(crate) enum Next {
    Input(String),
    Again,
    Leave,
}

/// Ctrl-C at the prompt: clears the line; twice in a row leaves.
#[derive(Debug, Default)]
pub(crate) struct Interrupts {
    armed: bool,
}

impl Interrupts {
    /// What an answer of the prompt means, and whether to explain how to leave.
    pub(crate) fn next(&mut self, input: Input) -> (Next, bool) {
        match input {
            Input::Text(text) => {
                self.armed = false;
                (Next::Input(text), false)
            }
            Input::Interrupt(had_text) => {
                let leave = self.armed && !had_text;
                self.armed = true;
                (if leave { Next::Leave } else { Next::Again }, !leave && !had_text)
            }
            Input::End => (Next::Leave, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_a_stream() {
        let mut text: &[u8] = b"one\r\n\ntwo\\\nthree\n\"\"\"\na\n\nb\n\"\"\"\nfour\\\nfive\\";
        let mut lines = Lines::new(&mut text);
        let mut found = Vec::new();
        while let Some(input) = lines.next().unwrap() {
            found.push(input);
        }
        let expected = [(1, "one"), (2, ""), (3, "two\\\nthree"), (5, "\"\"\"\na\n\nb\n\"\"\""), (10, "four\\\nfive")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
        let mut text: &[u8] = b"ok\n\xff\n";
        let mut lines = Lines::new(&mut text);
        lines.next().unwrap();
        assert_eq!(lines.next().unwrap_err().to_string(), "standard input, line 2: not UTF-8");
    }

    #[test]
    fn ctrl_c_clears_and_twice_leaves() {
        let mut interrupts = Interrupts::default();
        let mut press = |had_text| match interrupts.next(Input::Interrupt(had_text)) {
            (Next::Leave, _) => "leave",
            (_, true) => "explain",
            _ => "clear",
        };
        assert_eq!([press(true), press(true), press(false)], ["clear", "clear", "leave"]);
        let mut interrupts = Interrupts::default();
        assert!(matches!(interrupts.next(Input::Interrupt(false)), (Next::Again, true)));
        assert!(matches!(interrupts.next(Input::Text("x".to_owned())), (Next::Input(_), false)));
        assert!(matches!(interrupts.next(Input::Interrupt(false)), (Next::Again, true)));
        assert!(matches!(interrupts.next(Input::Interrupt(false)), (Next::Leave, false)));
    }
}
