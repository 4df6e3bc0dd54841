//! Text in, text out: prompts become ids, ids become text, and stop strings end it.

use crate::error::Error;
use crate::model::Model;
use serde_json::{Value, json};
use smollm_engine::{FinishReason, Progress, Request, SamplingParams, Session, Timings, Token, TokenMask, random_seed};
use smollm_server::{AfterThoughts, GrammarMask, Splitter, can_think};
use smollm_tokenizer::constrain::{Grammar, GrammarSource};
use smollm_tokenizer::stream::{StopStrings, TextStream};
use smollm_tokenizer::template::{RenderOptions, local_time};
use smollm_tokenizer::{Specials, Tokenizer};
use std::ops::ControlFlow;

/// What is to be continued or answered.
#[derive(Debug, Clone)]
pub enum Prompt {
    /// A text to continue; special tokens in it are recognised.
    Text(String),
    /// Token ids, past the tokenizer.
    Ids(Vec<u32>),
    /// A conversation, rendered by the model's own template.
    Chat {
        /// `[{"role": ..., "content": ...}, ...]`.
        messages: Value,
        /// Generation prompt, tools, template variables, the clock.
        render: Box<RenderOptions>,
        /// The beginning of the answer, to be continued.
        prefill: String,
    },
}

impl Prompt {
    /// One question, with nothing before it, as the model's chat template has it.
    pub fn question(text: &str) -> Self {
        let render = RenderOptions { add_generation_prompt: true, now: local_time(), ..RenderOptions::default() };
        let messages = json!([{ "role": "user", "content": text }]);
        Self::Chat { messages, render: Box::new(render), prefill: String::new() }
    }
}

/// What the user asks of an answer; what is `None` comes from the model's [`crate::Defaults`].
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of `SamplingParams` and `Request`, made optional")]
pub struct GenerateOptions {
    pub temperature: Option<f32>,
    pub top_k: Option<usize>,
    pub top_p: Option<f32>,
    pub min_p: Option<f32>,
    pub repetition_penalty: Option<f32>,
    pub frequency_penalty: Option<f32>,
    pub presence_penalty: Option<f32>,
    pub logit_bias: Vec<(u32, f32)>,
    pub seed: Option<u64>,
    /// The answer ends before the first of these.
    pub stop: Vec<String>,
    pub max_tokens: Option<usize>,
    /// Go on after end tokens; they are part of the answer then.
    pub ignore_eos: bool,
    /// Log-probabilities with this many alternatives.
    pub logprobs: Option<usize>,
    /// What the answer is to be.
    pub grammar: Option<GrammarSource>,
}

impl GenerateOptions {
    /// The parameters that result, with the model's defaults for what is not asked and a fresh seed where none is given.
    pub fn sampling(&self, defaults: &SamplingParams) -> SamplingParams {
        SamplingParams {
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(defaults.repetition_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(defaults.frequency_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(defaults.presence_penalty),
            logit_bias: self.logit_bias.clone(),
            seed: self.seed.unwrap_or_else(random_seed),
        }
    }
}

/// A finished answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The prompt's ids.
    pub prompt_ids: Vec<u32>,
    /// The answer's tokens, stop token excluded. A stop string's tokens are included, its text is not.
    pub tokens: Vec<Token>,
    /// The answer's text; empty for a model without tokenizer.
    pub text: String,
    /// Why it ended.
    pub end: End,
    /// How long it took.
    pub timings: Timings,
}

/// Why an answer ended, as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// An end token.
    StopToken(u32),
    /// One of the stop strings.
    StopString(String),
    /// The grammar lets nothing follow.
    Complete,
    /// The token limit.
    Length,
    /// The context is full.
    ContextFull,
    /// The caller stopped it.
    Cancelled,
}

impl End {
    /// OpenAI's word: `stop` or `length`.
    pub fn finish_reason(&self) -> &'static str {
        match self {
            Self::StopToken(_) | Self::StopString(_) | Self::Complete | Self::Cancelled => "stop",
            Self::Length | Self::ContextFull => "length",
        }
    }
}

