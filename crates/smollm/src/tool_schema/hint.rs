//! Type hints: from an expression to what it stands for.

use super::enumeration;
use super::module::{Meaning, Module};
use ruff_python_ast::{Expr, Number, Operator, UnaryOp};
use serde_json::Value;

/// How deeply hints may nest, aliases resolved. An alias of itself is as deep as one likes.
const DEEPEST: usize = 64;

/// A type hint, as far as it has a JSON schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hint {
    /// A type without parts, by the name of JSON Schema, or `image` and `audio`.
    Plain(&'static str),
    /// Anything.
    Any,
    /// `list[...]`: only the first part counts.
    List(Vec<Self>),
    /// `tuple[...]`.
    Tuple(Vec<Self>),
    /// `dict[...]` with a type of values.
    Dict(Box<Self>),
    /// One of several, which are no unions and all different.
    Union(Vec<Self>),
    /// One of these values: a `Literal`, or the members of an `Enum`.
    Values(Vec<Value>),
}

pub(super) const NULL: Hint = Hint::Plain("null");

const NO_SCHEMA: &str = "has no JSON schema; there is one for int, float, str, bool, None, Any, list, tuple, dict, Union, \
                         Optional, Literal and Enum classes";

/// The hint that an expression stands for.
///
/// # Errors
/// What is wrong with it, to follow its text.
pub(super) fn of(module: &Module<'_>, expression: &Expr) -> Result<Hint, String> {
    Reader { module }.hint(expression, 0)
}

struct Reader<'m, 'a> {
    module: &'m Module<'a>,
}

impl Reader<'_, '_> {
    fn hint(&self, expression: &Expr, depth: usize) -> Result<Hint, String> {
        if depth > DEEPEST {
            return Err(format!("nests more than {DEEPEST} deep"));
        }
        self.module.spend(1)?;
        match expression {
            Expr::NoneLiteral(_) => Ok(NULL),
            Expr::StringLiteral(string) => {
                let text = string.value.to_str().trim();
                let parsed = ruff_python_parser::parse_expression(text);
                let parsed = parsed.map_err(|_| format!("has `{text}`, which is no expression"))?;
                self.hint(&parsed.syntax().body, depth + 1)
            }
            Expr::Name(name) => match self.module.meaning(&name.id) {
                Some(Meaning::Path(path)) => plain(&path),
                Some(Meaning::Class(class)) => enumeration::values(self.module, class).map(Hint::Values),
                Some(Meaning::Value(value)) => self.hint(value, depth + 1),
                Some(Meaning::Function) => Err(NO_SCHEMA.to_owned()),
                None => Err(format!("has the name `{}`, which the file does not define or import", name.id)),
            },
            Expr::Attribute(_) => match self.module.path(expression) {
                Some(path) => plain(&path),
                None => Err(NO_SCHEMA.to_owned()),
            },
            Expr::BinOp(union) if union.op == Operator::BitOr => Ok(self.union([&*union.left, &*union.right], depth)?),
            Expr::Subscript(subscript) => {
                let parts = match &*subscript.slice {
                    Expr::Tuple(tuple) => &tuple.elts[..],
                    one => std::slice::from_ref(one),
                };
                let path = self.module.path(&subscript.value).ok_or(NO_SCHEMA)?;
                self.generic(&path, parts, depth)
            }
            _ => Err(NO_SCHEMA.to_owned()),
        }
    }

