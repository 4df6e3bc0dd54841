//! Texts of files, one after the other, without ever holding a file: plain text, or JSON lines.

use crate::error::Error;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 20;

/// A file with texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Its path; `-` is standard input.
    pub path: PathBuf,
    /// The field of JSON lines that has the text; `None` for plain text, which is one text.
    pub field: Option<String>,
}

/// What a file has next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A part of a text.
    Part(&'a str),
    /// The text ends.
    End,
}

impl TextFile {
    /// The file at `path`: JSON lines where its name ends in `.jsonl` or `.ndjson`, with the text in `field`, or else plain text.
    pub fn named(path: PathBuf, field: &str) -> Self {
        let lines =
            path.extension().is_some_and(|end| ["jsonl", "ndjson"].iter().any(|known| end.eq_ignore_ascii_case(known)));
        Self { path, field: lines.then(|| field.to_owned()) }
    }

    /// Whether it is standard input.
    pub fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Bytes of the file, where they are known.
    pub(super) fn size(&self) -> Result<Option<u64>, Error> {
        if self.is_standard_input() {
            return Ok(None);
        }
        let data = std::fs::metadata(&self.path).map_err(|error| self.unread(error))?;
        if data.is_dir() {
            return Err(self.unread(std::io::ErrorKind::IsADirectory.into()));
        }
        Ok(data.is_file().then_some(data.len()))
    }

    /// Calls `each` for what there is, and with how many bytes were read for it.
    pub(super) fn read(&self, each: &mut dyn FnMut(Piece<'_>, u64) -> Result<(), Error>) -> Result<(), Error> {
        if self.is_standard_input() {
            self.read_from(std::io::stdin().lock(), each)
        } else {
            let file = File::open(&self.path).map_err(|error| self.unread(error))?;
            self.read_from(BufReader::with_capacity(BLOCK, file), each)
        }
    }

    fn read_from(
        &self,
        reader: impl BufRead,
        each: &mut dyn FnMut(Piece<'_>, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &self.field {
            None => self.plain(reader, each),
            Some(field) => self.lines(reader, field, each),
        }
    }

    fn plain(
        &self,
        mut reader: impl Read,
        each: &mut dyn FnMut(Piece<'_>, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut block, mut kept, mut offset) = (vec![0; BLOCK], 0, 0);
        loop {
            let read = reader.read(&mut block[kept..]).map_err(|error| self.unread(error))?;
            let bytes = &block[..kept + read];
            let valid = match std::str::from_utf8(bytes) {
                Ok(text) => text,
                // the rest of a character may come yet
                Err(e) if e.error_len().is_none() && read > 0 => utf8_prefix(bytes, e.valid_up_to()),
                Err(e) => return Err(Error::NotUtf8 { path: self.name(), offset: offset + e.valid_up_to() }),
            };
            if read == 0 {
                return each(Piece::End, 0);
            }
            if !valid.is_empty() {
                each(Piece::Part(valid), read as u64)?;
            }
            let (used, end) = (valid.len(), bytes.len());
            block.copy_within(used..end, 0);
            (kept, offset) = (end - used, offset + used);
        }
    }

    fn lines(
        &self,
        mut reader: impl BufRead,
        field: &str,
        each: &mut dyn FnMut(Piece<'_>, u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let read = reader.read_until(b'\n', &mut bytes).map_err(|error| self.unread(error))?;
            if read == 0 {
                break;
            }
            let wrong = |problem: String| Error::Line { path: self.name(), line, problem };
            let json = std::str::from_utf8(&bytes)
                .map_err(|e| wrong(format!("not UTF-8 at byte {} of the line", e.valid_up_to())))?;
            if json.trim_ascii().is_empty() {
                continue;
            }
            let text = text_of(json, field).map_err(wrong)?;
            each(Piece::Part(&text), read as u64)?;
            each(Piece::End, 0)?;
        }
        Ok(())
    }

    /// What errors call it.
    fn name(&self) -> PathBuf {
        if self.is_standard_input() { "standard input".into() } else { self.path.clone() }
    }

    fn unread(&self, error: std::io::Error) -> Error {
        Error::Read { path: self.name(), error }
    }
}

fn utf8_prefix(bytes: &[u8], valid: usize) -> &str {
    std::str::from_utf8(&bytes[..valid]).unwrap_or_default()
}

/// The text in `field` of an object; the error says what is wrong with the line.
fn text_of<'a>(json: &'a str, field: &str) -> Result<Cow<'a, str>, String> {
    let mut parser = serde_json::Deserializer::from_str(json);
    let found = Field(field).deserialize(&mut parser).and_then(|found| parser.end().map(|()| found));
    match found {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(format!("there is no field `{field}`")),
        Err(e) => {
            let message = e.to_string();
            let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
            Err(format!("column {}: {message}", e.column()))
        }
    }
}

/// Reads an object for one field alone.
struct Field<'f>(&'f str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a text in `{}`", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key_seed(Text)? {
            if key == self.0 {
                found = Some(map.next_value_seed(Text)?); // of equal keys the last, as in Python
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A string, borrowed where nothing in it is escaped.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
