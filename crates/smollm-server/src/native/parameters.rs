//! What llama-server calls the parameters of a task: how an answer is drawn, in its names, for `generation_settings` and `/props`.

use serde::Serialize;
use smollm_engine::{Request, SamplingParams};
use utoipa::ToSchema;

/// How an answer is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Parameters {
    /// -1 is a new one for each request.
    pub(crate) seed: i64,
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    repeat_penalty: f32,
    /// -1: the whole context.
    repeat_last_n: i64,
    presence_penalty: f32,
    frequency_penalty: f32,
    pub(crate) stop: Vec<String>,
    /// -1 is no limit.
    max_tokens: i64,
    n_predict: i64,
    pub(crate) ignore_eos: bool,
    pub(crate) stream: bool,
    logit_bias: Vec<Biased>,
    n_probs: usize,
    pub(crate) timings_per_token: bool,
    /// That of the request's `grammar`.
    pub(crate) grammar: String,
    #[serde(flatten)]
    off: Off,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Biased {
    token: u32,
    /// Null for a token that cannot come.
    bias: Option<f32>,
}

/// What smollm has not, at the values that turn it off.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Off {
    dynatemp_range: f32,
    top_n_sigma: f32,
    typical_p: f32,
    xtc_probability: f32,
    dry_multiplier: f32,
    mirostat: u32,
    adaptive_target: f32,
    adaptive_decay: f32,
    post_sampling_probs: bool,
}

const OFF: Off = Off {
    dynatemp_range: 0.0,
    top_n_sigma: -1.0,
    typical_p: 1.0,
    xtc_probability: 0.0,
    dry_multiplier: 0.0,
    mirostat: 0,
    adaptive_target: -1.0,
    adaptive_decay: 0.9,
    post_sampling_probs: false,
};

impl Parameters {
    /// What applies where a request says nothing.
    pub(crate) fn defaults(sampling: &SamplingParams, seed: Option<u64>, max_tokens: Option<usize>) -> Self {
        let limit = max_tokens.and_then(|max| i64::try_from(max).ok()).unwrap_or(-1);
        let biased = |&(token, bias): &(u32, f32)| Biased { token, bias: bias.is_finite().then_some(bias) };
        Self {
            seed: seed.map_or(-1, u64::cast_signed),
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            repeat_penalty: sampling.repetition_penalty,
            repeat_last_n: -1,
            presence_penalty: sampling.presence_penalty,
            frequency_penalty: sampling.frequency_penalty,
            stop: Vec::new(),
            max_tokens: limit,
            n_predict: limit,
            ignore_eos: false,
            stream: false,
            logit_bias: sampling.logit_bias.iter().map(biased).collect(),
            n_probs: 0,
            timings_per_token: false,
            grammar: String::new(),
            off: OFF,
        }
    }

    /// Those of a request.
    pub(crate) fn of(request: &Request) -> Self {
        let defaults = Self::defaults(&request.sampling, Some(request.sampling.seed), request.max_tokens);
        Self { n_probs: request.logprobs.unwrap_or(0), ..defaults }
    }
}
