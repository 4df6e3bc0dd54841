//! The filters of Jinja2 3.1 that take one value; those over sequences are in `filters_seq.rs`.

use std::sync::Arc;

use super::args::{Args, int, optional_text, text};
use super::ast::Operator;
use super::attributes::attribute_only;
use super::fault::{Budget, Fault};
use super::filters_seq as seq;
use super::json::{Options, push_json};
use super::methods::{pad, replace};
use super::pystr::{capitalize, char_count, char_offset, is_space, split_lines, strip};
use super::repr::to_str;
use super::value::Value;
use super::{containers, format::printf, ops};

/// A filter: the value on the left of the bar, and the arguments.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    run: fn(&Budget, Value, Args) -> Result<Value, Fault>,
}

impl Filter {
    pub(super) fn apply(self, budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
        (self.run)(budget, value, args)
    }
}

/// The filter of that name. Those of Jinja's that no chat template needs exist, and fail when they run.
pub(super) fn find(name: &str) -> Option<Filter> {
    let run: fn(&Budget, Value, Args) -> Result<Value, Fault> = match name {
        "abs" => abs,
        "attr" => attr,
        "batch" => seq::batch,
        "capitalize" => |b, v, a| change(b, v, a, "capitalize", capitalize),
        "center" => center,
        "count" | "length" => seq::length,
        "d" | "default" => default,
        "dictsort" => seq::dictsort,
        "e" | "escape" => |b, v, a| escape(b, v, a, false),
        "first" => seq::first,
        "float" => float,
        "forceescape" => |b, v, a| escape(b, v, a, true),
        "format" => format,
        "groupby" => seq::groupby,
        "indent" => indent,
        "int" => integer,
        "items" => seq::items,
        "join" => seq::join,
        "last" => seq::last,
        "list" => seq::list,
        "lower" => |b, v, a| change(b, v, a, "lower", str::to_lowercase),
        "map" => seq::map,
        "max" => |b, v, a| seq::extreme(b, v, a, true),
        "min" => |b, v, a| seq::extreme(b, v, a, false),
        "reject" => |b, v, a| seq::select(b, v, a, false, false),
        "rejectattr" => |b, v, a| seq::select(b, v, a, false, true),
        "replace" => replace_filter,
        "reverse" => seq::reverse,
        "round" => round,
        "safe" => safe,
        "select" => |b, v, a| seq::select(b, v, a, true, false),
        "selectattr" => |b, v, a| seq::select(b, v, a, true, true),
        "slice" => seq::slice,
        "sort" => seq::sort,
        "string" => string,
        "sum" => seq::sum,
        "title" => |b, v, a| change(b, v, a, "title", title),
        "tojson" => tojson,
        "trim" => trim,
        "truncate" => truncate,
        "unique" => seq::unique,
        "upper" => |b, v, a| change(b, v, a, "upper", str::to_uppercase),
        "urlencode" => urlencode,
        "wordcount" => wordcount,
        "filesizeformat" | "pprint" | "random" | "striptags" | "urlize" | "wordwrap" | "xmlattr" => {
            |_, _, _| Err(Fault::new("this filter is not supported in chat templates"))
        }
        _ => return None,
    };
    Some(Filter { run })
}

/// `markupsafe.soft_str`: the text of a value, and whether it was marked safe.
fn soft(budget: &Budget, value: &Value) -> Result<String, Fault> {
    to_str(budget, value)
}

/// The text as the kind of string that `like` is.
fn text_like(budget: &Budget, like: &Value, text: String) -> Result<Value, Fault> {
    budget.bytes(text.len())?;
    Ok(if matches!(like, Value::Markup(_)) { Value::Markup(Arc::from(text)) } else { Value::Str(Arc::from(text)) })
}

/// A change of letter case.
fn change(budget: &Budget, value: Value, args: Args, name: &str, change: fn(&str) -> String) -> Result<Value, Fault> {
    args.none(name)?;
    text_like(budget, &value, change(&soft(budget, &value)?))
}

