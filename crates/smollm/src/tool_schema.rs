//! Tools as a request has them (`{"type": "function", "function": {...}}`), made of Python functions or of JSON in other forms.
//!
//! A Python file is read, not run. Its functions become what transformers' `get_json_schema` makes of them, from type hints and
//! Google-style docstrings:
//!
//! ```
//! let source = r#"
//! def get_random_number_between(min: int, max: int) -> int:
//!     """
//!     Gets a random number between min and max.
//!
//!     Args:
//!         min: The minimum number.
//!         max: The maximum number.
//!     """
//! "#;
//! let tools = smollm::tool_schema::of_python(source, &[])?;
//! assert_eq!(tools[0]["function"]["parameters"]["properties"]["min"]["type"], "integer");
//! # Ok::<(), smollm::tool_schema::ToolSchemaError>(())
//! ```
//!
//! What only running the file would tell (a decorator that replaces a function, a type that is computed) is refused or, of decorators,
//! not looked at.

mod docstring;
mod enumeration;
mod error;
mod function;
mod hint;
mod json;
mod json_schema;
mod module;
#[cfg(test)]
mod tests;

pub use error::ToolSchemaError;
pub use json::{Converted, of_json};

use module::Module;
use serde_json::Value;

/// Bytes of the largest Python file.
const LARGEST: usize = 256 << 10;
/// Stack for a file of that size whose every byte nests an expression more deeply. Only what is touched takes memory.
const STACK: usize = 512 << 20;

/// The tools of the functions `names` of a Python file, in that order, or of all its functions whose names do not begin with `_`. A method
/// is named `Class.method`.
///
/// # Errors
/// The file is no Python, a function is not there, or it lacks what a schema is made of: a docstring, a description or a type hint
/// for each argument.
pub fn of_python(source: &str, names: &[String]) -> Result<Vec<Value>, ToolSchemaError> {
    if source.len() > LARGEST {
        return Err(ToolSchemaError::TooLarge { bytes: source.len(), largest: LARGEST });
    }
    let source = source.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    // the syntax tree of a hostile file is as deep as the file is long, and is taken down recursively
    let read = || {
        let parsed =
            ruff_python_parser::parse_module(&source).map_err(|error| ToolSchemaError::syntax(&source, &error))?;
        Module::new(&source, &parsed.syntax().body).tools(names)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        let thread = thread.map_err(|error| ToolSchemaError::Thread { problem: error.to_string() })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
