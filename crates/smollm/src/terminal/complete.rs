//! Completion and hints for commands: what Tab and the dim text offer.

use std::path::PathBuf;

use super::archive;
use super::command::offered;
use super::questions::QUESTIONS;

/// Names of commands, and names that they take.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) settings: Vec<String>,
    pub(crate) save_folder: PathBuf,
    /// Answers cannot be begun.
    pub(crate) no_beginnings: bool,
}

/// What may stand at the end of `line`: the offset of the word it replaces, and the words.
pub(crate) fn complete(line: &str, names: &Names) -> (usize, Vec<String>) {
    if !line.starts_with('/') || line.contains('\n') {
        return (line.len(), Vec::new());
    }
    let Some(space) = line.find(' ') else {
        let found = offered(!names.no_beginnings).into_iter().map(|entry| match entry.arguments {
            "" => entry.name.to_owned(),
            _ => format!("{} ", entry.name),
        });
        return (0, found.filter(|name| name.starts_with(line)).collect());
    };
    let argument = line[space..].trim_start();
    let offered = match &line[..space] {
        "/set" => {
            let start = line.rfind(';').map_or(space, |at| at + 1);
            let word = line[start..].trim_start();
            let found = names.settings.iter().filter(|name| name.starts_with(word)).map(|name| format!("{name}="));
            return (line.len() - word.len(), found.collect());
        }
        "/load" => archive::names(&names.save_folder),
        "/example" => QUESTIONS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "/think" | "/stats" => vec!["on".to_owned(), "off".to_owned()],
        _ => Vec::new(),
    };
    (line.len() - argument.len(), offered.into_iter().filter(|word| word.starts_with(argument)).collect())
}

/// The rest of the one command that `line` begins, and its arguments.
pub(crate) fn hint(line: &str, at: usize, names: &Names) -> Option<(String, String)> {
    if at < line.len() || line.len() < 2 || !line.starts_with('/') {
        return None;
    }
    let commands = offered(!names.no_beginnings);
    let mut found = commands.iter().filter(|entry| entry.name.starts_with(line));
    match (found.next(), found.next()) {
        (Some(entry), None) => {
            let usage = if entry.arguments.is_empty() { String::new() } else { format!(" {}", entry.arguments) };
            Some((entry.name[line.len()..].to_owned(), usage))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions() {
        let names = Names { settings: vec!["temperature".to_owned(), "top_k".to_owned()], ..Names::default() };
        for (line, start, words) in [
            ("/he", 0, vec!["/help"]),
            ("/s", 0, vec!["/save ", "/set ", "/system ", "/stats "]),
            ("hello", 5, vec![]),
            ("/set t", 5, vec!["temperature=", "top_k="]),
            ("/set top_k=1; te", 14, vec!["temperature="]),
            ("/example so", 9, vec!["socks"]),
            ("/think ", 7, vec!["on", "off"]),
            ("/unknown x", 9, vec![]),
        ] {
            assert_eq!(complete(line, &names), (start, words.into_iter().map(str::to_owned).collect()), "{line:?}");
        }
    }

    #[test]
    fn saved_chats_complete() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("trip.json"), "{}").unwrap();
        let names = Names { save_folder: folder.path().to_owned(), ..Names::default() };
        assert_eq!(complete("/load t", &names), (6, vec!["trip".to_owned()]));
    }

    #[test]
    fn what_the_conversation_does_not_take_is_not_offered() {
        let names = Names { no_beginnings: true, ..Names::default() };
        for (line, word) in [("/pre", "/prefill "), ("/con", "/continue")] {
            assert_eq!(complete(line, &Names::default()).1, [word]);
            assert!(hint(line, line.len(), &Names::default()).is_some());
            assert_eq!((complete(line, &names).1, hint(line, line.len(), &names)), (Vec::new(), None));
        }
    }

    #[test]
    fn hints() {
        let some = |rest: &str, usage: &str| Some((rest.to_owned(), usage.to_owned()));
        for (line, found) in [
            ("/sa", some("ve", " [NAME]")),
            ("/set", some("", " [NAME=VALUE; …]")),
            ("/help", some("", "")),
            ("/s", None),
            ("/", None),
            ("x", None),
        ] {
            assert_eq!(hint(line, line.len(), &Names::default()), found, "{line:?}");
        }
    }
}
