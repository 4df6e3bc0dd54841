//! The test executables of the workspace: built once by cargo, run in named groups.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::{self, capture};
use crate::libtest::{self, Said};
use crate::report::Tally;
use crate::workspace::{Workspace, cargo, scrub};

/// No single test executable may take longer.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// One executable that `cargo test` built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) package: String,
    /// Folder of the package; its tests run there, as under `cargo test`.
    folder: PathBuf,
    /// `lib`, `bin`, `test`, `example`, ...
    kind: String,
    target: String,
    executable: PathBuf,
    /// False for the plain binary that end-to-end tests start.
    harness: bool,
}

/// Which suites a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Tests inside the crates' sources.
    Unit,
    /// `tests/golden*.rs`: results of reference implementations, committed under `testdata/`.
    Golden,
    /// `crates/smollm/tests/*`: the facade and the binary, end to end.
    Cli,
    /// Every other file in a `tests/` folder.
    Integration,
}

impl Suite {
    /// Whether it is the test target of this name in this package.
    pub(crate) fn is(&self, package: &str, target: &str) -> bool {
        (&*self.package, &*self.kind, &*self.target) == (package, "test", target)
    }

    /// The group it belongs to; every suite has exactly one.
    fn group(&self) -> Group {
        match self.kind.as_str() {
            "test" if self.target.starts_with("golden") => Group::Golden,
            "test" if self.package == "smollm" => Group::Cli,
            "test" => Group::Integration,
            _ => Group::Unit,
        }
    }
}

/// Builds everything that `cargo test --workspace` would run, and says what was built; `None` if it does not compile.
pub(crate) fn build(workspace: &Workspace) -> Result<Option<Vec<Suite>>> {
    let mut command = cargo(&workspace.root);
    command.args(["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    command::quiet_unless_watched(&mut command);
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo test")?;
    let messages = String::from_utf8(output.stdout).context("cargo printed text that is not UTF-8")?;
    if !output.status.success() {
        return Ok(None);
    }
    let suites = executables(&messages)?;
    ensure!(!suites.is_empty(), "cargo built no test executable");
    Ok(Some(suites))
}

/// The executables among cargo's JSON messages, in a stable order.
fn executables(messages: &str) -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Value = serde_json::from_str(line).context("cargo printed a broken JSON message")?;
        let (Some(executable), "compiler-artifact") =
            (message["executable"].as_str(), message["reason"].as_str().unwrap_or_default())
        else {
            continue;
        };
        let manifest = Path::new(message["manifest_path"].as_str().unwrap_or_default());
        let folder = manifest.parent().unwrap_or(manifest).to_path_buf();
        let id = message["package_id"].as_str().unwrap_or_default();
        suites.push(Suite {
            package: package_name(id, &folder),
            folder,
            kind: message["target"]["kind"][0].as_str().unwrap_or_default().to_owned(),
            target: message["target"]["name"].as_str().unwrap_or_default().to_owned(),
            executable: PathBuf::from(executable),
            harness: message["profile"]["test"] == true,
        });
    }
    suites.sort_by(|a, b| (&a.package, &a.kind, &a.target).cmp(&(&b.package, &b.kind, &b.target)));
    Ok(suites)
}

