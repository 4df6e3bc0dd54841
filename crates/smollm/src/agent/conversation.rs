//! An agent at the terminal: a chat in which calls are shown.

use super::{Agent, AgentCall, AgentEnd, AgentEvent, AgentRun};
use crate::terminal::{AnswerStats, ContextUse, Conversation, Finish, Message, NO_BEGINNINGS, Setting};
use serde_json::Value;
use smollm_tokenizer::tools::calls_in;
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

    fn takes_beginnings(&self) -> bool {
        false
    }

    fn answer(&mut self, prefill: Option<&str>, on_text: &mut dyn FnMut(&str) -> bool) -> Result<AnswerStats, String> {
        if prefill.is_some_and(|text| !text.is_empty()) {
            return Err(NO_BEGINNINGS.to_owned());
        }
        let mut page = Page { on_text, shows_calls: self.shows_calls, open: false, called: false };
        let before = self.chat.messages().len();
        let run = self.run(before, &mut |event| page.tell(&event)).map_err(|error| error.to_string())?;
        // nothing follows that could be stopped
        let _ = match run.end {
            AgentEnd::StepLimit if run.steps.len() == 1 => page.line("ended after 1 step"),
            AgentEnd::StepLimit => page.line(&format!("ended after {} steps", run.steps.len())),
            AgentEnd::Answered if says_that_no_tool_fits(&run) => page.line("no tool fits"),
            _ => ControlFlow::Continue(()),
        };
        Ok(stats(&run))
    }
}

/// Whether all that the model said at last is an empty list of calls, in which nothing can be seen.
fn says_that_no_tool_fits(run: &AgentRun) -> bool {
    let last = run.steps.last();
    last.is_some_and(|step| step.text.trim().is_empty() && calls_in(&step.answer.text).is_some_and(|c| c.is_empty()))
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

/// The figures of the last step, but for what is of all of them.
fn stats(run: &AgentRun) -> AnswerStats {
    let figures: Vec<AnswerStats> =
        run.steps.iter().map(|step| AnswerStats::of(&step.answer, step.dropped_messages)).collect();
    let (first, last) = (figures[0], figures[figures.len() - 1]); // a run has a step at least
    AnswerStats {
        generated_tokens: figures.iter().map(|step| step.generated_tokens).sum(),
        seconds_to_first_token: first.seconds_to_first_token,
        finish: match run.end {
            AgentEnd::Answered | AgentEnd::StepLimit => Finish::Stop,
            AgentEnd::Interrupted => Finish::Interrupted,
            // an answer that has ended by itself leaves no room for the next
            AgentEnd::Length if last.finish == Finish::Stop => Finish::ContextFull,
            AgentEnd::Length => last.finish,
        },
        ..last
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
