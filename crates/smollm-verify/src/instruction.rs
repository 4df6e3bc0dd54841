//! IFEval's instructions that can be told from the text alone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An instruction, as IFEval's data has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instruction {
    /// As `length_constraints:number_words`.
    pub id: String,
    /// Its arguments by name.
    pub kwargs: Map<String, Value>,
}

impl Instruction {
    /// Is it followed, read strictly?
    pub fn passes(&self, _response: &str) -> bool {
        false
    }
}
