//! Names that say nothing are not given to files or items.

use super::File;

/// Words that a name may not contain.
const WORDS: [&str; 5] = ["manager", "helper", "helpers", "util", "utils"];
/// Words that may not be the whole name.
const WHOLE: [&str; 2] = ["common", "process"];
/// Words that a function or module may not begin with.
const BEGINNINGS: [&str; 3] = ["handle", "do", "process"];

/// Items that must be called so, because somebody else's trait says it: file and name.
const GIVEN: &[(&str, &str)] = &[];

/// Files and declared items with a name that says nothing.
pub(super) fn banned(file: &File) -> Vec<String> {
    if !file.is(&["rs", "py"]) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for part in file.path.split('/') {
        let stem = part.split('.').next().unwrap_or(part);
        if says_nothing(stem, false) {
            findings.push(format!("{}: `{stem}` says nothing", file.path));
        }
    }
    if file.is(&["rs"]) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some((keyword, name)) = declaration(line)
                && says_nothing(name, keyword == "fn" || keyword == "mod")
                && !GIVEN.contains(&(&file.path, name))
            {
                findings.push(format!("{}:{}: `{keyword} {name}` says nothing", file.path, index + 1));
            }
        }
    }
    findings
}

/// The keyword and name, if the line declares an item.
fn declaration(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    loop {
        let word = words.next()?;
        match word {
            "fn" | "mod" | "struct" | "enum" | "trait" | "type" => {
                let name = words.next()?;
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                return Some((word, &name[..end]));
            }
            "const" | "async" | "unsafe" | "extern" | "\"C\"" => {}
            _ if word.starts_with("pub") || word.ends_with(')') => {} // pub, pub(crate), pub(in path)
            _ => return None,
        }
    }
}

/// `snake_case` or `CamelCase`; `action` for functions and modules, whose first word counts too.
fn says_nothing(name: &str, action: bool) -> bool {
    let words = words(name);
    let begins = action && words.first().is_some_and(|first| BEGINNINGS.contains(&first.as_str()));
    // `handle` alone is a thing, `handle_request` is an action without content.
    let begins = begins && words.len() > 1;
    let whole = matches!(words.as_slice(), [word] if WHOLE.contains(&word.as_str()));
    begins || whole || words.iter().any(|word| WORDS.contains(&word.as_str()))
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c == '-' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' && c != '-' {
            let last = words.len() - 1;
            words[last].extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
