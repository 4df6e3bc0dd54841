//! Rules about documents and golden files: links that resolve, commands that exist, data that something uses.

use super::File;
use crate::accept;
use crate::steps;

/// Relative links of Markdown files lead to files or folders of the repository, and `#anchors` to headings.
pub(super) fn links(files: &[File], paths: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is(&["md"])) {
        for target in link_targets(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let resolved = if path.is_empty() { Some(file.path.clone()) } else { resolve(&file.path, path) };
            let exists = |resolved: &String| {
                resolved.is_empty()
                    || paths.iter().any(|known| known == resolved || known.starts_with(&format!("{resolved}/")))
            };
            let Some(resolved) = resolved.filter(exists) else {
                findings.push(format!("{}: the link to {target} leads nowhere", file.path));
                continue;
            };
            let page = files.iter().find(|other| other.path == resolved && other.is(&["md"]));
            if let Some(page) = page
                && !anchor.is_empty()
                && !headings(&page.text).any(|heading| slug(heading) == anchor)
            {
                findings.push(format!("{}: {resolved} has no heading for #{anchor}", file.path));
            }
        }
    }
    findings
}

/// What stands between `](` and `)`, outside code.
fn link_targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(text) {
        let visible: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for part in visible.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                targets.push(target.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
    }
    targets
}

/// The lines of a Markdown text outside fenced code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim())
}

/// A heading as the fragment that code hosts make of it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// `link` seen from the folder of `page`; `None` if it leaves the repository.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// `cargo xtask NAME ...` in a document names a command, step, run or target that exists.
pub(super) fn xtask_commands(file: &File) -> Vec<String> {
    if !file.is(&["md", "sh", "yml", "yaml"]) && file.path != ".ci/run" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for part in line.split("cargo xtask ").skip(1) {
            let end = part.find(['`', '#', '|', '&', ';', ')', ',']).unwrap_or(part.len());
            let words: Vec<&str> = part[..end].split_whitespace().collect();
            // Capitals stand for something the reader fills in.
            let name = words.get(1).filter(|word| word.chars().all(|c| c.is_lowercase() || c == '-' || c == '_'));
            let known = match (words.first().copied().unwrap_or_default().trim_end_matches(['.', ':']), name) {
                ("test", Some(step)) => steps::names().any(|known| known == *step),
                ("accept", Some(run)) => accept::names().any(|known| known == run.trim_start_matches("--")),
                ("fuzz", Some(target)) => crate::fuzz::TARGETS.contains(target),
                (command, _) => crate::COMMANDS.iter().any(|(known, ..)| *known == command),
            };
            if !known {
                findings.push(format!("{}:{}: there is no `cargo xtask {}`", file.path, index + 1, words.join(" ")));
            }
        }
    }
    findings
}

/// `reference/README.md` names every script beside it.
pub(super) fn unlisted_scripts(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == "reference/README.md") else { return Vec::new() };
    let scripts = files.iter().filter(|file| file.path.starts_with("reference/") && file.is(&["py"]));
    let unnamed = scripts.filter(|file| !page.text.contains(file.path.trim_start_matches("reference/")));
    unnamed.map(|file| format!("{}: does not name {}", page.path, file.path)).collect()
}

/// Every file below `testdata/` is named by a Rust test and by a script in `reference/` that made it.
///
/// Named means: its name, its name without extensions, or its folder below `testdata/` stands in the text.
pub(super) fn orphans(files: &[File], paths: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    for path in paths.iter().filter(|path| path.starts_with("testdata/") && !path.ends_with(".md")) {
        let mut parts: Vec<&str> = path.split('/').skip(1).collect();
        let name = parts.pop().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or(name);
        let named_in = |file: &File| {
            file.text.contains(name)
                || file.text.contains(stem)
                || parts.iter().any(|folder| file.text.contains(folder))
        };
        if !files.iter().any(|file| file.path.starts_with("crates/") && file.is(&["rs"]) && named_in(file)) {
            findings.push(format!("{path}: no test uses it"));
        }
        if !files.iter().any(|file| file.path.starts_with("reference/") && file.is(&["py", "md"]) && named_in(file)) {
            findings.push(format!("{path}: no script in reference/ makes it"));
        }
    }
    findings
}
