//! A conversation that answers from a script, in small pieces.

use std::thread::sleep;
use std::time::Duration;

use smollm::terminal::{AnswerStats, ContextUse, Conversation, Finish, Message, Role, Setting};

const TEMPERATURE: &str = "0.2";

/// Answers the n-th question with the n-th answer (the last one again when they run out).
pub(crate) struct Scripted {
    name: String,
    messages: Vec<Message>,
    answers: Vec<String>,
    asked: usize,
    temperature: String,
    think: Option<String>,
    delay: Duration,
    pub(crate) finish: Finish,
    pub(crate) dropped: usize,
}

impl Scripted {
    pub(crate) fn new(answers: &[&str]) -> Self {
        Self {
            name: "Scripted-1".to_owned(),
            messages: Vec::new(),
            answers: answers.iter().map(|answer| (*answer).to_owned()).collect(),
            asked: 0,
            temperature: TEMPERATURE.to_owned(),
            think: None,
            delay: Duration::ZERO,
            finish: Finish::Stop,
            dropped: 0,
        }
    }

    /// With a thinking mode, switched on.
    pub(crate) fn thinking(self) -> Self {
        Self { think: Some("on".to_owned()), ..self }
    }

    /// With a pause before each piece.
    pub(crate) fn every(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The messages as `role: content`.
    pub(crate) fn transcript(&self) -> Vec<String> {
        self.messages.iter().map(|message| format!("{}: {}", message.role.name(), message.content)).collect()
    }
}

impl Conversation for Scripted {
    fn model_name(&self) -> &str {
        &self.name
    }

    fn messages(&self) -> &[Message] {
        &self.messages
    }

    fn set_messages(&mut self, messages: Vec<Message>) {
        self.messages = messages;
    }

    fn settings(&self) -> Vec<Setting> {
        let setting = |name: &str, value: &str, help: &str| Setting {
            name: name.to_owned(),
            value: value.to_owned(),
            help: help.to_owned(),
        };
        let mut settings = vec![setting("temperature", &self.temperature, "0 to 2; 0 is greedy")];
        settings.extend(self.think.as_ref().map(|think| setting("think", think, "on or off")));
        settings
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "temperature" => match value.parse::<f32>() {
                Ok(temperature) if (0.0..=2.0).contains(&temperature) => {
                    self.temperature = value.to_owned();
                    Ok(())
                }
                _ => Err(format!("temperature takes 0 to 2, but got {value:?}")),
            },
            "think" if self.think.is_some() => {
                self.think = Some(value.to_owned());
                Ok(())
            }
            _ => Err(format!("no setting {name}")),
        }
    }

    fn reset_settings(&mut self) {
        self.temperature = TEMPERATURE.to_owned();
    }

    fn context(&self) -> ContextUse {
        ContextUse { used: self.messages.iter().map(|message| message.content.len()).sum(), limit: 8192 }
    }

    fn answer(&mut self, prefill: Option<&str>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<AnswerStats, String> {
        assert_eq!(self.messages.last().map(|message| message.role), Some(Role::User));
        let answer = self.answers[self.asked.min(self.answers.len() - 1)].clone();
        self.asked += 1;
        if let Some(problem) = answer.strip_prefix("FAIL ") {
            return Err(problem.to_owned());
        }
        let mut content = prefill.unwrap_or("").to_owned();
        let mut finish = self.finish;
        let mut pieces = 0;
        if !on_text("") {
            finish = Finish::Interrupted;
        }
        for piece in answer.split_inclusive(' ') {
            if finish == Finish::Interrupted {
                break;
            }
            sleep(self.delay);
            content.push_str(piece);
            pieces += 1;
            if !on_text(piece) {
                finish = Finish::Interrupted;
            }
        }
        self.messages.push(Message::new(Role::Assistant, content));
        Ok(AnswerStats {
            prompt_tokens: 37,
            cached_tokens: 12,
            generated_tokens: pieces,
            seconds_to_first_token: 0.25,
            tokens_per_second: 20.0,
            finish,
            dropped_messages: self.dropped,
        })
    }
}
