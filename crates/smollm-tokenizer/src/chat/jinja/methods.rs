//! The methods of Python's `str`, `dict`, `list` and `tuple`.

use super::args::{Args, int, optional_text, text};
use super::fault::{Budget, Fault};
use super::format::format;
use super::pystr::{
    capitalize, char_count, char_offset, is_case, is_printable, is_space, rsplit_space, split_lines, split_space,
    strip, title,
};
use super::value::{Object, Value, ViewKind};
use super::{containers, ops};

/// Calls the method `name` of `receiver`.
pub(super) fn call(budget: &Budget, receiver: &Value, name: &'static str, args: Args) -> Result<Value, Fault> {
    match receiver {
        Value::Str(receiver) => str_method(budget, receiver, name, args),
        Value::Dict(_) => dict_method(budget, receiver, name, args),
        Value::List(_) | Value::Tuple(_) => sequence_method(budget, receiver, name, args),
        Value::Object(object) => match (&**object, name) {
            (Object::Cycler { items, position }, "next") => {
                args.none(name)?;
                let at = position.get();
                position.set((at + 1) % items.len());
                Ok(items[at].clone())
            }
            (Object::Cycler { position, .. }, "reset") => {
                args.none(name)?;
                position.set(0);
                Ok(Value::None)
            }
            _ => unsupported(receiver, name),
        },
        _ => unsupported(receiver, name),
    }
}

fn unsupported<T>(receiver: &Value, name: &str) -> Result<T, Fault> {
    Err(Fault::new(format!("method '{name}' of '{}' is not supported", receiver.type_name())))
}

fn dict_method(budget: &Budget, receiver: &Value, name: &'static str, args: Args) -> Result<Value, Fault> {
    let Value::Dict(dict) = receiver else { return unsupported(receiver, name) };
    let view = |kind| Value::object(Object::View(dict.clone(), kind));
    match name {
        "keys" => args.none(name).map(|()| view(ViewKind::Keys)),
        "values" => args.none(name).map(|()| view(ViewKind::Values)),
        "items" => args.none(name).map(|()| view(ViewKind::Items)),
        "copy" => args.none(name).map(|()| receiver.clone()),
        "get" => {
            let [key, default] = args.bind(name, ["", ""], 1)?;
            let found = containers::lookup(budget, receiver, &key.unwrap_or(Value::None))?;
            Ok(found.or(default).unwrap_or(Value::None))
        }
        _ => unsupported(receiver, name),
    }
}

fn sequence_method(budget: &Budget, receiver: &Value, name: &'static str, args: Args) -> Result<Value, Fault> {
    let items = containers::iterate(budget, receiver)?;
    match name {
        "copy" => args.none(name).map(|()| receiver.clone()),
        "count" => {
            let [wanted] = args.bind(name, [""], 1)?;
            let wanted = wanted.unwrap_or(Value::None);
            let mut count = 0;
            for item in &items {
                count += i128::from(ops::equal(budget, item, &wanted)?);
            }
            Ok(Value::Int(count))
        }
        "index" => {
            let [wanted] = args.bind(name, [""], 1)?;
            let wanted = wanted.unwrap_or(Value::None);
            for (at, item) in items.iter().enumerate() {
                if ops::equal(budget, item, &wanted)? {
                    return Ok(Value::Int(at as i128));
                }
            }
            Err(Fault::new(format!("{}.index(x): x not in {}", receiver.type_name(), receiver.type_name())))
        }
        _ => unsupported(receiver, name),
    }
}

