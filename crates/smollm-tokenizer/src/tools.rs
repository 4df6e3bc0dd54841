//! Functions that a model may call: how it is told of them, how calls and their results stand in a conversation, and which calls are in
//! what it says.
//!
//! SmolLM2's template knows nothing of tools: its model card has a system prompt for them, and a form of calls, a list between tags
//! ([`CallForm::List`]). SmolLM3's template has a part of its own, and one object between tags for each call ([`CallForm::Blocks`]).

mod block;
mod choice;
mod conversation;
mod form;
mod prompt;
mod reader;
mod rule;
mod scan;
#[cfg(test)]
mod tests;
mod tool;

pub use block::{Call, calls_in};
pub use choice::{Callable, Calls, ChoiceError, ToolChoice};
pub use conversation::{Conversation, conversation};
pub use form::CallForm;
pub use prompt::system_prompt;
pub use reader::{CallReader, Said};
pub use rule::{CallRule, RuleError, kept_without_calls, no_calls};
pub use tool::{Tool, ToolError};

/// The tag that opens calls.
pub const CALL_TAG: &str = OPEN;
/// What stands around calls.
const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";
