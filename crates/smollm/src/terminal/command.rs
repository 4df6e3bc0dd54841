//! What a line of input means: a message, or one of the commands.

/// One command as `/help` shows it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// With its slash.
    pub(crate) name: &'static str,
    aliases: &'static [&'static str],
    /// What may follow, for `/help`.
    pub(crate) arguments: &'static str,
    pub(crate) help: &'static str,
    read: fn(Option<&str>) -> Result<Command, String>,
}

/// A command with its arguments read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Clear,
    Reset,
    Save(Option<String>),
    Load(Option<String>),
    /// Names and values; empty to list the settings.
    Set(Vec<(String, String)>),
    System(Option<String>),
    Example(Option<String>),
    Regenerate,
    Continue,
    Undo,
    History,
    /// `None` shows the figures, `Some` switches the line after each answer.
    Stats(Option<bool>),
    Prefill(Option<String>),
    /// `None` shows whether the model thinks.
    Think(Option<bool>),
    Exit,
}

/// What a line of input means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Empty,
    Message(String),
    Command(Command),
}

fn entry(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    read: fn(Option<&str>) -> Result<Command, String>,
) -> Entry {
    Entry { name, aliases: &[], arguments, help, read }
}

fn text(argument: Option<&str>) -> Option<String> {
    argument.map(unquoted)
}

fn alone(argument: Option<&str>, command: Command) -> Result<Command, String> {
    match argument {
        None => Ok(command),
        Some(argument) => Err(format!("takes no argument, but got {argument:?}")),
    }
}

fn switch(argument: Option<&str>) -> Result<Option<bool>, String> {
    match argument {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(other) => Err(format!("takes on or off, but got {other:?}")),
    }
}

/// All commands, in the order of `/help`.
pub(crate) fn commands() -> Vec<Entry> {
    vec![
        entry("/help", "", "this list", |a| alone(a, Command::Help)),
        entry("/clear", "", "start a new chat; settings and system prompt stay", |a| alone(a, Command::Clear)),
        entry("/reset", "", "start a new chat with the first settings and system prompt", |a| alone(a, Command::Reset)),
        entry("/save", "[NAME]", "save the chat and its settings; an existing file is never lost", |a| {
            Ok(Command::Save(text(a)))
        }),
        entry("/load", "[NAME]", "go on with a saved chat; without a name list them", |a| Ok(Command::Load(text(a)))),
        entry("/set", "[NAME=VALUE; …]", "change settings; without arguments list them", |a| {
            Ok(Command::Set(a.map_or(Ok(Vec::new()), assignments)?))
        }),
        entry("/system", "[TEXT]", "show or set the system prompt (\"\" an empty one, - the model's own)", |a| {
            Ok(Command::System(text(a)))
        }),
        entry("/example", "[NAME]", "start a new chat with a ready question; without a name list them", |a| {
            Ok(Command::Example(text(a)))
        }),
        Entry {
            aliases: &["/retry"],
            ..entry("/regenerate", "", "answer the last question again", |a| alone(a, Command::Regenerate))
        },
        entry("/continue", "", "let the last answer go on", |a| alone(a, Command::Continue)),
        entry("/undo", "", "forget the last question and its answer", |a| alone(a, Command::Undo)),
        entry("/history", "", "show the chat so far", |a| alone(a, Command::History)),
        entry("/stats", "[on|off]", "figures of the last answer; on shows them after every answer", |a| {
            Ok(Command::Stats(switch(a)?))
        }),
        entry("/prefill", "[TEXT]", "begin the next answer with TEXT; without it show what is set (\"\" none)", |a| {
            Ok(Command::Prefill(text(a)))
        }),
        entry("/think", "[on|off]", "think before answering, if the model can", |a| Ok(Command::Think(switch(a)?))),
        entry("/no_think", "", "the same as /think off", |a| alone(a, Command::Think(Some(false)))),
        Entry { aliases: &["/quit", "/bye"], ..entry("/exit", "", "leave (also Ctrl-D)", |a| alone(a, Command::Exit)) },
    ]
}

/// What begins an answer, or lets one go on, which is the same.
const BEGINNINGS: [&str; 2] = ["/continue", "/prefill"];

/// The commands of a conversation, whose answers can be begun or not.
pub(crate) fn offered(takes_beginnings: bool) -> Vec<Entry> {
    let is_offered = |entry: &Entry| takes_beginnings || !BEGINNINGS.contains(&entry.name);
    commands().into_iter().filter(is_offered).collect()
}