fn str_method(budget: &Budget, receiver: &str, name: &'static str, args: Args) -> Result<Value, Fault> {
    budget.bytes(receiver.len())?;
    let texts = |pieces: Vec<&str>| -> Result<Value, Fault> {
        budget.values(pieces.len())?;
        Value::list(pieces.into_iter().map(Value::str).collect())
    };
    let all = |holds: fn(char) -> bool| Value::Bool(!receiver.is_empty() && receiver.chars().all(holds));
    match name {
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = args.bind(name, [""], 0)?;
            let chars = optional_text(name, chars.as_ref())?;
            Value::text(budget, strip(receiver, chars, name != "rstrip", name != "lstrip"))
        }
        "split" | "rsplit" => {
            let [separator, limit] = args.bind(name, ["sep", "maxsplit"], 0)?;
            let limit = int(name, limit.as_ref(), -1)?;
            texts(split(receiver, optional_text(name, separator.as_ref())?, limit, name == "rsplit")?)
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"], 0)?;
            texts(split_lines(receiver, int(name, keep.as_ref(), 0)? != 0))
        }
        "partition" | "rpartition" => {
            let [separator] = args.bind(name, [""], 1)?;
            let separator = separator.unwrap_or(Value::None);
            let separator = text(name, &separator)?;
            if separator.is_empty() {
                return Err(Fault::new("empty separator"));
            }
            let backwards = name == "rpartition";
            let at = if backwards { receiver.rfind(separator) } else { receiver.find(separator) };
            let parts = match at {
                Some(at) => [&receiver[..at], separator, &receiver[at + separator.len()..]],
                None if backwards => ["", "", receiver],
                None => [receiver, "", ""],
            };
            Value::tuple(parts.map(Value::str).into())
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["", "", "count"], 2)?;
            let (old, new) = (old.unwrap_or(Value::None), new.unwrap_or(Value::None));
            let count = int(name, count.as_ref(), -1)?;
            Value::text(budget, replace(budget, receiver, text(name, &old)?, text(name, &new)?, count)?)
        }
        "startswith" | "endswith" => {
            let [affix, start, end] = args.bind(name, ["", "", ""], 1)?;
            let affix = affix.unwrap_or(Value::None);
            let window = window(name, receiver, start.as_ref(), end.as_ref())?;
            let affixes = match &affix {
                Value::Tuple(tuple) => tuple.items.clone(),
                one => vec![one.clone()],
            };
            for affix in &affixes {
                let affix = text(name, affix)?;
                let Some((_, window)) = window else { continue };
                if if name == "startswith" { window.starts_with(affix) } else { window.ends_with(affix) } {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        "find" | "rfind" | "index" | "rindex" | "count" => {
            let [wanted, start, end] = args.bind(name, ["", "", ""], 1)?;
            let wanted = wanted.unwrap_or(Value::None);
            let wanted = text(name, &wanted)?;
            let Some((offset, window)) = window(name, receiver, start.as_ref(), end.as_ref())? else {
                return if name.ends_with("index") {
                    Err(Fault::new("substring not found"))
                } else {
                    Ok(Value::Int(if name == "count" { 0 } else { -1 }))
                };
            };
            if name == "count" {
                let count = if wanted.is_empty() { char_count(window) + 1 } else { window.matches(wanted).count() };
                return Ok(Value::Int(count as i128));
            }
            let at = if name.starts_with('r') { window.rfind(wanted) } else { window.find(wanted) };
            match at {
                Some(at) => Ok(Value::Int((char_count(&receiver[..offset]) + char_count(&window[..at])) as i128)),
                None if name.ends_with("index") => Err(Fault::new("substring not found")),
                None => Ok(Value::Int(-1)),
            }
        }
        "removeprefix" | "removesuffix" => {
            let [affix] = args.bind(name, [""], 1)?;
            let affix = affix.unwrap_or(Value::None);
            let affix = text(name, &affix)?;
            let rest = if name == "removeprefix" { receiver.strip_prefix(affix) } else { receiver.strip_suffix(affix) };
            Value::text(budget, rest.unwrap_or(receiver))
        }
        "join" => {
            let [items] = args.bind(name, [""], 1)?;
            let items = containers::iterate(budget, &items.unwrap_or(Value::None))?;
            let mut joined = String::new();
            for (at, item) in items.iter().enumerate() {
                item.defined().map_err(|_| not_str(at, item))?;
                let item = item.as_str().ok_or_else(|| not_str(at, item))?;
                joined.push_str(if at > 0 { receiver } else { "" });
                joined.push_str(item);
                budget.bytes(receiver.len() + item.len())?;
            }
            Value::text(budget, joined)
        }
        "format" => Value::text(budget, format(budget, receiver, &args.positional, &args.named)?),
        "format_map" => {
            let [map] = args.bind(name, [""], 1)?;
            let map = map.unwrap_or(Value::None);
            let Value::Dict(dict) = &map else { return Err(Fault::new("format_map() expects a dict")) };
            let named = dict.entries().iter().filter_map(|(key, value)| Some((key.as_str()?.into(), value.clone())));
            Value::text(budget, format(budget, receiver, &[], &named.collect::<Vec<_>>())?)
        }
        "center" | "ljust" | "rjust" => {
            let [width, fill] = args.bind(name, ["", ""], 1)?;
            let width = int(name, width.as_ref(), 0)?;
            let fill = match fill.as_ref().map(|fill| text(name, fill)).transpose()? {
                None => ' ',
                Some(fill) => match (fill.chars().next(), fill.chars().count()) {
                    (Some(c), 1) => c,
                    _ => return Err(Fault::new("The fill character must be exactly one character long")),
                },
            };
            Value::text(budget, pad(budget, receiver, width, fill, name)?)
        }
        "zfill" => {
            let [width] = args.bind(name, [""], 1)?;
            let (sign, digits) = receiver.split_at(usize::from(receiver.starts_with(['+', '-'])));
            let width = int(name, width.as_ref(), 0)? - sign.len() as i128;
            Value::text(budget, format!("{sign}{}", pad(budget, digits, width, '0', "rjust")?))
        }
        _ => {
            args.none(name)?;
            let changed = match name {
                "lower" => receiver.to_lowercase(),
                "upper" => receiver.to_uppercase(),
                "title" => title(receiver),
                "capitalize" => capitalize(receiver),
                "swapcase" => {
                    let swap = |c: char| {
                        if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().to_string() }
                    };
                    receiver.chars().map(swap).collect()
                }
                "casefold" if receiver.is_ascii() => receiver.to_ascii_lowercase(),
                "isspace" => return Ok(all(is_space)),
                "isascii" => return Ok(Value::Bool(receiver.is_ascii())),
                "isalpha" => return Ok(all(char::is_alphabetic)),
                "isalnum" => return Ok(all(char::is_alphanumeric)),
                "isdigit" | "isdecimal" | "isnumeric" => return Ok(all(char::is_numeric)),
                "isprintable" => return Ok(Value::Bool(receiver.chars().all(is_printable))),
                "islower" | "isupper" => return Ok(Value::Bool(is_case(receiver, name == "isupper"))),
                _ => return unsupported(&Value::str(""), name),
            };
            Value::text(budget, changed)
        }
    }
}

