//! What a template knows of tools by itself, as its text tells.

use super::{ChatTemplate, NAME, TemplateError, json, to_template};
use crate::tools::CallForm;
use serde_json::Value;

impl ChatTemplate {
    /// Whether it shows the model the variable `tools`.
    pub fn reads_tools(&self) -> bool {
        let reads = |name: &str| {
            self.environment
                .get_template(name)
                .is_ok_and(|template| template.undeclared_variables(false).contains("tools"))
        };
        self.tool_use.is_some() || reads(NAME)
    }

    /// Whether it writes the calls of earlier answers, in a conversation with tools or in one without.
    pub fn writes_calls(&self, with_tools: bool) -> bool {
        self.rendered(with_tools).contains("tool_calls")
    }

    /// Whether it writes messages of the role `tool` in a way of its own, in a conversation with tools or in one without.
    pub fn writes_results(&self, with_tools: bool) -> bool {
        let text = self.rendered(with_tools);
        text.contains("\"tool\"") || text.contains("'tool'")
    }

    /// How its model writes calls: in a list unless the template has tools of its own that are called otherwise.
    pub fn call_form(&self) -> CallForm {
        let lists = self.rendered(true).contains("<tool_call>[");
        if self.reads_tools() && !lists { CallForm::Blocks } else { CallForm::List }
    }

    /// The template for conversations with tools, where it is another one.
    pub fn tool_use_source(&self) -> Option<&str> {
        self.tool_use.as_deref()
    }

    /// The text that a conversation with tools or one without is rendered with.
    pub(super) fn rendered(&self, with_tools: bool) -> &str {
        self.tool_use.as_deref().filter(|_| with_tools).unwrap_or(&self.source)
    }
}

/// A value as Python's `json.dumps` writes it: one line, a space behind commas and colons, ASCII.
///
/// # Errors
/// It is nested too deeply.
pub fn python_json(value: &Value) -> Result<String, TemplateError> {
    let style =
        json::JsonStyle { ensure_ascii: true, indent: None, item: ", ".into(), key: ": ".into(), sort_keys: false };
    json::dumps(&to_template(value), &style).map_err(|error| TemplateError::from_engine(&error))
}
