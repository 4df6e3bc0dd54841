//! Why something is no tool, in one line.

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolSchemaError {
    /// The file is no Python.
    #[error("line {line}, column {column}: {problem}")]
    Syntax {
        /// From 1.
        line: usize,
        /// Characters, from 1.
        column: usize,
        /// The parser's words.
        problem: String,
    },
    /// The file is larger than any file of tools.
    #[error("{bytes} bytes are more than a file of tools has; the limit is {largest}")]
    TooLarge {
        /// Bytes it has.
        bytes: usize,
        /// Bytes it may have.
        largest: usize,
    },
    /// The system gave no thread.
    #[error("no thread to read the file on: {problem}")]
    Thread {
        /// The system's words.
        problem: String,
    },
    /// A function was named that the file does not have.
    #[error("there is no function {name}; there are {}", list(others))]
    NoSuchFunction {
        /// The name.
        name: String,
        /// Those of the file.
        others: Vec<String>,
    },
    /// The file has nothing that could be a tool.
    #[error("there is no function (methods, and names that begin with `_`, count only where they are named)")]
    NoFunction,
    /// A function without docstring, or with one that is empty.
    #[error("function {function} has no docstring")]
    NoDocstring {
        /// The function.
        function: String,
    },
    /// The docstring has no entry for an argument in its `Args:`.
    #[error("function {function}: the docstring has no description for the argument `{argument}`")]
    NoDescription {
        /// The function.
        function: String,
        /// The argument.
        argument: String,
    },
    /// An argument without type hint.
    #[error("function {function}: the argument `{argument}` has no type hint")]
    NoHint {
        /// The function.
        function: String,
        /// The argument.
        argument: String,
    },
    /// A type hint that has no JSON schema.
    #[error("function {function}: the type hint `{hint}` of {argument} {problem}")]
    Hint {
        /// The function.
        function: String,
        /// The argument, with quotes around it.
        argument: String,
        /// The hint, as it stands in the file.
        hint: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A `(choices: ...)` that is no list in JSON.
    #[error("function {function}: the choices of the argument `{argument}` are no list in JSON: {problem}")]
    Choices {
        /// The function.
        function: String,
        /// The argument.
        argument: String,
        /// The parser's words.
        problem: String,
    },
    /// JSON that is no tool, and no list of tools in a form that is known.
    #[error("{place}: {problem}")]
    Json {
        /// Where, as `[3].parameters.properties.unit.type`.
        place: String,
        /// What is wrong there.
        problem: String,
    },
}

impl ToolSchemaError {
    pub(super) fn syntax(source: &str, error: &ruff_python_parser::ParseError) -> Self {
        let start = error.location.start().to_usize().min(source.len());
        let before = source.get(..start).unwrap_or(source);
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        Self::Syntax {
            line: before.matches('\n').count() + 1,
            column: before[line..].chars().count() + 1,
            problem: error.error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
