//! JavaScript: scripts in `reference/npm` that use what we serve, or check what we ship, with packages from npm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::report::Tally;
use crate::scripts::{Argument, Client, TOUR, run};
use crate::venv::{self, Venv};
use crate::workspace::Workspace;

/// The scripts with the packages they import beside them, where Node looks for packages.
const FOLDER: &str = "target/npm";
const SOURCES: &str = "reference/npm";
const CLIENTS: &[Client] = &[
    Client { script: "target/npm/openai_check.mjs", arguments: TOUR },
    Client { script: "target/npm/ai_check.mjs", arguments: TOUR },
];

const PACKAGING: &[Client] =
    &[Client { script: "target/npm/packaging_check.mjs", arguments: &[Argument::EmptyFolder, Argument::Smollm] }];

/// The oldest version that the packages run on.
const OLDEST_NODE: u32 = 20;
/// Node itself, for a machine that has none or an older one: 60 MB to download.
const NODE_VENV: Venv<'_> =
    Venv { folder: "target/venv-node", requirements: "reference/requirements-node.txt", borrowed: None };

/// Node and its package client.
struct Node {
    node: PathBuf,
    npm: PathBuf,
}

/// Clients of the server.
pub(crate) fn clients(workspace: &Workspace) -> Result<Tally> {
    run_all(workspace, CLIENTS)
}

/// The files of `packaging/`.
pub(crate) fn packaging(workspace: &Workspace) -> Result<Tally> {
    run_all(workspace, PACKAGING)
}

/// Installs the packages and runs every script of the table.
fn run_all(workspace: &Workspace, scripts: &[Client]) -> Result<Tally> {
    let node = match install(workspace) {
        Ok(node) => node,
        Err(error) => {
            println!("   SKIP there are no packages of npm: {error:#}");
            return Ok(Tally::skip());
        }
    };
    let mut tally = Tally::default();
    for script in scripts {
        tally += run(workspace, &node, script, &[])?;
    }
    Ok(tally)
}

/// Puts scripts and packages into the folder, the latter if the lock file has changed, and gives the path of Node.
fn install(workspace: &Workspace) -> Result<PathBuf> {
    let (folder, sources) = (workspace.root.join(FOLDER), workspace.root.join(SOURCES));
    let lock =
        fs::read_to_string(sources.join("package-lock.json")).with_context(|| format!("no lock in {SOURCES}"))?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for entry in fs::read_dir(&sources).with_context(|| format!("cannot read {SOURCES}"))? {
        let entry = entry?;
        let from = entry.path();
        fs::copy(&from, folder.join(entry.file_name())).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let Node { node, npm } = Node::find(workspace)?;
    let marker = folder.join("packages-installed.json");
    if !fs::read_to_string(&marker).is_ok_and(|installed| installed == lock) {
        println!("   installing into {FOLDER} from {SOURCES}");
        let mut ci = Command::new(&npm);
        ci.arg("ci").args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--prefix"]);
        venv::run(workspace, "npm", ci.arg(&folder))?;
        fs::write(&marker, lock).with_context(|| format!("cannot write {}", marker.display()))?;
    }
    Ok(node)
}

impl Node {
    /// That of this machine if it is new enough, or one from the Python package registry.
    fn find(workspace: &Workspace) -> Result<Self> {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let own = Self { node: "node".into(), npm: npm.into() };
        if own.is_usable() {
            return Ok(own);
        }
        println!("   this machine has no Node {OLDEST_NODE} or newer with npm");
        NODE_VENV.ensure(workspace)?;
        Ok(Self { node: NODE_VENV.program(workspace, "node"), npm: NODE_VENV.program(workspace, "npm") })
    }

    fn is_usable(&self) -> bool {
        let version = |program: &Path| {
            let said = Command::new(program).arg("--version").output().ok().filter(|said| said.status.success())?;
            major(&String::from_utf8_lossy(&said.stdout))
        };
        version(&self.node).is_some_and(|version| version >= OLDEST_NODE) && version(&self.npm).is_some()
    }
}

/// The first number of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("11.19.1"), Some(11));
        assert_eq!(major("node: not found"), None);
    }
}
