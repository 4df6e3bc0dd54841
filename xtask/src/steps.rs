//! `cargo xtask test`: the steps in order, each with a headline and its time, and the total at the end.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::report::{Outcome, Tally, in_ci, summary};
use crate::suites::{self, Group};
use crate::workspace::{Workspace, cargo};
use crate::{accept, command, fuzz, layering, licences, npm, python, readme, real_weights, tidy};

/// One step of the test command.
struct Step {
    name: &'static str,
    headline: &'static str,
    /// The step that must have passed for this one to make sense.
    needs: Option<&'static str>,
    run: fn(&Workspace) -> Result<Tally>,
}

/// Quick ones first, so that a slip shows early; all run even when one fails.
const STEPS: &[Step] = &[
    Step { name: "fmt", headline: "every file is formatted by rustfmt", needs: None, run: fmt },
    Step { name: "tidy", headline: "the repository's own rules about its text", needs: None, run: tidy },
    Step { name: "layering", headline: "crates import only what the layers allow", needs: None, run: layering },
    Step { name: "licences", headline: "every dependency has a licence from the list", needs: None, run: licences },
    Step { name: "clippy", headline: "lints, warnings denied", needs: None, run: clippy },
    Step { name: "build", headline: "all test executables compile", needs: None, run: build },
    Step {
        name: "unit",
        headline: "tests inside the sources",
        needs: Some("build"),
        run: |w| suites::run_group(w, Group::Unit),
    },
    Step {
        name: "golden",
        headline: "equal to the reference implementations",
        needs: Some("build"),
        run: |w| suites::run_group(w, Group::Golden),
    },
    Step {
        name: "integration",
        headline: "each library from outside",
        needs: Some("build"),
        run: |w| suites::run_group(w, Group::Integration),
    },
    Step {
        name: "cli",
        headline: "the facade and the binary, end to end",
        needs: Some("build"),
        run: |w| suites::run_group(w, Group::Cli),
    },
    Step {
        name: "isa",
        headline: "kernels, model and engine again on other instruction sets",
        needs: Some("build"),
        run: accept::isa_sample,
    },
    Step {
        name: "doctest",
        headline: "examples in the documentation",
        needs: Some("build"),
        run: suites::run_doc_tests,
    },
    Step { name: "doc", headline: "the documentation builds, warnings denied", needs: None, run: doc },
    Step {
        name: "readme",
        headline: "commands in README.md and docs/ exist",
        needs: Some("build"),
        run: readme::commands,
    },
    Step {
        name: "python",
        headline: "Python clients against what we write",
        needs: Some("build"),
        run: python::clients,
    },
    Step { name: "npm", headline: "JavaScript clients against what we serve", needs: Some("build"), run: npm::clients },
    Step {
        name: "packaging",
        headline: "Dockerfile and systemd unit, held against the binary",
        needs: Some("build"),
        run: npm::packaging,
    },
    Step {
        name: "real-weights",
        headline: "the accept run of the same name, with small models on a loopback hub",
        needs: Some("build"),
        run: real_weights::stand_ins,
    },
    Step { name: "fuzz", headline: "each parser of outside bytes, a short fixed run", needs: None, run: fuzz::sample },
];

/// The names of all steps.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|step| step.name)
}

/// A line for each step.
pub(crate) fn list() -> String {
    STEPS.iter().map(|step| format!("  {:<12} {}", step.name, step.headline)).collect::<Vec<_>>().join("\n")
}

/// Runs all steps, or the named ones, and prints the summary.
pub(crate) fn test(workspace: &Workspace, chosen: &[String]) -> Result<Tally> {
    if let Some(unknown) = chosen.iter().find(|name| !names().any(|known| known == name.as_str())) {
        bail!("there is no step {unknown}; the steps are\n{}", list());
    }
    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in STEPS.iter().filter(|step| chosen.is_empty() || chosen.iter().any(|name| name == step.name)) {
        println!("== {}: {}", step.name, step.headline);
        let start = Instant::now();
        let broken = outcomes.iter().find(|outcome| Some(outcome.step) == step.needs && outcome.tally.failed > 0);
        let tally = match broken {
            Some(outcome) => {
                println!("   not run, because {} failed", outcome.step);
                Tally::one(false)
            }
            None => (step.run)(workspace).unwrap_or_else(|error| {
                println!("   error: {error:#}");
                Tally::one(false)
            }),
        };
        let outcome = Outcome { step: step.name, tally: tally.strict(in_ci()), seconds: start.elapsed().as_secs_f64() };
        println!("   {} in {:.1} s", outcome.tally, outcome.seconds);
        outcomes.push(outcome);
    }
    let mut total = Tally::default();
    outcomes.iter().for_each(|outcome| total += outcome.tally);
    println!("\n{}", summary(&outcomes));
    Ok(total)
}

fn fmt(workspace: &Workspace) -> Result<Tally> {
    let members = command::build(cargo(&workspace.root).args(["fmt", "--all", "--check", "--", "-l"]))?;
    let formatted =
        command::build(cargo(&workspace.root.join("fuzz")).args(["fmt", "--check", "--", "-l"]))? && members;
    if !formatted {
        println!("   not formatted: the files above; `cargo fmt --all`, and `cargo fmt` in fuzz/, format it");
    }
    Ok(Tally::one(formatted))
}

fn tidy(workspace: &Workspace) -> Result<Tally> {
    let mut tally = Tally::default();
    for check in tidy::checks(workspace)? {
        tally += report(check.name, &check.findings);
    }
    Ok(tally)
}

fn layering(workspace: &Workspace) -> Result<Tally> {
    Ok(report("layers", &layering::findings(workspace)))
}

fn licences(workspace: &Workspace) -> Result<Tally> {
    println!("   {} packages", workspace.packages.len());
    Ok(report("licences", &licences::findings(workspace)))
}

/// Prints the findings of one check, if there are any.
fn report(check: &str, findings: &[String]) -> Tally {
    for finding in findings {
        println!("   {check}: {finding}");
    }
    Tally::one(findings.is_empty())
}

fn clippy(workspace: &Workspace) -> Result<Tally> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"];
    Ok(Tally::one(command::build(cargo(&workspace.root).args(arguments))?))
}

fn build(workspace: &Workspace) -> Result<Tally> {
    Ok(Tally::one(suites::build(workspace)?.is_some()))
}

fn doc(workspace: &Workspace) -> Result<Tally> {
    let mut command = cargo(&workspace.root);
    command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    Ok(Tally::one(command::build(&mut command)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_needs_an_earlier_one() {
        for (index, step) in STEPS.iter().enumerate() {
            let earlier = |needed| STEPS[..index].iter().any(|other| other.name == needed);
            assert!(step.needs.is_none_or(earlier), "{}", step.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let mut sorted: Vec<_> = names().collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), STEPS.len());
    }
}
