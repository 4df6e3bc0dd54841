//! Calls told while they come, from text that a grammar keeps in form: objects with a name and arguments, whatever stands between them.

use super::reader::Said;
use serde::Deserialize;

/// Where in the calls a text has got to.
#[derive(Debug, Clone, Default)]
pub(super) struct Scan {
    place: Place,
    /// Inside of a JSON string, and right behind a backslash in it.
    quoted: bool,
    escaped: bool,
}

#[derive(Debug, Clone, Default)]
enum Place {
    /// Between calls: brackets, commas, space, tags.
    #[default]
    Outside,
    /// In a call, before its arguments: what stands there so far.
    Head(String),
    /// In its arguments, so many braces deep.
    Arguments(usize),
    /// Behind them.
    Tail,
}

#[derive(Deserialize)]
struct Head {
    name: String,
}

impl Scan {
    /// The next piece.
    pub(super) fn push(&mut self, text: &str, said: &mut Vec<Said>) {
        let mut start = 0; // of what is not told yet of arguments
        for (at, c) in text.char_indices() {
            let quoted = self.quoted;
            self.quote(c);
            let structural = !quoted && !self.quoted;
            match &mut self.place {
                Place::Outside if structural && c == '{' => self.place = Place::Head("{".into()),
                Place::Outside => self.quoted = false,
                Place::Head(head) if structural && c == '{' => {
                    head.push_str("0}"); // stands for the arguments
                    self.place = match serde_json::from_str(head) {
                        Ok(Head { name }) => {
                            said.push(Said::Call(name));
                            start = at;
                            Place::Arguments(1)
                        }
                        Err(_) => Place::Tail, // no grammar allows it
                    };
                }
                Place::Head(head) if structural && c == '}' => {
                    // as elsewhere, a call that has no arguments has none
                    head.push(c);
                    if let Ok(Head { name }) = serde_json::from_str(head) {
                        said.extend([Said::Call(name), Said::Arguments("{}".into())]);
                    }
                    self.place = Place::Outside;
                }
                Place::Head(head) => head.push(c),
                Place::Arguments(depth) if structural => {
                    match c {
                        '{' => *depth += 1,
                        '}' => *depth -= 1,
                        _ => {}
                    }
                    if *depth == 0 {
                        let end = at + 1;
                        said.push(Said::Arguments(text[start..end].into()));
                        self.place = Place::Tail;
                    }
                }
                Place::Arguments(_) => {}
                Place::Tail if structural && c == '}' => self.place = Place::Outside,
                Place::Tail => {}
            }
        }
        if matches!(self.place, Place::Arguments(_)) && start < text.len() {
            said.push(Said::Arguments(text[start..].into()));
        }
    }

    /// Whether no call is under way.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.place, Place::Outside)
    }

    /// Follows strings over one character.
    fn quote(&mut self, c: char) {
        if self.escaped {
            self.escaped = false;
        } else if self.quoted && c == '\\' {
            self.escaped = true;
        } else if c == '"' {
            self.quoted = !self.quoted;
        }
    }
}
