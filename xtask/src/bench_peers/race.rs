//! One row of the table: everyone scouts once, then those whose flags are worth it take turns.

use std::mem;

use super::contender::{Contender, Task};
use super::decision::{Measured, Row, contenders};
use crate::workspace::Workspace;

/// What could not be measured, each on a line.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) lines: Vec<String>,
}

/// Scouting runs choose the flags and do not count; then `rounds` times each contender in turn, A B C A B C.
///
/// A contender that fails is told to `failures` and leaves the race with its samples.
pub(crate) fn race(
    workspace: &Workspace,
    task: Task<'_>,
    starters: &[Contender],
    rounds: usize,
    failures: &mut Failures,
) -> Row {
    let name = format!("{} {}", task.case, task.weights.name);
    let mut failed = |contender: &Contender, error: anyhow::Error| {
        let who = format!("{name} {} {}", contender.engine.title(), contender.flags);
        // the page says what holds for every clone, not where this one lies
        let why = format!("{error:#}").replace(&format!("{}/", workspace.root.display()), "");
        let line = format!("{}: {why}", who.trim_end());
        println!("   {line}");
        failures.lines.push(line);
    };
    let mut ready = Vec::new();
    for contender in starters {
        match contender.run(workspace) {
            Ok(sample) => ready.push((contender, sample.value)),
            Err(error) => failed(contender, error),
        }
    }
    let scouted: Vec<_> = ready.iter().map(|(contender, value)| (contender.engine, *value)).collect();
    let chosen = contenders(task.case.better(), &scouted);
    let mut racing: Vec<(&Contender, Vec<_>)> = chosen.iter().map(|&i| (ready[i].0, Vec::new())).collect();
    for _ in 0..rounds {
        for (contender, samples) in mem::take(&mut racing) {
            let mut samples = samples;
            match contender.run(workspace) {
                Ok(sample) => {
                    samples.push(sample);
                    racing.push((contender, samples));
                }
                Err(error) => failed(contender, error),
            }
        }
    }
    let measured = racing.into_iter().map(|(contender, samples)| {
        let (engine, flags) = (contender.engine, contender.flags.clone());
        Measured { engine, flags, samples }
    });
    let row = Row { case: task.case, weights: task.weights.name, measured: measured.collect() };
    println!("   {}", summary(&name, &row));
    row
}

/// One line while the run goes on.
fn summary(name: &str, row: &Row) -> String {
    let medians = row.measured.iter().filter_map(|measured| {
        let text = format!("{} {} {:.1}", measured.engine.title(), measured.flags, measured.median()?);
        Some(text.replace("  ", " "))
    });
    format!("{name:<20} {}", medians.collect::<Vec<_>>().join(" | "))
}
