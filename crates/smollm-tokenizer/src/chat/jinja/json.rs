//! Python's `json.dumps`, as the `tojson` filter of transformers calls it.

use std::cmp::Ordering;

use super::fault::{Budget, Fault};
use super::repr;
use super::value::Value;

/// The options of `json.dumps`.
pub(super) struct Options {
    pub(super) ensure_ascii: bool,
    /// What one level of indentation is; `None` for everything on one line.
    pub(super) indent: Option<String>,
    pub(super) item_separator: String,
    pub(super) key_separator: String,
    pub(super) sort_keys: bool,
}

/// Appends `json.dumps(value)`.
pub(super) fn push_json(budget: &Budget, value: &Value, options: &Options, out: &mut String) -> Result<(), Fault> {
    Encoder { budget, options, level: 0, out }.push(value)
}

struct Encoder<'e> {
    budget: &'e Budget,
    options: &'e Options,
    level: usize,
    out: &'e mut String,
}

impl Encoder<'_> {
    fn push(&mut self, value: &Value) -> Result<(), Fault> {
        let start = self.out.len();
        self.budget.values(1)?;
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Int(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)),
            Value::Str(text) | Value::Markup(text) => push_string(text, self.options.ensure_ascii, self.out),
            Value::List(seq) | Value::Tuple(seq) => {
                return self.all('[', ']', seq.items.len(), |encoder, at| encoder.push(&seq.items[at]));
            }
            Value::Dict(dict) => {
                let mut entries: Vec<&(Value, Value)> = dict.entries().iter().collect();
                if self.options.sort_keys {
                    sort(self.budget, &mut entries)?;
                }
                return self.all('{', '}', entries.len(), |encoder, at| {
                    let (key, value) = entries[at];
                    push_string(&key_text(key)?, encoder.options.ensure_ascii, encoder.out);
                    encoder.out.push_str(&encoder.options.key_separator);
                    encoder.push(value)
                });
            }
            other => {
                let of = if other.type_name() == "Namespace" { "TemplateNamespace" } else { other.type_name() };
                return Err(Fault::new(format!("Object of type {of} is not JSON serializable")));
            }
        }
        self.budget.bytes(self.out.len() - start)
    }

    /// Brackets around `len` items, separated and indented.
    fn all(
        &mut self,
        open: char,
        close: char,
        len: usize,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.out.push(open);
        self.level += 1;
        for at in 0..len {
            if at > 0 {
                self.out.push_str(&self.options.item_separator);
            }
            self.new_line();
            item(self, at)?;
        }
        self.level -= 1;
        if len > 0 {
            self.new_line();
        }
        self.out.push(close);
        Ok(())
    }

    fn new_line(&mut self) {
        if let Some(indent) = &self.options.indent {
            self.out.push('\n');
            (0..self.level).for_each(|_| self.out.push_str(indent));
        }
    }
}

fn sort(budget: &Budget, entries: &mut [&(Value, Value)]) -> Result<(), Fault> {
    let mut failure = None;
    entries.sort_by(|(a, _), (b, _)| {
        super::ops::order(budget, a, b, "<").unwrap_or_else(|fault| {
            failure.get_or_insert(fault);
            Ordering::Equal
        })
    });
    failure.map_or(Ok(()), Err)
}

/// A key of a dict as JSON's string.
fn key_text(key: &Value) -> Result<String, Fault> {
    Ok(match key {
        Value::Str(text) | Value::Markup(text) => text.to_string(),
        Value::None => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        other => {
            let message = "keys must be str, int, float, bool or None, not";
            return Err(Fault::new(format!("{message} {}", other.type_name())));
        }
    })
}

fn float(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => repr::float(value),
    }
}

fn push_string(text: &str, ensure_ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", c as u32)),
            ' '..='~' => out.push(c),
            _ if !ensure_ascii => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out.push('"');
}
