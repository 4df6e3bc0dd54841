//! `smollm pull`, `list` and `rm`: the models of the hub on this machine.

use super::failure::usage;
use super::output::output;
use super::progress::DownloadBars;
use indicatif::BinaryBytes;
use smollm::BUILT_IN;
use smollm_hub::{CachedRepo, Hub, ModelRef};
use std::io::Write;
use std::time::SystemTime;

/// Download a model from the hub, or update it.
#[derive(Debug, clap::Args)]
pub(crate) struct Pull {
    /// A hub id (org/name[@revision][:file.gguf|:QUANT]) or a short name (smollm2:135m)
    #[arg(required = true)]
    models: Vec<String>,
    /// No progress bars
    #[arg(short, long)]
    quiet: bool,
}

impl Pull {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::from_env()?;
        for name in &self.models {
            if name == BUILT_IN {
                return usage(format!("{BUILT_IN} is built in; there is nothing to pull"));
            }
            let reference = ModelRef::parse(name)?;
            if let ModelRef::Path(path) = &reference {
                return usage(format!("{} is a local path; there is nothing to pull", path.display()));
            }
            let local = hub.fetch(&reference, &DownloadBars::new(self.quiet))?;
            writeln!(output(), "{}", local.path.display())?;
        }
        Ok(())
    }
}

/// List downloaded models.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl List {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let repositories = Hub::from_env()?.list()?;
        let mut out = output();
        if self.json {
            let rows: Vec<_> = repositories
                .iter()
                .flat_map(|repo| repo.revisions.iter().map(move |revision| (repo, revision)))
                .map(|(repo, revision)| {
                    let files: Vec<_> = revision.files.iter().map(|f| &f.path).collect();
                    serde_json::json!({
                        "repo": repo.repo.to_string(), "commit": revision.commit, "refs": revision.refs,
                        "files": files, "bytes": revision.bytes,
                    })
                })
                .collect();
            writeln!(out, "{}", serde_json::Value::from(rows))?;
            return Ok(());
        }
        if repositories.is_empty() {
            writeln!(out, "no models downloaded yet; try `smollm pull smollm2:135m`")?;
            return Ok(());
        }
        let rows: Vec<Row> = repositories.iter().flat_map(rows).collect();
        let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        writeln!(out, "{:width$}  {:8}  {:>10}  last used", "model", "commit", "size")?;
        for Row { name, commit, bytes, used } in rows {
            writeln!(out, "{name:width$}  {commit:8}  {:>10}  {used}", BinaryBytes(bytes).to_string())?;
        }
        Ok(())
    }
}

/// One line of the table; the name is what `-m` and `rm` take.
struct Row {
    name: String,
    commit: String,
    bytes: u64,
    used: String,
}

/// A row for the folder of each revision and for each of its GGUF files, and one for downloads that were cut.
fn rows(repo: &CachedRepo) -> Vec<Row> {
    let mut rows = Vec::new();
    for revision in &repo.revisions {
        let name = match revision.refs.first() {
            _ if revision.refs.iter().any(|branch| branch == "main") => repo.repo.to_string(),
            Some(branch) => format!("{}@{branch}", repo.repo),
            None => format!("{}@{}", repo.repo, revision.commit),
        };
        let row = |name: String, bytes| Row {
            name,
            commit: revision.commit.chars().take(8).collect(),
            bytes,
            used: revision.last_used.map_or_else(String::new, ago),
        };
        let (ggufs, others): (Vec<_>, Vec<_>) = revision.files.iter().partition(|file| file.path.ends_with(".gguf"));
        if !others.is_empty() {
            rows.push(row(name.clone(), others.iter().map(|file| file.bytes).sum()));
        }
        rows.extend(ggufs.iter().map(|file| row(format!("{name}:{}", file.path), file.bytes)));
    }
    if repo.partial_bytes > 0 {
        let used = "cut; pull it again to resume".into();
        rows.push(Row { name: repo.repo.to_string(), commit: "-".into(), bytes: repo.partial_bytes, used });
    }
    rows
}

/// A past moment in the words of a person.
fn ago(time: SystemTime) -> String {
    let seconds = SystemTime::now().duration_since(time).map_or(0, |d| d.as_secs());
    match seconds {
        0..60 => "just now".into(),
        60..3600 => format!("{} minutes ago", seconds / 60),
        3600..86_400 => format!("{} hours ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Remove a downloaded model.
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// A hub id, with @revision for one revision only, or a short name
    #[arg(required = true)]
    models: Vec<String>,
}

impl Rm {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let hub = Hub::from_env()?;
        for name in &self.models {
            if name == BUILT_IN {
                return usage(format!("{BUILT_IN} is built in; only downloaded models are removed"));
            }
            let reference = ModelRef::parse(name)?;
            if let ModelRef::Path(path) = &reference {
                return usage(format!("{} is a local path; only downloaded models are removed", path.display()));
            }
            let removed = hub.remove(&reference)?;
            writeln!(output(), "removed {name}, {} freed", BinaryBytes(removed.bytes))?;
        }
        Ok(())
    }
}
