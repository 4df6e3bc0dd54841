//! `cargo xtask accept turns`: what the assistant says under the chat templates that llama.cpp collects, told or refused, never told wrongly.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::bench_peers::llama_build;
use crate::command::capture;
use crate::report::Tally;
use crate::suites;
use crate::workspace::Workspace;

const TEMPLATES: &str = "models/templates";
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Fetches the sources that llama-cpp-python carries, and lets the example judge every template in them.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let templates = llama_build::source(workspace)?.join(TEMPLATES);
    let judge = suites::executable(workspace, "smollm-tokenizer", "example", "turns")?;
    let mut judge = Command::new(judge);
    let judged = capture(judge.arg(templates).current_dir(&workspace.root), &workspace.log("turns"), LIMIT)?;
    print!("{}", judged.output);
    Ok(Tally::one(judged.success))
}
