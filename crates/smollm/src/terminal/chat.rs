//! The chat itself: reads inputs, lets the conversation answer, carries out the commands.

use std::env;
use std::io;
use std::path::PathBuf;

use super::answer::{self, NoAnswer};
use super::command::{self, Line};
use super::conversation::{AnswerStats, Conversation, Message, Role};
use super::keys::Keys;
use super::page::Page;
use super::source::{Interrupts, Next, Source};
use super::style::Colour;
use super::{ChatError, ChatOptions, folders, neutral};

/// Whether the chat goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Leave,
}

/// Why an input was not carried out.
pub(super) enum Failure {
    /// The page cannot be written: the chat ends.
    Page(io::Error),
    /// One line for the user.
    Told(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Page(error)
    }
}

pub(super) type Outcome = Result<Flow, Failure>;

pub(super) fn told(text: impl Into<String>) -> Outcome {
    Err(Failure::Told(text.into()))
}

/// A running chat.
pub(crate) struct Chat<'a> {
    pub(super) conversation: &'a mut dyn Conversation,
    pub(super) page: Page<'a>,
    pub(super) source: Source<'a>,
    user: String,
    pub(super) save_folder: PathBuf,
    /// The system message at the start, for `/reset`.
    pub(super) first_system: Option<Message>,
    /// What the next answer begins with.
    pub(super) prefill: Option<String>,
    pub(super) last: Option<AnswerStats>,
    pub(super) stats_after_answers: bool,
    /// Messages that the model did not see at the last answer.
    dropped: usize,
    /// There is one question and no command after it.
    once: bool,
    /// Watches the keyboard from the start of an answer to the next prompt.
    keys: Option<Keys>,
}

impl<'a> Chat<'a> {
    pub(crate) fn new(
        conversation: &'a mut dyn Conversation,
        page: Page<'a>,
        source: Source<'a>,
        options: &ChatOptions,
    ) -> Self {
        let first_system = system_of(conversation.messages()).cloned();
        Self {
            conversation,
            page,
            source,
            user: options.user.clone().unwrap_or_else(user_name),
            save_folder: options.save_folder.clone().unwrap_or_else(folders::chats),
            first_system,
            prefill: options.prefill.clone(),
            last: None,
            stats_after_answers: false,
            dropped: 0,
            once: options.question.is_some(),
            keys: None,
        }
    }

    /// Answers one question.
    pub(crate) fn ask_once(&mut self, question: &str) -> Result<(), ChatError> {
        match self.ask(question) {
            Ok(_) => Ok(()),
            Err(Failure::Page(error)) => Err(ChatError::Write(error)),
            Err(Failure::Told(message)) => Err(ChatError::Answer(neutral::line(&message))),
        }
    }

    /// Reads and carries out inputs to their end.
    pub(crate) fn run(&mut self) -> Result<(), ChatError> {
        if matches!(self.source, Source::Prompt(_)) { self.converse() } else { self.read_stream() }
    }

    fn converse(&mut self) -> Result<(), ChatError> {
        let model = self.conversation.model_name().to_owned();
        let greeting = format!("{model}; /help lists the commands, Ctrl-D leaves");
        self.page.notice(&greeting).map_err(ChatError::Write)?;
        let mut interrupts = Interrupts::default();
        loop {
            self.head_prompt().map_err(ChatError::Write)?;
            let Source::Prompt(prompt) = &mut self.source else { return Ok(()) };
            let typed = self.keys.take().map(Keys::finish).unwrap_or_default();
            let input = prompt.read(&typed).map_err(|e| ChatError::Prompt(e.to_string()))?;
            let (next, explain) = interrupts.next(input);
            if explain {
                self.page.notice("Ctrl-C again or Ctrl-D leaves").map_err(ChatError::Write)?;
            }
            let outcome = match next {
                Next::Input(input) => self.carry_out(&input),
                Next::Again => Ok(Flow::Next),
                Next::Leave => Ok(Flow::Leave),
            };
            match outcome {
                Ok(Flow::Next) => {}
                Ok(Flow::Leave) => return Ok(()),
                Err(Failure::Page(error)) => return Err(ChatError::Write(error)),
                Err(Failure::Told(message)) => self.page.problem(&message).map_err(ChatError::Write)?,
            }
        }
    }

    fn head_prompt(&mut self) -> io::Result<()> {
        self.page.say("")?;
        self.page.header(&self.user, Colour::Green)
    }

    /// Nobody reads the errors of a stream while it runs, so that the first one ends it.
    fn read_stream(&mut self) -> Result<(), ChatError> {
        loop {
            let Source::Lines(lines) = &mut self.source else { return Ok(()) };
            let Some((line, input)) = lines.next()? else { return Ok(()) };
            match self.carry_out(&input) {
                Ok(Flow::Next) => {}
                Ok(Flow::Leave) => return Ok(()),
                Err(Failure::Page(error)) => return Err(ChatError::Write(error)),
                Err(Failure::Told(message)) => {
                    return Err(ChatError::Input { line, message: neutral::line(&message) });
                }
            }
        }
    }

    fn carry_out(&mut self, input: &str) -> Outcome {
        match command::read(input).map_err(Failure::Told)? {
            Line::Empty => Ok(Flow::Next),
            Line::Message(text) => self.ask(&text),
            Line::Command(command) => self.obey(command),
        }
    }

    pub(super) fn ask(&mut self, question: &str) -> Outcome {
        let before = self.conversation.messages().to_vec();
        let mut messages = before.clone();
        messages.push(Message::new(Role::User, question));
        self.conversation.set_messages(messages);
        let prefill = self.prefill.take();
        let outcome = self.answer(prefill.as_deref(), &before);
        if outcome.is_err() {
            self.prefill = prefill;
        }
        outcome
    }

    /// Answers the messages; if that fails they are `before` again.
    pub(super) fn answer(&mut self, prefill: Option<&str>, before: &[Message]) -> Outcome {
        let interactive = matches!(self.source, Source::Prompt(_));
        if interactive {
            let model = self.conversation.model_name().to_owned();
            self.page.say("")?;
            self.page.header(&model, Colour::Magenta)?;
            // Without a keyboard to watch the answer is still worth having.
            self.keys = Keys::start().ok();
        }
        match answer::stream(self.conversation, &mut self.page, prefill, self.keys.as_ref(), before) {
            Ok(stats) => {
                self.last = Some(stats);
                let context = self.conversation.context().limit;
                // Said again only when more is lost.
                if stats.dropped_messages > self.dropped {
                    answer::explain_dropped(&mut self.page, stats.dropped_messages, context)?;
                }
                self.dropped = stats.dropped_messages;
                let goes_on = !self.once && self.conversation.takes_beginnings();
                answer::explain_end(&mut self.page, &stats, context, goes_on)?;
                if self.stats_after_answers {
                    self.page.notice(&answer::figures(&stats))?;
                }
                Ok(Flow::Next)
            }
            Err(NoAnswer::Page(error)) => Err(Failure::Page(error)),
            Err(NoAnswer::Conversation(message)) => told(message),
        }
    }
}

pub(super) fn system_of(messages: &[Message]) -> Option<&Message> {
    messages.first().filter(|message| message.role == Role::System)
}

fn user_name() -> String {
    let named = |name| env::var(name).ok().filter(|user| !user.trim().is_empty());
    named("USER").or_else(|| named("USERNAME")).unwrap_or_else(|| "you".to_owned())
}
