//! A conversation with a model: history, settings, and room made when the context is full.

use crate::error::Error;
use crate::model::Model;
use crate::terminal::{AnswerStats, ContextUse, Conversation, Finish, Message, Role, Setting};
use crate::text::{Answer, Bound, Continued, End, GenerateOptions, Prompt};
use serde_json::{Map, Value};
use smollm_engine::Session;
use smollm_model::Architecture;
use smollm_tokenizer::template::{RenderOptions, local_time};
use smollm_tokenizer::tools::{self, Tool};
use std::ops::ControlFlow;

/// Where an answer must have at least this much room, older turns are dropped; a quarter of a small context will do.
const ROOM_FOR_AN_ANSWER: usize = 512;

/// A prompt of as many messages as leave room for an answer: the system message and the latest turns.
#[derive(Debug)]
pub(crate) struct FittingPrompt {
    pub(crate) ids: Vec<u32>,
    /// Messages that were left out.
    pub(crate) dropped: usize,
    /// Whether there is room; what cannot be left out may take it all.
    pub(crate) leaves_room: bool,
}

/// A conversation that remembers. The K/V cache keeps what the next prompt repeats, so a turn costs only its new tokens.
#[derive(Debug)]
pub struct ChatSession<'m> {
    model: &'m Model,
    session: Session,
    messages: Vec<Message>,
    options: GenerateOptions,
    initial: GenerateOptions,
    /// `None` leaves the template's own default.
    thinking: Option<bool>,
    initial_thinking: Option<bool>,
    used: usize,
    /// What the model is told that it may call: see [`crate::agent`].
    tools: Vec<Tool>,
}

impl<'m> ChatSession<'m> {
    /// An empty conversation; `options` are its settings until changed, `system` its first message, and `thinking` turns
    /// the thinking of a model that has it on (its default) or off.
    ///
    /// # Errors
    /// The model has no chat template or no tokenizer, or `thinking` is given and it cannot think.
    pub fn new(
        model: &'m Model,
        options: GenerateOptions,
        system: Option<String>,
        thinking: Option<bool>,
    ) -> Result<Self, Error> {
        model.template()?;
        model.tokenizer()?;
        let messages = system.map(|text| Message::new(Role::System, text)).into_iter().collect();
        let can_think = model.decoder().config.architecture == Architecture::SmolLm3;
        if thinking.is_some() && !can_think {
            return Err(Error::CannotThink { model: model.short_name().into() });
        }
        let thinking = can_think.then_some(thinking.unwrap_or(true));
        Ok(Self {
            model,
            session: model.session(),
            messages,
            initial: options.clone(),
            options,
            thinking,
            initial_thinking: thinking,
            used: 0,
            tools: Vec::new(),
        })
    }

    /// The same, with tools that the model is told of.
    pub(crate) fn with_tools(self, tools: Vec<Tool>) -> Self {
        Self { tools, ..self }
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> &'m Model {
        self.model
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Takes back all but the first `len` messages.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.messages.truncate(len);
    }

    /// Asks `question` and returns the whole answer; a convenience over [`Conversation::answer`].
    ///
    /// # Errors
    /// The template refuses the conversation, the question alone does not fit, or the model fails.
    pub fn ask(&mut self, question: &str) -> Result<String, Error> {
        self.messages.push(Message::new(Role::User, question));
        match self.respond("", &mut |_| ControlFlow::Continue(())) {
            Ok((answer, _)) => Ok(answer.text),
            Err(error) => {
                self.messages.pop();
                Err(error)
            }
        }
    }

