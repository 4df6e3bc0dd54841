//! A map of the tree while it is read: keys that nobody knows are found first, so that a slip of the pen is not told as a key that is missing.

use super::error::{RecipeError, shown};
use super::keys::{KEYS, known};
use super::scalar::{Read, Wrong};
use super::tree::{At, Entry, Names, Node, Value};

/// A map whose keys are all known.
pub(super) struct Section<'a> {
    names: Names<'a>,
    /// Its path in the table of keys.
    table: String,
    /// Its path in this recipe, with the numbers of items.
    path: String,
    at: At,
    entries: &'a [Entry],
}

impl<'a> Section<'a> {
    /// The whole recipe.
    pub(super) fn root(node: &'a Node, names: Names<'a>) -> Result<Self, RecipeError> {
        Self::new(Some(node), names, String::new(), String::new(), node.at)
    }

    fn new(node: Option<&'a Node>, names: Names<'a>, table: String, path: String, at: At) -> Result<Self, RecipeError> {
        let entries: &[Entry] = match node.map(|node| &node.value) {
            None | Some(Value::Null) => &[],
            Some(Value::Map(entries)) => entries,
            Some(_) if path.is_empty() => return Err(names.error(at, "a recipe is a map of keys")),
            Some(_) => return Err(names.error(at, format!("`{path}`: expected a map of keys"))),
        };
        let section = Self { names, table, path, at, entries };
        match entries.iter().find(|entry| !known(&section.table).any(|key| key == entry.key)) {
            Some(entry) => Err(section.unknown(entry)),
            None => Ok(section),
        }
    }

    fn unknown(&self, entry: &Entry) -> RecipeError {
        let distance = |key: &str| strsim::damerau_levenshtein(&entry.key, key);
        let nearest = known(&self.table).min_by_key(|key| distance(key)).unwrap_or_default();
        // A right key in the wrong place is told before one that is only spelt alike.
        let elsewhere = KEYS.iter().find(|key| key.path.rsplit('.').next() == Some(&entry.key)).map(|key| key.path);
        let hint = match elsewhere {
            Some(path) if distance(nearest) > 2 => format!("there is `{path}`"),
            _ if distance(nearest) <= 1 + nearest.len() / 3 => format!("did you mean `{nearest}`?"),
            _ => format!("known are {}", known(&self.table).collect::<Vec<_>>().join(", ")),
        };
        self.names.error(entry.at, format!("`{}` is no key of a recipe; {hint}", shown(&self.join(&entry.key))))
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the key has a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        debug_assert!(known(&self.table).any(|known| known == key), "{key} is not in the table of keys");
        self.entries.iter().find(|entry| entry.key == key && entry.node.value != Value::Null)
    }

    /// The value of a key, if it has one.
    pub(super) fn get<T>(&self, key: &str, read: impl Fn(&Node) -> Read<T>) -> Result<Option<T>, RecipeError> {
        let told = |Wrong { at, problem }| self.names.error(at, format!("`{}`: {problem}", self.join(key)));
        self.entry(key).map(|entry| read(&entry.node).map_err(told)).transpose()
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(&self, key: &str, read: impl Fn(&Node) -> Read<T>) -> Result<T, RecipeError> {
        self.get(key, read)?.ok_or_else(|| self.missing(key))
    }

    /// One of these keys must be there.
    pub(super) fn missing(&self, key: &str) -> RecipeError {
        self.names.error(self.at, format!("`{}` is missing", self.join(key)))
    }

    /// A section of this one; without any key if it is not there.
    pub(super) fn section(&self, key: &str) -> Result<Self, RecipeError> {
        let entry = self.entry(key);
        let table = if self.table.is_empty() { key.into() } else { format!("{}.{key}", self.table) };
        let at = entry.map_or(self.at, |entry| entry.at);
        Section::new(entry.map(|entry| &entry.node), self.names, table, self.join(key), at)
    }

    /// A section that must be there.
    pub(super) fn required_section(&self, key: &str) -> Result<Self, RecipeError> {
        if self.has(key) { self.section(key) } else { Err(self.missing(key)) }
    }

    /// The items of a list of sections.
    pub(super) fn sections(&self, key: &str) -> Result<Vec<Self>, RecipeError> {
        let Some(entry) = self.entry(key) else { return Ok(Vec::new()) };
        let Value::List(items) = &entry.node.value else {
            return Err(self.names.error(entry.node.at, format!("`{}`: expected a list", self.join(key))));
        };
        let table = format!("{}.{key}", self.table);
        let section = |(index, item): (usize, &'a Node)| {
            let path = format!("{}[{index}]", self.join(key));
            Section::new(Some(item), self.names, table.clone(), path, item.at)
        };
        items.iter().enumerate().map(section).collect()
    }

    /// At most one of the keys is there: which.
    pub(super) fn one_of(&self, keys: &[&'static str]) -> Result<Option<&'static str>, RecipeError> {
        let mut given = keys.iter().copied().filter(|key| self.has(key));
        match (given.next(), given.next()) {
            (Some(one), Some(other)) => {
                Err(self.wrong(other, format!("excludes `{}`; give one of them", self.join(one))))
            }
            (one, _) => Ok(one),
        }
    }

    /// None of the keys is there, because of `reason`.
    pub(super) fn refuse(&self, keys: &[&str], reason: &str) -> Result<(), RecipeError> {
        match keys.iter().find(|key| self.has(key)) {
            Some(key) => Err(self.wrong(key, reason)),
            None => Ok(()),
        }
    }

    /// What is wrong with the value of a key in view of others.
    pub(super) fn wrong(&self, key: &str, problem: impl AsRef<str>) -> RecipeError {
        let at = self.entry(key).map_or(self.at, |entry| entry.at);
        self.names.error(at, format!("`{}` {}", self.join(key), problem.as_ref()))
    }

    /// What is wrong at a place inside the value of a key.
    pub(super) fn wrong_at(&self, at: At, key: &str, problem: impl AsRef<str>) -> RecipeError {
        self.names.error(at, format!("`{}`: {}", self.join(key), problem.as_ref()))
    }
}
