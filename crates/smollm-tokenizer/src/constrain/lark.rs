//! JSON schemas inside of Lark grammars (`%json { ... }`): found, and checked like any other.

use serde_json::Value;

use super::error::GrammarError;
use super::json::Prepared;

const KIND: &str = "Lark grammar";

/// The grammar with every embedded schema in the form that the compiler is given, and those schemas.
///
/// # Errors
/// A schema is no JSON, or has what cannot be made sure of.
pub(super) fn with_prepared_schemas(text: &str) -> Result<(String, Vec<Prepared>), GrammarError> {
    let (mut out, mut schemas) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(at) = next_schema(rest) {
        let (before, from) = rest.split_at(at);
        let schema_text = from["%json".len()..].trim_start();
        let mut values = serde_json::Deserializer::from_str(schema_text).into_iter::<Value>();
        let line = text[..text.len() - schema_text.len()].lines().count();
        let schema = match values.next() {
            Some(Ok(schema)) => schema,
            Some(Err(e)) => return Err(GrammarError::text(KIND, format!("line {line}: the schema after %json: {e}"))),
            None => return Err(GrammarError::text(KIND, format!("line {line}: there is no schema after %json"))),
        };
        let prepared = Prepared::new(&schema)?;
        out.push_str(before);
        out.push_str("%json ");
        out.push_str(&prepared.schema.to_string());
        schemas.push(prepared);
        rest = &schema_text[values.byte_offset()..];
    }
    out.push_str(rest);
    Ok((out, schemas))
}

/// Where the next `%json` stands that is not inside of a string, a regular expression or a comment.
fn next_schema(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_quoted(bytes, at, b'"'),
            b'/' if bytes.get(at + 1) == Some(&b'/') => at = end_of_line(bytes, at),
            b'/' => at = end_of_quoted(bytes, at, b'/'),
            b'#' => at = end_of_line(bytes, at),
            b'%' if text[at..].starts_with("%json") => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// The place after the quote that closes the one at `at`; a quoted piece ends with its line at the latest.
fn end_of_quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut i = at + 1;
    while i < bytes.len() && bytes[i] != b'\n' {
        match bytes[i] {
            b'\\' => i += 2,
            byte if byte == quote => return i + 1,
            _ => i += 1,
        }
    }
    i.min(bytes.len())
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |end| at + end)
}
