//! The values a template computes with: Python's, as far as Jinja lets a template see them.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::ast::MacroDef;
use super::fault::{Budget, Fault};
use super::interp::{LoopState, ScopeId};

/// How deep values may nest. JSON from a request is at most 128 deep; deeper ones are refused when they are built, so
/// that printing, comparing and dropping a value never exhausts the stack.
pub(super) const MAX_DEPTH: u16 = 200;

/// One value. Cloning is cheap: everything large is shared.
#[derive(Clone)]
pub(super) enum Value {
    /// Jinja's `Undefined`: prints as nothing, fails on most other uses.
    Undefined(Rc<Missing>),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    /// A string that went through `safe` or `escape` (markupsafe.Markup): `+` escapes what is joined to it.
    Markup(Arc<str>),
    List(Rc<Seq>),
    Tuple(Rc<Seq>),
    Dict(Rc<Dict>),
    Object(Rc<Object>),
}

/// Why a value is undefined; read only for messages.
pub(super) enum Missing {
    Name(Arc<str>),
    /// `obj.name` or `obj['name']` where there is none.
    Attribute {
        of: &'static str,
        name: String,
    },
    Hint(String),
}

/// The items of a list or a tuple.
pub(super) struct Seq {
    pub(super) items: Vec<Value>,
    depth: u16,
}

/// A dict: pairs in insertion order.
pub(super) struct Dict {
    entries: Vec<(Value, Value)>,
    /// Where each string key is; built when a large dict is first searched.
    index: OnceCell<HashMap<Arc<str>, usize>>,
    depth: u16,
}

/// The rarer kinds of value.
pub(super) enum Object {
    Namespace(RefCell<Vec<(Arc<str>, Value)>>),
    Range {
        start: i128,
        stop: i128,
        step: i128,
    },
    /// What `dict.keys()`, `.values()` and `.items()` return.
    View(Rc<Dict>, ViewKind),
    /// What `map`, `select`, `reverse` and their like return: one pass, always true, no length.
    Generator(Generator),
    Loop(Box<LoopState>),
    Macro(Arc<MacroDef>, ScopeId),
    /// A method of a builtin type bound to its receiver.
    Method(Value, &'static str),
    /// A global function, by name.
    Global(&'static str),
    Cycler {
        items: Vec<Value>,
        position: Cell<usize>,
    },
    Joiner {
        separator: Value,
        used: Cell<bool>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ViewKind {
    Keys,
    Values,
    Items,
}

/// A Python generator. Items are computed when it is made (templates have no side effects that could tell), but an
/// error among them is raised only when the loop reaches it, as in Python.
pub(super) struct Generator {
    items: RefCell<std::vec::IntoIter<Value>>,
    failure: RefCell<Option<Fault>>,
    depth: u16,
}

impl Generator {
    /// The next item, or `None` at the end.
    pub(super) fn next(&self) -> Result<Option<Value>, Fault> {
        if let Some(item) = self.items.borrow_mut().next() {
            return Ok(Some(item));
        }
        match self.failure.borrow_mut().take() {
            Some(fault) => Err(fault),
            None => Ok(None),
        }
    }
}

impl Dict {
    pub(super) fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    /// The value of a string key.
    pub(super) fn get_str(&self, key: &str) -> Option<&Value> {
        const INDEX_FROM: usize = 12;
        if self.entries.len() < INDEX_FROM {
            return self.entries.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v);
        }
        let index = self.index.get_or_init(|| {
            let strings = self.entries.iter().enumerate();
            strings.filter_map(|(at, (key, _))| key.as_str().map(|key| (Arc::from(key), at))).collect()
        });
        index.get(key).map(|&at| &self.entries[at].1)
    }
}

impl Value {
    pub(super) fn undefined(name: &Arc<str>) -> Self {
        Self::Undefined(Rc::new(Missing::Name(name.clone())))
    }

    pub(super) fn hint(text: impl Into<String>) -> Self {
        Self::Undefined(Rc::new(Missing::Hint(text.into())))
    }

    /// The undefined value of `self.name` and `self['name']`; `name` as Python's `repr` gives it.
    pub(super) fn no_attribute(&self, name: String) -> Self {
        Self::Undefined(Rc::new(Missing::Attribute { of: self.type_name(), name }))
    }

    /// A string of the budget's text.
    pub(super) fn text(budget: &Budget, text: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, Fault> {
        budget.bytes(text.as_ref().len())?;
        Ok(Self::Str(text.into()))
    }

    pub(super) fn str(text: &str) -> Self {
        Self::Str(Arc::from(text))
    }

    pub(super) fn list(items: Vec<Self>) -> Result<Self, Fault> {
        let depth = depth_over(items.iter())?;
        Ok(Self::List(Rc::new(Seq { items, depth })))
    }

    pub(super) fn tuple(items: Vec<Self>) -> Result<Self, Fault> {
        let depth = depth_over(items.iter())?;
        Ok(Self::Tuple(Rc::new(Seq { items, depth })))
    }

    /// A dict of pairs whose keys are already distinct and hashable.
    pub(super) fn dict(entries: Vec<(Self, Self)>) -> Result<Self, Fault> {
        let depth = depth_over(entries.iter().flat_map(|(key, value)| [key, value]))?;
        Ok(Self::Dict(Rc::new(Dict { entries, index: OnceCell::new(), depth })))
    }

    pub(super) fn object(object: Object) -> Self {
        Self::Object(Rc::new(object))
    }

    /// A generator over `items` that raises `failure`, if any, after the last one.
    pub(super) fn generator(items: Vec<Self>, failure: Option<Fault>) -> Result<Self, Fault> {
        let depth = depth_over(items.iter())?;
        let (items, failure) = (RefCell::new(items.into_iter()), RefCell::new(failure));
        Ok(Self::object(Object::Generator(Generator { items, failure, depth })))
    }

    pub(super) fn method(&self, name: &'static str) -> Self {
        Self::object(Object::Method(self.clone(), name))
    }

    /// The text of a string.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Markup(text) => Some(text),
            _ => None,
        }
    }

    /// An integer, or a bool as the integer it is in Python.
    pub(super) fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    /// Any number as a float.
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => self.as_int().map(|value| value as f64),
        }
    }