/// What is to be continued, as ids.
pub(crate) struct Continued<'a> {
    /// The prompt.
    pub(crate) ids: Vec<u32>,
    /// Whether it is a conversation: the answer then also ends where the model begins the next turn without having ended its own.
    pub(crate) conversation: bool,
    /// What the answer is to be, in place of the grammar of the options.
    pub(crate) bound: Option<Bound<'a>>,
}

/// What an answer is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) grammar: &'a Grammar,
    /// Whether it has texts that may stop anywhere: one that a limit stops is no whole answer.
    pub(crate) free: bool,
    /// What finds thoughts that come before it, if there may be any: they follow no grammar.
    pub(crate) thoughts: Option<&'a Splitter>,
    /// Whether the text of the answer has these thoughts, too.
    pub(crate) with_thoughts: bool,
}

impl Model {
    /// The ids of a prompt, exactly as they will be run.
    ///
    /// # Errors
    /// No tokenizer for text, no template for a conversation, or the template refuses.
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, Error> {
        let text = match prompt {
            Prompt::Ids(ids) => return Ok(ids.clone()),
            Prompt::Text(text) => text.clone(),
            Prompt::Chat { messages, render, prefill } => {
                let mut text = self.template()?.render(messages, render)?;
                text.push_str(prefill);
                text
            }
        };
        let tokenizer = self.tokenizer()?;
        let mut ids = tokenizer.encode(&text, Specials::Parse);
        if let Some(bos) = tokenizer.bos().filter(|bos| tokenizer.add_bos() && ids.first() != Some(bos)) {
            ids.insert(0, bos);
        }
        Ok(ids)
    }