fn abs(_: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("abs")?;
    value.defined()?;
    match (&value, value.as_int()) {
        (_, Some(int)) => Ok(Value::Int(int.saturating_abs())),
        (Value::Float(float), _) => Ok(Value::Float(float.abs())),
        _ => Err(Fault::new(format!("bad operand type for abs(): '{}'", value.type_name()))),
    }
}

fn attr(_: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [name] = args.bind("attr", ["name"], 1)?;
    let name = name.unwrap_or(Value::None);
    attribute_only(&value, text("attr", &name)?)
}

fn center(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [width] = args.bind("center", ["width"], 0)?;
    let width = int("center", width.as_ref(), 80)?;
    text_like(budget, &value, pad(budget, &soft(budget, &value)?, width, ' ', "center")?)
}

fn default(_: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [default, boolean] = args.bind("default", ["default_value", "boolean"], 0)?;
    let replaced = value.is_undefined() || (boolean.is_some_and(|boolean| boolean.truth()) && !value.truth());
    Ok(if replaced { default.unwrap_or_else(|| Value::str("")) } else { value })
}

fn escape(budget: &Budget, value: Value, args: Args, force: bool) -> Result<Value, Fault> {
    args.none("escape")?;
    if !force && matches!(value, Value::Markup(_)) {
        return Ok(value);
    }
    let escaped = ops::escape_html(&soft(budget, &value)?);
    budget.bytes(escaped.len())?;
    Ok(Value::Markup(Arc::from(escaped)))
}

fn safe(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("safe")?;
    Ok(Value::Markup(Arc::from(soft(budget, &value)?)))
}

fn string(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("string")?;
    if value.as_str().is_some() { Ok(value) } else { Value::text(budget, soft(budget, &value)?) }
}

/// What Python's `float()` reads.
fn parse_float(text: &str) -> Option<f64> {
    let text = strip(text, None, true, true);
    let plain = text.replace('_', "");
    let underscores_between_digits = text.char_indices().filter(|(_, c)| *c == '_').all(|(at, _)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        digit(text[..at].chars().next_back()) && digit(text[at + 1..].chars().next())
    });
    plain.parse().ok().filter(|_| underscores_between_digits)
}

fn float(_: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [default] = args.bind("float", ["default"], 0)?;
    value.defined()?;
    let parsed = value.as_str().map_or_else(|| value.as_float(), parse_float);
    Ok(parsed.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
}

/// What Python's `int(text, base)` reads.
fn parse_int(text: &str, base: i128) -> Result<Option<i128>, Fault> {
    let text = strip(text, None, true, true);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = |prefix: &str, radix: i128| {
        lower
            .strip_prefix(prefix)
            .filter(|_| base == radix || base == 0)
            .map(|rest| (rest.strip_prefix('_').unwrap_or(rest), radix))
    };
    let (digits, radix) = prefixed("0x", 16)
        .or_else(|| prefixed("0o", 8))
        .or_else(|| prefixed("0b", 2))
        .unwrap_or((&lower, if base == 0 { 10 } else { base }));
    let Some(radix) = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix)) else {
        return Err(Fault::new("int() base must be >= 2 and <= 36, or 0"));
    };
    let groups_ok = !digits.is_empty() && digits.split('_').all(|group| !group.is_empty());
    let plain = digits.replace('_', "");
    if !groups_ok || !plain.chars().all(|c| c.is_digit(radix)) {
        return Ok(None);
    }
    let size = i128::from_str_radix(&plain, radix).map_err(|_| Fault::new("an integer grows beyond 128 bits"))?;
    Ok(Some(if negative { -size } else { size }))
}

fn truncated(value: f64) -> Result<Option<i128>, Fault> {
    match value {
        value if value.is_nan() => Ok(None),
        value if value.is_infinite() => Err(Fault::new("cannot convert float infinity to integer")),
        value if value.abs() >= 2_f64.powi(127) => Err(Fault::new("an integer grows beyond 128 bits")),
        value => Ok(Some(value.trunc() as i128)),
    }
}

