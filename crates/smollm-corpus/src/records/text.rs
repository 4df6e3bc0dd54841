//! Plain text: a whole file, its lines, or what stands between separating lines.

use super::lines::Lines;
use super::reader::{Fault, Found, LONGEST_RECORD, Raw};
use std::io::{BufRead, Read};

/// The file as one document.
pub(super) struct WholeText<R>(Option<R>);

impl<R: BufRead> WholeText<R> {
    pub(super) fn new(input: R) -> Self {
        Self(Some(input))
    }
}

impl<R: BufRead> Iterator for WholeText<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let input = self.0.take()?;
        let mut bytes = Vec::new();
        let raw = match input.take(LONGEST_RECORD as u64 + 1).read_to_end(&mut bytes) {
            Err(error) => Err(error.into()),
            Ok(_) if bytes.len() > LONGEST_RECORD => {
                Err(Fault::Record(format!("the document is longer than {LONGEST_RECORD} bytes; divide the file")))
            }
            Ok(_) => {
                if bytes.starts_with(b"\xef\xbb\xbf") {
                    bytes.drain(..3);
                }
                text(bytes)
            }
        };
        Some(Found { number: 1, raw })
    }
}

/// Lines, or what stands between lines that are the separator.
pub(super) struct TextDocuments<R> {
    lines: Lines<R>,
    separator: Option<Vec<u8>>,
}

impl<R: BufRead> TextDocuments<R> {
    pub(super) fn new(input: R, separator: Option<String>) -> Self {
        Self { lines: Lines::new(input), separator: separator.map(String::into_bytes) }
    }

    /// What stands before the next separator, line breaks between lines kept.
    fn document(&mut self) -> Option<Found> {
        let (mut start, mut document) = (None, Vec::new());
        while let Some((number, line)) = self.lines.next_line() {
            let line = match line {
                Ok(line) => line,
                Err(fault) => return Some(Found { number, raw: Err(fault) }),
            };
            if self.separator.as_ref() == Some(&line) {
                if start.is_some() {
                    break;
                }
                continue;
            }
            if start.is_some() {
                document.push(b'\n');
            }
            let first = *start.get_or_insert(number);
            document.extend_from_slice(&line);
            if document.len() > LONGEST_RECORD {
                let problem = format!("the document is longer than {LONGEST_RECORD} bytes");
                return Some(Found { number: first, raw: Err(Fault::Record(problem)) });
            }
        }
        start.map(|number| Found { number, raw: text(document) })
    }
}

impl<R: BufRead> Iterator for TextDocuments<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if self.separator.is_some() {
            return self.document();
        }
        loop {
            let (number, line) = self.lines.next_line()?;
            let raw = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => text(line),
                Err(fault) => Err(fault),
            };
            return Some(Found { number, raw });
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<Raw, Fault> {
    String::from_utf8(bytes)
        .map(Raw::Text)
        .map_err(|error| Fault::Record(format!("no UTF-8 from byte {} on", error.utf8_error().valid_up_to())))
}
