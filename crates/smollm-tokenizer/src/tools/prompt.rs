//! The system prompt for tools of SmolLM2's model card, byte for byte.

use super::tool::Tool;
use crate::template::{TemplateError, python_json};
use serde_json::Value;

/// What stands before the list of tools. Three lines end with a space.
pub(super) const BEFORE: &str = "\
You are an expert in composing functions. You are given a question and a set of possible functions. \n\
Based on the question, you will need to make one or more function/tool calls to achieve the purpose. \n\
If none of the functions can be used, point it out and refuse to answer. \n\
If the given question lacks the parameters required by the function, also point it out.\n\
\n\
You have access to the following tools:\n\
<tools>";

/// What stands behind it.
pub(super) const BEHIND: &str = "\
</tools>\n\
\n\
The output MUST strictly adhere to the following format, and NO other text MUST be included.\n\
The example format is as follows. Please make sure the parameter type is correct. If no function call is needed, please make the tool \
calls an empty list '[]'.\n\
<tool_call>[\n\
{\"name\": \"func_name1\", \"arguments\": {\"argument1\": \"value1\", \"argument2\": \"value2\"}},\n\
... (more tool calls as required)\n\
]</tool_call>";

/// The prompt with these tools, which are written as Python's `json.dumps` writes them.
///
/// # Errors
/// A tool is nested too deeply.
pub fn system_prompt(tools: &[Tool]) -> Result<String, TemplateError> {
    let list: Value = tools.iter().map(|tool| tool.shown().clone()).collect();
    Ok(format!("{BEFORE}{}{BEHIND}", python_json(&list)?))
}
