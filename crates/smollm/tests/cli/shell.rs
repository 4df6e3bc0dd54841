//! `smollm completions` and `smollm man`: scripts and pages that know every command.

use crate::world::{World, finished};
use std::process::Command;

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "elvish", "powershell"];

/// The commands that the help of `path` lists, without `help` itself.
fn commands(world: &World, path: &[&str]) -> Vec<String> {
    let help = world.run(&[path, &["--help"]].concat()).text();
    let list = help.split("Commands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let names = list.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The whole names of all commands, as `smollm-tools-schema`.
fn whole_names(world: &World) -> Vec<String> {
    let mut names = vec!["smollm".to_owned()];
    for command in commands(world, &[]) {
        names.extend(commands(world, &[&command]).iter().map(|nested| format!("smollm-{command}-{nested}")));
        names.push(format!("smollm-{command}"));
    }
    names.sort();
    names
}

#[test]
fn every_command_and_option_is_completed() {
    let world = World::new();
    let commands = commands(&world, &[]);
    assert!(commands.len() > 20 && commands.iter().any(|command| command == "man"), "{commands:?}");
    for shell in SHELLS {
        let script = world.run(&["completions", shell]).text();
        let words: Vec<_> = script.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).collect();
        for command in &commands {
            assert!(words.contains(&command.as_str()), "{shell} knows no {command}");
        }
        // fish names options without their dashes
        assert!(words.contains(&"--drain-limit") || words.contains(&"drain-limit"), "{shell}");
        assert!(words.contains(&"eval-quant") && script.ends_with('\n'), "{shell}");
    }
}

/// The shells read their own scripts where they are installed; bash, which is nearly everywhere, also completes.
#[cfg(unix)]
#[test]
fn shells_take_their_scripts() {
    let world = World::new();
    let rows: [(&str, &str, &[&str]); 3] =
        [("bash", "smollm.bash", &["-n"]), ("zsh", "_smollm", &["-n"]), ("fish", "smollm.fish", &["--no-execute"])];
    for (shell, file, arguments) in rows {
        world.write(file, world.run(&["completions", shell]).text());
        let Ok(done) = Command::new(shell).args(arguments).arg(world.path(file)).output() else { continue };
        assert!(done.status.success() && done.stderr.is_empty(), "{shell}: {done:?}");
    }
    let complete = |line: &str| {
        let words = line.split(' ').map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = line.split(' ').count() - 1;
        let script = format!(
            "source smollm.bash; COMP_WORDS=({words}); COMP_CWORD={last}; _smollm smollm \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{}]}}\"; echo \"${{COMPREPLY[*]}}\"",
            last - 1
        );
        let bash = Command::new("bash").args(["--norc", "-c", &script]).current_dir(world.folder.path()).output();
        bash.map(|done| String::from_utf8(done.stdout).unwrap())
    };
    let Ok(found) = complete("smollm detok") else { return };
    assert_eq!(found, "detokenize\n");
    assert_eq!(complete("smollm serve --drain").unwrap(), "--drain-limit\n");
    assert_eq!(complete("smollm tools sch").unwrap(), "schema\n");
}

#[test]
fn an_unknown_shell_is_named_with_those_there_are() {
    let done = World::new().run(&["completions", "tcsh"]);
    let line = done.error(2);
    assert!(line.contains("'tcsh'") && SHELLS.iter().all(|shell| line.contains(shell)), "{line}");
}

#[test]
fn every_command_has_a_page() {
    let world = World::new();
    let names = whole_names(&world);
    world.write("pages/smollm-chat.1", "an older page");
    world.write("pages/other.1", "not ours");
    assert_eq!(world.run(&["man", "-o", "pages"]).text(), "");
    let mut found: Vec<_> = std::fs::read_dir(world.path("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "other.1")
        .collect();
    found.sort();
    let mut expected: Vec<_> = names.iter().map(|name| format!("{name}.1")).collect();
    expected.sort();
    assert_eq!(found, expected);
    for name in &names {
        let page = String::from_utf8(world.read(&format!("pages/{name}.1"))).unwrap();
        check_page(name, &page);
    }
    assert_eq!(world.read("pages/other.1"), b"not ours");
    assert_eq!(world.run(&["man"]).text().as_bytes(), world.read("pages/smollm.1"));
}

/// The parts that `man` and `apropos` look for, requests that roff has, and the command by its name.
#[track_caller]
fn check_page(name: &str, page: &str) {
    let version = env!("CARGO_PKG_VERSION");
    assert!(page.contains(&format!(".TH {name} 1 \" \" \"smollm {version}\" smollm\n")), "{page}");
    let section =
        |title: &str| page.split(&format!(".SH {title}\n")).nth(1).unwrap_or_else(|| panic!("{name}: {title}"));
    let dashed = name.replace('-', "\\-");
    assert!(section("NAME").starts_with(&format!("{dashed} \\- ")), "{page}");
    let command = section("SYNOPSIS").replace("\\fB", "").replace("\\fR", "").replace("\\-", "-");
    assert!(command.starts_with(&name.replace('-', " ").replace("eval quant", "eval-quant")), "{command}");
    section("DESCRIPTION");
    section("OPTIONS");
    const REQUESTS: [&str; 10] = ["TH", "SH", "TP", "PP", "RS", "RE", "IP", "br", "ie", "el"];
    for line in page.lines().filter(|line| line.starts_with('.')) {
        let request = line[1..].split_whitespace().next().unwrap_or_default();
        assert!(REQUESTS.contains(&request), "{name}: {line}");
    }
    let opened = page.lines().filter(|line| line.starts_with(".RS")).count();
    assert_eq!(opened, page.lines().filter(|line| *line == ".RE").count(), "{name}");
}

#[test]
fn pages_go_to_a_folder_that_can_be_written() {
    let world = World::new();
    world.write("file", "");
    let line = world.run(&["man", "-o", "file/pages"]);
    assert!(line.error(1).contains("file/pages"), "{line:?}");
    assert_eq!(world.read("file"), b"");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let world = World::new();
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let mut child = world.command(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let done = finished(child, b"");
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
