//! Python's containers: hashing and looking up, lengths, iteration, indexing and slicing.

use super::fault::{Budget, Fault};
use super::ops::equal;
use super::pystr::{char_count, char_offset};
use super::repr::to_repr;
use super::value::{Object, Value, ViewKind, range_len};

/// Whether Python can hash the value.
fn hashable(value: &Value) -> Result<(), Fault> {
    match value {
        Value::List(_) | Value::Dict(_) => Err(Fault::new(format!("unhashable type: '{}'", value.type_name()))),
        Value::Tuple(tuple) => tuple.items.iter().try_for_each(hashable),
        _ => Ok(()),
    }
}

/// The value of `key` in a dict.
pub(super) fn lookup(budget: &Budget, dict: &Value, key: &Value) -> Result<Option<Value>, Fault> {
    let Value::Dict(dict) = dict else { return Ok(None) };
    if let Some(key) = key.as_str() {
        budget.bytes(key.len())?;
        return Ok(dict.get_str(key).cloned());
    }
    hashable(key)?;
    for (candidate, value) in dict.entries() {
        if equal(budget, candidate, key)? {
            return Ok(Some(value.clone()));
        }
    }
    Ok(None)
}

/// A dict of pairs; the last value of a repeated key wins and keeps the first one's place.
pub(super) fn build_dict(budget: &Budget, pairs: Vec<(Value, Value)>) -> Result<Value, Fault> {
    let mut entries: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
    let mut strings = std::collections::HashMap::new();
    for (key, value) in pairs {
        hashable(&key)?;
        budget.values(2)?;
        let known = match &key {
            Value::Str(text) => strings.get(text).copied(),
            _ => {
                let mut known = None;
                for (at, (candidate, _)) in entries.iter().enumerate() {
                    if equal(budget, candidate, &key)? {
                        known = Some(at);
                        break;
                    }
                }
                known
            }
        };
        match known {
            Some(at) => entries[at].1 = value,
            None => {
                if let Value::Str(text) = &key {
                    strings.insert(text.clone(), entries.len());
                }
                entries.push((key, value));
            }
        }
    }
    Value::dict(entries)
}

/// `len(value)`.
pub(super) fn length(budget: &Budget, value: &Value) -> Result<usize, Fault> {
    match value {
        Value::Undefined(_) => Ok(0),
        Value::Str(text) | Value::Markup(text) => {
            budget.bytes(text.len())?;
            Ok(char_count(text))
        }
        Value::List(seq) | Value::Tuple(seq) => Ok(seq.items.len()),
        Value::Dict(dict) => Ok(dict.entries().len()),
        Value::Object(object) => match &**object {
            Object::Range { start, stop, step } => Ok(range_len(*start, *stop, *step) as usize),
            Object::View(dict, _) => Ok(dict.entries().len()),
            _ => Err(Fault::new(format!("object of type '{}' has no len()", value.type_name()))),
        },
        _ => Err(Fault::new(format!("object of type '{}' has no len()", value.type_name()))),
    }
}

/// All items of `iter(value)`. A generator is used up by this.
pub(super) fn iterate(budget: &Budget, value: &Value) -> Result<Vec<Value>, Fault> {
    let items: Vec<Value> = match value {
        Value::Undefined(_) => Vec::new(),
        Value::Str(text) | Value::Markup(text) => {
            budget.values(text.len())?;
            text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).collect()
        }
        Value::List(seq) | Value::Tuple(seq) => seq.items.clone(),
        Value::Dict(dict) => dict.entries().iter().map(|(key, _)| key.clone()).collect(),
        Value::Object(object) => match &**object {
            Object::Range { start, stop, step } => {
                let len = range_len(*start, *stop, *step);
                budget.values(len as usize)?;
                (0..len).map(|at| Value::Int(start + at * step)).collect()
            }
            Object::View(dict, kind) => {
                budget.values(dict.entries().len())?;
                let entries = dict.entries().iter();
                match kind {
                    ViewKind::Keys => entries.map(|(key, _)| key.clone()).collect(),
                    ViewKind::Values => entries.map(|(_, value)| value.clone()).collect(),
                    ViewKind::Items => {
                        let pairs = entries.map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()]));
                        pairs.collect::<Result<_, _>>()?
                    }
                }
            }
            Object::Generator(generator) => {
                let mut items = Vec::new();
                while let Some(item) = generator.next()? {
                    items.push(item);
                }
                items
            }
            _ => return Err(Fault::new(format!("'{}' object is not iterable", value.type_name()))),
        },
        _ => return Err(Fault::new(format!("'{}' object is not iterable", value.type_name()))),
    };
    budget.values(items.len())?;
    Ok(items)
}

