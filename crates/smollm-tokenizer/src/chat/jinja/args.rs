//! The arguments of a call, and their names.

use std::sync::Arc;

use super::fault::Fault;
use super::value::Value;

/// Evaluated arguments.
#[derive(Default)]
pub(super) struct Args {
    pub(super) positional: Vec<Value>,
    pub(super) named: Vec<(Arc<str>, Value)>,
}

impl Args {
    /// The arguments of `function` in the order of `names`, the first `required` of which must be given. An empty name
    /// cannot be given by keyword.
    pub(super) fn bind<const N: usize>(
        self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> Result<[Option<Value>; N], Fault> {
        let mut bound = [const { None }; N];
        let given = self.positional.len();
        if given > N {
            return Err(Fault::new(format!("{function}() takes at most {N} argument(s) ({given} given)")));
        }
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(at) = names.iter().position(|known| !known.is_empty() && **known == *name) else {
                return Err(Fault::new(format!("{function}() got an unexpected keyword argument '{name}'")));
            };
            if bound[at].replace(value).is_some() {
                return Err(Fault::new(format!("{function}() got multiple values for argument '{name}'")));
            }
        }
        match bound.iter().take(required).position(Option::is_none) {
            Some(at) => {
                let which = if names[at].is_empty() { format!("{}", at + 1) } else { format!("'{}'", names[at]) };
                Err(Fault::new(format!("{function}() is missing its argument {which}")))
            }
            None => Ok(bound),
        }
    }

    /// No arguments at all.
    pub(super) fn none(self, function: &str) -> Result<(), Fault> {
        self.bind(function, [], 0).map(|[]| ())
    }
}

/// The text of a string argument.
pub(super) fn text<'v>(function: &str, value: &'v Value) -> Result<&'v str, Fault> {
    value.defined()?;
    value
        .as_str()
        .ok_or_else(|| Fault::new(format!("{function}() expects a str argument, not '{}'", value.type_name())))
}

/// The text of an optional string argument; `None` counts as not given.
pub(super) fn optional_text<'v>(function: &str, value: Option<&'v Value>) -> Result<Option<&'v str>, Fault> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => text(function, value).map(Some),
    }
}

/// An integer argument, or its default.
pub(super) fn int(function: &str, value: Option<&Value>, default: i128) -> Result<i128, Fault> {
    match value {
        None => Ok(default),
        Some(value) => {
            value.defined()?;
            value.as_int().ok_or_else(|| {
                Fault::new(format!("{function}(): '{}' object cannot be interpreted as an integer", value.type_name()))
            })
        }
    }
}
