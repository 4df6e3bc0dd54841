//! `smollm pull`, `list` and `rm`: the models of the hub on this machine.

use super::failure::usage;
use super::progress::DownloadBars;
use indicatif::BinaryBytes;
use smollm_hub::{Hub, ModelRef};
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
            let reference = ModelRef::parse(name)?;
            if let ModelRef::Path(path) = &reference {
                return usage(format!("{} is a local path; there is nothing to pull", path.display()));
            }
            let local = hub.fetch(&reference, &DownloadBars::new(self.quiet))?;
            writeln!(std::io::stdout(), "{}", local.path.display())?;
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
        let mut out = std::io::stdout().lock();
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
        writeln!(out, "{:48} {:10} {:>10}  last used", "model", "commit", "size")?;
        for repo in &repositories {
            for revision in &repo.revisions {
                let commit = revision.commit.get(..8).unwrap_or(&revision.commit);
                let name = match revision.refs.first() {
                    Some(branch) if branch != "main" => format!("{}@{branch}", repo.repo),
                    _ => repo.repo.to_string(),
                };
                let used = revision.last_used.map_or_else(String::new, ago);
                writeln!(out, "{name:48} {commit:10} {:>10}  {used}", BinaryBytes(revision.bytes).to_string())?;
            }
        }
        Ok(())
    }
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
            let reference = ModelRef::parse(name)?;
            if let ModelRef::Path(path) = &reference {
                return usage(format!("{} is a local path; only downloaded models are removed", path.display()));
            }
            let removed = hub.remove(&reference)?;
            writeln!(std::io::stdout(), "removed {name}, {} freed", BinaryBytes(removed.bytes))?;
        }
        Ok(())
    }
}
