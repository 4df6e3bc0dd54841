//! From what requests of all dialects may say about an answer to what the engine is asked: the one place where it happens.

mod bias;

use crate::catalog::Lease;
use crate::error::ApiError;
use crate::model::Model;
use bias::LogitBias;
use serde::Deserialize;
use smollm_engine::{Request, SamplingParams, Submission, random_seed};
use smollm_tokenizer::stream::StopStrings;
use utoipa::ToSchema;

/// More stop strings than anybody needs would only cost time at every token.
const MOST_STOPS: usize = 64;
/// The longest list of likeliest tokens.
const MOST_LOGPROBS: usize = 100;
/// OpenAI's limit on answers to a prompt: each takes memory before it is known whether there is room for it.
const MOST_CHOICES: usize = 128;
/// Lists of tokens are kept for every prompt of a request.
const MOST_LISTED: usize = 4096;

/// What chat and completions have in common. Where a field is absent, the model's own settings apply.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct Sampling {
    /// Name of the model, `name+adapter` for one of its LoRA adapters. If the server has one model, it answers any name.
    pub(crate) model: Option<String>,
    /// How many answers, each drawn on its own.
    #[schema(minimum = 1, maximum = 128)]
    pub(crate) n: Option<usize>,
    /// 0 takes the likeliest token.
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) temperature: Option<f32>,
    /// Keep the smallest set of tokens that reaches this probability.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub(crate) top_p: Option<f32>,
    /// Keep this many of the likeliest tokens; 0 and -1 keep all.
    #[schema(minimum = -1)]
    pub(crate) top_k: Option<i64>,
    /// Drop tokens less likely than this share of the likeliest.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) min_p: Option<f32>,
    /// Subtracted once for every time that the token stands in the answer.
    #[schema(minimum = -100, maximum = 100)]
    pub(crate) frequency_penalty: Option<f32>,
    /// Subtracted if the token stands in the answer.
    #[schema(minimum = -100, maximum = 100)]
    pub(crate) presence_penalty: Option<f32>,
    /// Divides the logits of tokens in prompt or answer; 1 is off.
    #[schema(exclusive_minimum = 0, maximum = 100)]
    repetition_penalty: Option<f32>,
    /// Another name for `repetition_penalty`, which goes first.
    #[schema(exclusive_minimum = 0, maximum = 100)]
    repeat_penalty: Option<f32>,
    /// How far back `repetition_penalty` looks: -1, the whole context, unless the penalty is off.
    repeat_last_n: Option<i64>,
    /// Token id (as text) to what is added to its logit; or pairs of both, as llama-server has them.
    pub(crate) logit_bias: Option<LogitBias>,
    /// The same seed gives the same answer; the server's, or a new one each time, where absent. Negative numbers are seeds too, -1 is none.
    pub(crate) seed: Option<i64>,
    /// The answer ends before the first of these.
    pub(crate) stop: Option<Stop>,
    /// Further tokens that end the answer.
    pub(crate) stop_token_ids: Option<Vec<u32>>,
    /// Go on after the model's end tokens.
    pub(crate) ignore_eos: Option<bool>,
    /// Whether keys and values of earlier prompts may be used; the answer is the same.
    pub(crate) cache_prompt: Option<bool>,
    /// Send the answer in pieces, as server-sent events.
    pub(crate) stream: Option<bool>,
    /// What a stream tells besides the answer.
    stream_options: Option<StreamOptions>,
    /// In a stream, tell how far the prompt has been read.
    return_progress: Option<bool>,
    /// In a stream, tell with every piece how long everything took so far.
    timings_per_token: Option<bool>,
}

/// One stop string, or several.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a string or a list of strings")]
pub(crate) enum Stop {
    One(String),
    Several(Vec<String>),
}

/// OpenAI's options of a stream.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// A last piece with the usage.
    pub(crate) include_usage: Option<bool>,
    /// Noise in the pieces against observers of the network: there is none, whatever is asked.
    #[serde(rename = "include_obfuscation")]
    pub(crate) _include_obfuscation: Option<bool>,
}

/// What differs between dialects.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ask {
    /// The longest answer that is asked for.
    pub(crate) max_tokens: Option<usize>,
    /// Log-probabilities of the answer's tokens, with so many alternatives.
    pub(crate) logprobs: Option<usize>,
    /// The same for the prompt.
    pub(crate) prompt_logprobs: Option<usize>,
    /// The answer ends where the next turn begins.
    pub(crate) conversation: bool,
}

/// What is told besides the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extras {
    /// Log-probabilities of tokens.
    pub(crate) logprobs: bool,
    /// A last piece of a stream with the usage.
    pub(crate) usage: bool,
    /// Pieces of a stream that say how far the prompt has been read.
    pub(crate) progress: bool,
    /// The time so far in every piece of a stream.
    pub(crate) timings: bool,
}

