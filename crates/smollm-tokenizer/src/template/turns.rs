//! Which parts of a rendered conversation the model is to say: what training on answers alone needs.

use super::{ChatTemplate, RenderOptions, TemplateError};
use serde_json::Value;
use std::ops::Range;

/// What the assistant says in one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which of the messages it is.
    pub message: usize,
    /// Its bytes in the rendered text.
    pub span: Range<usize>,
}

/// A conversation as text, with what the assistant says in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    /// The whole text.
    pub text: String,
    /// One for each message of the assistant, in order.
    pub turns: Vec<Turn>,
    /// Whether the template marked them itself, so that they end where it says.
    pub marked: bool,
}

impl ChatTemplate {
    /// The text of a whole conversation, and in it what the model is to say, one turn for each message of the assistant.
    ///
    /// Where the template marks it with `{% generation %}`, that is a turn. Otherwise it is what follows the prompt that the model would
    /// be given there, up to the end of the message: the conversation before it is rendered with the generation prompt, and so is the one
    /// that ends with it without. Both must begin the whole text byte for byte; space that the template puts behind the end of a turn is
    /// part of the span. A generation prompt that `options` ask for is left out.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`]; and [`TemplateError::Turns`] where the template shows a message otherwise once the conversation goes on,
    /// or is prompted otherwise than the text begins: a model would be trained on what it is never shown.
    pub fn render_turns(&self, messages: &Value, options: &RenderOptions) -> Result<Turns, TemplateError> {
        let whole = RenderOptions { add_generation_prompt: false, ..options.clone() };
        let (text, blocks) = self.render_with_spans(messages, &whole)?;
        let list = messages.as_array().map(Vec::as_slice).unwrap_or_default();
        let said: Vec<usize> = (0..list.len()).filter(|&i| list[i]["role"] == "assistant").collect();
        if self.rendered(options.tools.is_some()).contains("endgeneration") {
            return Ok(Turns { text, turns: marked(said, blocks)?, marked: true });
        }
        let prompted = RenderOptions { add_generation_prompt: true, ..options.clone() };
        let mut turns = Vec::with_capacity(said.len());
        for message in said {
            let begins = |count: usize, options: &RenderOptions, fault: &str| {
                let part = self.render(&Value::from(&list[..count]), options);
                let part = part.map_err(|error| refuse(message, &format!("{fault}: {error}")))?;
                if text.starts_with(&part) { Ok(part.len()) } else { Err(refuse(message, fault)) }
            };
            let start = begins(message, &prompted, "the prompt for it is not how the conversation begins")?;
            let end = match message + 1 == list.len() {
                true => text.len(),
                false => begins(message + 1, &whole, "it is written otherwise when more messages follow")?,
            };
            if end < start {
                return Err(refuse(message, "it ends before the prompt for it does"));
            }
            turns.push(Turn { message, span: start..end });
        }
        Ok(Turns { text, turns, marked: false })
    }
}

/// The blocks that a template marked, one for each message of the assistant.
fn marked(said: Vec<usize>, mut blocks: Vec<Range<usize>>) -> Result<Vec<Turn>, TemplateError> {
    let mut end = 0;
    // Blocks inside of blocks say nothing new.
    blocks.retain(|block| {
        let outer = block.start >= end;
        end = end.max(block.end);
        outer
    });
    if blocks.len() != said.len() {
        let problem = format!("it marks {} parts for {} messages of the assistant", blocks.len(), said.len());
        return Err(TemplateError::Turns { problem });
    }
    Ok(said.into_iter().zip(blocks).map(|(message, span)| Turn { message, span }).collect())
}

fn refuse(message: usize, problem: &str) -> TemplateError {
    TemplateError::Turns { problem: format!("messages[{message}]: {problem}") }
}
