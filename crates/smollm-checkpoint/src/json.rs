//! JSON objects as checkpoints use them: in file order, no key twice, values kept as text until someone names them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object in file order; a repeated key is refused (most readers keep the last one silently).
pub(crate) struct Members<'a, T>(pub(crate) Vec<(Cow<'a, str>, T)>);

/// An object whose values are still text; a value's place in the file is its address minus the buffer's.
pub(crate) type RawMembers<'a> = Members<'a, &'a RawValue>;

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Members<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<'a, T>(PhantomData<(&'a (), T)>);
        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for Collect<'a, T> {
            type Value = Members<'a, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                let mut seen = HashSet::new();
                while let Some(Key(key)) = map.next_key::<Key<'a>>()? {
                    if !seen.insert(key.clone()) {
                        return Err(A::Error::custom(format!("the key {} appears twice", crate::error::quote(&key))));
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect(PhantomData))
    }
}

/// An object key, borrowed from the text unless it holds escapes.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Longest reason shown, in characters.
const LONGEST_REASON: usize = 200;

/// Where and why a JSON text failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonProblem {
    /// Byte offset in the text.
    pub(crate) offset: usize,
    /// The parser's reason, without its own position.
    pub(crate) reason: String,
}

/// Parses `text` whole (nothing but white space may follow the value).
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, JsonProblem> {
    serde_json::from_str(text).map_err(|error| {
        let position = format!(" at line {} column {}", error.line(), error.column());
        let reason = error.to_string();
        let reason = shortened(reason.strip_suffix(&position).unwrap_or(&reason));
        JsonProblem { offset: offset_of(text, error.line(), error.column()), reason }
    })
}

/// A reason may quote a whole string of the file; no message needs more than its beginning.
fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(LONGEST_REASON) {
        None => reason.to_owned(),
        Some((cut, _)) => format!("{}...", &reason[..cut]),
    }
}

/// Offset of a serde_json position: lines from 1, columns in bytes from 1 (0: before the line's first byte).
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// Byte offset of `part` inside `whole`, of which it is a subslice.
pub(crate) fn offset_in(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}
