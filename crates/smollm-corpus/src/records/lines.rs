//! JSON lines: one value to a line.

use super::error::shortened;
use super::reader::{Fault, Found, LONGEST_RECORD, Raw};
use serde_json::Value;
use std::io::{BufRead, Read};

/// Lines of at most [`LONGEST_RECORD`] bytes, counted.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, ended: false }
    }

    /// The next line with its number, without what ends it; `None` behind the last one. Without a byte order mark.
    pub(super) fn next_line(&mut self) -> Option<(u64, Result<Vec<u8>, Fault>)> {
        if self.ended {
            return None;
        }
        let mut line = Vec::new();
        let limit = LONGEST_RECORD as u64 + 2;
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut line);
        self.number += 1;
        match read {
            Err(error) => {
                self.ended = true;
                return Some((self.number, Err(error.into())));
            }
            Ok(0) => {
                self.ended = true;
                return None;
            }
            Ok(_) => {}
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if line.len() > LONGEST_RECORD {
            self.ended = true;
            return Some((self.number, Err(Fault::Record(format!("the line is longer than {LONGEST_RECORD} bytes")))));
        }
        if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        Some((self.number, Ok(line)))
    }
}

/// Values of a file with one to a line; empty lines are passed over.
pub(super) struct JsonLines<R>(Lines<R>);

impl<R: BufRead> JsonLines<R> {
    pub(super) fn new(input: R) -> Self {
        Self(Lines::new(input))
    }
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let (number, line) = self.0.next_line()?;
            let raw = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => parsed(&line).map(Raw::Json).map_err(Fault::Record),
                Err(fault) => Err(fault),
            };
            return Some(Found { number, raw });
        }
    }
}

/// The value that is written as `bytes`.
pub(super) fn parsed(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let problem = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        format!("no JSON: {} (column {})", shortened(problem), error.column())
    })
}
