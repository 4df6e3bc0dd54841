//! YAML to a tree whose every part knows where it was written.
//!
//! What YAML has beyond lists, maps and scalars (anchors, aliases, tags, several documents) is refused: a recipe is read by people, and
//! an alias makes a file of ten lines as large as it likes. Scalars stay text until it is known what is to be read there, so that the
//! version `1.10` is no number and `no` is no `false`.

use super::error::{RecipeError, shown};
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// Where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Line and column of the file, from 1.
    File(usize, usize),
    /// The number of the override.
    Flag(usize),
}

/// A part of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar without quotes.
    Plain(String),
    /// A scalar that can only be text.
    Quoted(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and what stands behind it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) at: At,
    pub(super) key: String,
    pub(super) node: Node,
}

/// Names of places: the file and the overrides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) file: &'a str,
    pub(super) overrides: &'a [String],
}

impl Names<'_> {
    /// How a message begins.
    pub(super) fn place(&self, at: At) -> String {
        match at {
            At::File(line, column) => format!("{}: line {line}, column {column}", self.file),
            At::Flag(number) => {
                format!("--set {}", self.overrides.get(number).map_or(String::new(), |text| shown(text)))
            }
        }
    }

    pub(super) fn error(&self, at: At, problem: impl Into<String>) -> RecipeError {
        RecipeError::new(self.place(at), problem)
    }
}

/// Lists and maps within each other.
const DEEPEST: usize = 24;
/// Characters of a key. One that is longer could not be written back: YAML looks only 1,024 characters ahead.
const LONGEST_KEY: usize = 100;

/// A list or map that is not finished.
struct Open {
    node: Node,
    /// Of a map, the key whose value comes next.
    key: Option<(At, String)>,
}

/// Reads YAML. `flag` is the number of the override that it is the value of, if it is one.
pub(super) fn parse(text: &str, flag: Option<usize>, names: Names<'_>) -> Result<Node, RecipeError> {
    let at = |span: &Span| match flag {
        Some(number) => At::Flag(number),
        None => At::File(span.start.line(), span.start.col() + 1),
    };
    let broken = |error: ScanError| {
        let place = match flag {
            Some(number) => At::Flag(number),
            None => At::File(error.marker().line(), error.marker().col() + 1),
        };
        names.error(place, format!("not YAML: {}", shown(&error.info())))
    };
    let (mut open, mut root): (Vec<Open>, Option<Node>) = (Vec::new(), None);
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(broken)?;
        let at = at(&span);
        let refuse = |what: &str| Err(names.error(at, format!("{what} are not part of recipes")));
        let node = match event {
            Event::Scalar(_, _, anchor, ref tag)
            | Event::SequenceStart(_, anchor, ref tag)
            | Event::MappingStart(_, anchor, ref tag)
                if anchor != 0 || tag.is_some() =>
            {
                return refuse(if anchor != 0 { "anchors (`&`)" } else { "tags (`!`)" });
            }
            Event::Alias(_) => return refuse("aliases (`*`)"),
            Event::DocumentStart(..) if root.is_some() => return refuse("further documents (`---`)"),
            Event::Scalar(text, ScalarStyle::Plain, ..) => match &*text {
                "" | "~" | "null" | "Null" | "NULL" => Node { at, value: Value::Null },
                _ => Node { at, value: Value::Plain(text.into_owned()) },
            },
            Event::Scalar(text, ..) => Node { at, value: Value::Quoted(text.into_owned()) },
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() == DEEPEST {
                    return Err(names.error(at, format!("more than {DEEPEST} lists and maps within each other")));
                }
                let list = matches!(event, Event::SequenceStart(..));
                let value = if list { Value::List(Vec::new()) } else { Value::Map(Vec::new()) };
                open.push(Open { node: Node { at, value }, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(done) => done.node,
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.take(node, names)?,
            None => root = Some(node),
        }
    }
    Ok(root.unwrap_or(Node { at: flag.map_or(At::File(1, 1), At::Flag), value: Value::Null }))
}

impl Open {
    /// The next item of a list, key of a map, or value behind a key.
    fn take(&mut self, node: Node, names: Names<'_>) -> Result<(), RecipeError> {
        let entries = match &mut self.node.value {
            Value::List(items) => {
                items.push(node);
                return Ok(());
            }
            Value::Map(entries) => entries,
            _ => return Ok(()),
        };
        if let Some((at, key)) = self.key.take() {
            entries.push(Entry { at, key, node });
            return Ok(());
        }
        let key = match node.value {
            Value::Plain(key) | Value::Quoted(key) if key.chars().count() <= LONGEST_KEY => key,
            Value::Plain(_) | Value::Quoted(_) => {
                return Err(names.error(node.at, format!("a key of more than {LONGEST_KEY} characters")));
            }
            _ => return Err(names.error(node.at, "keys are text")),
        };
        if entries.iter().any(|entry| entry.key == key) {
            return Err(names.error(node.at, format!("`{}` stands here twice", shown(&key))));
        }
        self.key = Some((node.at, key));
        Ok(())
    }
}
