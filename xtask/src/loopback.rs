//! A model hub on this machine: the example `loopback_hub` of the testkit, as long as the value lives.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::suites;
use crate::workspace::Workspace;

/// It ends when its standard input does.
pub(crate) struct LoopbackHub {
    child: Child,
    pub(crate) address: String,
}

impl LoopbackHub {
    /// Serves the repositories under `root` (`org/name/FILES`), or the stand-ins of its own.
    pub(crate) fn start(workspace: &Workspace, root: Option<&Path>) -> Result<Self> {
        Self::listening(Self::program(workspace)?.args(root))
    }

    /// Serves those under `root` by HTTPS as `host`, and writes the certificate to the file.
    pub(crate) fn start_tls(workspace: &Workspace, root: &Path, host: &str, certificate: &Path) -> Result<Self> {
        Self::listening(Self::program(workspace)?.arg(root).arg(host).arg(certificate))
    }

    fn program(workspace: &Workspace) -> Result<Command> {
        Ok(Command::new(suites::executable(workspace, "smollm-testkit", "example", "loopback_hub")?))
    }

    fn listening(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run the example loopback_hub")?;
        let mut line = String::new();
        let output = child.stdout.take().context("the loopback hub has no output")?;
        BufReader::new(output).read_line(&mut line).context("cannot read what the loopback hub says")?;
        let address = line.trim().strip_prefix("LOOPBACK_HUB ").context("the loopback hub did not say its address")?;
        Ok(Self { child, address: address.to_owned() })
    }
}

impl Drop for LoopbackHub {
    fn drop(&mut self) {
        // Nothing is lost if it has ended by itself, and nobody is left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
