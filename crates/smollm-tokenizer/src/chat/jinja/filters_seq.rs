//! The filters of Jinja2 3.1 over sequences and dicts.

use std::cmp::Ordering;
use std::sync::Arc;

use super::args::{Args, int, optional_text, text};
use super::ast::Operator;
use super::attributes::subscript;
use super::fault::{Budget, Fault};
use super::repr::push_str;
use super::value::{Object, Value};
use super::{containers, filters, ops, predicates};

/// `make_attrgetter`: a path like `a.b.0`, with an optional default for what is missing on the way.
struct Getter {
    path: Vec<Value>,
    default: Option<Value>,
    ignore_case: bool,
}

impl Getter {
    fn new(attribute: Option<&Value>, default: Option<Value>, ignore_case: bool) -> Self {
        let path = match attribute {
            None | Some(Value::None) => Vec::new(),
            Some(Value::Str(path)) => path.split('.').map(part).collect(),
            Some(other) => vec![other.clone()],
        };
        Self { path, default: default.filter(|default| !matches!(default, Value::None)), ignore_case }
    }

    fn get(&self, budget: &Budget, item: &Value) -> Result<Value, Fault> {
        let mut value = item.clone();
        for part in &self.path {
            value = subscript(budget, &value, part)?;
            if let (true, Some(default)) = (value.is_undefined(), &self.default) {
                value = default.clone();
            }
        }
        match &value {
            Value::Str(text) if self.ignore_case => Value::text(budget, text.to_lowercase()),
            _ => Ok(value),
        }
    }
}

/// One step of a path: a number where it is all digits.
fn part(step: &str) -> Value {
    match step.parse() {
        Ok(index) if step.bytes().all(|b| b.is_ascii_digit()) => Value::Int(index),
        _ => Value::str(step),
    }
}

fn is_true(value: Option<Value>) -> bool {
    value.is_some_and(|value| value.truth())
}

/// Stable sort of `items` by their keys.
fn sort_by_keys(budget: &Budget, mut keyed: Vec<(Value, Value)>, reverse: bool) -> Result<Vec<(Value, Value)>, Fault> {
    let mut failure = None;
    keyed.sort_by(|(a, _), (b, _)| {
        let ordered = ops::order(budget, a, b, "<").unwrap_or_else(|fault| {
            failure.get_or_insert(fault);
            Ordering::Equal
        });
        if reverse { ordered.reverse() } else { ordered }
    });
    failure.map_or(Ok(keyed), Err)
}

pub(super) fn length(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("length")?;
    Ok(Value::Int(containers::length(budget, &value)? as i128))
}

pub(super) fn first(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("first")?;
    let next = match &value {
        Value::Object(object) => match &**object {
            Object::Generator(generator) => generator.next()?,
            _ => containers::iterate(budget, &value)?.into_iter().next(),
        },
        _ => containers::iterate(budget, &value)?.into_iter().next(),
    };
    Ok(next.unwrap_or_else(|| Value::hint("No first item, sequence was empty.")))
}

pub(super) fn last(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("last")?;
    if let Value::Object(object) = &value
        && matches!(**object, Object::Generator(_))
    {
        return Err(Fault::new("'generator' object is not reversible"));
    }
    let last = containers::iterate(budget, &value)?.pop();
    Ok(last.unwrap_or_else(|| Value::hint("No last item, sequence was empty.")))
}

pub(super) fn list(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("list")?;
    Value::list(containers::iterate(budget, &value)?)
}

pub(super) fn items(_: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("items")?;
    match &value {
        Value::Undefined(_) => Value::generator(Vec::new(), None),
        Value::Dict(dict) => {
            let pairs = dict.entries().iter().map(|(key, value)| Value::tuple(vec![key.clone(), value.clone()]));
            Value::generator(pairs.collect::<Result<_, _>>()?, None)
        }
        _ => Value::generator(Vec::new(), Some(Fault::new("Can only get item pairs from a mapping."))),
    }
}

pub(super) fn join(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [separator, attribute] = args.bind("join", ["d", "attribute"], 0)?;
    let getter = Getter::new(attribute.as_ref(), None, false);
    let mut between = String::new();
    separator.iter().try_for_each(|separator| push_str(budget, separator, &mut between))?;
    let mut joined = String::new();
    for (at, item) in containers::iterate(budget, &value)?.iter().enumerate() {
        budget.bytes(between.len())?;
        joined.push_str(if at > 0 { &between } else { "" });
        push_str(budget, &getter.get(budget, item)?, &mut joined)?;
    }
    Value::text(budget, joined)
}

pub(super) fn reverse(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    args.none("reverse")?;
    match &value {
        Value::Str(text) => Value::text(budget, text.chars().rev().collect::<String>()),
        Value::Markup(text) => Ok(Value::Markup(text.chars().rev().collect::<String>().into())),
        _ => {
            let mut items = containers::iterate(budget, &value).map_err(|_| Fault::new("argument must be iterable"))?;
            items.reverse();
            let generator = matches!(&value, Value::Object(object) if matches!(**object, Object::Generator(_)));
            if generator { Value::list(items) } else { Value::generator(items, None) }
        }
    }
}

