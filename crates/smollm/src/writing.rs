//! Small tools over texts: a summary, questions about it, a rewrite, a title, by the prompts of [`smollm_world::presets`].

use crate::error::Error;
use crate::model::Model;
use crate::text::{Answer, GenerateOptions, Prompt};
use serde_json::Value;
use smollm_tokenizer::template::{RenderOptions, local_time};
use smollm_world::presets;
pub use smollm_world::presets::Tone;
use std::ops::ControlFlow;

/// What is to be made of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task<'a> {
    /// A summary in up to three sentences.
    Summary,
    /// An answer to a question about it.
    Question(&'a str),
    /// The same message in another tone.
    Rewrite(Tone),
    /// A title.
    Title,
}

impl Task<'_> {
    /// The conversation that asks for it.
    pub fn messages(self, text: &str) -> Vec<Value> {
        match self {
            Self::Summary => presets::summarize(text),
            Self::Question(question) => presets::follow_up_question(text, question),
            Self::Rewrite(tone) => presets::rewrite(text, tone),
            Self::Title => presets::title(text),
        }
    }

    /// `options`, with the settings of smol_tools for what they leave open.
    pub fn options(self, options: &GenerateOptions) -> GenerateOptions {
        let (temperature, top_p, top_k, repetition_penalty, max_tokens) = match self {
            Self::Summary | Self::Question(_) => (0.1, 0.9, 50, 1.2, 1024),
            Self::Rewrite(_) => (0.4, 0.9, 0, 1.0, 1024),
            Self::Title => (0.6, 0.9, 0, 1.1, 128),
        };
        GenerateOptions {
            temperature: options.temperature.or(Some(temperature)),
            top_p: options.top_p.or(Some(top_p)),
            top_k: options.top_k.or(Some(top_k)),
            repetition_penalty: options.repetition_penalty.or(Some(repetition_penalty)),
            max_tokens: options.max_tokens.or(Some(max_tokens)),
            ..options.clone()
        }
    }
}

/// Does `task` with `text`; `on_text` hears of the answer as it comes, and ends it by returning `Break`.
///
/// # Errors
/// The model has no chat template, the text does not fit into its context, or a parameter is out of range.
pub fn write_about(
    model: &Model,
    task: Task<'_>,
    text: &str,
    options: &GenerateOptions,
    on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Answer, Error> {
    let render = RenderOptions { add_generation_prompt: true, now: local_time(), ..RenderOptions::default() };
    let prompt =
        Prompt::Chat { messages: task.messages(text).into(), render: Box::new(render), prefill: String::new() };
    model.generate(&mut model.session(), &prompt, &task.options(options), on_text)
}
