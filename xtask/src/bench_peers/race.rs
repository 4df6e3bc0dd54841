//! One row of the table: everyone scouts once, then those whose flags are worth it take turns.

use anyhow::{Error, Result};

use super::contender::{Contender, Task};
use super::decision::{Measured, Row, Sample, contenders};
use super::subject::{Better, Engine};
use crate::workspace::Workspace;

/// What could not be measured, each on a line.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) lines: Vec<String>,
}

/// Lets the starters race and tells how it went, on the terminal too.
pub(crate) fn race(
    workspace: &Workspace,
    task: Task<'_>,
    starters: &[Contender],
    rounds: usize,
    failures: &mut Failures,
) -> Row {
    let engines: Vec<Engine> = starters.iter().map(|starter| starter.engine).collect();
    let outcome = take_turns(task.case.better(), &engines, rounds, |index| starters[index].run(workspace));
    let name = format!("{} {}", task.case, task.weights.name);
    for (index, error) in outcome.failed {
        let who = format!("{name} {} {}", engines[index].title(), starters[index].flags);
        // the page says what holds for every clone, not where this one lies
        let why = format!("{error:#}").replace(&format!("{}/", workspace.root.display()), "");
        let line = format!("{}: {why}", who.trim_end());
        println!("   {line}");
        failures.lines.push(line);
    }
    let measured = outcome.finished.into_iter().map(|(index, samples)| {
        let Contender { engine, flags, .. } = &starters[index];
        Measured { engine: *engine, flags: flags.clone(), samples }
    });
    let row = Row { case: task.case, weights: task.weights.name, measured: measured.collect() };
    println!("   {}", summary(&name, &row));
    row
}

/// Indices into the starters, with what became of each.
#[derive(Debug, Default)]
struct Outcome {
    finished: Vec<(usize, Vec<Sample>)>,
    failed: Vec<(usize, Error)>,
}

/// One scouting run of each, which chooses the flags and does not count; then `rounds` times each chosen one in turn,
/// A B C A B C. Who fails leaves the race with all samples.
fn take_turns(
    better: Better,
    engines: &[Engine],
    rounds: usize,
    mut run: impl FnMut(usize) -> Result<Sample>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut ready = Vec::new();
    for index in 0..engines.len() {
        match run(index) {
            Ok(sample) => ready.push((index, sample.value)),
            Err(error) => outcome.failed.push((index, error)),
        }
    }
    let scouted: Vec<(Engine, f64)> = ready.iter().map(|&(index, value)| (engines[index], value)).collect();
    let chosen = contenders(better, &scouted);
    outcome.finished = chosen.into_iter().map(|chosen| (ready[chosen].0, Vec::new())).collect();
    for _ in 0..rounds {
        outcome.finished.retain_mut(|(index, samples)| match run(*index) {
            Ok(sample) => {
                samples.push(sample);
                true
            }
            Err(error) => {
                outcome.failed.push((*index, error));
                false
            }
        });
    }
    outcome
}

/// One line while the run goes on.
fn summary(name: &str, row: &Row) -> String {
    let medians = row.measured.iter().filter_map(|measured| {
        let text = format!("{} {} {:.1}", measured.engine.title(), measured.flags, measured.median()?);
        Some(text.replace("  ", " "))
    });
    format!("{name:<20} {}", medians.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests;