    fn generic(&self, path: &str, parts: &[Expr], depth: usize) -> Result<Hint, String> {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.hint(part, depth + 1)).collect::<Result<Vec<_>, _>>();
        match (path, parts.len()) {
            ("typing.List", 0 | 2..) => Err("takes one type".to_owned()),
            ("typing.Dict", 0 | 1 | 3..) => Err("takes two types".to_owned()),
            ("list" | "typing.List", _) => Ok(Hint::List(all(&parts[..parts.len().min(1)])?)),
            ("tuple" | "typing.Tuple", 1) => {
                Err("is a tuple with one element; list[...] is for any number, and one needs no tuple".to_owned())
            }
            ("tuple" | "typing.Tuple", _) if parts.iter().any(|part| part.is_ellipsis_literal_expr()) => {
                Err("has `...`; list[...] is for any number of elements".to_owned())
            }
            ("tuple" | "typing.Tuple", _) => Ok(Hint::Tuple(all(parts)?)),
            ("dict" | "typing.Dict", 2) => Ok(Hint::Dict(Box::new(self.hint(&parts[1], depth + 1)?))),
            ("dict", _) => Ok(Hint::Plain("object")),
            ("typing.Optional", 1) => Ok(union(vec![self.hint(&parts[0], depth + 1)?, NULL])),
            ("typing.Optional", _) => Err("takes one type".to_owned()),
            ("typing.Union", 1..) => self.union(parts, depth),
            ("typing.Literal", 1..) => {
                let mut values = Vec::new();
                parts.iter().try_for_each(|part| self.literal(part, &mut values, depth + 1))?;
                Ok(Hint::Values(values))
            }
            ("typing.Annotated", 2..) => self.hint(&parts[0], depth + 1),
            _ => Err(NO_SCHEMA.to_owned()),
        }
    }

    fn union<'e>(&self, parts: impl IntoIterator<Item = &'e Expr>, depth: usize) -> Result<Hint, String> {
        parts.into_iter().map(|part| self.hint(part, depth + 1)).collect::<Result<Vec<_>, _>>().map(union)
    }

    /// Adds the values of one part of a `Literal`, which may be another `Literal`.
    fn literal(&self, part: &Expr, values: &mut Vec<Value>, depth: usize) -> Result<(), String> {
        const WRONG: &str = "has something in a Literal that is no string, number, bool or None";
        if depth > DEEPEST {
            return Err(format!("nests more than {DEEPEST} deep"));
        }
        self.module.spend(1 + values.len() / 16)?;
        if let Some(value) = scalar(part)? {
            if !values.contains(&value) {
                values.push(value);
            }
            return Ok(());
        }
        if !matches!(part, Expr::Subscript(_) | Expr::Name(_)) {
            return Err(WRONG.to_owned());
        }
        let names_literal = match part {
            Expr::Subscript(inner) => self.module.path(&inner.value).is_some_and(|path| path == "typing.Literal"),
            Expr::Name(name) => matches!(self.module.meaning(&name.id), Some(Meaning::Value(_))),
            _ => false,
        };
        match self.hint(part, depth + 1) {
            Ok(Hint::Values(inner)) if names_literal => {
                self.module.spend(inner.len() * (1 + values.len() / 16))?;
                let new: Vec<Value> = inner.into_iter().filter(|value| !values.contains(value)).collect();
                values.extend(new);
                Ok(())
            }
            _ => Err(WRONG.to_owned()),
        }
    }
}

/// A type that is named by its path.
fn plain(path: &str) -> Result<Hint, String> {
    Ok(Hint::Plain(match path {
        "int" => "integer",
        "float" => "number",
        "str" => "string",
        "bool" => "boolean",
        "list" | "tuple" | "typing.List" | "typing.Tuple" => "array",
        "dict" | "typing.Dict" => "object",
        "types.NoneType" => "null",
        "PIL.Image.Image" => "image",
        "torch.Tensor" => "audio",
        "typing.Any" => return Ok(Hint::Any),
        _ => return Err(NO_SCHEMA.to_owned()),
    }))
}

/// A union as Python makes it: unions in it are part of it, equal parts are one, and a single part is no union.
fn union(parts: Vec<Hint>) -> Hint {
    let mut different: Vec<Hint> = Vec::new();
    for part in parts {
        let parts = match part {
            Hint::Union(parts) => parts,
            one => vec![one],
        };
        for part in parts {
            if !different.contains(&part) {
                different.push(part);
            }
        }
    }
    match different.len() {
        1 => different.remove(0),
        _ => Hint::Union(different),
    }
}

/// The value of an expression that is a string, a number, a bool or None; nothing for any other.
///
/// # Errors
/// A number that JSON readers cannot hold.
pub(super) fn scalar(expression: &Expr) -> Result<Option<Value>, String> {
    Ok(Some(match expression {
        Expr::StringLiteral(string) => Value::from(string.value.to_str()),
        Expr::BooleanLiteral(literal) => Value::from(literal.value),
        Expr::NoneLiteral(_) => Value::Null,
        Expr::NumberLiteral(number) => match numeric(&number.value, false)? {
            Some(value) => value,
            None => return Ok(None),
        },
        Expr::UnaryOp(unary) => match (unary.op, &*unary.operand) {
            (sign @ (UnaryOp::USub | UnaryOp::UAdd), Expr::NumberLiteral(number)) => {
                match numeric(&number.value, sign == UnaryOp::USub)? {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

fn numeric(number: &Number, negative: bool) -> Result<Option<Value>, String> {
    let large = || "has a number that is too large for JSON".to_owned();
    match number {
        Number::Int(int) if negative => {
            let value = int.as_u64().and_then(|value| 0i64.checked_sub_unsigned(value)).ok_or_else(large)?;
            Ok(Some(value.into()))
        }
        Number::Int(int) => Ok(Some(int.as_u64().ok_or_else(large)?.into())),
        Number::Float(value) => {
            let value = serde_json::Number::from_f64(if negative { -value } else { *value });
            Ok(Some(Value::Number(value.ok_or_else(large)?)))
        }
        Number::Complex { .. } => Ok(None),
    }
}
