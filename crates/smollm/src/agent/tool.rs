//! A tool: what the model is told of it, and what it does.

use crate::error::Error;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use smollm_tokenizer::tools::Tool;
use std::fmt;

/// What a tool does: a value that the model is told, or what went wrong, which it is told too.
type Run<'f> = Box<dyn FnMut(&Arguments) -> Result<Value, String> + 'f>;

/// A function that an agent may call.
pub struct AgentTool<'f> {
    pub(super) tool: Tool,
    run: Run<'f>,
}

impl<'f> AgentTool<'f> {
    /// A tool with a name, a description for the model, and a JSON schema of type `object` for its arguments. `run` gets arguments
    /// that fit the schema.
    ///
    /// # Errors
    /// The name has other characters than letters, digits and `_-.:/`, or the schema is none of an object.
    pub fn new(
        name: &str,
        description: &str,
        parameters: Value,
        run: impl FnMut(&Arguments) -> Result<Value, String> + 'f,
    ) -> Result<Self, Error> {
        let tool = Tool::of(name, description, parameters);
        Self::made(tool.map_err(|error| Error::Tool { tool: name.to_owned(), problem: error.to_string() })?, run)
    }

    /// A tool as a request has it, `{"type": "function", "function": {...}}`: what [`crate::tool_schema`] makes.
    ///
    /// # Errors
    /// As [`AgentTool::new`].
    pub fn of_schema(schema: &Value, run: impl FnMut(&Arguments) -> Result<Value, String> + 'f) -> Result<Self, Error> {
        let name = schema["function"]["name"].as_str().unwrap_or("tool").to_owned();
        Self::made(Tool::new(schema).map_err(|error| Error::Tool { tool: name, problem: error.to_string() })?, run)
    }

    fn made(tool: Tool, run: impl FnMut(&Arguments) -> Result<Value, String> + 'f) -> Result<Self, Error> {
        Ok(Self { tool, run: Box::new(run) })
    }

    /// What calls name.
    pub fn name(&self) -> &str {
        self.tool.name()
    }

    pub(super) fn call(&mut self, arguments: &Arguments) -> Result<Value, String> {
        (self.run)(arguments)
    }
}

impl fmt::Debug for AgentTool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentTool").field("tool", &self.tool).finish_non_exhaustive()
    }
}

/// The arguments of a call, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    pub(super) fn new(arguments: Map<String, Value>) -> Self {
        Self(arguments)
    }

    pub(super) fn into_inner(self) -> Map<String, Value> {
        self.0
    }

    /// The argument `name`; of a type that has a place for nothing (`Option`), it may be absent.
    ///
    /// # Errors
    /// It is absent, or of another type; what the model is to be told of it.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        let value = self.0.get(name);
        T::deserialize(value.unwrap_or(&Value::Null)).map_err(|error| match value {
            None => format!("the argument `{name}` is missing"),
            Some(_) => format!("the argument `{name}`: {error}"),
        })
    }

    /// All of them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}