pub(super) fn batch(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [count, fill] = args.bind("batch", ["linecount", "fill_with"], 1)?;
    let count = usize::try_from(int("batch", count.as_ref(), 0)?).unwrap_or(0);
    let items = containers::iterate(budget, &value)?;
    if count == 0 && !items.is_empty() {
        return Err(Fault::new("batch() needs a positive count"));
    }
    let mut batches = Vec::new();
    for chunk in items.chunks(count.max(1)) {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = fill.as_ref().filter(|fill| !matches!(fill, Value::None)) {
            budget.values(count)?;
            chunk.resize(count, fill.clone());
        }
        batches.push(Value::list(chunk)?);
    }
    Value::generator(batches, None)
}

pub(super) fn slice(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [slices, fill] = args.bind("slice", ["slices", "fill_with"], 1)?;
    let slices = usize::try_from(int("slice", slices.as_ref(), 0)?).unwrap_or(0);
    if slices == 0 {
        return Err(Fault::new("integer division or modulo by zero"));
    }
    budget.values(slices)?;
    let items = containers::iterate(budget, &value)?;
    let (size, extra) = (items.len() / slices, items.len() % slices);
    let mut start = 0;
    let mut parts = Vec::new();
    for number in 0..slices {
        let end = start + size + usize::from(number < extra);
        let mut part = items[start..end].to_vec();
        if number >= extra {
            part.extend(fill.clone().filter(|fill| !matches!(fill, Value::None)));
        }
        parts.push(Value::list(part)?);
        start = end;
    }
    Value::generator(parts, None)
}

