//! The repository's own rules about its text, each a function from files to findings.

mod documents;
mod manifests;
mod names;
mod sources;
#[cfg(test)]
mod tests;

use std::fs;

use anyhow::{Context, Result};

use crate::code_map;
use crate::workspace::Workspace;

pub(crate) use sources::head_paragraph;

/// A file of the repository that is text.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, `/` between folders.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    fn is(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Text that a person wrote, as against recorded data.
    fn is_written(&self) -> bool {
        self.is(&["rs", "md", "py", "toml", "yml", "yaml", "sh", "txt"]) && !self.path.starts_with("testdata/")
    }
}

/// One rule: its name, and what it finds wrong.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) findings: Vec<String>,
}

/// Runs every rule over the repository.
pub(crate) fn checks(workspace: &Workspace) -> Result<Vec<Check>> {
    let mut files = Vec::new();
    let mut sizes = Vec::new();
    for path in workspace.files()? {
        let bytes = fs::read(workspace.root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        sizes.push((path.clone(), bytes.len()));
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path, text });
        }
    }
    let paths: Vec<String> = sizes.iter().map(|(path, _)| path.clone()).collect();
    let check = |name, findings| Check { name, findings };
    Ok(vec![
        check("every Rust file starts with one sentence", each(&files, sources::head)),
        check("no file is longer than 600 lines", sources::too_long(&files)),
        check("no file is larger than 512 KiB, but for those on a list", sources::too_large(&sizes)),
        check("no note of unfinished work", each(&files, sources::unfinished)),
        check("no path of one machine", each(&files, sources::machine_paths)),
        check("no trailing whitespace, one newline at the end", each(&files, sources::whitespace)),
        check("names that say something", each(&files, names::banned)),
        check("unsafe code only where it may be", manifests::unsafe_forbidden(workspace, &files)),
        check("each crate's first line is its description", manifests::descriptions(workspace, &files)),
        check("manifests inherit from the workspace", manifests::inheritance(workspace, &files)),
        check("ARCHITECTURE.md lists every crate", manifests::listed(workspace, &files)),
        check("the code map of ARCHITECTURE.md is current", code_map::outdated(&files)),
        check("relative links resolve", documents::links(&files, &paths)),
        check("documented cargo xtask commands exist", each(&files, documents::xtask_commands)),
        check("reference/README.md lists every script", documents::unlisted_scripts(&files)),
        check("every golden file is used and has its script", documents::orphans(&files, &paths)),
    ])
}

/// The findings of a rule that looks at one file at a time.
fn each(files: &[File], rule: fn(&File) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(rule).collect()
}
