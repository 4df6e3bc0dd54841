//! `cargo xtask accept tokenizer-training`: our trainer of tokenizers beside that of the Python `tokenizers`, on the same 50 MB.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::command::capture;
use crate::python::VENV;
use crate::report::Tally;
use crate::scripts::empty_folder;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const SCRIPT: &str = "reference/tokenizer_train_check.py";
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Lets the script train both in turn; its table is printed.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let python = VENV.ensure(workspace)?;
    let smollm = suites::release(workspace, "smollm", "bin", "smollm")?;
    let folder = empty_folder(workspace, "tokenizer_training")?;
    let mut judge = Command::new(&python);
    scrub(&mut judge);
    judge.arg(SCRIPT).arg(&folder).arg(&smollm).arg(workspace.root.join("../shared/fixtures")).arg("--speed");
    judge.current_dir(&workspace.root).env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let judged = capture(&mut judge, &workspace.log("tokenizer-training"), LIMIT)?;
    println!("{}", judged.output.trim_end());
    Ok(match judged.exit_code {
        Some(77) => Tally::skip(),
        _ => Tally::one(judged.success),
    })
}
