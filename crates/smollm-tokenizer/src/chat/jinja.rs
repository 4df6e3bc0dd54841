//! A Jinja2 interpreter for chat templates that gives byte for byte what Python's does, or an error.
//!
//! The language is Jinja2 3.1 as transformers sets it up (immutable sandbox, `trim_blocks`, `lstrip_blocks`, loop
//! controls, `{% generation %}`) and the values are Python's: its `str`, `repr`, `json.dumps`, methods and errors. Left out,
//! with an error that says so: other template files (`include`, `import`, `extends`), `autoescape`, and a few filters for
//! web pages. Where Python raises, this raises: a prompt never differs from Python's silently.
//!
//! Templates come from model files, so nothing in them can exhaust the stack or the memory: nesting is counted, and every
//! operation is paid from a [budget](fault::Budget).

mod args;
mod ast;
mod attributes;
mod containers;
mod eval;
mod expr;
mod fault;
mod filters;
mod filters_seq;
mod format;
mod globals;
mod interp;
mod json;
mod lexer;
mod loops;
mod methods;
mod ops;
mod parser;
mod predicates;
mod pystr;
mod repr;
mod scope;
mod unprintable;
mod value;

use std::ops::Range;

pub(super) use ast::Program;
pub(super) use fault::{Fault, FaultKind};
pub(super) use parser::parse;
pub(super) use pystr::is_space;

use super::clock::DateTime;
use value::{MAX_DEPTH, Value};

/// Renders a template: its text, and the byte ranges of its `{% generation %}` blocks.
///
/// `variable` gives the caller's variables by name; `input_bytes` is about how long they are as text.
pub(super) fn render<'v>(
    program: &Program,
    variable: impl Fn(&str) -> Option<&'v serde_json::Value>,
    now: DateTime,
    input_bytes: usize,
) -> Result<(String, Vec<Range<usize>>), Fault> {
    let mut context = Vec::with_capacity(program.names.len());
    for name in &program.names {
        context.push(match variable(name) {
            Some(value) => Some(from_json(value, 0)?),
            None => globals::find(name),
        });
    }
    interp::Interp::new(program, context, now, input_bytes).run()
}

/// A JSON value as Python's `json.loads` gives it.
fn from_json(value: &serde_json::Value, depth: u16) -> Result<Value, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::limit(format!("a variable nests deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        serde_json::Value::Null => Value::None,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(float)) => Value::Float(float),
            (None, None) => return Err(Fault::new(format!("number {number} is out of range"))),
        },
        serde_json::Value::String(text) => Value::str(text),
        serde_json::Value::Array(items) => {
            Value::list(items.iter().map(|item| from_json(item, depth + 1)).collect::<Result<_, _>>()?)?
        }
        serde_json::Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| Ok((Value::str(key), from_json(value, depth + 1)?)));
            Value::dict(entries.collect::<Result<_, Fault>>()?)?
        }
    })
}
