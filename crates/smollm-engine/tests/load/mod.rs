//! Requests for an engine in tests, what is heard of them, and what a session of its own answers. Not every test uses all.
#![allow(dead_code)]

use smollm_engine::{
    Engine, EngineError, EngineOptions, Event, FinishReason, Request, RequestId, SamplingParams, Session,
    SessionOptions, Token,
};
use smollm_kernels::Cpu;
use smollm_model::Model;
use smollm_testkit::tiny::prompt_ids;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) fn cpu() -> Arc<Cpu> {
    Arc::new(Cpu::new(2).unwrap())
}

pub(crate) fn engine(model: &Arc<Model>, options: &EngineOptions) -> Engine {
    Engine::new(model.clone(), cpu(), options).unwrap()
}

pub(crate) fn request(max_tokens: usize, temperature: f32, seed: u64) -> Request {
    let sampling = SamplingParams { temperature, seed, ..SamplingParams::default() };
    Request { max_tokens: Some(max_tokens), sampling, ..Request::default() }
}

/// What a session of its own answers.
pub(crate) fn alone(model: &Arc<Model>, prompt: &[u32], request: &Request) -> (Vec<Token>, FinishReason) {
    let mut session = Session::new(model.clone(), cpu(), &SessionOptions::default());
    let generation = session.generate(prompt, request, &mut |_| ControlFlow::Continue(())).unwrap();
    (generation.tokens, generation.finish_reason)
}

/// Everything that was said about one choice.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) tokens: Vec<Token>,
    pub(crate) reason: Option<FinishReason>,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) choices: BTreeMap<(RequestId, usize), Heard>,
    pub(crate) prompt_tokens: BTreeMap<RequestId, Vec<Token>>,
    pub(crate) failed: BTreeMap<RequestId, EngineError>,
    pub(crate) read: BTreeMap<RequestId, usize>,
    pub(crate) vectors: BTreeMap<RequestId, Vec<f32>>,
}

impl Log {
    pub(crate) fn hear(&mut self, id: RequestId, event: Event) {
        assert!(!self.failed.contains_key(&id), "nothing follows a failure");
        match event {
            Event::Prefill { done, total, .. } => {
                let before = self.read.insert(id, done).unwrap_or(0);
                assert!(before < done && done <= total, "{before} {done} of {total}");
            }
            Event::Embedding(vector) => assert!(self.vectors.insert(id, vector).is_none()),
            Event::PromptTokens(tokens) => self.prompt_tokens.entry(id).or_default().extend(tokens),
            Event::Token { choice, token } => {
                let heard = self.choices.entry((id, choice)).or_default();
                assert_eq!(heard.reason, None, "nothing follows the end");
                heard.tokens.push(token);
            }
            Event::Finished { choice, reason, .. } => {
                let heard = self.choices.entry((id, choice)).or_default();
                assert_eq!(heard.reason.replace(reason), None, "one end");
            }
            Event::Failed(error) => assert!(self.failed.insert(id, error).is_none()),
        }
    }
}

pub(crate) fn run(engine: &mut Engine, log: &mut Log) {
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    }
}

/// Prompts of many lengths with requests of both kinds.
pub(crate) fn mixture(model: &Model) -> Vec<(Vec<u32>, Request)> {
    let lengths = [1, 2, 5, 31, 32, 33, 64, 100, 150, 257];
    lengths
        .iter()
        .enumerate()
        .map(|(i, &len)| {
            let prompt = prompt_ids(&format!("mixture {i}"), len, model.config.vocab_size);
            let mut request = request(100 - 9 * i, if i % 2 == 0 { 0.0 } else { 1.0 }, i as u64);
            request.logprobs = (i % 3 == 0).then_some(i % 4);
            (prompt, request)
        })
        .collect()
}
