//! Ten times the load that our server can bear: who is let in waits as long as the operator said, and who is not is told so at once.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::bench_peers::{models::Models, subject};
use crate::load::{Server, Shape, arrivals, percentile, wave};
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

/// Answers at once.
const PLACES: usize = 32;
/// Seconds of `--queue-limit`.
const LIMIT_S: f64 = 5.0;
/// How many times more chats come than can be answered, and for how many seconds.
const TIMES: f64 = 10.0;
const SECONDS: f64 = 90.0;
const SHAPE: Shape = Shape { shared: 512, own: 128, answer: 128 };

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Overload {
    /// Chats a second that came.
    offered: f64,
    admitted: usize,
    refused: usize,
    /// Seconds to the first token of those that were let in: median and 99th percentile.
    first_s: (f64, f64),
    /// Seconds to the whole refusal: median and 99th percentile.
    refusal_s: (f64, f64),
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |seconds: f64| format!("{:.1}", seconds * 1e3);
        write!(
            f,
            "{:.1} chats a second came, {} were let in and {} refused; first token after {:.1} s (median) and {:.1} s (99 %) with \
             `--queue-limit {LIMIT_S:.0} --parallel {PLACES}`, refusals after {} ms (median) and {} ms (99 %)",
            self.offered,
            self.admitted,
            self.refused,
            self.first_s.0,
            self.first_s.1,
            milliseconds(self.refusal_s.0),
            milliseconds(self.refusal_s.1),
        )
    }
}

impl Overload {
    /// What is wrong with it, if anything is.
    fn faults(&self) -> Vec<String> {
        let bounds = [
            ("first token of those let in, 99 %", self.first_s.1, 2.0 * LIMIT_S),
            ("refusals, median", self.refusal_s.0, 5e-3),
            ("refusals, 99 %", self.refusal_s.1, 50e-3),
        ];
        let over = bounds.into_iter().filter(|(_, value, bound)| value > bound);
        over.map(|(what, value, bound)| format!("{what}: {value:.4} s, and the bound is {bound} s")).collect()
    }
}

/// Finds out what the server can bear, then sends ten times that.
///
/// # Errors
/// A chat is neither answered in full nor refused with 429.
pub(crate) fn measure(workspace: &Workspace, smollm: &Path, model: &Path, threads: usize) -> Result<Overload> {
    let context = (SHAPE.context() + 32).to_string();
    let command = |port: u16| {
        let mut command = Command::new(smollm);
        scrub(&mut command);
        command.args(["serve", "--quiet", "-m"]).arg(model).args(["--port", &port.to_string(), "--ctx", &context]);
        command.args(["--threads", &threads.to_string(), "--parallel", &PLACES.to_string()]);
        command.args(["--kv-tokens", &(PLACES * (SHAPE.context() + 32)).to_string()]);
        command.args(["--queue-limit", &LIMIT_S.to_string()]);
        command
    };
    let server = Server::start(command, &workspace.log("serve-overload"))?;
    // So that the server knows the chats it gets: what they share is in its cache, and prompts cost what they cost here.
    for chats in [1, 8] {
        wave(&server.address, SHAPE, (1 << 20) + 100 * chats, chats)?;
    }
    let full = wave(&server.address, SHAPE, 1 << 21, PLACES as u64)?;
    let offered = TIMES * full.tokens_per_s / SHAPE.answer as f64;
    let (mut firsts, mut refusals) = (Vec::new(), Vec::new());
    for arrival in arrivals(&server.address, SHAPE, offered, SECONDS) {
        let asked = arrival.asked.with_context(|| format!("the chat of second {:.1}", arrival.at_s))?;
        match asked.status {
            200 => {
                ensure!(asked.tokens == Some(SHAPE.answer), "an answer of {:?} tokens: {}", asked.tokens, asked.said());
                firsts.extend(asked.first_s);
            }
            429 => refusals.push(asked.total_s),
            other => bail!("{other}: {}", asked.said()),
        }
    }
    let both = |values: &[f64]| percentile(values, 50.0).zip(percentile(values, 99.0));
    Ok(Overload {
        offered,
        admitted: firsts.len(),
        refused: refusals.len(),
        first_s: both(&firsts).context("nobody was let in")?,
        refusal_s: both(&refusals).context("nobody was refused")?,
    })
}

/// `cargo xtask accept overload`: the bounds hold for the 135M in Q4_0.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let smollm = suites::release(workspace, "smollm", "bin", "smollm")?;
    let model = Models::new(workspace, &smollm)?.gguf(subject::size("135m")?, subject::weight_type("q4_0")?)?;
    let measured = measure(workspace, &smollm, &model, 2)?;
    println!("   {measured}");
    let faults = measured.faults();
    faults.iter().for_each(|fault| println!("   {fault}"));
    Ok(Tally { passed: 3 - faults.len(), failed: faults.len(), skipped: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_looked_at() {
        let good = Overload { offered: 20.0, admitted: 9, refused: 99, first_s: (3.0, 9.9), refusal_s: (4e-3, 49e-3) };
        assert!(good.faults().is_empty());
        let bad = Overload { first_s: (3.0, 10.1), refusal_s: (6e-3, 60e-3), ..good };
        assert_eq!(bad.faults().len(), 3);
        assert!(bad.to_string().contains("refusals after 6.0 ms (median) and 60.0 ms"), "{bad}");
    }
}
