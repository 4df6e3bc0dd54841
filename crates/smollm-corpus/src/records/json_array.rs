//! One JSON list whose items are read one by one.

use super::lines::parsed;
use super::reader::{Fault, Found, LONGEST_RECORD, Raw};
use std::io::BufRead;

/// The items of a list. What is between its brackets is cut at the commas outside of strings and inner brackets; an item is then JSON or it
/// is not.
pub(super) struct JsonArray<R> {
    input: R,
    /// The line of the next byte, from 1.
    line: u64,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Before,
    /// At the beginning of the first item, or of any other.
    First,
    Inside,
    /// Behind the closing bracket.
    Closed,
    Ended,
}

impl<R: BufRead> JsonArray<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: 1, state: State::Before }
    }

    fn next_byte(&mut self) -> std::io::Result<Option<u8>> {
        let Some(&byte) = self.input.fill_buf()?.first() else { return Ok(None) };
        self.input.consume(1);
        self.line += u64::from(byte == b'\n');
        Ok(Some(byte))
    }

    /// The next item with its line; `None` behind the last.
    fn item(&mut self) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        if self.state == State::Before {
            while self.next_byte()?.is_some_and(|byte| byte != b'[') {}
            self.state = State::First;
        }
        if self.state == State::Closed {
            return match self.rest()? {
                true => Ok(None),
                false => Err(Fault::Record("something follows the list".into())),
            };
        }
        let (mut item, mut depth, mut string, mut escaped) = (Vec::new(), 0usize, false, false);
        let mut line = self.line;
        loop {
            let before = self.line;
            let Some(byte) = self.next_byte()? else {
                return Err(Fault::Record("the list does not end".into()));
            };
            if item.is_empty() && byte.is_ascii_whitespace() {
                continue;
            }
            if item.is_empty() {
                line = before;
            }
            if string {
                string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            } else {
                match byte {
                    b'"' => string = true,
                    b'[' | b'{' => depth += 1,
                    b']' if depth == 0 => {
                        let nothing = item.is_empty() && self.state == State::First;
                        self.state = State::Closed;
                        return if nothing { self.item() } else { Ok(Some((line, item))) };
                    }
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    b',' if depth == 0 => {
                        self.state = State::Inside;
                        return Ok(Some((line, item)));
                    }
                    _ => {}
                }
            }
            item.push(byte);
            if item.len() > LONGEST_RECORD {
                return Err(Fault::Record(format!("the item is longer than {LONGEST_RECORD} bytes")));
            }
        }
    }

    /// Whether only space is left.
    fn rest(&mut self) -> std::io::Result<bool> {
        while let Some(byte) = self.next_byte()? {
            if !byte.is_ascii_whitespace() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<R: BufRead> Iterator for JsonArray<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.state == State::Ended {
            return None;
        }
        match self.item() {
            Ok(None) => {
                self.state = State::Ended;
                None
            }
            Ok(Some((number, item))) => {
                let raw = parsed(&item).map(Raw::Json).map_err(Fault::Record);
                // Where an item is no JSON, its end was guessed.
                if raw.is_err() {
                    self.state = State::Ended;
                }
                Some(Found { number, raw })
            }
            Err(fault) => {
                self.state = State::Ended;
                Some(Found { number: self.line, raw: Err(fault) })
            }
        }
    }
}
