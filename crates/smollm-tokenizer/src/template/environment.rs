//! The engine set up as `transformers` sets up Jinja, with the functions and filters its templates call.

use super::error::RaisedException;
use super::json::{JsonStyle, dumps};
use super::limits;
use super::repr::to_str;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

/// Variables with which a rendering carries its clock and its markers; no template can spell them.
pub(super) const CLOCK: &str = "clock (internal)";
pub(super) const GENERATION_START: &str = "generation start (internal)";
pub(super) const GENERATION_END: &str = "generation end (internal)";
/// The filter that stands for `{% generation %}`.
pub(super) const GENERATION_FILTER: &str = "__generation__";

/// Depth of nested calls after which a template is stopped.
const RECURSION_LIMIT: usize = 150;

/// As `transformers.utils.chat_template_utils._compile_jinja_template`.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // the builder refuses delimiters only, and these are the default ones
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_recursion_limit(RECURSION_LIMIT);
    environment.set_unknown_method_callback(method);
    environment.set_formatter(|out, _, value| Ok(out.write_str(&to_str(value)?)?));
    environment.add_filter("string", |value: Value| to_str(&value));
    environment.add_filter("tojson", tojson);
    environment.add_filter("length", length);
    environment.add_filter("count", length);
    limits::bound(&mut environment);
    environment.add_filter(GENERATION_FILTER, generation);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment
}

/// Methods of Python's str, list and dict that minijinja's values lack.
fn method(state: &mut State<'_, '_>, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    match name {
        "__reversed__" => reversed(value),
        "format" => {
            limits::check_format(value)?;
            minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)
        }
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// `value[::-1]`: a string or a list backwards.
fn reversed(value: &Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items: Vec<Value> = value.try_iter()?.collect();
    items.reverse();
    Ok(Value::from(items))
}

/// Jinja's undefined has the length 0; minijinja's has none.
fn length(value: Value) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    value.len().ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("a value of type {} has no length", value.kind()))
    })
}

/// `json.dumps(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
fn tojson(value: Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let argument = |place: usize, name: &str| match positional.get(place) {
        Some(value) => Ok(value.clone()),
        None => Ok::<_, Error>(named.get::<Option<Value>>(name)?.unwrap_or(Value::UNDEFINED)),
    };
    let invalid = |what: &str| Error::new(ErrorKind::InvalidOperation, format!("tojson: {what}"));
    let set = |value: &Value| !value.is_undefined() && !value.is_none();
    let ensure_ascii = argument(0, "ensure_ascii")?.is_true();
    let indent = argument(1, "indent")?;
    let indent = match indent.as_str() {
        Some(text) => Some(text.to_owned()),
        None if set(&indent) => {
            let spaces = indent.as_usize().filter(|&n| n <= 64).ok_or_else(|| invalid("indent must be 0 to 64"))?;
            Some(" ".repeat(spaces))
        }
        None => None,
    };
    let separators = argument(2, "separators")?;
    let separators = if set(&separators) {
        let pair: Vec<Value> = separators.try_iter()?.collect();
        match pair.as_slice() {
            [item, key] => match (item.as_str(), key.as_str()) {
                (Some(item), Some(key)) => Some((item.to_owned(), key.to_owned())),
                _ => return Err(invalid("separators must be two strings")),
            },
            _ => return Err(invalid("separators must be two strings")),
        }
    } else {
        None
    };
    let sort_keys = argument(3, "sort_keys")?.is_true();
    named.assert_all_used()?;
    let (item, key) = separators.unwrap_or_else(|| {
        let item = if indent.is_some() { "," } else { ", " };
        (item.to_owned(), ": ".to_owned())
    });
    Ok(Value::from(dumps(&value, &JsonStyle { ensure_ascii, indent, item, key, sort_keys })?))
}

/// Puts the rendering's markers around the text of a `{% generation %}` block.
fn generation(state: &State<'_, '_>, text: &str) -> String {
    let marker = |name: &str| state.lookup(name).map(|v| v.to_string()).unwrap_or_default();
    format!("{}{text}{}", marker(GENERATION_START), marker(GENERATION_END))
}

fn raise_exception(message: Value) -> Result<Value, Error> {
    let message = message.to_string();
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(RaisedException(message)))
}

/// `datetime.now().strftime(format)` with the rendering's clock.
fn strftime_now(state: &State<'_, '_>, format: &str) -> Result<String, Error> {
    let refuse = |problem: String| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {problem}"));
    let clock = state.lookup(CLOCK).map(|v| v.to_string()).unwrap_or_default();
    let now: super::DateTime = clock.parse().map_err(|e| refuse(format!("{e}")))?;
    jiff::fmt::strtime::format(format, now).map_err(|e| refuse(format!("{e}")))
}

/// Whether a value is text, for [`super::json`].
pub(super) fn is_text(value: &Value) -> bool {
    value.kind() == ValueKind::String
}
