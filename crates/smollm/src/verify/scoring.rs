//! Texts of known probability, and preference pairs: log-probabilities of what follows a beginning.

use super::Outcome;
use super::answering::{or_problem, prompt_ids};
use super::items::ItemBody;
use crate::error::Error;
use crate::model::Model;
use serde_json::Value;
use smollm_engine::{Session, Windows};
use smollm_tokenizer::Specials;
use smollm_tokenizer::tools::{self, Tool};
use std::ops::ControlFlow;

/// What a model makes of an item that is no exercise.
pub(super) fn score(model: &Model, session: &mut Session, body: &ItemBody) -> Result<Outcome, Error> {
    match body {
        ItemBody::Exercise { .. } => Ok(Outcome::Failed("is to be answered, not scored".into())),
        ItemBody::Text { prompt, completion, .. } => {
            let (ids, given) = parts(model, prompt, completion)?;
            if given == 0 {
                return Ok(Outcome::Failed("no whole token of `prompt` is before the first of `completion`".into()));
            }
            Ok(match log_prob(model, session, &ids, given)? {
                Some(log_prob) => Outcome::Scored { nats: -log_prob, tokens: ids.len() - given },
                None => too_long(&ids, model),
            })
        }
        ItemBody::Pair { messages, tools, chosen, rejected } => {
            let prompt = match or_problem(prompt_ids(model, messages, tools))? {
                Ok(prompt) => prompt,
                Err(problem) => return Ok(Outcome::Failed(problem)),
            };
            let mut sums = [0.0; 2];
            for (sum, answer) in sums.iter_mut().zip([chosen, rejected]) {
                let answer = match or_problem(answer_ids(model, answer, tools))? {
                    Ok(answer) => answer,
                    Err(problem) => return Ok(Outcome::Failed(problem)),
                };
                let ids = [&prompt[..], &answer].concat();
                match log_prob(model, session, &ids, prompt.len())? {
                    Some(log_prob) => *sum = log_prob,
                    None => return Ok(too_long(&ids, model)),
                }
            }
            Ok(Outcome::Compared { chosen: sums[0], rejected: sums[1] })
        }
    }
}

fn too_long(ids: &[u32], model: &Model) -> Outcome {
    Outcome::Failed(format!("{} tokens are more than the context of {}", ids.len(), model.context()))
}

/// The ids of a text and its end, as training has them, and how many of them are given. A token with letters of both is not.
fn parts(model: &Model, prompt: &str, completion: &str) -> Result<(Vec<u32>, usize), Error> {
    let tokenizer = model.tokenizer()?;
    let mut ids = tokenizer.encode(&format!("{prompt}{completion}"), Specials::Parse);
    let mut bytes = 0;
    let given = ids
        .iter()
        .take_while(|&&id| {
            bytes += tokenizer.token_bytes(id).map_or(0, |token| token.len());
            bytes <= prompt.len()
        })
        .count();
    ids.extend(tokenizer.eos());
    Ok((ids, given))
}

/// The ids of an answer and of the end of its turn.
fn answer_ids(model: &Model, answer: &Value, tools: &[Tool]) -> Result<Vec<u32>, Error> {
    let told = tools::conversation(model.template()?, &Value::from(vec![answer.clone()]), tools)?;
    let said =
        told.messages.as_array().and_then(|messages| messages.last()).and_then(|message| message["content"].as_str());
    let tokenizer = model.tokenizer()?;
    let mut ids = tokenizer.encode(said.unwrap_or_default(), Specials::Parse);
    ids.extend(tokenizer.id_of("<|im_end|>").or_else(|| tokenizer.eos()));
    Ok(ids)
}

/// The sum of the log-probabilities of all ids after the first `given`; `None` if they are more than the context.
fn log_prob(model: &Model, session: &mut Session, ids: &[u32], given: usize) -> Result<Option<f64>, Error> {
    if ids.len() > model.context() {
        return Ok(None);
    }
    let windows = Windows { length: model.context(), stride: model.context() };
    let score = session.score(ids, windows, &mut |_, _| ControlFlow::Continue(()))?;
    Ok(score.map(|score| score.logprobs[given..].iter().flatten().map(|&log_prob| f64::from(log_prob)).sum()))
}
