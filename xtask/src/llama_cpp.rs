//! `cargo xtask accept llama-cpp`: llama.cpp reads the GGUF files that our converter writes and is asked for every position's top-1.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::command::capture;
use crate::report::Tally;
use crate::suites;
use crate::workspace::Workspace;

const GOLDENS: &str = "testdata/llama_cpp";
const SCRIPT: &str = "reference/llama_cpp_check.py";
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What the caller says.
struct Options {
    python: String,
    record: bool,
}

/// Converts the model of every golden file and lets `reference/llama_cpp_check.py` judge. Nothing is built: the Python
/// finds llama.cpp by LLAMA_CPP_LIB_PATH and PYTHONPATH, which are the caller's.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let options = read(options)?;
    let folder = workspace.root.join("target/xtask/llama-cpp");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let tiny_model = suites::executable(workspace, "smollm-testkit", "example", "tiny_model")?;
    let smollm = suites::executable(workspace, "smollm", "bin", "smollm")?;
    let mut tally = Tally::default();
    for (name, dtype) in goldens(&workspace.root.join(GOLDENS))? {
        let file = folder.join(format!("{name}-{dtype}.gguf"));
        let run = |what: &str, command: &mut Command| {
            capture(command.current_dir(&workspace.root), &workspace.log(&format!("llama-cpp-{what}")), LIMIT)
        };
        let made = run("model", Command::new(&tiny_model).arg(&name).arg(&folder))?;
        ensure!(made.success, "the example tiny_model: {}", made.output.trim());
        let mut convert = Command::new(&smollm);
        convert.args(["convert", "--quiet", "--dtype", &dtype]).arg(folder.join(&name)).arg(&file);
        let converted = run("convert", &mut convert)?;
        let mut judge = Command::new(&options.python);
        judge
            .arg(SCRIPT)
            .arg(&file)
            .arg(format!("{GOLDENS}/{name}-{dtype}.json"))
            .args(options.record.then_some("--record"));
        let judged = if converted.success { run(&format!("{name}-{dtype}"), &mut judge)? } else { converted };
        println!("   {name}-{dtype}: {}", judged.output.lines().next_back().unwrap_or_default());
        tally += Tally::one(judged.success);
    }
    Ok(tally)
}

fn read(options: &[String]) -> Result<Options> {
    let mut read = Options { python: "python3".to_owned(), record: false };
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--record" => read.record = true,
            "--python" => read.python = words.next().context("--python wants a path")?.clone(),
            other => bail!("unknown option {other}; there are --python PATH and --record"),
        }
    }
    Ok(read)
}

/// The configuration and the type of each golden file, as its name says: `NAME-TYPE.json`.
fn goldens(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some((name, dtype)) = name.strip_suffix(".json").and_then(|stem| stem.rsplit_once('-')) {
            names.push((name.to_owned(), dtype.to_owned()));
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "{} holds no golden file", folder.display());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let options = read(&words("--python venv/bin/python --record")).unwrap();
        assert_eq!((options.python.as_str(), options.record), ("venv/bin/python", true));
        assert_eq!(read(&[]).unwrap().python, "python3");
        for wrong in ["--python", "--recorded", "x"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
