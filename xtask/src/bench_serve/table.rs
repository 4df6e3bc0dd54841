//! From measured waves to Markdown.

use super::contender::Setting;
use crate::bench_peers::decision::median;
use crate::bench_peers::table::{counted, figure};
use crate::load::Wave;

/// What stands above a table: everything needed to judge the numbers and to run them again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct About {
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
    pub(crate) versions: Vec<String>,
    pub(crate) date: String,
    /// The words that this run was called with.
    pub(crate) command: String,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Name of the weight type.
    pub(crate) weights: &'static str,
    pub(crate) chats: usize,
    /// llama-server's best flags.
    pub(crate) flags: Option<Setting>,
    pub(crate) ours: Vec<Wave>,
    pub(crate) theirs: Vec<Wave>,
    /// Our engine without a server.
    pub(crate) engine: Vec<Wave>,
    /// Seconds until each server was ready, ours and theirs.
    pub(crate) ready: (Vec<f64>, Vec<f64>),
}

/// Others may take this share of the CPU before the table says that they did.
const QUIET: f64 = 0.05;

impl About {
    /// Names the table: a later run with the same name takes its place.
    pub(crate) fn title(&self) -> String {
        format!("serve {} {}, {}", self.size, self.isa, counted(self.threads, "thread"))
    }
}

fn speed(waves: &[Wave]) -> Option<f64> {
    median(waves.iter().map(|wave| wave.tokens_per_s))
}

fn first(waves: &[Wave]) -> Option<f64> {
    median(waves.iter().map(|wave| wave.first_s))
}

impl Row {
    /// The cells behind type and number of chats.
    fn cells(&self) -> [String; 9] {
        let text = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), figure);
        let times =
            |a: Option<f64>, b: Option<f64>| a.zip(b).map_or_else(|| "-".to_owned(), |(a, b)| format!("{:.2}x", a / b));
        let flags = self.flags.map(|flags| format!(" `{flags}`")).unwrap_or_default();
        let share = speed(&self.ours).zip(speed(&self.engine)).map(|(ours, engine)| 100.0 * ours / engine);
        let thousand = |values: &[f64]| median(values.iter().map(|seconds| seconds * 1e3));
        [
            text(speed(&self.ours)),
            format!("{}{flags}", text(speed(&self.theirs))),
            times(speed(&self.ours), speed(&self.theirs)),
            text(first(&self.ours)),
            text(first(&self.theirs)),
            times(first(&self.theirs), first(&self.ours)),
            share.map_or_else(|| "-".to_owned(), |share| format!("{share:.1} %")),
            text(thousand(&self.ready.0)),
            text(thousand(&self.ready.1)),
        ]
    }
}

/// One line while the run goes on.
pub(crate) fn summary(row: &Row) -> String {
    let [ours, theirs, times, our_first, their_first, ..] = row.cells();
    format!("{ours} tok/s, llama-server {theirs} ({times}); first token {our_first} s, llama-server {their_first} s")
}

/// Heading, circumstances, table, the overload and what failed.
pub(crate) fn section(about: &About, rows: &[Row], overload: Option<&str>, failures: &[String]) -> String {
    let mut text = format!("### {}\n\n", about.title());
    text += &format!(
        "{}, {}. {}. Medians of {}, `{}`.\n\n",
        about.date,
        about.machine,
        about.versions.join("; "),
        counted(about.rounds, "round"),
        about.command,
    );
    if about.others.0.max(about.others.1) > QUIET {
        text += &format!(
            "Other work took {:.0} % of the CPU before and {:.0} % after these measurements: trust the ratios more than the numbers, \
             and neither much.\n\n",
            about.others.0 * 100.0,
            about.others.1 * 100.0
        );
    }
    let head = [
        "chats",
        "weights",
        "smollm, tok/s",
        "llama-server, tok/s",
        "times as fast",
        "smollm, first token, s",
        "llama-server, first token, s",
        "times as soon",
        "of the engine alone",
        "smollm ready, ms",
        "llama-server ready, ms",
    ];
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    text += &line(&head.map(str::to_owned));
    text += &line(&vec!["---".to_owned(); head.len()]);
    for row in rows {
        let cells = [row.chats.to_string(), row.weights.to_owned()].into_iter().chain(row.cells());
        text += &line(&cells.collect::<Vec<_>>());
    }
    for more in
        overload.iter().map(|text| (*text).to_owned()).chain(failures.iter().map(|line| format!("Failed: {line}")))
    {
        text += &format!("\n{more}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_we_stand() {
        let wave = |tokens_per_s, first_s| Wave { tokens_per_s, first_s };
        let row = Row {
            weights: "q4_0",
            chats: 8,
            flags: Some(Setting::ALL[0]),
            ours: vec![wave(600.0, 0.5), wave(640.0, 0.4), wave(620.0, 0.6)],
            theirs: vec![wave(100.0, 2.5)],
            engine: vec![wave(632.65, 0.4)],
            ready: (vec![0.05, 0.07, 0.06], vec![0.25]),
        };
        let about = About {
            size: "135m".into(),
            isa: "amx".into(),
            threads: 2,
            rounds: 3,
            machine: "a machine".into(),
            others: (0.01, 0.07),
            versions: vec!["smollm x".into()],
            date: "2026-01-01".into(),
            command: "cargo xtask bench-serve".into(),
        };
        let none = Row { theirs: vec![], engine: vec![], flags: None, chats: 1, ..row.clone() };
        let text = section(&about, &[row, none], Some("Overload."), &["x: y".into()]);
        assert!(text.contains(
            "| 8 | q4_0 | 620 | 100 `-fa off --no-kv-unified` | 6.20x | 0.50 | 2.50 | 5.00x | 98.0 % | 60.0 | 250 |\n\
             | 1 | q4_0 | 620 | - | - | 0.50 | - | - | - | 60.0 | 250 |\n\nOverload.\n\nFailed: x: y\n"
        ), "{text}");
        assert!(
            text.starts_with("### serve 135m amx, 2 threads\n\n2026-01-01, a machine. smollm x. Medians of 3 rounds, "),
            "{text}"
        );
        assert!(text.contains("Other work took 1 % of the CPU before and 7 % after"), "{text}");
    }
}
