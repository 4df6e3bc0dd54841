//! An agent at the terminal: a chat in which calls are shown.

use super::{Agent, AgentCall, AgentEnd, AgentEvent, AgentRun};
use crate::terminal::{AnswerStats, ContextUse, Conversation, Finish, Message, Setting};
use crate::text::End;
use serde_json::Value;
use std::ops::ControlFlow;

/// Characters of arguments and results that are shown.
const SHOWN: usize = 200;

impl Conversation for Agent<'_> {
    fn model_name(&self) -> &str {
        self.chat.model_name()
    }

    fn messages(&self) -> &[Message] {
        self.chat.messages()
    }

    fn set_messages(&mut self, messages: Vec<Message>) {
        self.chat.set_messages(messages);
    }

    fn settings(&self) -> Vec<Setting> {
        self.chat.settings()
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        self.chat.set(name, value)
    }

    fn reset_settings(&mut self) {
        self.chat.reset_settings();
    }

    fn context(&self) -> ContextUse {
        self.chat.context()
    }

    fn answer(&mut self, prefill: Option<&str>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<AnswerStats, String> {
        if prefill.is_some_and(|text| !text.is_empty()) {
            return Err("an answer that may have calls cannot be begun".to_owned());
        }
        let mut page = Page { on_text, shows_calls: self.shows_calls, open: false, called: false };
        let run = self.run(&mut |event| page.tell(&event)).map_err(|error| error.to_string())?;
        if run.end == AgentEnd::StepLimit {
            // nothing follows that could be stopped
            let _ = page.line(&format!("ended after {} steps", run.steps.len()));
        }
        Ok(stats(&run))
    }
}

/// Text and calls in one stream of Markdown.
struct Page<'a> {
    on_text: &'a mut dyn FnMut(&str) -> bool,
    shows_calls: bool,
    /// Whether a line of text has begun that does not end yet.
    open: bool,
    /// Whether there was a call since the last text.
    called: bool,
}

impl Page<'_> {
    fn tell(&mut self, event: &AgentEvent<'_>) -> ControlFlow<()> {
        match event {
            AgentEvent::Text(text) => {
                if text.is_empty() {
                    return self.flow(text);
                }
                if std::mem::take(&mut self.called) && self.open {
                    self.flow("\n\n")?;
                }
                self.open = !text.ends_with('\n');
                self.flow(text)
            }
            AgentEvent::Call { name, arguments } => {
                self.called = true;
                self.line(&code(&format!("{name}({})", short(arguments))))
            }
            AgentEvent::Result(AgentCall { result: Ok(Value::String(text)), .. }) => self.line(&code(&short(text))),
            AgentEvent::Result(AgentCall { result: Ok(value), .. }) => self.line(&code(&short(&value.to_string()))),
            AgentEvent::Result(AgentCall { result: Err(problem), .. }) => {
                self.line(&format!("error: {}", code(&short(problem))))
            }
        }
    }

    /// A paragraph in a quote, which no answer begins by itself.
    fn line(&mut self, text: &str) -> ControlFlow<()> {
        if !self.shows_calls {
            return self.flow("");
        }
        let before = if std::mem::take(&mut self.open) { "\n\n" } else { "" };
        self.flow(&format!("{before}> {text}\n\n"))
    }

    fn flow(&mut self, text: &str) -> ControlFlow<()> {
        if (self.on_text)(text) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() { format!("{line}...") } else { line }
}

/// As code in Markdown, whatever it holds.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// The figures of all steps; prompt and speed are those of the last.
fn stats(run: &AgentRun) -> AnswerStats {
    let last = run.steps.last().map(|step| &step.answer);
    let timings = last.map(|answer| &answer.timings);
    let speed = timings.filter(|timings| timings.decode_s > 0.0).map(|t| t.decode_tokens as f64 / t.decode_s);
    AnswerStats {
        prompt_tokens: last.map_or(0, |answer| answer.prompt_ids.len()),
        cached_tokens: timings.map_or(0, |timings| timings.cached_tokens),
        generated_tokens: run.steps.iter().map(|step| step.answer.tokens.len()).sum(),
        seconds_to_first_token: run.steps.first().map_or(0.0, |step| step.answer.timings.prefill_s),
        tokens_per_second: speed.unwrap_or(0.0),
        finish: match (run.end, last.map(|answer| &answer.end)) {
            (AgentEnd::Answered | AgentEnd::StepLimit, _) => Finish::Stop,
            (AgentEnd::Length, Some(End::ContextFull)) => Finish::ContextFull,
            (AgentEnd::Length, _) => Finish::Length,
            (AgentEnd::Interrupted, _) => Finish::Interrupted,
        },
        dropped_messages: run.steps.last().map_or(0, |step| step.dropped_messages),
    }
}

#[cfg(test)]
mod tests {
    use super::{code, short};

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(short("a\nb"), "a b");
        assert_eq!(short(&"é".repeat(300)), format!("{}...", "é".repeat(200)));
        assert_eq!(code("x"), "`x`");
        assert_eq!(code("a ``b` c"), "```a ``b` c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(""), "`  `");
    }
}
