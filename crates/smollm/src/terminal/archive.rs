//! Saved chats: JSON files with the model, the settings and the messages.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::conversation::{Message, Role};

/// A chat as it is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedChat {
    pub(crate) model: String,
    /// UTC, as in RFC 3339.
    pub(crate) saved_at: String,
    /// Names and values.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) messages: Vec<Message>,
}

/// The file that `name` means: a path if it looks like one, else a chat in `folder`.
pub(crate) fn path_of(folder: &Path, name: &str) -> PathBuf {
    let is_path = name.contains(['/', '\\']) || name.ends_with(".json");
    if is_path { PathBuf::from(name) } else { folder.join(format!("{name}.json")) }
}

/// A name for a chat that was given none: the model and the time.
pub(crate) fn default_name(model: &str, saved_at: &str) -> String {
    let model = model.rsplit(['/', '\\']).next().unwrap_or(model);
    let keep = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let model: String = model.chars().take(80).map(keep).collect();
    let model = model.trim_matches(['.', '-']);
    let time: String = saved_at.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}_{time}", if model.is_empty() { "chat" } else { model })
}

/// `path`, or if that exists the first of `path-2`, `path-3`, … that does not.
pub(crate) fn free_path(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = |n: u32| path.with_file_name(format!("{stem}-{n}.json"));
    let mut free = path.to_owned();
    let mut n = 2;
    while free.symlink_metadata().is_ok() {
        free = numbered(n);
        n += 1;
    }
    free
}

/// The names of the chats in `folder`, newest first; none if there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<(SystemTime, String)> = files
        .flatten()
        .filter_map(|file| {
            let name = file.file_name().into_string().ok()?.strip_suffix(".json")?.to_owned();
            if name.contains(char::is_control) {
                return None;
            }
            let changed = file.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            Some((changed, name))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, name)| name).collect()
}

impl SavedChat {
    /// Writes the chat to a file beside `path` and renames it, so that no half-written chat is ever
    /// seen. Without `replace` an existing file stays, and the error is `AlreadyExists`.
    pub(crate) fn write(&self, path: &Path, replace: bool) -> io::Result<()> {
        let settings: Map<String, Value> =
            self.settings.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let chat = json!({
            "model": self.model,
            "saved_at": self.saved_at,
            "settings": settings,
            "messages": self.messages,
        });
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".chat-").tempfile_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &chat)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        if replace {
            file.persist(path)?
        } else {
            file.persist_noclobber(path)?
        };
        Ok(())
    }

    /// Reads a saved chat. Chats of `trl chat` (`chat_history`) and a bare list of messages are read
    /// too. The error is one line that names the file and the field.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::from_json(&value).map_err(|problem| format!("{}: {problem}", path.display()))
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let (field, list) = match value {
            Value::Array(_) => ("", value),
            _ => ["messages", "chat_history"]
                .into_iter()
                .find_map(|field| Some((field, value.get(field)?)))
                .ok_or("not a saved chat: no field messages")?,
        };
        let list = list.as_array().ok_or_else(|| format!("{field}: not a list"))?;
        let messages =
            list.iter().enumerate().map(|(i, value)| message(value).map_err(|e| format!("{field}[{i}]: {e}")));
        let settings = match value.get("settings") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(settings)) => settings
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) => (name.clone(), text.clone()),
                    other => (name.clone(), other.to_string()),
                })
                .collect(),
            Some(_) => return Err("settings: not an object".to_owned()),
        };
        Ok(Self {
            model: text("model"),
            saved_at: text("saved_at"),
            settings,
            messages: messages.collect::<Result<_, _>>()?,
        })
    }
}

fn message(value: &Value) -> Result<Message, String> {
    let field = |name: &str| value.get(name).and_then(Value::as_str).ok_or(format!("no text in field {name}"));
    let role = match field("role")? {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => return Err(format!("role {other:?} is none of system, user, assistant, tool")),
    };
    Ok(Message::new(role, field("content")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> SavedChat {
        SavedChat {
            model: "SmolLM2-135M-Instruct".to_owned(),
            saved_at: "2026-11-21T03:08:56Z".to_owned(),
            settings: vec![("temperature".to_owned(), "0.2".to_owned())],
            messages: vec![Message::new(Role::User, "Hi\n\"é漢\u{1b}"), Message::new(Role::Assistant, "Hello")],
        }
    }

    #[test]
    fn names_and_paths() {
        let folder = Path::new("chats");
        assert_eq!(path_of(folder, "trip"), folder.join("trip.json"));
        assert_eq!(path_of(folder, "trip.json"), Path::new("trip.json"));
        assert_eq!(path_of(folder, "../a/trip"), Path::new("../a/trip"));
        let time = "2026-11-21T03:08:56Z";
        for (model, name) in [
            ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct_20261121T030856Z"),
            ("évil name\x1b", "vil-name_20261121T030856Z"),
            ("..", "chat_20261121T030856Z"),
        ] {
            assert_eq!(default_name(model, time), name);
        }
    }

    #[test]
    fn what_is_saved_comes_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/trip.json");
        assert_eq!(free_path(&path), path);
        chat().write(&path, false).unwrap();
        assert_eq!(SavedChat::read(&path).unwrap(), chat());
        let other = SavedChat { messages: Vec::new(), ..chat() };
        assert_eq!(other.write(&path, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(SavedChat::read(&path).unwrap(), chat());
        assert_eq!(free_path(&path), folder.path().join("new/trip-2.json"));
        other.write(&path, true).unwrap();
        assert_eq!(SavedChat::read(&path).unwrap(), other);
        assert_eq!(names(&folder.path().join("new")), ["trip"]);
        assert!(names(&folder.path().join("absent")).is_empty());
    }

    #[test]
    fn other_forms_are_read_and_mistakes_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.json");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            SavedChat::read(&path)
        };
        let trl = r#"{"settings": {"temperature": 1.0, "do_sample": true}, "chat_history": [{"role": "user", "content": "Hi"}]}"#;
        let trl = read(trl).unwrap();
        assert_eq!(trl.messages, [Message::new(Role::User, "Hi")]);
        assert_eq!(trl.settings[0], ("temperature".to_owned(), "1.0".to_owned()));
        assert_eq!(read("[]").unwrap().messages, []);
        for (text, problem) in [
            ("{", "EOF while parsing an object at line 1 column 1"),
            ("{}", "not a saved chat: no field messages"),
            ("7", "not a saved chat: no field messages"),
            (r#"{"messages": {}}"#, "messages: not a list"),
            (r#"{"messages": [{"role": "user"}]}"#, "messages[0]: no text in field content"),
            (r#"[{"role": "you", "content": ""}]"#, "[0]: role \"you\" is none of system, user, assistant, tool"),
            (r#"{"messages": [], "settings": 3}"#, "settings: not an object"),
        ] {
            assert_eq!(read(text).unwrap_err(), format!("{}: {problem}", path.display()));
        }
    }
}
