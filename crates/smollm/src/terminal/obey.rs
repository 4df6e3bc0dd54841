//! What the commands do.

use std::time::SystemTime;

use super::answer::{self, Writer};
use super::archive::{self, SavedChat};
use super::chat::{Chat, Failure, Flow, Outcome, system_of, told};
use super::command::{self, Command};
use super::conversation::{Message, Role, Setting};
use super::questions::{QUESTIONS, question};
use super::style::Colour;
use super::{NO_BEGINNINGS, timestamp};

impl Chat<'_> {
    /// Carries out a command.
    pub(super) fn obey(&mut self, command: Command) -> Outcome {
        match command {
            Command::Continue if !self.conversation.takes_beginnings() => told(format!("/continue: {NO_BEGINNINGS}")),
            Command::Prefill(_) if !self.conversation.takes_beginnings() => told(format!("/prefill: {NO_BEGINNINGS}")),
            Command::Help => self.help(),
            Command::Clear => {
                let system = system_of(self.conversation.messages()).cloned();
                self.start_anew(system, "new chat")
            }
            Command::Reset => {
                self.conversation.reset_settings();
                self.prefill = None;
                self.start_anew(self.first_system.clone(), "new chat with the first settings")
            }
            Command::Save(name) => self.save(name),
            Command::Load(name) => self.load(name),
            Command::Set(pairs) if pairs.is_empty() => self.list_settings(),
            Command::Set(pairs) => self.set(&pairs),
            Command::System(text) => self.system(text),
            Command::Example(name) => self.example(name),
            Command::Regenerate => self.regenerate(),
            Command::Continue => self.go_on(),
            Command::Undo => self.undo(),
            Command::History => self.history(),
            Command::Stats(None) => self.stats(),
            Command::Stats(Some(on)) => {
                self.stats_after_answers = on;
                self.page.notice(if on { "figures after every answer" } else { "no figures after answers" })?;
                Ok(Flow::Next)
            }
            Command::Prefill(text) => self.set_prefill(text),
            Command::Think(on) => self.think(on),
            Command::Exit => Ok(Flow::Leave),
        }
    }

    fn start_anew(&mut self, system: Option<Message>, notice: &str) -> Outcome {
        self.conversation.set_messages(system.into_iter().collect());
        self.last = None;
        self.page.notice(notice)?;
        Ok(Flow::Next)
    }

    fn help(&mut self) -> Outcome {
        let usage = |entry: &command::Entry| format!("{} {}", entry.name, entry.arguments).trim_end().to_owned();
        let offered = command::offered(self.conversation.takes_beginnings());
        let rows: Vec<_> = offered.iter().map(|entry| (usage(entry), entry.help.to_owned())).collect();
        self.page.columns(&rows)?;
        self.page.say(
            "\nCommands begin with a slash; any other line is sent to the model, also help or exit.\n\
             A message of several lines: end a line with \\, or enclose the text in \"\"\"; at the prompt also Alt-Enter.\n\
             A message that begins with a slash: write it twice. Ctrl-C stops an answer.",
        )?;
        Ok(Flow::Next)
    }

    fn save(&mut self, name: Option<String>) -> Outcome {
        let saved_at = timestamp::rfc3339(SystemTime::now());
        let model = self.conversation.model_name().to_owned();
        let name = name.unwrap_or_else(|| archive::default_name(&model, &saved_at));
        let settings = self.conversation.settings().into_iter().map(|setting| (setting.name, setting.value));
        let chat = SavedChat {
            model,
            saved_at,
            settings: settings.collect(),
            messages: self.conversation.messages().to_vec(),
        };
        let mut path = archive::path_of(&self.save_folder, &name);
        let mut replace = false;
        if path.symlink_metadata().is_ok() {
            let answer = self.source.ask(&format!("{} exists. Replace it? [y/N] ", path.display()));
            replace = answer.is_some_and(|answer| answer.trim().eq_ignore_ascii_case("y"));
            if !replace {
                path = archive::free_path(&path);
            }
        }
        match chat.write(&path, replace) {
            Ok(()) => {
                self.page.notice(&format!("saved to {}", path.display()))?;
                Ok(Flow::Next)
            }
            Err(error) => told(format!("{}: {error}", path.display())),
        }
    }

    fn load(&mut self, name: Option<String>) -> Outcome {
        let Some(name) = name else {
            let names = archive::names(&self.save_folder);
            if names.is_empty() {
                self.page.notice(&format!("no saved chats in {}", self.save_folder.display()))?;
            }
            for name in names {
                self.page.say(&name)?;
            }
            return Ok(Flow::Next);
        };
        let path = archive::path_of(&self.save_folder, &name);
        if path.parent() == Some(&self.save_folder) && !path.exists() {
            return told(format!("/load: no saved chat {name} in {}; /load lists them", self.save_folder.display()));
        }
        let chat = SavedChat::read(&path).map_err(Failure::Told)?;
        for (name, value) in &chat.settings {
            if let Err(problem) = self.conversation.set(name, value) {
                self.page.warning(&format!("setting left as it is: {problem}"))?;
            }
        }
        let count = chat.messages.len();
        self.conversation.set_messages(chat.messages);
        self.last = None;
        self.page.notice(&format!("loaded {count} messages; /history shows them"))?;
        Ok(Flow::Next)
    }

    fn list_settings(&mut self) -> Outcome {
        let settings = self.conversation.settings();
        let row = |setting: &Setting| (format!("{}={}", setting.name, setting.value), setting.help.clone());
        self.page.columns(&settings.iter().map(row).collect::<Vec<_>>())?;
        Ok(Flow::Next)
    }

    /// Changes all of them or none.
    fn set(&mut self, pairs: &[(String, String)]) -> Outcome {
        let before = self.conversation.settings();
        for (name, value) in pairs {
            if let Err(problem) = self.conversation.set(name, value) {
                for setting in &before {
                    // These values were accepted before.
                    let _ = self.conversation.set(&setting.name, &setting.value);
                }
                let known = before.iter().map(|setting| setting.name.as_str());
                let hint = match command::nearest(name, known.clone()) {
                    _ if known.clone().any(|known| known == name) => String::new(),
                    Some(near) => format!(" (did you mean {near}?)"),
                    None => "; /set lists them".to_owned(),
                };
                return told(format!("/set: {problem}{hint}"));
            }
        }
        let changed: Vec<String> = self
            .conversation
            .settings()
            .iter()
            .filter(|setting| pairs.iter().any(|(name, _)| *name == setting.name))
            .map(|setting| format!("{}={}", setting.name, setting.value))
            .collect();
        self.page.notice(&changed.join("; "))?;
        Ok(Flow::Next)
    }

    fn system(&mut self, text: Option<String>) -> Outcome {
        let mut messages = self.conversation.messages().to_vec();
        let Some(text) = text else {
            match system_of(&messages) {
                Some(message) => self.page.say(&message.content)?,
                None => self.page.notice("no system prompt of yours; the model's own, if it has one")?,
            }
            return Ok(Flow::Next);
        };
        if system_of(&messages).is_some() {
            messages.remove(0);
        }
        let removed = text == "-";
        if !removed {
            messages.insert(0, Message::new(Role::System, text));
        }
        self.conversation.set_messages(messages);
        self.page.notice(if removed { "system prompt removed" } else { "system prompt set" })?;
        Ok(Flow::Next)
    }

    fn example(&mut self, name: Option<String>) -> Outcome {
        let Some(name) = name else {
            let row = |(name, question): (&str, &str)| (name.to_owned(), question.to_owned());
            self.page.columns(&QUESTIONS.map(row))?;
            return Ok(Flow::Next);
        };
        let Some(question) = question(&name) else {
            let names: Vec<&str> = QUESTIONS.iter().map(|(name, _)| *name).collect();
            return told(format!("/example: no example {name} (there are {})", names.join(", ")));
        };
        let system = system_of(self.conversation.messages()).cloned();
        self.start_anew(system, &format!("new chat: {question}"))?;
        self.ask(question)
    }

    fn regenerate(&mut self) -> Outcome {
        let before = self.conversation.messages().to_vec();
        let Some(question) = before.iter().rposition(|message| message.role == Role::User) else {
            return told("/regenerate: nothing was asked yet");
        };
        self.conversation.set_messages(before[..=question].to_vec());
        self.answer(None, &before)
    }

    fn go_on(&mut self) -> Outcome {
        let before = self.conversation.messages().to_vec();
        match before.split_last() {
            Some((last, rest)) if last.role == Role::Assistant => {
                self.conversation.set_messages(rest.to_vec());
                self.answer(Some(&last.content), &before)
            }
            _ => told("/continue: there is no answer yet"),
        }
    }

    fn undo(&mut self) -> Outcome {
        let mut messages = self.conversation.messages().to_vec();
        let Some(question) = messages.iter().rposition(|message| message.role == Role::User) else {
            return told("/undo: nothing was asked yet");
        };
        let forgotten = messages[question].content.clone();
        messages.truncate(question);
        self.conversation.set_messages(messages);
        self.page.notice(&format!("forgotten: {}", shortened(&forgotten)))?;
        Ok(Flow::Next)
    }

    fn history(&mut self) -> Outcome {
        let messages = self.conversation.messages().to_vec();
        if messages.is_empty() {
            self.page.notice("nothing was said yet")?;
        }
        for (i, message) in messages.iter().enumerate() {
            if i > 0 {
                self.page.say("")?;
            }
            match message.role {
                Role::Assistant => {
                    self.page.header(Role::Assistant.name(), Colour::Magenta)?;
                    let mut writer = Writer::new(&self.page);
                    writer.push(&mut self.page, &message.content)?;
                    writer.finish(&mut self.page)?;
                }
                role => {
                    self.page.header(role.name(), Colour::Green)?;
                    self.page.say(&message.content)?;
                }
            }
        }
        Ok(Flow::Next)
    }

    fn stats(&mut self) -> Outcome {
        match &self.last {
            Some(stats) => self.page.say(&answer::figures(stats))?,
            None => self.page.notice("no answer yet")?,
        }
        let context = self.conversation.context();
        self.page.say(&format!("{} of {} tokens of the context in use", context.used, context.limit))?;
        Ok(Flow::Next)
    }

    fn set_prefill(&mut self, text: Option<String>) -> Outcome {
        if let Some(text) = text {
            self.prefill = Some(text).filter(|text| !text.is_empty());
        }
        let notice = match &self.prefill {
            Some(text) => format!("the next answer begins with: {}", shortened(text)),
            None => "no prefill".to_owned(),
        };
        self.page.notice(&notice)?;
        Ok(Flow::Next)
    }

    fn think(&mut self, on: Option<bool>) -> Outcome {
        let setting = self.conversation.settings().into_iter().find(|setting| setting.name == "think");
        let Some(setting) = setting else {
            return told(format!("/think: {} has no thinking mode", self.conversation.model_name()));
        };
        match on {
            Some(on) => self.set(&[(setting.name, if on { "on" } else { "off" }.to_owned())]),
            None => {
                self.page.say(&format!("think={}", setting.value))?;
                Ok(Flow::Next)
            }
        }
    }
}

/// The beginning of a text, for a notice.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