fn not_str(at: usize, item: &Value) -> Fault {
    Fault::new(format!("sequence item {at}: expected str instance, {} found", item.type_name()))
}

/// `text[start:end]` of a search, with its byte offset; `None` where `start` lies behind the text.
fn window<'t>(
    function: &str,
    text: &'t str,
    start: Option<&Value>,
    end: Option<&Value>,
) -> Result<Option<(usize, &'t str)>, Fault> {
    let bound = |value: Option<&Value>, default: i128| match value {
        None | Some(Value::None) => Ok(default),
        value => int(function, value, default),
    };
    if start.is_none() && end.is_none() {
        return Ok(Some((0, text)));
    }
    let len = char_count(text) as i128;
    let clip = |bound: i128| if bound < 0 { (bound + len).max(0) } else { bound };
    let (start, end) = (clip(bound(start, 0)?), clip(bound(end, len)?).min(len));
    if start > end {
        return Ok(None);
    }
    let (from, to) = (char_offset(text, start as usize), char_offset(text, end as usize));
    Ok(Some((from, &text[from..to])))
}

fn split<'t>(text: &'t str, separator: Option<&str>, limit: i128, backwards: bool) -> Result<Vec<&'t str>, Fault> {
    let Some(separator) = separator else {
        return Ok(if backwards { rsplit_space(text, limit) } else { split_space(text, limit) });
    };
    if separator.is_empty() {
        return Err(Fault::new("empty separator"));
    }
    let pieces = usize::try_from(limit).map_or(usize::MAX, |limit| limit.saturating_add(1));
    Ok(if backwards {
        let mut pieces: Vec<&str> = text.rsplitn(pieces, separator).collect();
        pieces.reverse();
        pieces
    } else {
        text.splitn(pieces, separator).collect()
    })
}

/// `text.replace(old, new, count)`; a negative count is none.
pub(super) fn replace(budget: &Budget, text: &str, old: &str, new: &str, count: i128) -> Result<String, Fault> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() { char_count(text) + 1 } else { text.matches(old).count() };
    let grown = new.len().saturating_sub(old.len()).saturating_mul(found.min(count));
    budget.bytes(text.len().saturating_add(grown))?;
    Ok(text.replacen(old, new, count))
}

/// `str.center`, `str.ljust` or `str.rjust`.
pub(super) fn pad(budget: &Budget, text: &str, width: i128, fill: char, how: &str) -> Result<String, Fault> {
    let missing = usize::try_from(width - char_count(text) as i128).unwrap_or(0);
    budget.bytes(missing.saturating_mul(fill.len_utf8()))?;
    let left = match how {
        "ljust" => 0,
        "rjust" => missing,
        // CPython's rule for the odd one out.
        _ => missing / 2 + (missing & (width as usize) & 1),
    };
    let fill = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(format!("{}{text}{}", fill(left), fill(missing - left)))
}