fn integer(_: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [default, base] = args.bind("int", ["default", "base"], 0)?;
    let base = int("int", base.as_ref(), 10)?;
    value.defined()?;
    let parsed = match (&value, value.as_str()) {
        (Value::Float(float), _) => truncated(*float)?,
        (_, Some(text)) => match parse_int(text, base)? {
            Some(int) => Some(int),
            // "42.23"|int is 42; an infinity is the default here.
            None => parse_float(text).filter(|float| float.is_finite()).map(truncated).transpose()?.flatten(),
        },
        _ => value.as_int(),
    };
    Ok(parsed.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
}

fn format(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    if !args.positional.is_empty() && !args.named.is_empty() {
        return Err(Fault::new("can't handle positional and keyword arguments at the same time"));
    }
    let values = if args.named.is_empty() {
        Value::tuple(args.positional)?
    } else {
        Value::dict(args.named.into_iter().map(|(name, value)| (Value::Str(name), value)).collect())?
    };
    Value::text(budget, printf(budget, &soft(budget, &value)?, &values)?)
}

fn indent(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [width, first, blank] = args.bind("indent", ["width", "first", "blank"], 0)?;
    let indention = match &width {
        Some(Value::Str(text)) => text.to_string(),
        width => {
            let count = usize::try_from(int("indent", width.as_ref(), 4)?).unwrap_or(0);
            budget.bytes(count)?;
            " ".repeat(count)
        }
    };
    let given = text("indent", &value)?;
    let with_newline = ops::join(budget, &[given, "\n"])?;
    let lines = split_lines(&with_newline, false);
    budget.bytes(indention.len().saturating_mul(lines.len()))?;
    let blank = blank.is_some_and(|blank| blank.truth());
    let mut indented = if first.is_some_and(|first| first.truth()) { indention.clone() } else { String::new() };
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            indented.push('\n');
            indented.push_str(if blank || !line.is_empty() { &indention } else { "" });
        }
        indented.push_str(line);
    }
    text_like(budget, &value, indented)
}

fn replace_filter(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [old, new, count] = args.bind("replace", ["old", "new", "count"], 2)?;
    let part = |value: Option<Value>| soft(budget, &value.unwrap_or(Value::None));
    let count = match count {
        None | Some(Value::None) => -1,
        count => int("replace", count.as_ref(), -1)?,
    };
    Value::text(budget, replace(budget, &soft(budget, &value)?, &part(old)?, &part(new)?, count)?)
}

fn round(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [precision, method] = args.bind("round", ["precision", "method"], 0)?;
    let precision = int("round", precision.as_ref(), 0)?;
    let method = optional_text("round", method.as_ref())?.unwrap_or("common").to_owned();
    value.defined()?;
    let Some(number) = value.as_float() else {
        return Err(Fault::new(format!("type {} doesn't define __round__ method", value.type_name())));
    };
    match method.as_str() {
        "ceil" | "floor" => {
            let scale = ops::arithmetic(budget, Operator::Pow, &Value::Int(10), &Value::Int(precision))?;
            let scaled = ops::arithmetic(budget, Operator::Mul, &value, &scale)?;
            let whole = match scaled {
                Value::Float(float) => Value::Float(if method == "ceil" { float.ceil() } else { float.floor() }),
                int => int,
            };
            ops::arithmetic(budget, Operator::Div, &whole, &scale)
        }
        "common" => match value.as_int() {
            Some(int) if precision >= 0 => Ok(Value::Int(int)),
            None if !number.is_finite() || precision > 300 => Ok(Value::Float(number)),
            // The decimal digits are exact and ties go to even, as in CPython.
            None if precision >= 0 => {
                let digits = format!("{number:.*}", precision as usize);
                Ok(Value::Float(digits.parse().unwrap_or(number)))
            }
            _ => Err(Fault::new("rounding to tens is not supported")),
        },
        _ => Err(Fault::new("method must be common, ceil or floor")),
    }
}

/// Jinja's own title case: letters after white space, `-`, `(`, `{`, `[` or `<` are capitals.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut rest = text;
    let separates = |c: char| is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    while !rest.is_empty() {
        let word = rest.find(separates).unwrap_or(rest.len());
        let mut chars = rest[..word].chars();
        titled.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        titled.push_str(&chars.as_str().to_lowercase());
        rest = &rest[word..];
        let gap = rest.find(|c| !separates(c)).unwrap_or(rest.len());
        titled.push_str(&rest[..gap]);
        rest = &rest[gap..];
    }
    titled
}

