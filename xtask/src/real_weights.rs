//! `cargo xtask accept real-weights`: the released models, pulled from the hub, against what others recorded of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::command::capture;
use crate::loopback::LoopbackHub;
use crate::recorded::{self, Programs};
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const FACTS: &str = "testdata/recorded";
const STAND_IN_FACTS: &str = "testdata/recorded/stand_in";

/// The real ones, from the real hub: those named, or all that are not large. HF_HOME, HF_TOKEN and the like are the caller's.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let facts = read_facts(&workspace.root.join(FACTS))?;
    let known: Vec<&str> = facts.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(unknown) = options.iter().find(|option| !known.contains(&option.as_str())) {
        bail!("there are no recorded facts of {unknown}; there are of {}", known.join(", "));
    }
    let chosen = |name: &String, facts: &Value| match options {
        [] => facts["large"] != true,
        named => named.contains(name),
    };
    let environment = ["SMOLLM_MODEL", "SMOLLM_ISA"].map(|name| (name.to_owned(), None)).to_vec();
    let programs = programs(workspace, environment)?;
    let mut tally = Tally::default();
    for (name, facts) in facts.iter().filter(|(name, facts)| chosen(name, facts)) {
        tally += recorded::check(&programs, facts).unwrap_or_else(|error| {
            println!("   {name}: {error:#}");
            Tally::one(false)
        });
    }
    Ok(tally)
}

/// The same with small models under the same names, which a hub on this machine serves.
pub(crate) fn stand_ins(workspace: &Workspace) -> Result<Tally> {
    let folder = workspace.root.join("target/xtask/real-weights");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let models = folder.join("models");
    fs::create_dir_all(&models).with_context(|| format!("cannot create {}", models.display()))?;
    let mut maker = Command::new(suites::executable(workspace, "smollm-testkit", "example", "stand_in_models")?);
    scrub(&mut maker);
    let made = capture(maker.arg(&models), &workspace.log("stand-in-models"), Duration::from_secs(600))?;
    ensure!(made.success, "the example stand_in_models: {}", made.output.trim());

    let hub = LoopbackHub::start(workspace, Some(&models))?;
    let ours = |name: &str| name.starts_with("SMOLLM_") || name.starts_with("HF_");
    let callers = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| ours(name));
    let mut environment: Vec<(String, Option<String>)> = callers.map(|name| (name, None)).collect();
    environment.push(("HF_ENDPOINT".into(), Some(hub.address.clone())));
    environment.push(("HF_HOME".into(), Some(folder.join("cache").display().to_string())));
    let programs = programs(workspace, environment)?;
    let mut tally = Tally::default();
    for (_, facts) in read_facts(&workspace.root.join(STAND_IN_FACTS))? {
        tally += recorded::check(&programs, &facts)?;
    }
    Ok(tally)
}

fn programs(workspace: &Workspace, environment: Vec<(String, Option<String>)>) -> Result<Programs> {
    Ok(Programs {
        smollm: suites::executable(workspace, "smollm", "bin", "smollm")?,
        logits: suites::executable(workspace, "smollm", "example", "logits")?,
        environment,
    })
}

/// The files of a folder with their names, in order.
fn read_facts(folder: &Path) -> Result<Vec<(String, Value)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let facts = serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))?;
        Ok((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), facts))
    };
    paths.iter().map(read).collect()
}
