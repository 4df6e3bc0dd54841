//! Bounds on what one step of a template may build: the engine counts steps, but a single step of it can ask for more memory
//! than any machine has, and what is refused memory ends the program.

use minijinja::value::{Kwargs, Rest, StringInput, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

/// The largest number that a width or a count may be: that of the engine's own `range`.
const LARGEST: usize = 100_000;
/// Bytes after which a text is refused, a printed value or a whole rendering: some two million tokens, more than any context.
pub(super) const LONGEST_TEXT: usize = 8 << 20;

/// Puts bounded filters in the place of those that are not.
pub(super) fn bound(environment: &mut Environment<'static>) {
    environment.add_filter("indent", indent);
    environment.add_filter("batch", |state: &State<'_, '_>, value: Value, count: usize, fill: Option<Value>| {
        filters::batch(state, value, within("batch", count)?, fill)
    });
    environment.add_filter("slice", |state: &State<'_, '_>, value: Value, count: usize, fill: Option<Value>| {
        filters::slice(state, value, within("slice", count)?, fill)
    });
    environment.add_filter("format", |state: &mut State<'_, '_>, format: &Value, values: Rest<ValueOrKwargs>| {
        check_format(format)?;
        filters::format(state, format, values)
    });
}

fn refuse(what: &str, problem: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{what}: {problem}"))
}

fn within(what: &str, number: usize) -> Result<usize, Error> {
    if number <= LARGEST { Ok(number) } else { Err(refuse(what, &format!("{number} is more than {LARGEST}"))) }
}

fn indent(
    text: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    blank: Option<bool>,
    named: Kwargs,
) -> Result<Value, Error> {
    let width = match width {
        Some(width) => Some(width),
        None => named.get("width")?,
    };
    filters::indent(text, width.map(|width| within("indent", width)).transpose()?, first, blank, named)
}

/// Widths and precisions in a format string, for `%` and for `str.format`.
pub(super) fn check_format(format: &Value) -> Result<(), Error> {
    let text = format.as_str().unwrap_or_default();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.trim_start_matches('0'));
    match numbers.find(|digits| digits.len() > 5 || digits.parse().is_ok_and(|number: usize| number > LARGEST)) {
        Some(number) => Err(refuse("format", &format!("{number} is more than {LARGEST}"))),
        None => Ok(()),
    }
}

/// Refuses a text that has grown too long: small values can print as very long ones, each level twice as long as the one
/// below it.
pub(super) fn check_text(what: &str, text: &str) -> Result<(), Error> {
    if text.len() <= LONGEST_TEXT { Ok(()) } else { Err(refuse(what, "the text grows beyond all bounds")) }
}
