//! From rows of results to Markdown.

use super::decision::{Measured, Row};
use super::subject::Engine;

/// What stands above a table: everything needed to judge the numbers and to run them again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Circumstances {
    /// Name of the size, such as `135m`.
    pub(crate) size: String,
    /// The row of kernels smollm ran on.
    pub(crate) isa: String,
    pub(crate) threads: usize,
    pub(crate) rounds: usize,
    /// CPU, cores and memory.
    pub(crate) machine: String,
    /// Share of the CPU time that others used just before and just after the measurements, 0 to 1.
    pub(crate) others: (f64, f64),
    /// Measured roofs: GB/s of reading memory, GFLOP/s of f32 multiply-adds (of bf16 ones on `amx`).
    pub(crate) roofs: (f64, f64),
    /// Of smollm and the peers, each with its version.
    pub(crate) versions: Vec<String>,
    pub(crate) date: String,
    /// The words that this run was called with.
    pub(crate) command: String,
}

/// Others may take this share of the CPU before the table says that they did.
const QUIET: f64 = 0.05;

impl Circumstances {
    /// Names the table: a later run with the same name takes its place.
    pub(crate) fn title(&self) -> String {
        format!("{} {}, {}", self.size, self.isa, counted(self.threads, "thread"))
    }
}

/// Heading, circumstances, table and what failed.
pub(crate) fn section(about: &Circumstances, rows: &[Row], failures: &[String]) -> String {
    let mut text = format!("### {}\n\n", about.title());
    let numbers = if about.isa == "amx" { "bf16" } else { "f32" };
    text += &format!(
        "{}, {}; roofs measured in this run: {:.1} GB/s read, {:.0} GFLOP/s {numbers}. {}. Medians (smallest to largest) of {}, \
         `{}`.\n\n",
        about.date,
        about.machine,
        about.roofs.0,
        about.roofs.1,
        about.versions.join("; "),
        counted(about.rounds, "round"),
        about.command,
    );
    if about.others.0.max(about.others.1) > QUIET {
        text += &format!(
            "Other work took {} of the CPU before and {} after these measurements: trust the ratios more than the numbers, \
             and neither much.\n\n",
            percent(about.others.0),
            percent(about.others.1)
        );
    }
    text += &table(rows);
    for failure in failures {
        text += &format!("\nFailed: {failure}\n");
    }
    text
}

/// The table alone: a column for each engine that appears, then how we stand.
fn table(rows: &[Row]) -> String {
    let appears = |engine: &Engine| rows.iter().any(|row| row.measured.iter().any(|m| m.engine == *engine));
    let peers: Vec<Engine> = Engine::PEERS.into_iter().filter(appears).collect();
    let mut lines = vec![
        ["case", "weights", "smollm", "of the roof"]
            .into_iter()
            .chain(peers.iter().map(|peer| peer.title()))
            .chain(["smollm / best peer"])
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    lines.push(vec!["---".to_owned(); lines[0].len()]);
    for row in rows {
        let ours = row.best_of(Engine::Smollm);
        let mut line = vec![row.case.title(), row.weights.to_owned(), cell(ours)];
        line.push(ours.and_then(Measured::roof_share).map_or_else(dash, percent));
        line.extend(peers.iter().map(|peer| cell(row.best_of(*peer))));
        line.push(row.lead().map_or_else(dash, |lead| format!("{lead:.2}x")));
        lines.push(line);
    }
    lines.iter().map(|line| format!("| {} |\n", line.join(" | "))).collect()
}

fn dash() -> String {
    "-".to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Median, range, and the flags that gave it.
fn cell(measured: Option<&Measured>) -> String {
    let Some((measured, median, (low, high))) =
        measured.and_then(|measured| Some((measured, measured.median()?, measured.range()?)))
    else {
        return dash();
    };
    let mut text = figure(median);
    if measured.samples.len() > 1 {
        text += &format!(" ({} to {})", figure(low), figure(high));
    }
    if !measured.flags.is_empty() {
        text += &format!(" `{}`", measured.flags);
    }
    text
}

/// `1 round`, `5 rounds`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Three significant digits, thousands apart.
pub(crate) fn figure(value: f64) -> String {
    let decimals = if value.abs() >= 99.95 {
        0
    } else if value.abs() >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests;
