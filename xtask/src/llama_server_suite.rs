//! `cargo xtask accept llama-server-suite`: llama.cpp's own tests of its server, against it and against `smollm serve`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::bench_peers::llama_build;
use crate::command::capture;
use crate::report::Tally;
use crate::scripts::empty_folder;
use crate::suites;
use crate::venv::Venv;
use crate::workspace::{Workspace, scrub};

const SCRIPT: &str = "reference/llama_server_suite.py";
const TESTS: &str = "tools/server/tests";
const LIMIT: Duration = Duration::from_secs(120 * 60);

/// Fetches the sources, installs what the tests need, builds both servers, and lets the script run and judge; its table is printed.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let given = read(options)?;
    let source = llama_build::source(workspace)?;
    let tests = source.join(TESTS);
    let below_root = tests.strip_prefix(&workspace.root).context("the sources lie outside the repository")?;
    let requirements = below_root.join("requirements.txt").display().to_string();
    let venv = Venv { folder: "target/venv-llama-server", requirements: &requirements, borrowed: None };
    let python = venv.ensure(workspace)?;
    let llama_server = match given {
        Some(path) => path,
        None => llama_build::server(workspace)?,
    };
    let smollm = suites::executable(workspace, "smollm", "bin", "smollm")?;
    let make_model = suites::executable(workspace, "smollm-testkit", "example", "stories260k")?;
    let folder = empty_folder(workspace, "llama-server-suite")?;
    let model = folder.join("stories260K.gguf");
    let mut make = Command::new(&make_model);
    let made = capture(make.arg(&model).current_dir(&workspace.root), &workspace.log("stories260k"), LIMIT)?;
    ensure!(made.success, "the example stories260k: {}", made.output.trim());
    println!(
        "   both servers in turn: half an hour on two cores, most of it for calls that llama-server does not make"
    );
    let mut judge = Command::new(&python);
    scrub(&mut judge);
    judge
        .arg(SCRIPT)
        .arg(&source)
        .arg(&llama_server)
        .arg(&smollm)
        .arg(&model)
        .arg(&folder)
        .current_dir(&workspace.root);
    judge.env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let judged = capture(&mut judge, &workspace.log("llama-server-suite"), LIMIT)?;
    print!("{}", judged.output);
    Ok(Tally::one(judged.success))
}

/// The path of a llama-server that is built already.
pub(crate) fn read(options: &[String]) -> Result<Option<PathBuf>> {
    match options {
        [] => Ok(None),
        [flag, path] if flag == "--llama-server" => Ok(Some(PathBuf::from(path))),
        [flag] if flag == "--llama-server" => bail!("--llama-server wants a path"),
        [option, ..] => bail!("unknown option {option}; there is --llama-server PATH"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&words("--llama-server bin/llama-server")).unwrap(), Some(PathBuf::from("bin/llama-server")));
        for wrong in ["--llama-server", "--server x", "--llama-server a b"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
