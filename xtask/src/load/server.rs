//! A server to be measured, as long as the value lives.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::ask;

/// A model must be loaded by then.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// It ends when the value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// Seconds from before the process existed until it said that it is ready.
    pub(crate) ready_s: f64,
}

impl Server {
    /// Starts what `command` makes of a free port, its output going to `log`, and waits until `GET /health` says 200.
    pub(crate) fn start(command: impl FnOnce(u16) -> Command, log: &Path) -> Result<Self> {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("no free port")?.port();
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(file.try_clone().context("cannot share the log")?).stderr(file);
        let program = command.get_program().to_string_lossy().into_owned();
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot run {program}"))?;
        let mut server = Self { child, address: format!("127.0.0.1:{port}"), ready_s: 0.0 };
        while !ask(&server.address, "/health", "", usize::MAX).is_ok_and(|asked| asked.status == 200) {
            if let Some(status) = server.child.try_wait()? {
                bail!("{program} ended with {status}; see {}", log.display());
            }
            ensure!(started.elapsed() < LIMIT, "{program} is not ready after {} s", LIMIT.as_secs());
            thread::sleep(Duration::from_millis(1));
        }
        server.ready_s = started.elapsed().as_secs_f64();
        Ok(server)
    }

    /// Bytes of its memory that are in RAM now, as Linux counts them.
    pub(crate) fn resident(&self) -> Result<usize> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