/// The item at a position, negative ones from the end.
fn at_position(budget: &Budget, value: &Value, position: i128) -> Result<Option<Value>, Fault> {
    let len = length(budget, value)? as i128;
    let position = if position < 0 { position.saturating_add(len) } else { position };
    if !(0..len).contains(&position) {
        return Ok(None);
    }
    let at = position as usize;
    Ok(match value {
        Value::List(seq) | Value::Tuple(seq) => Some(seq.items[at].clone()),
        Value::Str(text) | Value::Markup(text) => {
            let start = char_offset(text, at);
            let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
            Some(Value::str(&text[start..end]))
        }
        Value::Object(object) => match &**object {
            Object::Range { start, step, .. } => Some(Value::Int(start + position * step)),
            _ => None,
        },
        _ => None,
    })
}

/// `value[key]`, or `None` where Python raises a TypeError or LookupError, which Jinja takes as undefined.
pub(super) fn item(budget: &Budget, value: &Value, key: &Value) -> Result<Option<Value>, Fault> {
    value.defined()?;
    match value {
        Value::Dict(_) => Ok(lookup(budget, value, key).ok().flatten()),
        Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Markup(_) | Value::Object(_) => match key.as_int() {
            Some(position) if length(budget, value).is_ok() => at_position(budget, value, position),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// The undefined value of `value[key]`.
pub(super) fn missing_item(budget: &Budget, value: &Value, key: &Value) -> Result<Value, Fault> {
    let name = to_repr(budget, key).unwrap_or_else(|_| "of this key".into());
    Ok(match key {
        Value::Str(_) => value.no_attribute(name),
        _ => Value::hint(format!("{} object has no element {name}", value.type_name())),
    })
}

/// `value[start:stop:step]`.
pub(super) fn slice(budget: &Budget, value: &Value, bounds: [Option<Value>; 3]) -> Result<Value, Fault> {
    value.defined()?;
    let sliceable = match value {
        Value::Object(object) => matches!(**object, Object::Range { .. }),
        Value::Str(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_) => true,
        Value::Dict(_) => return Err(Fault::new("unhashable type: 'slice'")),
        _ => false,
    };
    if !sliceable {
        return Err(Fault::new(format!("'{}' object is not subscriptable", value.type_name())));
    }
    let len = length(budget, value)? as i128;
    let mut numbers = [None; 3];
    for (number, bound) in numbers.iter_mut().zip(&bounds) {
        *number = match bound {
            None | Some(Value::None) => None,
            Some(bound) => match bound.as_int() {
                Some(int) => Some(int),
                None => {
                    bound.defined()?;
                    return Err(Fault::new("slice indices must be integers or None or have an __index__ method"));
                }
            },
        };
    }
    let step = numbers[2].unwrap_or(1);
    if step == 0 {
        return Err(Fault::new("slice step cannot be zero"));
    }
    // As CPython's PySlice_AdjustIndices.
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clip = |bound: Option<i128>, default: i128| match bound {
        None => default,
        Some(bound) => (if bound < 0 { bound.saturating_add(len) } else { bound }).clamp(lowest, highest),
    };
    let (start, stop) = if step > 0 {
        (clip(numbers[0], 0), clip(numbers[1], len))
    } else {
        (clip(numbers[0], len - 1), clip(numbers[1], -1))
    };
    let count = range_len(start, stop, step);
    let positions = (0..count).map(|at| (start + at * step) as usize);
    match value {
        Value::List(seq) | Value::Tuple(seq) => {
            budget.values(count as usize)?;
            let items = positions.map(|at| seq.items[at].clone()).collect();
            if matches!(value, Value::List(_)) { Value::list(items) } else { Value::tuple(items) }
        }
        Value::Str(text) | Value::Markup(text) => {
            budget.bytes(text.len())?;
            let sliced: String = if step == 1 {
                let from = char_offset(text, start as usize);
                let to = from + char_offset(&text[from..], count as usize);
                text[from..to].to_owned()
            } else {
                let chars: Vec<char> = text.chars().collect();
                positions.map(|at| chars[at]).collect()
            };
            Ok(if matches!(value, Value::Str(_)) { Value::Str(sliced.into()) } else { Value::Markup(sliced.into()) })
        }
        Value::Object(object) => match &**object {
            Object::Range { start: first, step: stride, .. } => {
                let item = |at: i128| first + at * stride;
                let step = stride.saturating_mul(step);
                Ok(Value::object(Object::Range { start: item(start), stop: item(stop), step }))
            }
            _ => Ok(value.clone()),
        },
        _ => Ok(value.clone()),
    }
}
