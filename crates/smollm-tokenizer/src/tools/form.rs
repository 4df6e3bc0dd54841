//! The two forms in which the models write calls.

use super::block::Call;
use super::{CLOSE, OPEN};

/// How calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallForm {
    /// SmolLM2: `<tool_call>[`, one object per line, `]</tool_call>`. An empty list says that no tool is needed.
    List,
    /// SmolLM3, and many others: `<tool_call>`, one object, `</tool_call>` for each call.
    Blocks,
}

impl CallForm {
    /// Calls as the model writes them: in a list as the card's example has them, and in blocks as SmolLM3's template says.
    pub fn written(self, calls: &[Call]) -> String {
        let object = |call: &Call| {
            let name = serde_json::Value::from(call.name.as_str());
            format!("{{\"name\": {name}, \"arguments\": {}}}", call.arguments)
        };
        let objects: Vec<String> = calls.iter().map(object).collect();
        match self {
            Self::List if objects.is_empty() => format!("{OPEN}[]{CLOSE}"),
            Self::List => format!("{OPEN}[\n{}\n]{CLOSE}", objects.join(",\n")),
            Self::Blocks => {
                let blocks: Vec<String> = objects.iter().map(|object| format!("{OPEN}\n{object}\n{CLOSE}")).collect();
                blocks.join("\n")
            }
        }
    }
}
