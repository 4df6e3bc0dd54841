//! The prompt of a conversation whose last message is only begun, as transformers makes it with `continue_final_message`.

use super::{ChatTemplate, RenderOptions, TemplateError};
use serde_json::Value;

/// Stands behind the text of the last message while it is rendered. transformers' own mark, since templates can see it.
const TAG: &str = "CONTINUE_FINAL_MESSAGE_TAG";

impl ChatTemplate {
    /// The prompt of `messages` up to where the text of the last one ends, so that what a model says goes on with it. Space at its end
    /// is there as far as the template keeps it.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`]; the last message has no text, or the template does not show it.
    pub fn render_begun(&self, messages: &Value, options: &RenderOptions) -> Result<String, TemplateError> {
        let last = messages.as_array().and_then(|list| list.last());
        let Some(text) = last.and_then(|message| message["content"].as_str()) else {
            return Err(TemplateError::Messages { problem: "the last message has no text to continue".into() });
        };
        let tag = absent_from(&[&self.source, &messages.to_string()]);
        let mut tagged = messages.clone();
        if let Some(last) = tagged.as_array_mut().and_then(|list| list.last_mut()) {
            last["content"] = format!("{text}{tag} ").into();
        }
        let rendered = self.render(&tagged, options)?;
        let Some(at) = rendered.rfind(&tag).filter(|_| rendered.contains(text.trim())) else {
            let problem = "the chat template does not show the last message as it is, so it cannot be continued".into();
            return Err(TemplateError::Messages { problem });
        };
        let (prompt, rest) = rendered.split_at(at);
        let keeps_space = rest[tag.len()..].starts_with(' ');
        Ok(if keeps_space { prompt } else { prompt.trim_end() }.to_owned())
    }
}

/// The tag, made longer until it occurs in none of `texts`.
fn absent_from(texts: &[&str]) -> String {
    let mut tag = TAG.to_owned();
    while texts.iter().any(|text| text.contains(&tag)) {
        tag.push('_');
    }
    tag
}