fn tojson(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [ascii, indent, separators, sort_keys] =
        args.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], 0)?;
    let is_true = |value: Option<Value>| value.is_some_and(|value| value.truth());
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(Value::Str(text)) => Some(text.to_string()),
        Some(width) => {
            let width = usize::try_from(int("tojson", Some(&width), 0)?).unwrap_or(0);
            budget.bytes(width)?;
            Some(" ".repeat(width))
        }
    };
    let (item_separator, key_separator) = match separators {
        None | Some(Value::None) => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        Some(pair) => {
            let pair = containers::iterate(budget, &pair)?;
            let [item, key] = pair.as_slice() else { return Err(Fault::new("tojson(): separators must be a pair")) };
            (text("tojson", item)?.to_owned(), text("tojson", key)?.to_owned())
        }
    };
    let (ensure_ascii, sort_keys) = (is_true(ascii), is_true(sort_keys));
    let options = Options { ensure_ascii, indent, item_separator, key_separator, sort_keys };
    let mut json = String::new();
    push_json(budget, &value, &options, &mut json)?;
    Value::text(budget, json)
}

fn trim(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [chars] = args.bind("trim", ["chars"], 0)?;
    let chars = optional_text("trim", chars.as_ref())?;
    let trimmed = strip(&soft(budget, &value)?, chars, true, true).to_owned();
    text_like(budget, &value, trimmed)
}

fn truncate(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [length, kill_words, end, leeway] = args.bind("truncate", ["length", "killwords", "end", "leeway"], 0)?;
    let length = int("truncate", length.as_ref(), 255)?;
    let end = optional_text("truncate", end.as_ref())?.unwrap_or("...").to_owned();
    let leeway = match leeway {
        None | Some(Value::None) => 5,
        leeway => int("truncate", leeway.as_ref(), 5)?,
    };
    let end_len = char_count(&end) as i128;
    if length < end_len || leeway < 0 {
        return Err(Fault::new(format!("expected length >= {end_len} and leeway >= 0, got {length} and {leeway}")));
    }
    let given = text("truncate", &value)?;
    if char_count(given) as i128 <= length + leeway {
        return Ok(value);
    }
    let kept = &given[..char_offset(given, (length - end_len) as usize)];
    let kept = match kept.rfind(' ') {
        Some(space) if !kill_words.is_some_and(|kill| kill.truth()) => &kept[..space],
        _ => kept,
    };
    let cut = ops::join(budget, &[kept, &end])?;
    text_like(budget, &value, cut)
}

/// `urllib.parse.quote`.
fn quote(text: &str, in_query: bool, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => into.push(byte as char),
            b'/' if !in_query => into.push('/'),
            b' ' if in_query => into.push('+'),
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn urlencode(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("urlencode")?;
    let mut quoted = String::new();
    let pairs = match &value {
        Value::Dict(dict) => dict.entries().to_vec(),
        Value::List(_) | Value::Tuple(_) => {
            let mut pairs = Vec::new();
            for pair in containers::iterate(budget, &value)? {
                let pair = containers::iterate(budget, &pair)?;
                let [key, value] = pair.as_slice() else { return Err(Fault::new("urlencode() expects pairs")) };
                pairs.push((key.clone(), value.clone()));
            }
            pairs
        }
        _ => {
            quote(&soft(budget, &value)?, false, &mut quoted);
            return Value::text(budget, quoted);
        }
    };
    for (at, (key, value)) in pairs.iter().enumerate() {
        quoted.push_str(if at > 0 { "&" } else { "" });
        quote(&soft(budget, key)?, true, &mut quoted);
        quoted.push('=');
        quote(&soft(budget, value)?, true, &mut quoted);
    }
    Value::text(budget, quoted)
}

fn wordcount(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("wordcount")?;
    let text = soft(budget, &value)?;
    let words = text.split(|c: char| c != '_' && !c.is_alphanumeric()).filter(|word| !word.is_empty()).count();
    Ok(Value::Int(words as i128))
}
