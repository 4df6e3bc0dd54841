//! `--set a.b.c=value`: changes to the tree of a recipe before it is read, so that they are checked as what stands in the file is.

use super::error::{RecipeError, shown};
use super::tree::{At, Entry, Names, Node, Value, parse};

/// Lays one override over the tree.
pub(super) fn apply(root: &mut Node, number: usize, names: Names<'_>) -> Result<(), RecipeError> {
    let at = At::Flag(number);
    let wrong = |problem: &str| Err(names.error(at, problem));
    let Some((path, value)) = names.overrides.get(number).and_then(|text| text.split_once('=')) else {
        return wrong("expected KEY=VALUE, as in optimizer.learning_rate=3e-4");
    };
    let value = parse(value, Some(number), names)?;
    let mut node = root;
    for (depth, key) in path.split('.').enumerate() {
        if key.is_empty() {
            return wrong("expected KEY=VALUE, where keys are parted by single dots");
        }
        let so_far = || shown(&path.split('.').take(depth).collect::<Vec<_>>().join("."));
        if node.value == Value::Null {
            *node = Node { at, value: Value::Map(Vec::new()) };
        }
        node = match &mut node.value {
            Value::Map(entries) => {
                let place = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
                    entries.push(Entry { at, key: key.into(), node: Node { at, value: Value::Null } });
                    entries.len() - 1
                });
                // What is wrong with the key or below it is the flag's fault now.
                entries[place].at = at;
                &mut entries[place].node
            }
            Value::List(items) => {
                let count = items.len();
                match key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                    Some(item) => item,
                    None => {
                        let problem = format!("`{}` is a list of {count}; its items are counted from 0", so_far());
                        return wrong(&problem);
                    }
                }
            }
            _ => return wrong(&format!("`{}` has no keys", so_far())),
        };
    }
    *node = value;
    Ok(())
}
