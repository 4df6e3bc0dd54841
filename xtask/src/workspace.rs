//! The repository as data: where it is, what `cargo metadata` says about it, and which files it holds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::report::in_ci;

/// One node of the dependency graph, workspace member or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// The licence expression of the manifest, if it has one.
    pub(crate) licence: Option<String>,
    /// `registry+https://...`, `git+https://...`; `None` for a crate of this repository.
    pub(crate) source: Option<String>,
    pub(crate) description: String,
    pub(crate) manifest: PathBuf,
    /// Root files of its targets (`src/lib.rs`, `tests/x.rs`, ...).
    pub(crate) roots: Vec<Target>,
    /// What it is resolved to depend on.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A target of a workspace member.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) kind: String,
    pub(crate) path: PathBuf,
}

/// An edge of the dependency graph.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// The package id at the other end.
    pub(crate) id: String,
    /// True where the only use is `[dev-dependencies]`.
    pub(crate) dev_only: bool,
}

/// The whole dependency graph and the repository around it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
    members: Vec<String>,
}

impl Workspace {
    /// Asks cargo about the repository that xtask was built from.
    pub(crate) fn load() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the repository root")?;
        let output =
            cargo(root).args(["metadata", "--format-version", "1"]).output().context("cannot run cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed broken JSON")?;
        Self::from_metadata(root.to_path_buf(), &metadata)
    }

    /// Reads the JSON of `cargo metadata --format-version 1`.
    pub(crate) fn from_metadata(root: PathBuf, metadata: &Value) -> Result<Self> {
        let mut packages = Vec::new();
        for package in list(metadata, "packages") {
            packages.push(Package {
                id: text(package, "id"),
                name: text(package, "name"),
                version: text(package, "version"),
                licence: package["license"].as_str().map(str::to_owned),
                source: package["source"].as_str().map(str::to_owned),
                description: text(package, "description"),
                manifest: PathBuf::from(text(package, "manifest_path")),
                roots: list(package, "targets")
                    .iter()
                    .map(|target| Target { kind: first(target, "kind"), path: PathBuf::from(text(target, "src_path")) })
                    .collect(),
                dependencies: Vec::new(),
            });
        }
        for node in list(&metadata["resolve"], "nodes") {
            let Some(package) = packages.iter_mut().find(|package| package.id == text(node, "id")) else {
                bail!("cargo metadata resolves {}, which it does not list", text(node, "id"));
            };
            package.dependencies = list(node, "deps")
                .iter()
                .map(|edge| Dependency {
                    id: text(edge, "pkg"),
                    dev_only: list(edge, "dep_kinds").iter().all(|kind| kind["kind"] == "dev"),
                })
                .collect();
        }
        let members = list(metadata, "workspace_members").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self { root, packages, members })
    }

    /// The packages that live in this repository.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.members.contains(&package.id))
    }

    /// The package with this id.
    pub(crate) fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// Where xtask keeps its logs.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.root.join("target/xtask").join(format!("{name}.log"))
    }

    /// Every file of the repository that git does not ignore, committed or not, relative to the root, `/` between folders.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .context("cannot run git, which says what files belong to the repository")?;
        ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
        let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut names: Vec<String> = names
            .split_terminator('\0')
            .filter(|name| self.root.join(name).is_file()) // deleted but still in the index
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}

/// The cargo that runs us, started in `root`, without the variables that a user's own set-up leaks into tests. A clean clone builds
/// everything once, so what would serve a second build is not kept there.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    if in_ci() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    scrub(&mut command);
    command
}

/// Removes `SMOLLM_*` and `HF_*`, so that a result never depends on the caller's model, token or ISA row.
pub(crate) fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("SMOLLM_") || name.starts_with("HF_")) {
            command.env_remove(name);
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn first(value: &Value, key: &str) -> String {
    list(value, key).first().and_then(Value::as_str).unwrap_or_default().to_owned()
}