    /// Answers the messages and appends the answer; also says how many messages had to be left out.
    fn respond(
        &mut self,
        prefill: &str,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(Answer, usize), Error> {
        let FittingPrompt { ids, dropped, .. } = self.fitting_prompt(prefill)?;
        let grammar = self.options.grammar.as_ref().map(|source| self.model.grammar(source)).transpose()?;
        let splitter = self.model.splitter(&ids, prefill)?.keeping_space();
        let thoughts = Some(&splitter);
        let bound = grammar.as_ref().map(|grammar| Bound { grammar, free: false, thoughts, with_thoughts: false });
        // thoughts that the prefill began are no part of an answer that follows a grammar
        let prefill = if bound.is_some() && splitter.is_thinking() { "" } else { prefill };
        let answer = self.continue_prompt(ids, bound, on_text)?;
        self.messages.push(Message::new(Role::Assistant, format!("{prefill}{}", answer.text)));
        Ok((answer, dropped))
    }

    /// Answers a prompt of this conversation; the messages stay as they are.
    pub(crate) fn continue_prompt(
        &mut self,
        ids: Vec<u32>,
        bound: Option<Bound<'_>>,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Answer, Error> {
        let continued = Continued { ids, conversation: true, bound };
        let answer = self.model.continue_ids(&mut self.session, continued, &self.options, on_text)?;
        // the last token of an answer that fills the context needs no room of its own
        self.used = self.session.context().min(answer.prompt_ids.len() + answer.tokens.len());
        Ok(answer)
    }

    /// The prompt of the messages, the oldest turns left out if they leave no room.
    ///
    /// # Errors
    /// The template fails.
    pub(crate) fn fitting_prompt(&self, prefill: &str) -> Result<FittingPrompt, Error> {
        let context = self.session.context();
        let room = ROOM_FOR_AN_ANSWER.min(context / 4);
        let first = usize::from(self.messages.first().is_some_and(|m| m.role == Role::System));
        let mut from = first;
        loop {
            let kept: Vec<&Message> = self.messages[..first].iter().chain(&self.messages[from..]).collect();
            let ids = self.model.prompt_ids(&self.prompt(&kept, prefill)?)?;
            let leaves_room = ids.len() + room <= context;
            // the next turn to drop ends before the next message of the user
            let next = (from + 1..self.messages.len()).find(|&i| self.messages[i].role == Role::User);
            match next {
                Some(next) if !leaves_room => from = next,
                _ => return Ok(FittingPrompt { ids, dropped: from - first, leaves_room }),
            }
        }
    }

    fn prompt(&self, messages: &[&Message], prefill: &str) -> Result<Prompt, Error> {
        let mut extra = Map::new();
        if let Some(on) = self.thinking {
            extra.insert("enable_thinking".into(), on.into());
        }
        // serialising a role and a string cannot fail
        let messages = serde_json::to_value(messages).unwrap_or(Value::Null);
        // results of tools may be among them where there are none now: a saved chat remembers
        let told = tools::conversation(self.model.template()?, &messages, &self.tools)?;
        let (messages, tools) = (told.messages, told.tools);
        let now = local_time();
        let render = RenderOptions { add_generation_prompt: true, tools, extra, now, ..RenderOptions::default() };
        Ok(Prompt::Chat { messages, render: Box::new(render), prefill: prefill.into() })
    }

    fn value(&self, name: &str) -> String {
        let sampling = self.options.sampling(&self.model.defaults().sampling);
        match name {
            "temperature" => sampling.temperature.to_string(),
            "top_k" => sampling.top_k.to_string(),
            "top_p" => sampling.top_p.to_string(),
            "min_p" => sampling.min_p.to_string(),
            "repetition_penalty" => sampling.repetition_penalty.to_string(),
            "frequency_penalty" => sampling.frequency_penalty.to_string(),
            "presence_penalty" => sampling.presence_penalty.to_string(),
            "seed" => self.options.seed.map_or("random".into(), |seed| seed.to_string()),
            "max_tokens" => match self.options.max_tokens.or(self.model.defaults().max_tokens) {
                None | Some(usize::MAX) => "none".into(),
                Some(max) => max.to_string(),
            },
            "think" => if self.thinking == Some(true) { "on" } else { "off" }.into(),
            _ => String::new(),
        }
    }
}

/// Name and help of what `/set` changes.
const SETTINGS: [(&str, &str); 10] = [
    ("temperature", "0 takes the likeliest token, higher is more varied; 0 to 100"),
    ("top_k", "keep the k likeliest tokens; 0 keeps all"),
    ("top_p", "keep the likeliest tokens that together reach p; above 0, at most 1"),
    ("min_p", "drop tokens less likely than this share of the likeliest; 0 to 1"),
    ("repetition_penalty", "above 1 discourages tokens already in the conversation"),
    ("frequency_penalty", "discourages tokens by how often they stand in the answer; -100 to 100"),
    ("presence_penalty", "discourages tokens that stand in the answer; -100 to 100"),
    ("seed", "a number makes answers repeatable; `random` does not"),
    ("max_tokens", "longest answer in tokens; `none` for as long as the context lasts"),
    ("think", "on: the model thinks before it answers; off: it answers at once"),
];

/// A number, or what was expected instead.
fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} must be a number, not `{value}`"))
}

