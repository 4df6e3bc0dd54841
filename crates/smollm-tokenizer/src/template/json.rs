//! Python's `json.dumps` over template values, byte for byte.

use super::environment::is_text;
use super::limits::check_text;
use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use std::fmt::Write;

/// Nesting beyond this is refused, as Python's recursion limit does.
const MAX_DEPTH: usize = 200;

/// The arguments of `json.dumps`.
pub(super) struct JsonStyle {
    pub(super) ensure_ascii: bool,
    /// One level of indentation; `None` keeps everything on one line.
    pub(super) indent: Option<String>,
    /// Between items.
    pub(super) item: String,
    /// Between key and value.
    pub(super) key: String,
    pub(super) sort_keys: bool,
}

/// `json.dumps(value)` in `style`.
pub(super) fn dumps(value: &Value, style: &JsonStyle) -> Result<String, Error> {
    let mut out = String::new();
    style.write(value, 0, &mut out)?;
    Ok(out)
}

impl JsonStyle {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::new(ErrorKind::InvalidOperation, format!("tojson: {problem}")));
        if depth > MAX_DEPTH {
            return refuse("the value is nested too deeply".into());
        }
        check_text("tojson", out)?;
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => out.push_str(&value.to_string()),
            ValueKind::Number => match f64::try_from(value.clone()) {
                Ok(x) => out.push_str(&float(x)),
                Err(error) => return Err(error),
            },
            ValueKind::String => self.text(value.as_str().unwrap_or_default(), out),
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.items('[', ']', &items, depth, out, |item, out| self.write(item, depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut pairs = Vec::new();
                for key in value.try_iter()? {
                    let name = match key.kind() {
                        _ if is_text(&key) => key.as_str().unwrap_or_default().to_owned(),
                        ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                            let mut name = String::new();
                            self.write(&key, depth + 1, &mut name)?;
                            name
                        }
                        kind => return refuse(format!("a key of type {kind} is not JSON")),
                    };
                    pairs.push((name, value.get_item(&key)?));
                }
                if self.sort_keys {
                    pairs.sort_by(|a, b| a.0.cmp(&b.0));
                }
                self.items('{', '}', &pairs, depth, out, |(name, item), out| {
                    self.text(name, out);
                    out.push_str(&self.key);
                    self.write(item, depth + 1, out)
                })?;
            }
            kind => return refuse(format!("a value of type {kind} is not JSON")),
        }
        Ok(())
    }

    fn items<T>(
        &self,
        open: char,
        close: char,
        items: &[T],
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(&T, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push_str(&self.item);
            }
            self.line_break(depth + 1, out);
            write(item, out)?;
        }
        if !items.is_empty() {
            self.line_break(depth, out);
        }
        out.push(close);
        Ok(())
    }

    fn line_break(&self, depth: usize, out: &mut String) {
        if let Some(indent) = &self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(indent.as_str(), depth));
        }
    }

    fn text(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.ensure_ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // writing to a String cannot fail
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

/// `repr(float)`: shortest digits that read back, exponent form below 1e-4 and from 1e16 on.
pub(super) fn float(x: f64) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    let magnitude = x.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{x:e}");
        // Rust writes 1e-5 and 1e16, Python 1e-05 and 1e+16
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{x:?}")
}
