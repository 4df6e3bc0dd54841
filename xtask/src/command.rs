//! Running other programs: live where a person wants to watch, captured into a log where we count.

use std::fs::{self, File};
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a captured program ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    /// `None` if a signal ended it.
    pub(crate) exit_code: Option<i32>,
    /// Standard output and standard error in the order written.
    pub(crate) output: String,
    pub(crate) seconds: f64,
    /// It was killed because it ran past its limit.
    pub(crate) timed_out: bool,
}

/// Runs `command` with both outputs going to `log`, and kills it after `limit`.
pub(crate) fn capture(command: &mut Command, log: &Path, limit: Duration) -> Result<Finished> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone().context("cannot share the log")?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            timed_out = true;
            child.kill()?;
            break child.wait()?;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let output = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    Ok(Finished {
        success: status.success() && !timed_out,
        exit_code: status.code(),
        output: String::from_utf8_lossy(&output).into_owned(),
        seconds: start.elapsed().as_secs_f64(),
        timed_out,
    })
}

/// Runs a cargo build command on the caller's terminal and says whether it succeeded.
///
/// Where nobody watches, only warnings and errors are printed.
pub(crate) fn build(command: &mut Command) -> Result<bool> {
    quiet_unless_watched(command);
    Ok(command.status().context("cannot run cargo")?.success())
}

/// Adds `CARGO_TERM_QUIET` where standard error is not a terminal.
pub(crate) fn quiet_unless_watched(command: &mut Command) {
    if !std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_QUIET", "true");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str, log: &str, limit: Duration) -> Finished {
        let log = std::env::temp_dir().join(format!("xtask-{}-{log}.log", std::process::id()));
        let finished = capture(Command::new("sh").args(["-c", script]), &log, limit).unwrap();
        fs::remove_file(&log).unwrap();
        finished
    }

    #[test]
    fn both_outputs_are_kept_in_order() {
        let finished = sh("echo one; echo two >&2; echo three; exit 3", "order", Duration::from_secs(60));
        assert_eq!(finished.output, "one\ntwo\nthree\n");
        assert!(!finished.success && !finished.timed_out);
        assert_eq!(finished.exit_code, Some(3));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let finished = sh("exec sleep 600", "hang", Duration::from_millis(50));
        assert!(finished.timed_out && !finished.success);
    }
}