    /// Continues `prompt`; `on_text` hears of every piece of text as soon as it is whole and safe from stop strings, and
    /// stops the answer by returning `Break`. Between the chunks of a long prompt it is asked with an empty text.
    /// A model that thinks first does so before an answer that follows a grammar, too; the text is the answer alone then, and stop strings
    /// are looked for in that.
    ///
    /// # Errors
    /// The prompt cannot be rendered, tokenised or run, or a parameter is out of range.
    pub fn generate(
        &self,
        session: &mut Session,
        prompt: &Prompt,
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Answer, Error> {
        let ids = self.prompt_ids(prompt)?;
        let grammar = options.grammar.as_ref().map(|source| self.grammar(source)).transpose()?;
        let (conversation, thoughts) = match prompt {
            Prompt::Chat { prefill, .. } => (true, Some(self.splitter(&ids, prefill)?.keeping_space())),
            Prompt::Text(_) | Prompt::Ids(_) => (false, None),
        };
        let thoughts = thoughts.as_ref();
        let bound = grammar.as_ref().map(|grammar| Bound { grammar, free: false, thoughts, with_thoughts: false });
        self.continue_ids(session, Continued { ids, conversation, bound }, options, on_text)
    }

    /// As [`Model::generate`], past the tokenizer and the compiler of grammars.
    pub(crate) fn continue_ids(
        &self,
        session: &mut Session,
        continued: Continued<'_>,
        options: &GenerateOptions,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Answer, Error> {
        let Continued { ids: prompt_ids, conversation, bound } = continued;
        let next_turn = self.next_turn().filter(|_| conversation);
        let stop_ids = self.stop_ids().iter().copied().chain(next_turn).filter(|_| !options.ignore_eos).collect();
        let request = Request {
            max_tokens: options.max_tokens.or(self.defaults().max_tokens),
            stop_ids,
            logprobs: options.logprobs,
            sampling: options.sampling(&self.defaults().sampling),
        };
        let tokenizer = self.tokenizer().ok();
        let mut writer = Writer {
            stream: tokenizer.map(|tokenizer| {
                // after a prompt with text the first space belongs to the answer
                let follows_text = prompt_ids.iter().any(|&id| !tokenizer.is_special(id));
                if follows_text { TextStream::continuing(tokenizer) } else { TextStream::new(tokenizer) }
            }),
            after: bound.filter(|bound| !bound.with_thoughts).and_then(|bound| bound.thoughts.cloned()),
            stops: StopStrings::new(&options.stop),
            text: String::new(),
            matched: None,
        };
        let mask = bound.map(|bound| self.mask(session, &prompt_ids, &request, bound)).transpose()?;
        let generation = session.generate_masked(&prompt_ids, &request, mask, &mut |event| match event {
            Progress::Prefill { .. } => on_text(""),
            Progress::Token(token) => writer.push(token.id, on_text),
        })?;
        if writer.matched.is_none() {
            // whether the caller wants to stop no longer matters
            let _ = writer.finish(on_text);
        }
        let end = match (writer.matched, generation.finish_reason) {
            (Some(stop), _) => End::StopString(stop),
            (None, FinishReason::Stop(id)) => End::StopToken(id),
            (None, FinishReason::Complete) => End::Complete,
            (None, FinishReason::Length) => End::Length,
            (None, FinishReason::ContextFull) => End::ContextFull,
            (None, FinishReason::Cancelled) => End::Cancelled,
        };
        Ok(Answer { prompt_ids, tokens: generation.tokens, text: writer.text, end, timings: generation.timings })
    }
}

impl Model {
    /// What holds an answer to a grammar, whole within the limits of the request.
    fn mask(
        &self,
        session: &Session,
        prompt: &[u32],
        request: &Request,
        bound: Bound<'_>,
    ) -> Result<Box<dyn TokenMask>, Error> {
        let Bound { grammar, free, thoughts, .. } = bound;
        let room = (session.context() + 1).saturating_sub(prompt.len());
        let limit = request.max_tokens.map_or(room, |max| max.min(room));
        let ends = &request.stop_ids;
        let Some(splitter) = thoughts.filter(|splitter| splitter.may_think()) else {
            return Ok(Box::new(GrammarMask::new(grammar.begin_within(limit)?, ends).free(free)));
        };
        let vocab_size = self.decoder().config.vocab_size;
        let after = AfterThoughts::bound(self.shared_tokenizer()?, vocab_size, splitter.clone(), grammar.clone(), free);
        Ok(Box::new(after.within(limit, None, ends)?))
    }

    /// What tells thoughts apart in an answer to this prompt, which may have opened them and ends with the beginning of the answer, `begun`.
    pub(crate) fn splitter(&self, prompt: &[u32], begun: &str) -> Result<Splitter, Error> {
        // the longest tag and the space around it: a token is a byte at least
        const LONGEST: usize = 24;
        let last = &prompt[prompt.len().saturating_sub(LONGEST + begun.len())..];
        let last = self.tokenizer()?.decode(last, false);
        Ok(Splitter::new(&last, begun, can_think(self.template()?)))
    }

    /// The token that begins a turn, where the vocabulary has one.
    fn next_turn(&self) -> Option<u32> {
        let tokenizer = self.tokenizer().ok()?;
        tokenizer.id_of("<|im_start|>").filter(|&id| tokenizer.is_special(id))
    }
}

/// Turns tokens into text that can be shown: whole characters, up to where a stop string might begin.
struct Writer<'t> {
    stream: Option<TextStream<&'t Tokenizer>>,
    /// Finds thoughts, which are no part of the text.
    after: Option<Splitter>,
    stops: StopStrings,
    text: String,
    matched: Option<String>,
}

impl Writer<'_> {
    fn push(&mut self, id: u32, on_text: &mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(stream) = &mut self.stream else { return on_text("") };
        let mut piece = stream.push(id);
        if let Some(splitter) = &mut self.after {
            piece = splitter.push(&piece).content;
        }
        self.emit(&piece, on_text)
    }

    /// Whatever was held back: half a character, or what might have become a stop string.
    fn finish(&mut self, on_text: &mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(stream) = &mut self.stream else { return ControlFlow::Continue(()) };
        let mut piece = stream.finish();
        if let Some(splitter) = &mut self.after {
            piece = splitter.push(&piece).content + &splitter.finish().content;
        }
        self.emit(&piece, on_text)?;
        if self.matched.is_some() {
            return ControlFlow::Break(());
        }
        let held = self.stops.finish();
        self.text.push_str(&held);
        on_text(&held)
    }

    fn emit(&mut self, piece: &str, on_text: &mut dyn FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
        let step = self.stops.push(piece);
        self.text.push_str(&step.emit);
        let flow = on_text(&step.emit);
        if step.stopped.is_some() {
            self.matched = step.stopped;
            return ControlFlow::Break(());
        }
        flow
    }
}
