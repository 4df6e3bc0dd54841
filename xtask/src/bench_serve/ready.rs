//! How long the server takes from before its process exists until it answers.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bench_peers::{decision::median, models::Models, subject};
use crate::load::Server;
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const BOUND_S: f64 = 0.3;
const STARTS: usize = 5;
const TYPES: [&str; 4] = ["bf16", "q8_0", "q4_0", "q4_k_m"];

/// `cargo xtask accept cold-start`: the median of a few starts of the 135M, the file in the page cache.
pub(crate) fn accept(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let smollm = suites::release(workspace, "smollm", "bin", "smollm")?;
    let models = Models::new(workspace, &smollm)?;
    let mut tally = Tally::default();
    for weights in TYPES {
        let model = models.gguf(subject::size("135m")?, subject::weight_type(weights)?)?;
        let start = || {
            let command = |port: u16| {
                let mut command = Command::new(&smollm);
                scrub(&mut command);
                command.args(["serve", "--quiet", "--threads", "2", "--port", &port.to_string(), "-m"]).arg(&model);
                command
            };
            Ok(Server::start(command, &workspace.log("serve-start"))?.ready_s)
        };
        start()?; // the file is in the page cache from now on
        let seconds = (0..STARTS).map(|_| start()).collect::<Result<Vec<f64>>>()?;
        let ready = median(seconds).context("no start")?;
        println!("   135m {weights}: ready after {:.0} ms (bound {:.0} ms)", ready * 1e3, BOUND_S * 1e3);
        tally += Tally::one(ready < BOUND_S);
    }
    Ok(tally)
}
