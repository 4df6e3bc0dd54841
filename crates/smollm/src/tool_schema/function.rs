//! One Python function as a tool.

use super::docstring::{Docstring, choices};
use super::error::ToolSchemaError;
use super::hint;
use super::module::Module;
use ruff_python_ast::{Expr, Parameter, ParameterWithDefault, Stmt, StmtFunctionDef};
use serde_json::{Map, Value, json};

/// Whether the first parameter is the object that a method is called on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Receiver {
    /// If it is called `self` or `cls` and has no hint.
    Perhaps,
    /// It is.
    Bound,
}

/// A parameter, and whether a call may leave it out.
struct Argument<'a> {
    parameter: &'a Parameter,
    optional: bool,
    /// Whether it has no name in a call.
    by_place: bool,
}

/// `{"type": "function", "function": {...}}`, as transformers makes it.
pub(super) fn tool(
    module: &Module<'_>,
    function: &StmtFunctionDef,
    receiver: Receiver,
) -> Result<Value, ToolSchemaError> {
    let name = function.name.to_string();
    let no_docstring = || ToolSchemaError::NoDocstring { function: name.clone() };
    let docstring = docstring(function).and_then(|raw| Docstring::read(&raw)).ok_or_else(no_docstring)?;
    let arguments = arguments(function, receiver);
    let mut properties = Map::new();
    // in the order in which Python notes hints: those of parameters that have no name in a call follow the first ones that have
    let named = function.parameters.args.len();
    let (by_place, others): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.by_place);
    let (first, rest) = others.split_at(named.min(others.len()));
    for Argument { parameter, .. } in first.iter().chain(&by_place).chain(rest) {
        let argument = parameter.name.to_string();
        let no_hint = || ToolSchemaError::NoHint { function: name.clone(), argument: argument.clone() };
        let expression = parameter.annotation.as_deref().ok_or_else(no_hint)?;
        let wrong = |problem| ToolSchemaError::Hint {
            function: name.clone(),
            argument: format!("`{argument}`"),
            hint: module.text(expression),
            problem,
        };
        properties.insert(argument.clone(), hint::of(module, expression).map_err(wrong)?.schema());
    }
    for (argument, schema) in &mut properties {
        let no_description = || ToolSchemaError::NoDescription { function: name.clone(), argument: argument.clone() };
        let mut description = docstring.argument(argument).ok_or_else(no_description)?;
        if let Some((before, list)) = choices(description) {
            let wrong =
                |problem| ToolSchemaError::Choices { function: name.clone(), argument: argument.clone(), problem };
            schema["enum"] = chosen(list).map_err(wrong)?;
            description = before;
        }
        schema["description"] = description.into();
    }
    let required: Vec<&str> = arguments.iter().filter(|a| !a.optional).map(|a| a.parameter.name.as_str()).collect();
    let mut parameters = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        parameters["required"] = required.into();
    }
    let mut made = json!({ "name": name, "description": docstring.description, "parameters": parameters });
    if let Some(returned) = returned(module, function, docstring.returns) {
        made["return"] = returned;
    }
    Ok(json!({ "type": "function", "function": made }))
}

/// The docstring: a string that is the first statement of the body.
fn docstring(function: &StmtFunctionDef) -> Option<String> {
    let Stmt::Expr(first) = function.body.first()? else { return None };
    match &*first.value {
        Expr::StringLiteral(string) => Some(string.value.to_str().to_owned()),
        _ => None,
    }
}

fn with_default(given: &ParameterWithDefault) -> Argument<'_> {
    Argument { parameter: &given.parameter, optional: given.default.is_some(), by_place: false }
}

/// The parameters that a call gives.
fn arguments(function: &StmtFunctionDef, receiver: Receiver) -> Vec<Argument<'_>> {
    let parameters = &*function.parameters;
    let plain = |parameter| Argument { parameter, optional: false, by_place: false };
    let mut all: Vec<Argument<'_>> = Vec::new();
    all.extend(parameters.posonlyargs.iter().map(|one| Argument { by_place: true, ..with_default(one) }));
    all.extend(parameters.args.iter().map(with_default));
    all.extend(parameters.vararg.as_deref().map(plain));
    all.extend(parameters.kwonlyargs.iter().map(with_default));
    all.extend(parameters.kwarg.as_deref().map(plain));
    let implicit = all.first().is_some_and(|Argument { parameter, .. }| {
        receiver == Receiver::Bound
            || matches!(parameter.name.as_str(), "self" | "cls") && parameter.annotation.is_none()
    });
    all.drain(..usize::from(implicit));
    all
}

/// The list in `(choices: ...)`; space around its strings does not count.
fn chosen(list: &str) -> Result<Value, String> {
    let list: Vec<Value> = serde_json::from_str(list).map_err(|error| error.to_string())?;
    let trimmed = |value| match value {
        Value::String(text) => Value::from(text.trim()),
        other => other,
    };
    Ok(list.into_iter().map(trimmed).collect())
}

/// The schema of what is returned. A model never writes it, so a hint without schema is left out and no error.
fn returned(module: &Module<'_>, function: &StmtFunctionDef, description: Option<String>) -> Option<Value> {
    let mut schema = hint::of(module, function.returns.as_deref()?).ok()?.schema();
    if let Some(description) = description {
        schema["description"] = description.into();
    }
    Some(schema)
}
