//! What a template knows of tools by itself, as its text tells.

use super::{ChatTemplate, NAME, TOOL_USE, TemplateError, json, to_template};
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
        reads(NAME) || self.environment.get_template(TOOL_USE).is_ok()
    }

    /// Whether it writes the calls of earlier answers.
    pub fn writes_calls(&self) -> bool {
        self.mentions("tool_calls")
    }

    /// Whether it writes messages of the role `tool` in a way of its own.
    pub fn writes_results(&self) -> bool {
        self.mentions("\"tool\"") || self.mentions("'tool'")
    }

    /// How its model writes calls: in a list unless the template has tools of its own that are called otherwise.
    pub fn call_form(&self) -> CallForm {
        if self.reads_tools() && !self.mentions("<tool_call>[") { CallForm::Blocks } else { CallForm::List }
    }

    /// In one of its texts.
    fn mentions(&self, words: &str) -> bool {
        self.source.contains(words) || self.tool_use.as_deref().is_some_and(|source| source.contains(words))
    }
}

/// A value as Python's `json.dumps` writes it: one line, a space behind commas and colons, ASCII.
///
/// # Errors
/// It is nested too deeply.
pub(crate) fn python_json(value: &Value) -> Result<String, TemplateError> {
    let style =
        json::JsonStyle { ensure_ascii: true, indent: None, item: ", ".into(), key: ": ".into(), sort_keys: false };
    json::dumps(&to_template(value), &style).map_err(|error| TemplateError::from_engine(&error))
}
