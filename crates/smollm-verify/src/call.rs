//! Calls of functions in what a model said.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments by name.
    pub arguments: Map<String, Value>,
}
