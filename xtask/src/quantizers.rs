//! `cargo xtask accept quantizers`: the errors of our quantisers beside those of ggml's on the same numbers.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::capture;
use crate::report::Tally;
use crate::suites;
use crate::workspace::Workspace;

const SCRIPT: &str = "reference/quantize_check.py";
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What the caller says.
#[derive(Debug)]
struct Options {
    python: String,
    library: String,
}

/// Builds the example that quantises files of numbers and lets the script judge; its table is printed.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let options = read(options)?;
    let program = suites::executable(workspace, "smollm-kernels", "example", "quantize_rows")?;
    let mut judge = Command::new(&options.python);
    judge.arg(SCRIPT).arg(&program).arg(&options.library).current_dir(&workspace.root);
    let judged = capture(&mut judge, &workspace.log("quantizers"), LIMIT)?;
    print!("{}", judged.output);
    Ok(Tally::one(judged.success))
}

fn read(options: &[String]) -> Result<Options> {
    let (mut python, mut library) = ("python3".to_owned(), None);
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--python" => python = words.next().context("--python wants a path")?.clone(),
            "--library" => library = Some(words.next().context("--library wants a path")?.clone()),
            other => bail!("unknown option {other}; there are --library PATH and --python PATH"),
        }
    }
    let library = library.context("--library PATH is needed: libggml-base.so of a build of llama.cpp")?;
    Ok(Options { python, library })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let options = read(&words("--library lib.so --python py")).unwrap();
        assert_eq!((options.library.as_str(), options.python.as_str()), ("lib.so", "py"));
        assert_eq!(read(&words("--library lib.so")).unwrap().python, "python3");
        for wrong in ["", "--library", "--library a --python", "x"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
