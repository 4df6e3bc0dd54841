//! Commands that README.md and docs/ show: the subcommand exists, and its `--help` knows every flag used.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

/// One `smollm ...` command in a document.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: usize,
    subcommand: String,
    /// `--flags` as written, without values.
    flags: Vec<String>,
}

/// Compares every command shown with what the binary says about itself; each command is one check.
pub(crate) fn commands(workspace: &Workspace) -> Result<Tally> {
    let binary = suites::executable(workspace, "smollm", "bin", "smollm")?;
    let mut helps = BTreeMap::new();
    let mut tally = Tally::default();
    for path in workspace.files()? {
        let is_page = path == "README.md" || (path.starts_with("docs/") && path.ends_with(".md"));
        if !is_page || path == "docs/LOG.md" {
            continue; // the log records what was run then, not what exists now
        }
        let text =
            std::fs::read_to_string(workspace.root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        for shown in shown_commands(&text) {
            if !helps.contains_key(&shown.subcommand) {
                helps.insert(shown.subcommand.clone(), help(&binary, &shown.subcommand)?);
            }
            let findings = findings(&shown, helps[&shown.subcommand].as_deref());
            for finding in &findings {
                println!("   {path}:{}: {finding}", shown.line);
            }
            tally += Tally::one(findings.is_empty());
        }
    }
    ensure!(tally != Tally::default(), "no document shows a command");
    Ok(tally)
}

/// Subcommands that have subcommands of their own.
const PARENTS: [&str; 4] = ["demo", "tools", "tokenizer", "train"];

/// `smollm SUBCOMMAND --help`, `None` if there is no such subcommand.
fn help(binary: &Path, subcommand: &str) -> Result<Option<String>> {
    let mut command = Command::new(binary);
    scrub(&mut command);
    let output = command.args(subcommand.split(' ')).arg("--help").output().context("cannot run the smollm binary")?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn findings(shown: &Shown, help: Option<&str>) -> Vec<String> {
    let Some(help) = help else {
        return vec![format!("there is no `smollm {}`", shown.subcommand)];
    };
    let known: Vec<&str> = help
        .split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .filter(|word| word.starts_with("--"))
        .collect();
    let unknown = shown.flags.iter().filter(|flag| !known.contains(&flag.as_str()));
    unknown.map(|flag| format!("`smollm {}` has no {flag}", shown.subcommand)).collect()
}

/// The `smollm` commands in a document's fenced blocks and inline code.
fn shown_commands(text: &str) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut fenced = false;
    let mut unfinished = String::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            unfinished.push_str(line.trim_end_matches('\\'));
            if !line.ends_with('\\') {
                shown.extend(commands_in(&unfinished, index + 1));
                unfinished.clear();
            }
        } else {
            for code in line.split('`').skip(1).step_by(2) {
                shown.extend(commands_in(code, index + 1));
            }
        }
    }
    shown
}

/// The commands of one shell line, which may hold a pipe.
fn commands_in(code: &str, line: usize) -> Vec<Shown> {
    let code = code.split(" #").next().unwrap_or(code);
    let mut shown = Vec::new();
    for part in code.split(['|', ';', '&']) {
        let part = part.split(" > ").next().unwrap_or(part);
        let words: Vec<&str> = part.split_whitespace().collect();
        let program = words.iter().position(|word| *word == "smollm" || word.ends_with("/smollm"));
        let through_cargo = words.starts_with(&["cargo", "run"]).then(|| words.iter().position(|word| *word == "--"));
        let Some(program) = through_cargo.unwrap_or(program) else { continue };
        // Variables may stand in front of a command, other words may not: `cargo test -p smollm` is not ours.
        let plain = through_cargo.is_some() || words[..program].iter().all(|word| word.contains('=') || *word == "$");
        let Some(subcommand) = words.get(program + 1).filter(|_| plain) else { continue };
        if subcommand.is_empty()
            || !subcommand.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            || subcommand.starts_with('-')
        {
            continue;
        }
        let nested = words.get(program + 2).filter(|_| PARENTS.contains(subcommand));
        let subcommand = nested.map_or((*subcommand).to_owned(), |nested| format!("{subcommand} {nested}"));
        let flags = words[program + 2..].iter().filter(|word| word.starts_with("--") && word.len() > 2);
        let flags = flags.map(|word| word.split('=').next().unwrap_or(word).to_owned()).collect();
        shown.push(Shown { line, subcommand, flags });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str, &[&str])]) {
        let shown = shown_commands(text);
        let found: Vec<(usize, &str, Vec<&str>)> = shown
            .iter()
            .map(|shown| (shown.line, shown.subcommand.as_str(), shown.flags.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<_> = expected.iter().map(|(line, name, flags)| (*line, *name, flags.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn commands_are_found_in_code() {
        check("Run `smollm chat --ctx 2048` now.\n", &[(1, "chat", &["--ctx"])]);
        check("smollm chat is prose, `smollm` and `smollm -m X` name no subcommand\n", &[]);
        check("```\n$ smollm generate -m x --ids=1,2 # --not\n```\n", &[(2, "generate", &["--ids"])]);
        check("```\ncargo run --release -- chat --quiet\n```\n", &[(2, "chat", &["--quiet"])]);
        check("```\ntarget/release/smollm score \\\n  --json\n```\n", &[(3, "score", &["--json"])]);
        check(
            "```\nSMOLLM_MODEL=x smollm info | smollm template --x\n```\n",
            &[(2, "info", &[]), (2, "template", &["--x"])],
        );
        check("`smollm tools schema x.py --function f`\n", &[(1, "tools schema", &["--function"])]);
        check("```\ncargo test -p smollm\ncargo run --release\n```\n", &[]);
    }

    #[test]
    fn unknown_commands_and_flags_are_found() {
        let shown = Shown { line: 1, subcommand: "chat".into(), flags: vec!["--ctx".into(), "--contex".into()] };
        assert_eq!(findings(&shown, None), ["there is no `smollm chat`"]);
        assert_eq!(findings(&shown, Some("  --ctx <N>  context\n")), ["`smollm chat` has no --contex"]);
    }
}
