//! Python's `str` and `repr` of values, and of floats.

use super::ast::Literal;
use super::fault::{Budget, Fault};
use super::pystr::is_printable;
use super::value::{MAX_DEPTH, Object, Value, ViewKind};

/// Appends `str(value)`.
pub(super) fn push_str(budget: &Budget, value: &Value, out: &mut String) -> Result<(), Fault> {
    match value {
        Value::Undefined(_) => Ok(()),
        Value::Str(text) | Value::Markup(text) => {
            budget.bytes(text.len())?;
            out.push_str(text);
            Ok(())
        }
        _ => push_repr(budget, value, out),
    }
}

/// `str(value)`.
pub(super) fn to_str(budget: &Budget, value: &Value) -> Result<String, Fault> {
    let mut text = String::new();
    push_str(budget, value, &mut text)?;
    Ok(text)
}

/// `repr(value)`.
pub(super) fn to_repr(budget: &Budget, value: &Value) -> Result<String, Fault> {
    let mut text = String::new();
    push_repr(budget, value, &mut text)?;
    Ok(text)
}

/// Appends `repr(value)`.
pub(super) fn push_repr(budget: &Budget, value: &Value, out: &mut String) -> Result<(), Fault> {
    Printer { budget, open: Vec::new(), out }.push(value)
}

struct Printer<'p> {
    budget: &'p Budget,
    /// The namespaces around this place: they may hold each other to any depth, and themselves.
    open: Vec<*const Object>,
    out: &'p mut String,
}

impl Printer<'_> {
    fn push(&mut self, value: &Value) -> Result<(), Fault> {
        let start = self.out.len();
        self.budget.values(1)?;
        match value {
            Value::Undefined(_) => self.out.push_str("Undefined"),
            Value::None => self.out.push_str("None"),
            Value::Bool(true) => self.out.push_str("True"),
            Value::Bool(false) => self.out.push_str("False"),
            Value::Int(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)),
            Value::Str(text) => push_quoted(text, self.out),
            Value::Markup(text) => {
                self.out.push_str("Markup(");
                push_quoted(text, self.out);
                self.out.push(')');
            }
            Value::List(list) => return self.items("[", &list.items, "]"),
            Value::Tuple(tuple) => {
                let close = if tuple.items.len() == 1 { ",)" } else { ")" };
                return self.items("(", &tuple.items, close);
            }
            Value::Dict(dict) => return self.pairs(dict.entries()),
            Value::Object(object) => return self.object(object, value),
        }
        self.budget.bytes(self.out.len() - start)
    }

    fn items<'v>(&mut self, open: &str, items: impl IntoIterator<Item = &'v Value>, close: &str) -> Result<(), Fault> {
        self.out.push_str(open);
        for (at, item) in items.into_iter().enumerate() {
            self.out.push_str(if at > 0 { ", " } else { "" });
            self.push(item)?;
        }
        self.out.push_str(close);
        Ok(())
    }

    fn pairs(&mut self, pairs: &[(Value, Value)]) -> Result<(), Fault> {
        self.out.push('{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            self.out.push_str(if at > 0 { ", " } else { "" });
            self.push(key)?;
            self.out.push_str(": ");
            self.push(value)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn object(&mut self, object: &Object, value: &Value) -> Result<(), Fault> {
        match object {
            Object::Range { start, stop, step: 1 } => self.out.push_str(&format!("range({start}, {stop})")),
            Object::Range { start, stop, step } => self.out.push_str(&format!("range({start}, {stop}, {step})")),
            Object::View(dict, kind) => {
                self.out.push_str(value.type_name());
                match kind {
                    ViewKind::Keys => self.items("([", dict.entries().iter().map(|(key, _)| key), "])")?,
                    ViewKind::Values => self.items("([", dict.entries().iter().map(|(_, value)| value), "])")?,
                    ViewKind::Items => {
                        self.out.push_str("([");
                        for (at, (key, value)) in dict.entries().iter().enumerate() {
                            self.out.push_str(if at > 0 { ", " } else { "" });
                            self.items("(", [key, value], ")")?;
                        }
                        self.out.push_str("])");
                    }
                }
            }
            Object::Namespace(attributes) => {
                let this: *const Object = object;
                if self.open.contains(&this) {
                    self.out.push_str("<Namespace {...}>");
                    return Ok(());
                }
                if self.open.len() > usize::from(MAX_DEPTH) {
                    return Err(Fault::limit("cannot print namespaces that hold each other this deep"));
                }
                self.open.push(this);
                let attributes = attributes.borrow();
                let pairs: Vec<_> = attributes.iter().map(|(k, v)| (Value::Str(k.clone()), v.clone())).collect();
                self.out.push_str("<Namespace ");
                self.pairs(&pairs)?;
                self.out.push('>');
                self.open.pop();
            }
            Object::Macro(definition, _) => match &definition.name {
                Some(name) => {
                    self.out.push_str("<Macro ");
                    push_quoted(name, self.out);
                    self.out.push('>');
                }
                None => self.out.push_str("<Macro anonymous>"),
            },
            _ => return Err(Fault::new(format!("cannot print a {}: Python prints its address", value.type_name()))),
        }
        Ok(())
    }
}

/// Appends the text in quotes, as Python chooses and escapes them.
pub(super) fn push_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => out.push_str(&match c as u32 {
                code @ 0..=0xff => format!("\\x{code:02x}"),
                code @ 0x100..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push(quote);
}

/// `repr` of a float: the shortest digits that read back as the same number, in scientific form outside 1e-4 to 1e16.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

impl From<&Literal> for Value {
    fn from(literal: &Literal) -> Self {
        match literal {
            Literal::None => Self::None,
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::Float(value) => Self::Float(*value),
            Literal::Str(text) => Self::Str(text.clone()),
        }
    }
}