/// The name in a package id: `path+file:///x/crates/name#0.1.0`, or `...#name@0.1.0` where the folder is called otherwise.
fn package_name(id: &str, folder: &Path) -> String {
    match id.rsplit_once('#').and_then(|(_, fragment)| fragment.split_once('@')) {
        Some((name, _)) => name.to_owned(),
        None => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// A plain executable: a `bin` that end-to-end tests start, or an `example` that a client script drives.
pub(crate) fn executable(workspace: &Workspace, package: &str, kind: &str, target: &str) -> Result<PathBuf> {
    let suites = build(workspace)?.context("the workspace does not compile")?;
    let wanted =
        |suite: &&Suite| !suite.harness && (&*suite.package, &*suite.kind, &*suite.target) == (package, kind, target);
    let suite = suites.iter().find(wanted);
    // Cargo builds a binary along with the tests only for a package that has a `tests/` folder.
    Ok(suite.with_context(|| format!("cargo test built no {kind} {target} of {package}"))?.executable.clone())
}

/// The same from the release profile, building nothing else: what is measured, and what serves measuring.
pub(crate) fn release(workspace: &Workspace, package: &str, kind: &str, target: &str) -> Result<PathBuf> {
    release_by(cargo(&workspace.root), &[], package, kind, target)
}

/// The same by a cargo with an environment and further arguments of its own.
pub(crate) fn release_by(
    mut cargo: Command,
    further: &[&str],
    package: &str,
    kind: &str,
    target: &str,
) -> Result<PathBuf> {
    cargo.args(["build", "--release", "-p", package, &format!("--{kind}"), target]).args(further);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    command::quiet_unless_watched(&mut cargo);
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo build")?;
    ensure!(output.status.success(), "{package} does not compile");
    let suites = executables(&String::from_utf8(output.stdout).context("cargo printed text that is not UTF-8")?)?;
    let wanted = |suite: &&Suite| (&*suite.kind, &*suite.target) == (kind, target);
    Ok(suites.iter().find(wanted).with_context(|| format!("cargo built no {kind} {target}"))?.executable.clone())
}

/// Runs the suites of one group.
pub(crate) fn run_group(workspace: &Workspace, group: Group) -> Result<Tally> {
    run(workspace, &format!("{group:?}"), |suite| suite.group() == group, &[])
}

/// Runs the suites that `chosen` picks, with extra environment variables, and prints a line for each.
///
/// # Errors
/// Fails where nothing is chosen or nothing was tested: an empty step would look like a passed one.
pub(crate) fn run(
    workspace: &Workspace,
    what: &str,
    chosen: impl Fn(&Suite) -> bool,
    environment: &[(&str, &str)],
) -> Result<Tally> {
    let suites = build(workspace)?.context("the workspace does not compile")?;
    let mut total = Tally::default();
    for suite in suites.iter().filter(|suite| suite.harness && chosen(suite)) {
        let name = format!("{} {} {}", suite.package, suite.kind, suite.target);
        let log = workspace.log(&format!("{what}-{}", name.replace(' ', "-")).to_lowercase());
        let mut command = Command::new(&suite.executable);
        scrub(&mut command);
        command.arg("--show-output").current_dir(&suite.folder).env("CARGO_MANIFEST_DIR", &suite.folder);
        // A failure is told by its message; whoever wants the way there runs that one test by itself.
        command.env("RUST_BACKTRACE", "0").envs(environment.iter().copied());
        let finished = capture(&mut command, &log, LIMIT)?;
        let mut said = libtest::read(&finished.output);
        if !said.finished || (!finished.success && said.tally.failed == 0) {
            said.tally.failed += 1;
            let why = if finished.timed_out { "ran past its limit and was ended" } else { "ended without a result" };
            said.failures = format!("{name} {why}; its last lines:\n{}", last_lines(&finished.output, 40));
        }
        if said.tally != Tally::default() {
            println!("   {name:<52} {:>24} {:>8.1} s", said.tally.to_string(), finished.seconds);
        }
        print_details(&said, &log);
        total += said.tally;
    }
    ensure!(total != Tally::default(), "there is no such test: {}", what.to_lowercase());
    Ok(total)
}

/// Runs the examples in the documentation.
pub(crate) fn run_doc_tests(workspace: &Workspace) -> Result<Tally> {
    let mut command = cargo(&workspace.root);
    command.args(["test", "--workspace", "--doc", "--no-fail-fast", "--", "--show-output"]);
    let log = workspace.log("doctest");
    let finished = capture(&mut command, &log, LIMIT)?;
    let mut said = libtest::read(&finished.output);
    if !finished.success && said.tally.failed == 0 {
        said.tally.failed += 1;
        said.failures = last_lines(&finished.output, 60);
    }
    print_details(&said, &log);
    ensure!(said.tally != Tally::default(), "no documentation holds an example");
    Ok(said.tally)
}

fn print_details(said: &Said, log: &Path) {
    for skip in &said.skips {
        println!("   SKIP {skip}");
    }
    if !said.failures.is_empty() {
        println!("{}\n   (whole output: {})", said.failures.trim_end(), log.display());
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(package: &str, kind: &str, target: &str, harness: bool) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"path+file:///r/crates/{package}#0.1.0","manifest_path":"/r/crates/{package}/Cargo.toml","target":{{"kind":["{kind}"],"name":"{target}"}},"profile":{{"test":{harness}}},"executable":"/r/target/{target}"}}"#
        )
    }

    #[track_caller]
    fn check(package: &str, kind: &str, target: &str, group: Group) {
        let suites = executables(&artifact(package, kind, target, true)).unwrap();
        assert_eq!(suites.len(), 1);
        assert_eq!((suites[0].package.as_str(), suites[0].group()), (package, group));
    }

    #[test]
    fn every_suite_has_its_group() {
        check("smollm-kernels", "lib", "smollm_kernels", Group::Unit);
        check("smollm", "bin", "smollm", Group::Unit);
        check("smollm-model", "test", "golden_logits", Group::Golden);
        check("smollm", "test", "golden_text", Group::Golden);
        check("smollm", "test", "generate", Group::Cli);
        check("smollm-hub", "test", "loopback", Group::Integration);
    }

    #[test]
    fn messages_without_an_executable_are_passed_over() {
        let messages = format!(
            "{}\n{}\n",
            r#"{"reason":"compiler-artifact","executable":null}"#, r#"{"reason":"build-finished","success":true}"#
        );
        assert!(executables(&messages).unwrap().is_empty());
    }

    #[test]
    fn the_plain_binary_is_not_a_suite() {
        assert!(!executables(&artifact("smollm", "bin", "smollm", false)).unwrap()[0].harness);
    }

    #[test]
    fn a_package_id_names_its_package() {
        assert_eq!(package_name("path+file:///r/crates/smollm#0.1.0", Path::new("/r/crates/smollm")), "smollm");
        assert_eq!(package_name("path+file:///r/tool#xtask@0.1.0", Path::new("/r/tool")), "xtask");
    }
}
