//! `cargo xtask accept divergence`: how far predictions move by quantising, beside llama.cpp's files of the same model and types.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::capture;
use crate::report::Tally;
use crate::suites;
use crate::workspace::Workspace;

const SCRIPT: &str = "reference/divergence_check.py";
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// What the caller says.
#[derive(Debug)]
struct Options {
    python: String,
    llama_quantize: String,
    model: String,
}

/// Builds the binary and lets the script judge with it; its table is printed.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let options = read(options)?;
    let program = suites::release(workspace, "smollm", "bin", "smollm")?;
    let mut judge = Command::new(&options.python);
    judge.arg(SCRIPT).arg(&program).args([&options.llama_quantize, &options.model]).current_dir(&workspace.root);
    let judged = capture(&mut judge, &workspace.log("divergence"), LIMIT)?;
    print!("{}", judged.output);
    Ok(Tally::one(judged.success))
}

fn read(options: &[String]) -> Result<Options> {
    let (mut python, mut llama_quantize, mut model) = ("python3".to_owned(), None, None);
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let mut path = || words.next().cloned().with_context(|| format!("{word} wants a path"));
        match word.as_str() {
            "--python" => python = path()?,
            "--llama-quantize" => llama_quantize = Some(path()?),
            "--model" => model = Some(path()?),
            other => {
                bail!("unknown option {other}; there are --llama-quantize, --model and --python, each with a PATH")
            }
        }
    }
    let llama_quantize =
        llama_quantize.context("--llama-quantize PATH is needed: the program of a build of llama.cpp")?;
    let model = model.context("--model PATH is needed: a directory that reference/train_small.py made")?;
    Ok(Options { python, llama_quantize, model })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let options = read(&words("--model m --llama-quantize q --python py")).unwrap();
        assert_eq!([&*options.model, &*options.llama_quantize, &*options.python], ["m", "q", "py"]);
        assert_eq!(read(&words("--llama-quantize q --model m")).unwrap().python, "python3");
        for wrong in ["", "--model m", "--llama-quantize q", "--model m --llama-quantize", "x"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
