//! Licence check: every crate that we link must offer a licence from a short list, and come from crates.io.

use crate::workspace::{Package, Workspace};

/// Permissive licences that go well with Apache-2.0.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0", // the data of webpki-roots: root certificates
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unicode-DFS-2016", // the one before: names of characters, which Python's strings may use
    "Unlicense",
    "Zlib",
];

/// Crates let in although the list would refuse them: name and reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// Where dependencies may come from: a git branch or another registry could change or vanish under us.
const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every crate of the graph, for all platforms, whose licence or origin is not allowed.
pub(crate) fn findings(workspace: &Workspace) -> Vec<String> {
    let mut findings: Vec<String> = workspace.packages.iter().filter_map(finding).collect();
    for (name, _) in EXCEPTIONS {
        if !workspace.packages.iter().any(|package| package.name == *name) {
            findings.push(format!("the licence exception for {name} is no longer needed"));
        }
    }
    findings
}

fn finding(package: &Package) -> Option<String> {
    let Package { name, version, .. } = package;
    if let Some(source) = &package.source
        && source != SOURCE
    {
        return Some(format!("{name} {version} comes from {source}, not from crates.io"));
    }
    if EXCEPTIONS.iter().any(|(exception, _)| exception == name) {
        return None;
    }
    let Some(licence) = &package.licence else {
        return Some(format!("{name} {version} states no licence"));
    };
    match satisfied(licence) {
        Some(true) => None,
        Some(false) => Some(format!("{name} {version} is under {licence}, which is not on the list")),
        None => Some(format!("{name} {version} states the licence {licence:?}, which cannot be read")),
    }
}

/// Whether the allow-list satisfies an SPDX expression (`OR` weaker than `AND`; `/` is the old spelling of `OR`).
/// `None` if it cannot be read.
fn satisfied(expression: &str) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let value = any_of(&mut rest)?;
    rest.is_empty().then_some(value)
}

fn any_of(words: &mut &[&str]) -> Option<bool> {
    let mut value = all_of(words)?;
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        value |= all_of(words)?;
    }
    Some(value)
}

fn all_of(words: &mut &[&str]) -> Option<bool> {
    let mut value = term(words)?;
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        value &= term(words)?;
    }
    Some(value)
}

fn term(words: &mut &[&str]) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    match *first {
        "(" => {
            let value = any_of(words)?;
            let (close, rest) = words.split_first()?;
            *words = rest;
            (*close == ")").then_some(value)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        name => match words {
            ["WITH", _exception, rest @ ..] => {
                *words = rest; // an exception only ever permits more
                Some(ALLOWED.contains(&name))
            }
            _ => Some(ALLOWED.contains(&name)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let cases = [
            ("MIT", Some(true)),
            ("MIT OR Apache-2.0", Some(true)),
            ("MIT/Apache-2.0", Some(true)),
            ("GPL-3.0", Some(false)),
            ("GPL-3.0 OR MIT", Some(true)),
            ("GPL-3.0 AND MIT", Some(false)),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true)),
            ("(MIT OR Apache-2.0) AND NCSA", Some(false)),
            ("MIT AND (GPL-2.0 OR GPL-3.0)", Some(false)),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", Some(true)),
            ("GPL-2.0 WITH Classpath-exception-2.0", Some(false)),
            ("GPL-3.0 OR MIT AND GPL-2.0", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT Apache-2.0", None),
            ("MIT)", None),
        ];
        for (expression, expected) in cases {
            assert_eq!(satisfied(expression), expected, "{expression}");
        }
    }

    #[track_caller]
    fn check(licence: Option<&str>, source: Option<&str>, expected: Option<&str>) {
        let package = Package {
            name: "x".into(),
            version: "1.0.0".into(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
            ..Package::default()
        };
        assert_eq!(finding(&package).as_deref(), expected);
    }

    #[test]
    fn packages() {
        check(Some("MIT"), Some(SOURCE), None);
        check(Some("Apache-2.0"), None, None);
        check(None, Some(SOURCE), Some("x 1.0.0 states no licence"));
        check(Some("GPL-3.0"), Some(SOURCE), Some("x 1.0.0 is under GPL-3.0, which is not on the list"));
        check(Some("MIT"), Some("git+https://x"), Some("x 1.0.0 comes from git+https://x, not from crates.io"));
        check(Some("???("), Some(SOURCE), Some("x 1.0.0 states the licence \"???(\", which cannot be read"));
    }
}