pub(super) fn sum(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [attribute, start] = args.bind("sum", ["attribute", "start"], 0)?;
    let getter = Getter::new(attribute.as_ref(), None, false);
    let mut total = start.unwrap_or(Value::Int(0));
    if total.as_str().is_some() {
        return Err(Fault::new("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in containers::iterate(budget, &value)? {
        total = ops::arithmetic(budget, Operator::Add, &total, &getter.get(budget, &item)?)?;
    }
    Ok(total)
}

/// `min` and `max`.
pub(super) fn extreme(budget: &Budget, value: Value, args: Args, largest: bool) -> Result<Value, Fault> {
    let name = if largest { "max" } else { "min" };
    let [case_sensitive, attribute] = args.bind(name, ["case_sensitive", "attribute"], 0)?;
    let getter = Getter::new(attribute.as_ref(), None, !is_true(case_sensitive));
    let (operator, better) = if largest { (">", Ordering::Greater) } else { ("<", Ordering::Less) };
    let mut best: Option<(Value, Value)> = None;
    for item in containers::iterate(budget, &value)? {
        let key = getter.get(budget, &item)?;
        if match &best {
            None => true,
            Some((best, _)) => ops::order(budget, &key, best, operator)? == better,
        } {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Value::hint("No aggregated item, sequence was empty."), |(_, item)| item))
}

pub(super) fn sort(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [reverse, case_sensitive, attribute] = args.bind("sort", ["reverse", "case_sensitive", "attribute"], 0)?;
    let ignore_case = !is_true(case_sensitive);
    let getters: Vec<Getter> = match &attribute {
        Some(Value::Str(paths)) => {
            paths.split(',').map(|path| Getter::new(Some(&Value::str(path)), None, ignore_case)).collect()
        }
        attribute => vec![Getter::new(attribute.as_ref(), None, ignore_case)],
    };
    let mut keyed = Vec::new();
    for item in containers::iterate(budget, &value)? {
        let keys = getters.iter().map(|getter| getter.get(budget, &item)).collect::<Result<_, _>>()?;
        keyed.push((Value::list(keys)?, item));
    }
    let sorted = sort_by_keys(budget, keyed, is_true(reverse))?;
    Value::list(sorted.into_iter().map(|(_, item)| item).collect())
}

pub(super) fn dictsort(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [case_sensitive, by, reverse] = args.bind("dictsort", ["case_sensitive", "by", "reverse"], 0)?;
    let by_key = match optional_text("dictsort", by.as_ref())? {
        None | Some("key") => true,
        Some("value") => false,
        Some(_) => return Err(Fault::new("You can only sort by either \"key\" or \"value\"")),
    };
    value.defined()?;
    let Value::Dict(dict) = &value else {
        return Err(Fault::new(format!("'{}' object has no attribute 'items'", value.type_name())));
    };
    let getter = Getter::new(None, None, !is_true(case_sensitive));
    let mut keyed = Vec::new();
    for (key, value) in dict.entries() {
        let sort_key = getter.get(budget, if by_key { key } else { value })?;
        keyed.push((sort_key, Value::tuple(vec![key.clone(), value.clone()])?));
    }
    let sorted = sort_by_keys(budget, keyed, is_true(reverse))?;
    Value::list(sorted.into_iter().map(|(_, pair)| pair).collect())
}

pub(super) fn groupby(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [attribute, default, case_sensitive] = args.bind("groupby", ["attribute", "default", "case_sensitive"], 1)?;
    let case_sensitive = is_true(case_sensitive);
    let getter = Getter::new(attribute.as_ref(), default.clone(), !case_sensitive);
    let label = Getter::new(attribute.as_ref(), default, false);
    let mut keyed = Vec::new();
    for item in containers::iterate(budget, &value)? {
        keyed.push((getter.get(budget, &item)?, item));
    }
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in sort_by_keys(budget, keyed, false)? {
        match groups.last_mut() {
            Some((last, members)) if ops::equal(budget, last, &key)? => members.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let groups = groups.into_iter().map(|(_, members)| {
        let label = members.first().map_or(Ok(Value::None), |first| label.get(budget, first))?;
        Value::tuple(vec![label, Value::list(members)?])
    });
    Value::list(groups.collect::<Result<_, _>>()?)
}

pub(super) fn unique(budget: &Budget, value: Value, args: Args) -> Result<Value, Fault> {
    let [case_sensitive, attribute] = args.bind("unique", ["case_sensitive", "attribute"], 0)?;
    let getter = Getter::new(attribute.as_ref(), None, !is_true(case_sensitive));
    let mut kept = Vec::new();
    let mut seen: Vec<Value> = Vec::new();
    let mut strings = std::collections::HashSet::new();
    let mut keep = |item: &Value| -> Result<bool, Fault> {
        let key = getter.get(budget, item)?;
        if let Value::Str(text) = &key {
            return Ok(strings.insert(text.clone()));
        }
        for known in &seen {
            if ops::equal(budget, known, &key)? {
                return Ok(false);
            }
        }
        if matches!(key, Value::List(_) | Value::Dict(_)) {
            return Err(Fault::new(format!("unhashable type: '{}'", key.type_name())));
        }
        seen.push(key);
        Ok(true)
    };
    for item in containers::iterate(budget, &value)? {
        match keep(&item) {
            Ok(true) => kept.push(item),
            Ok(false) => {}
            Err(fault) => return Value::generator(kept, Some(fault)),
        }
    }
    Value::generator(kept, None)
}

/// A generator over what `each` makes of the items; an error is raised when the generator reaches it.
fn lazily(
    budget: &Budget,
    value: &Value,
    mut each: impl FnMut(Value) -> Result<Option<Value>, Fault>,
) -> Result<Value, Fault> {
    if !value.truth() {
        return Value::generator(Vec::new(), None);
    }
    let mut made = Vec::new();
    match containers::iterate(budget, value) {
        Err(fault) => Value::generator(made, Some(fault)),
        Ok(items) => {
            for item in items {
                match each(item) {
                    Ok(item) => made.extend(item),
                    Err(fault) => return Value::generator(made, Some(fault)),
                }
            }
            Value::generator(made, None)
        }
    }
}

pub(super) fn map(budget: &Budget, value: Value, mut args: Args) -> Result<Value, Fault> {
    if args.positional.is_empty() && args.named.iter().any(|(name, _)| **name == *"attribute") {
        let [attribute, default] = match args.bind("map", ["attribute", "default"], 1) {
            Ok(bound) => bound,
            Err(fault) => return Value::generator(Vec::new(), Some(fault)),
        };
        let getter = Getter::new(attribute.as_ref(), default, false);
        return lazily(budget, &value, |item| getter.get(budget, &item).map(Some));
    }
    if args.positional.is_empty() {
        return lazily(budget, &value, |_| Err(Fault::new("map requires a filter argument")));
    }
    let name = args.positional.remove(0);
    let name = text("map", &name)?;
    let Some(filter) = filters::find(name) else {
        let fault = Fault::new(format!("No filter named '{name}'."));
        return lazily(budget, &value, |_| Err(fault.clone()));
    };
    let again = || Args { positional: args.positional.clone(), named: args.named.clone() };
    lazily(budget, &value, |item| filter.apply(budget, item, again()).map(Some))
}

/// `select`, `reject`, `selectattr` and `rejectattr`.
pub(super) fn select(
    budget: &Budget,
    value: Value,
    mut args: Args,
    wanted: bool,
    by_attribute: bool,
) -> Result<Value, Fault> {
    if by_attribute && args.positional.is_empty() {
        return lazily(budget, &value, |_| Err(Fault::new("Missing parameter for attribute name")));
    }
    let attribute = if by_attribute { Some(args.positional.remove(0)) } else { None };
    let getter = Getter::new(attribute.as_ref(), None, false);
    let test = if args.positional.is_empty() { None } else { Some(args.positional.remove(0)) };
    let test = match &test {
        None => None,
        Some(name) => {
            let name: Arc<str> = Arc::from(text("select", name)?);
            let Some(test) = predicates::find(&name) else {
                let fault = Fault::new(format!("No test named '{name}'."));
                return lazily(budget, &value, |_| Err(fault.clone()));
            };
            Some(test)
        }
    };
    let again = || Args { positional: args.positional.clone(), named: args.named.clone() };
    lazily(budget, &value, |item| {
        let tested = getter.get(budget, &item)?;
        let holds = match test {
            None => tested.truth(),
            Some(test) => test.holds(budget, &tested, again())?,
        };
        Ok((holds == wanted).then_some(item))
    })
}
