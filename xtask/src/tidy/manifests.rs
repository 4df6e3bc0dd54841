//! Rules about crates: descriptions, inheritance from the workspace, where unsafe code may be, the list in ARCHITECTURE.md.

use std::path::Path;

use super::{File, sources};
use crate::workspace::{Package, Workspace};

/// Crates whose roots need not forbid unsafe code: what they say instead is reviewed by hand.
const MAY_BE_UNSAFE: [&str; 2] = ["smollm-kernels", "smollm-checkpoint"];

/// The root file's first paragraph is the manifest's description.
pub(super) fn descriptions(workspace: &Workspace, files: &[File]) -> Vec<String> {
    let plain = |text: &str| text.replace('`', "");
    let mut findings = Vec::new();
    for member in workspace.members() {
        let root = member.roots.iter().find(|target| target.kind == "lib").or(member.roots.first());
        let Some(file) = root.and_then(|target| find(workspace, files, &target.path)) else {
            findings.push(format!("{}: its root file is not in the repository", member.name));
            continue;
        };
        let head = sources::head_paragraph(&file.text);
        if plain(&head) != plain(&member.description) {
            let description = &member.description;
            findings.push(format!("{}:1: {head:?}, but Cargo.toml describes it as {description:?}", file.path));
        }
    }
    findings
}

/// `#![forbid(unsafe_code)]` in every root file, except in the crates that may be unsafe.
pub(super) fn unsafe_forbidden(workspace: &Workspace, files: &[File]) -> Vec<String> {
    let shipped = |kind: &str| matches!(kind, "lib" | "bin" | "proc-macro");
    let mut findings = Vec::new();
    for member in workspace.members().filter(|member| !MAY_BE_UNSAFE.contains(&member.name.as_str())) {
        for target in member.roots.iter().filter(|target| shipped(&target.kind)) {
            if let Some(file) = find(workspace, files, &target.path)
                && !file.text.contains("#![forbid(unsafe_code)]")
            {
                findings.push(format!("{}: lacks #![forbid(unsafe_code)]", file.path));
            }
        }
    }
    findings
}

/// Lines that every manifest has, so that one edit in the root changes all.
const INHERITED: [&str; 5] = [
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
    "[lints]\nworkspace = true",
];

/// Every member inherits version, edition, licence and lints, and its folder is called like it.
pub(super) fn inheritance(workspace: &Workspace, files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for member in workspace.members() {
        let Some(file) = find(workspace, files, &member.manifest) else {
            findings.push(format!("{}: its manifest is not in the repository", member.name));
            continue;
        };
        for line in INHERITED.iter().filter(|line| !file.text.contains(*line)) {
            findings.push(format!("{}: lacks `{}`", file.path, line.replace('\n', " ")));
        }
        if folder(member) != member.name {
            findings.push(format!("{}: the folder of {} is called otherwise", file.path, member.name));
        }
    }
    findings
}

/// ARCHITECTURE.md names every member.
pub(super) fn listed(workspace: &Workspace, files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == "ARCHITECTURE.md") else {
        return vec!["there is no ARCHITECTURE.md".to_owned()];
    };
    let unnamed = workspace.members().filter(|member| !page.text.contains(&format!("`{}`", member.name)));
    unnamed.map(|member| format!("ARCHITECTURE.md does not name `{}`", member.name)).collect()
}

fn folder(member: &Package) -> String {
    let folder = member.manifest.parent().and_then(Path::file_name);
    folder.unwrap_or_default().to_string_lossy().into_owned()
}

fn find<'a>(workspace: &Workspace, files: &'a [File], path: &Path) -> Option<&'a File> {
    files.iter().find(|file| workspace.root.join(&file.path) == path)
}