/// Reads one input (a line, or several of a multi-line input).
pub(crate) fn read(input: &str) -> Result<Line, String> {
    let trimmed = input.trim();
    if trimmed.is_empty() {
        return Ok(Line::Empty);
    }
    if let Some(message) = trimmed.strip_prefix("//") {
        return Ok(Line::Message(format!("/{message}")));
    }
    if !trimmed.starts_with('/') {
        return Ok(Line::Message(unquoted(input)));
    }
    let (name, argument) = match trimmed.split_once(char::is_whitespace) {
        Some((name, argument)) => (name, Some(argument.trim()).filter(|argument| !argument.is_empty())),
        None => (trimmed, None),
    };
    let name = if name == "/?" { "/help" } else { name };
    let commands = commands();
    match commands.iter().find(|entry| entry.name == name || entry.aliases.contains(&name)) {
        Some(entry) => {
            (entry.read)(argument).map(Line::Command).map_err(|problem| format!("{}: {problem}", entry.name))
        }
        None => {
            let known = commands.iter().flat_map(|entry| entry.aliases.iter().copied().chain([entry.name]));
            Err(match nearest(name, known) {
                Some(near) => format!("unknown command {name}: did you mean {near}?"),
                None => format!("unknown command {name}: /help lists them; a message that begins with / is written //"),
            })
        }
    }
}

/// True for the name of a command.
pub(crate) fn is_name(word: &str) -> bool {
    commands().iter().any(|entry| entry.name == word || entry.aliases.contains(&word))
}

/// The candidate most like `word`, if any is like it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|candidate| {
        let distance = strsim::damerau_levenshtein(word, candidate);
        let begins = word.len() > 1 && candidate.starts_with(word);
        (if begins { 0 } else { distance }, candidate)
    });
    scored.filter(|(distance, _)| *distance <= 2).min().map(|(_, candidate)| candidate)
}

/// Text without the `"""` (or `""`, nothing) around it.
fn unquoted(text: &str) -> String {
    let trimmed = text.trim();
    match trimmed.strip_prefix(BLOCK) {
        Some(block) => {
            let block = block.strip_suffix(BLOCK).unwrap_or(block);
            let block = block.strip_prefix('\n').unwrap_or(block);
            block.strip_suffix('\n').unwrap_or(block).to_owned()
        }
        None if trimmed == "\"\"" => String::new(),
        // The indentation of a pasted first line belongs to the message.
        None => joined(text.trim_start_matches(['\n', '\r']).trim_end()),
    }
}

/// Opens and closes a multi-line text.
const BLOCK: &str = "\"\"\"";

/// True where a line ends in a backslash that is not itself escaped.
fn continues(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// The text after a command's name, or the whole.
fn payload(input: &str) -> &str {
    let input = input.trim_start();
    if !input.starts_with('/') {
        return input;
    }
    input.split_once(char::is_whitespace).map_or("", |(_, argument)| argument.trim_start())
}

/// True if more lines belong to this input: an open `"""`, or a last line that ends in a backslash.
pub(crate) fn is_open(input: &str) -> bool {
    match payload(input).strip_prefix(BLOCK) {
        Some(block) => !block.trim_end().ends_with(BLOCK),
        None => continues(input),
    }
}

/// An open input closed as it stands: the stream it came from has ended.
pub(crate) fn closed(input: &str) -> String {
    match payload(input).starts_with(BLOCK) {
        true => format!("{input}\n{BLOCK}"),
        false => input.strip_suffix('\\').unwrap_or(input).to_owned(),
    }
}

/// Takes the backslashes off the ends of continued lines.
fn joined(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let last = lines.len() - 1;
    let line = |(i, line): (usize, &&str)| match line.strip_suffix('\\') {
        Some(rest) if i < last && continues(line) => rest.to_owned(),
        _ => (*line).to_owned(),
    };
    lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads `name=value; name2="a; b\n"`, or `name value`.
fn assignments(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            ';' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && quoted && !escaped;
        parts.last_mut().expect("never empty").push(c);
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.map(assignment).collect()
}

fn assignment(part: &str) -> Result<(String, String), String> {
    let Some((name, value)) = part.split_once('=').or_else(|| part.split_once(char::is_whitespace)) else {
        return Err(format!("expected NAME=VALUE, but got {part:?}"));
    };
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return Err(format!("no name before = in {part:?}"));
    }
    let value = if value.starts_with('"') {
        serde_json::from_str(value).map_err(|_| format!("{name}: not a string in quotes: {value}"))?
    } else {
        value.to_owned()
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests;