impl Sampling {
    /// What the engine is asked for every prompt of a request.
    ///
    /// # Errors
    /// A field is out of range.
    pub(crate) fn request(&self, lease: &Lease, ask: &Ask, seed: u64) -> Result<Request, ApiError> {
        let model = &lease.model;
        if let Some(max) = ask.logprobs.max(ask.prompt_logprobs).filter(|&max| max > MOST_LOGPROBS) {
            let message = format!("{max} log-probabilities were asked for; it must be at most {MOST_LOGPROBS}");
            return Err(ApiError::bad(message).param("logprobs"));
        }
        let mut stop_ids = if self.ignore_eos == Some(true) { Vec::new() } else { model.ends(ask.conversation) };
        let further = self.stop_token_ids.as_deref().unwrap_or_default();
        listed("stop_token_ids", further.len())?;
        stop_ids.extend(further);
        Ok(Request {
            max_tokens: ask.max_tokens.or(model.max_tokens),
            stop_ids,
            logprobs: ask.logprobs,
            sampling: self.params(model, seed)?,
        })
    }

    /// A prompt with what is asked for it.
    ///
    /// # Errors
    /// The prompt is too long, or a field out of range.
    pub(crate) fn submission(
        &self,
        lease: &Lease,
        prompt: Vec<u32>,
        ask: &Ask,
        request: Request,
    ) -> Result<Submission, ApiError> {
        lease.model.check_length(prompt.len())?;
        Ok(Submission {
            choices: self.choices()?,
            prompt_logprobs: ask.prompt_logprobs,
            adapter: lease.weights(),
            reuse: self.cache_prompt.unwrap_or(true),
            ..Submission::new(prompt, request)
        })
    }

    fn params(&self, model: &Model, seed: u64) -> Result<SamplingParams, ApiError> {
        let defaults = &model.sampling;
        let top_k = match self.top_k {
            None => defaults.top_k,
            Some(-1) => 0,
            Some(k) => usize::try_from(k)
                .map_err(|_| ApiError::bad(format!("top_k is {k}; it must be -1 or more")).param("top_k"))?,
        };
        let repetition_penalty = self.repetition_penalty.or(self.repeat_penalty).unwrap_or(defaults.repetition_penalty);
        if let Some(n) = self.repeat_last_n.filter(|&n| n != -1 && repetition_penalty != 1.0) {
            let message = format!("repeat_last_n is {n}; repetition_penalty looks at the whole context, which is -1");
            return Err(ApiError::unsupported("repeat_last_n", message));
        }
        Ok(SamplingParams {
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k,
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            repetition_penalty,
            frequency_penalty: self.frequency_penalty.unwrap_or(defaults.frequency_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(defaults.presence_penalty),
            logit_bias: match &self.logit_bias {
                Some(bias) => {
                    bias.check_size()?;
                    let tokens = bias.resolve(&model.tokenizer)?;
                    listed("logit_bias", tokens.len())?;
                    tokens
                }
                None => Vec::new(),
            },
            seed,
        })
    }

    fn choices(&self) -> Result<usize, ApiError> {
        match self.n.unwrap_or(1) {
            n @ 1..=MOST_CHOICES => Ok(n),
            n => Err(ApiError::bad(format!("n is {n}; it must be 1 to {MOST_CHOICES}")).param("n")),
        }
    }

    /// The seed of the request: its own, else the model's, else a new one.
    pub(crate) fn seed(&self, model: &Model) -> u64 {
        match self.seed {
            None => model.seed.unwrap_or_else(random_seed),
            Some(-1) => random_seed(),
            Some(seed) => seed.cast_unsigned(),
        }
    }

    /// The stop strings.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn stops(&self) -> Result<StopStrings, ApiError> {
        let stops: &[String] = match &self.stop {
            None => &[],
            Some(Stop::One(one)) => std::slice::from_ref(one),
            Some(Stop::Several(several)) => several.as_slice(),
        };
        if stops.len() > MOST_STOPS {
            let message = format!("there are {} stop strings; there may be {MOST_STOPS}", stops.len());
            return Err(ApiError::bad(message).param("stop"));
        }
        Ok(StopStrings::new(stops))
    }

    /// What is to be told besides the text.
    pub(crate) fn extras(&self, ask: &Ask) -> Extras {
        Extras {
            logprobs: ask.logprobs.is_some(),
            usage: self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true)),
            progress: self.return_progress == Some(true),
            timings: self.timings_per_token == Some(true),
        }
    }
}

/// Checks that a list of tokens is no longer than it may be.
fn listed(param: &str, tokens: usize) -> Result<(), ApiError> {
    if tokens > MOST_LISTED {
        return Err(ApiError::bad(format!("{param} has {tokens} tokens; it may have {MOST_LISTED}")).param(param));
    }
    Ok(())
}

/// `max_tokens` as clients write it: -1 is no limit.
///
/// # Errors
/// Any other negative number.
pub(crate) fn token_limit(param: &str, value: Option<i64>) -> Result<Option<usize>, ApiError> {
    match value {
        None | Some(-1) => Ok(value.map(|_| usize::MAX)),
        Some(max) => match usize::try_from(max) {
            Ok(max) => Ok(Some(max)),
            Err(_) => {
                Err(ApiError::bad(format!("{param} is {max}; it must be 0 or more, or -1 for no limit")).param(param))
            }
        },
    }
}
