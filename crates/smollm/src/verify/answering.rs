//! Exercises: many are answered at once, greedily, and each answer is checked as soon as it ends.

use super::items::{Item, ItemBody};
use super::{Outcome, VerifyOptions};
use crate::error::Error;
use crate::model::Model;
use crate::text::Prompt;
use serde_json::{Value, json};
use smollm_engine::{Engine, EngineOptions, Event, Request, RequestId, SamplingParams, Submission};
use smollm_tokenizer::template::{RenderOptions, local_time};
use smollm_tokenizer::tools::{self, Tool};
use smollm_verify::Check;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The ids of a conversation, up to where the assistant answers.
pub(super) fn prompt_ids(model: &Model, messages: &[Value], tools: &[Tool]) -> Result<Vec<u32>, Error> {
    let told = tools::conversation(model.template()?, &Value::from(messages.to_vec()), tools)?;
    let render =
        RenderOptions { add_generation_prompt: true, tools: told.tools, now: local_time(), ..RenderOptions::default() };
    model.prompt_ids(&Prompt::Chat { messages: told.messages, render: Box::new(render), prefill: String::new() })
}

/// What is wrong with an item, in the place of the error; an error of the model stays one.
pub(super) fn or_problem<T>(tried: Result<T, Error>) -> Result<Result<T, String>, Error> {
    match tried {
        Err(error @ (Error::NoTemplate { .. } | Error::NoTokenizer { .. })) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
        Ok(made) => Ok(Ok(made)),
    }
}

/// Whether what the model said passes. Its calls are those that a chat or the server would read.
fn passes(check: &Check, text: &str) -> bool {
    let Some(calls) = tools::calls_in(text) else { return check.passes_text(text) };
    let call = |call: tools::Call| json!({ "function": { "name": call.name, "arguments": call.arguments } });
    check.passes(&json!({ "content": text, "tool_calls": calls.into_iter().map(call).collect::<Vec<_>>() }))
}

/// Answers the exercises of these numbers; `finished` hears of each.
pub(super) fn answer(
    model: &Model,
    items: &[Item],
    numbers: &[usize],
    options: VerifyOptions,
    finished: &mut dyn FnMut(usize, Outcome) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    if numbers.is_empty() {
        return Ok(ControlFlow::Continue(()));
    }
    let tokenizer = model.tokenizer()?;
    let places = options.parallel.max(1);
    // the cache has room for four contexts, which most items together do not fill; where they do, fewer are answered at once
    let settings = EngineOptions { max_running: places, draft_tokens: 0, ..EngineOptions::default() };
    let mut engine = Engine::new(model.shared_decoder(), model.shared_cpu(), &settings)?;
    let mut waiting = numbers.iter();
    let mut running: HashMap<RequestId, (usize, Vec<u32>)> = HashMap::new();
    let mut failure = None;
    loop {
        while running.len() < places
            && let Some(&number) = waiting.next()
        {
            let ItemBody::Exercise { messages, tools, .. } = &items[number].body else { continue };
            let request = Request {
                max_tokens: Some(options.max_tokens),
                stop_ids: model.stop_ids().to_vec(),
                logprobs: None,
                sampling: SamplingParams::default(),
            };
            let submitted =
                prompt_ids(model, messages, tools).and_then(|ids| Ok(engine.submit(Submission::new(ids, request))?));
            match or_problem(submitted)? {
                Ok(id) => drop(running.insert(id, (number, Vec::new()))),
                Err(problem) => {
                    if finished(number, Outcome::Failed(problem)).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        if running.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut ended = Vec::new();
        engine.step(&mut || None, &mut |id, event| match event {
            Event::Token { token, .. } => {
                if let Some((_, ids)) = running.get_mut(&id) {
                    ids.push(token.id);
                }
            }
            Event::Finished { .. } => ended.push(id),
            Event::Failed(error) => failure = Some(error),
            Event::Prefill { .. } | Event::PromptTokens(_) | Event::Embedding(_) => {}
        });
        if let Some(error) = failure {
            return Err(error.into());
        }
        for (number, ids) in ended.iter().filter_map(|id| running.remove(id)) {
            let ItemBody::Exercise { check, .. } = &items[number].body else { continue };
            let text = tokenizer.decode(&ids, true).trim().to_owned();
            let passed = passes(check, &text);
            if finished(number, Outcome::Answered { text, passed }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}