    pub(super) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// The error that most uses of an undefined value raise; `Ok` for every other value.
    pub(super) fn defined(&self) -> Result<(), Fault> {
        let Self::Undefined(missing) = self else { return Ok(()) };
        Err(Fault::new(match &**missing {
            Missing::Name(name) => format!("'{name}' is undefined"),
            Missing::Attribute { of, name } => format!("'{of} object' has no attribute {name}"),
            Missing::Hint(text) => text.clone(),
        }))
    }

    /// Python's truth.
    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) | Self::Markup(text) => !text.is_empty(),
            Self::List(seq) | Self::Tuple(seq) => !seq.items.is_empty(),
            Self::Dict(dict) => !dict.entries.is_empty(),
            Self::Object(object) => match &**object {
                Object::Range { start, stop, step } => range_len(*start, *stop, *step) > 0,
                Object::View(dict, _) => !dict.entries.is_empty(),
                _ => true,
            },
        }
    }

    /// Python's name of the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Markup(_) => "Markup",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Object(object) => match &**object {
                Object::Namespace(_) => "Namespace",
                Object::Range { .. } => "range",
                Object::View(_, ViewKind::Keys) => "dict_keys",
                Object::View(_, ViewKind::Values) => "dict_values",
                Object::View(_, ViewKind::Items) => "dict_items",
                Object::Generator(_) => "generator",
                Object::Loop(_) => "LoopContext",
                Object::Macro(..) => "Macro",
                Object::Method(..) => "builtin_function_or_method",
                Object::Global(_) => "function",
                Object::Cycler { .. } => "Cycler",
                Object::Joiner { .. } => "Joiner",
            },
        }
    }

    /// How deep this value nests. A namespace counts as flat: the interpreter keeps a list of all namespaces and empties
    /// each of them at the end, so that neither chains nor cycles through them are dropped recursively.
    pub(super) fn depth(&self) -> u16 {
        match self {
            Self::List(seq) | Self::Tuple(seq) => seq.depth,
            Self::Dict(dict) => dict.depth,
            Self::Object(object) => match &**object {
                Object::View(dict, _) => dict.depth + 1,
                Object::Generator(generator) => generator.depth,
                Object::Method(receiver, _) => receiver.depth() + 1,
                Object::Loop(state) => state.depth_of_items(),
                Object::Cycler { items, .. } => items.iter().map(Self::depth).max().unwrap_or(0) + 1,
                Object::Joiner { separator, .. } => separator.depth() + 1,
                _ => 0,
            },
            _ => 0,
        }
    }
}

/// The depth of a container over `items`.
pub(super) fn depth_over<'a>(items: impl Iterator<Item = &'a Value>) -> Result<u16, Fault> {
    let depth = items.map(Value::depth).max().map_or(1, |depth| depth + 1);
    if depth > MAX_DEPTH {
        return Err(Fault::limit(format!("values nest deeper than {MAX_DEPTH} levels")));
    }
    Ok(depth)
}

/// How many items a range has.
pub(super) fn range_len(start: i128, stop: i128, step: i128) -> i128 {
    let (distance, stride) =
        if step > 0 { (stop.saturating_sub(start), step) } else { (start.saturating_sub(stop), -step) };
    if distance <= 0 { 0 } else { (distance - 1) / stride + 1 }
}