impl Conversation for ChatSession<'_> {
    fn model_name(&self) -> &str {
        self.model.short_name()
    }

    fn messages(&self) -> &[Message] {
        &self.messages
    }

    fn set_messages(&mut self, messages: Vec<Message>) {
        self.messages = messages;
        self.used = 0;
    }

    fn settings(&self) -> Vec<Setting> {
        SETTINGS
            .iter()
            .filter(|(name, _)| *name != "think" || self.thinking.is_some())
            .map(|(name, help)| Setting { name: (*name).into(), value: self.value(name), help: (*help).into() })
            .collect()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let mut options = self.options.clone();
        match name {
            "temperature" => options.temperature = Some(number(name, value)?),
            "top_k" => options.top_k = Some(number(name, value)?),
            "top_p" => options.top_p = Some(number(name, value)?),
            "min_p" => options.min_p = Some(number(name, value)?),
            "repetition_penalty" => options.repetition_penalty = Some(number(name, value)?),
            "frequency_penalty" => options.frequency_penalty = Some(number(name, value)?),
            "presence_penalty" => options.presence_penalty = Some(number(name, value)?),
            "seed" if value == "random" => options.seed = None,
            "seed" => options.seed = Some(number(name, value)?),
            // not `None`, which leaves it to the model's own settings
            "max_tokens" if value == "none" => options.max_tokens = Some(usize::MAX),
            "max_tokens" => options.max_tokens = Some(number(name, value)?),
            "think" if self.thinking.is_some() => match value {
                "on" => self.thinking = Some(true),
                "off" => self.thinking = Some(false),
                _ => return Err(format!("think must be on or off, not `{value}`")),
            },
            _ => return Err(format!("there is no setting `{name}`")),
        }
        let sampling = options.sampling(&self.model.defaults().sampling);
        sampling.validate(self.model.decoder().config.vocab_size).map_err(|e| e.to_string())?;
        self.options = options;
        Ok(())
    }

    fn reset_settings(&mut self) {
        self.options = self.initial.clone();
        self.thinking = self.initial_thinking;
    }

    fn context(&self) -> ContextUse {
        ContextUse { used: self.used, limit: self.session.context() }
    }

    fn answer(&mut self, prefill: Option<&str>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<AnswerStats, String> {
        let mut flow = |text: &str| if on_text(text) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let (answer, dropped) = self.respond(prefill.unwrap_or_default(), &mut flow).map_err(|e| e.to_string())?;
        Ok(AnswerStats::of(&answer, dropped))
    }
}

impl AnswerStats {
    /// What a terminal tells of an answer to a prompt without so many messages.
    pub(crate) fn of(answer: &Answer, dropped_messages: usize) -> Self {
        let timings = &answer.timings;
        let per_second = |seconds: f64| if seconds > 0.0 { timings.decode_tokens as f64 / seconds } else { 0.0 };
        Self {
            prompt_tokens: answer.prompt_ids.len(),
            cached_tokens: timings.cached_tokens,
            generated_tokens: answer.tokens.len(),
            seconds_to_first_token: timings.prefill_s,
            tokens_per_second: per_second(timings.decode_s),
            finish: match answer.end {
                End::StopToken(_) | End::StopString(_) | End::Complete => Finish::Stop,
                End::Length => Finish::Length { limit: answer.tokens.len() },
                End::ContextFull => Finish::ContextFull,
                End::Cancelled => Finish::Interrupted,
            },
            dropped_messages,
        }
    }
}
