//! The functions every template can call: those of Jinja's sandbox and those that transformers adds.

use std::sync::Arc;

use super::args::{Args, text};
use super::containers;
use super::fault::{Fault, FaultKind};
use super::interp::Interp;
use super::repr::to_str;
use super::value::{Object, Value, range_len};

/// Longest range of Jinja's sandbox.
const MAX_RANGE: i128 = 100_000;

const NAMES: [&str; 8] =
    ["range", "dict", "namespace", "raise_exception", "strftime_now", "cycler", "joiner", "lipsum"];

/// The global of that name.
pub(super) fn find(name: &str) -> Option<Value> {
    NAMES.iter().find(|known| **known == name).map(|known| Value::object(Object::Global(known)))
}

/// Calls a global function.
pub(super) fn call(interp: &mut Interp<'_>, name: &'static str, args: Args) -> Result<Value, Fault> {
    match name {
        "range" => range(args),
        "dict" => {
            let pairs = pairs(interp, name, args)?;
            containers::build_dict(&interp.budget, pairs)
        }
        "namespace" => {
            let mut attributes: Vec<(Arc<str>, Value)> = Vec::new();
            for (key, value) in pairs(interp, name, args)? {
                let key: Arc<str> = Arc::from(text(name, &key)?);
                match attributes.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, known)) => *known = value,
                    None => attributes.push((key, value)),
                }
            }
            interp.namespace(attributes)
        }
        "raise_exception" => {
            let [message] = args.bind(name, ["message"], 1)?;
            Err(Fault::of(FaultKind::Raised, to_str(&interp.budget, &message.unwrap_or(Value::None))?))
        }
        "strftime_now" => {
            let [format] = args.bind(name, ["format"], 1)?;
            let format = format.unwrap_or(Value::None);
            let formatted = interp.now.strftime(text(name, &format)?).map_err(Fault::new)?;
            Value::text(&interp.budget, formatted)
        }
        "cycler" => {
            if args.positional.is_empty() || !args.named.is_empty() {
                return Err(Fault::new("at least one item has to be provided"));
            }
            let Value::Tuple(items) = Value::tuple(args.positional)? else { return Ok(Value::None) };
            Ok(Value::object(Object::Cycler { items: items.items.clone(), position: 0.into() }))
        }
        "joiner" => {
            let [separator] = args.bind(name, ["sep"], 0)?;
            let separator = separator.unwrap_or_else(|| Value::str(", "));
            Ok(Value::object(Object::Joiner { separator, used: false.into() }))
        }
        _ => Err(Fault::new(format!("{name}() is not supported in chat templates"))),
    }
}

fn range(args: Args) -> Result<Value, Fault> {
    let given = args.bind("range", ["", "", ""], 1)?;
    let mut numbers = [None; 3];
    for (number, value) in numbers.iter_mut().zip(&given) {
        if let Some(value) = value {
            value.defined()?;
            let message = || Fault::new(format!("'{}' object cannot be interpreted as an integer", value.type_name()));
            *number = Some(value.as_int().ok_or_else(message)?);
        }
    }
    let (start, stop, step) = match numbers {
        [Some(stop), None, _] => (0, stop, 1),
        [start, stop, step] => (start.unwrap_or(0), stop.unwrap_or(0), step.unwrap_or(1)),
    };
    if step == 0 {
        return Err(Fault::new("range() arg 3 must not be zero"));
    }
    if range_len(start, stop, step) > MAX_RANGE {
        let message = "Range too big. The sandbox blocks ranges larger than MAX_RANGE";
        return Err(Fault::new(format!("{message} ({MAX_RANGE}).")));
    }
    Ok(Value::object(Object::Range { start, stop, step }))
}

/// The pairs of `dict(mapping or pairs, **named)`.
fn pairs(interp: &Interp<'_>, name: &str, args: Args) -> Result<Vec<(Value, Value)>, Fault> {
    let mut pairs = match args.positional.as_slice() {
        [] => Vec::new(),
        [Value::Dict(dict)] => dict.entries().to_vec(),
        [items] => {
            let mut pairs = Vec::new();
            for pair in containers::iterate(&interp.budget, items)? {
                let pair = containers::iterate(&interp.budget, &pair)?;
                let [key, value] = pair.as_slice() else {
                    return Err(Fault::new(format!("{name}() expects a mapping or pairs")));
                };
                pairs.push((key.clone(), value.clone()));
            }
            pairs
        }
        more => return Err(Fault::new(format!("{name} expected at most 1 argument, got {}", more.len()))),
    };
    interp.budget.values(pairs.len())?;
    pairs.extend(args.named.into_iter().map(|(key, value)| (Value::Str(key), value)));
    Ok(pairs)
}
