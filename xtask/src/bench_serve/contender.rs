//! Who answers the chats: our server, llama-server, or our engine without a server.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::scratch;
use crate::command::capture;
use crate::load::{Server, Shape, Wave, wave};
use crate::workspace::{Workspace, scrub};

/// The engine alone must be done by then.
const LIMIT: Duration = Duration::from_secs(60 * 60);
/// Chats of rounds are numbered apart by so much, those that warm up further still.
const ROUND: u64 = 1000;
const WARM: u64 = 1 << 20;
/// Room beyond prompt and answer, for the token that some servers set in front.
const SPARE: usize = 32;

/// The programs of those that take part.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) smollm: PathBuf,
    /// The example `engine_load`.
    pub(crate) engine: PathBuf,
    pub(crate) llama: Option<PathBuf>,
}

/// Flags of llama-server that might be its best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    flash: bool,
    /// One cache for all slots.
    unified: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Contender {
    Smollm,
    Llama(Setting),
    Engine,
}

/// What is asked of everyone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'t> {
    pub(crate) model: &'t Path,
    pub(crate) shape: Shape,
    pub(crate) chats: usize,
    pub(crate) threads: usize,
}

impl Setting {
    pub(crate) const ALL: [Self; 4] = [
        Self { flash: false, unified: false },
        Self { flash: true, unified: false },
        Self { flash: false, unified: true },
        Self { flash: true, unified: true },
    ];

    fn words(self) -> [&'static str; 3] {
        ["-fa", if self.flash { "on" } else { "off" }, if self.unified { "--kv-unified" } else { "--no-kv-unified" }]
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smollm => f.write_str("smollm"),
            Self::Llama(setting) => write!(f, "llama-server {setting}"),
            Self::Engine => f.write_str("engine alone"),
        }
    }
}

impl Task<'_> {
    fn context(self) -> usize {
        self.shape.context() + SPARE
    }
}

impl Contender {
    /// The chats of a round, after as many others that leave the shared prompt behind; of a server also the seconds until it was ready.
    pub(crate) fn run(
        self,
        workspace: &Workspace,
        programs: &Programs,
        task: Task<'_>,
        round: usize,
    ) -> Result<(Wave, Option<f64>)> {
        let warming = Shape { answer: 1, ..task.shape };
        let (chats, from) = (task.chats as u64, round as u64 * ROUND);
        let command: Box<dyn FnOnce(u16) -> Command> = match self {
            Self::Engine => return engine(workspace, programs, task, warming, from).map(|wave| (wave, None)),
            Self::Smollm => Box::new(|port| smollm(&programs.smollm, task, port)),
            Self::Llama(setting) => {
                let program = programs.llama.as_deref().context("there is no llama-server")?;
                Box::new(move |port| llama(program, setting, task, port))
            }
        };
        let server = Server::start(command, &workspace.log(&format!("serve-{}", self.to_string().replace(' ', ""))))?;
        wave(&server.address, warming, WARM + from, chats)?;
        Ok((wave(&server.address, task.shape, from, chats)?, Some(server.ready_s)))
    }
}

/// Our server with room for all chats at once.
fn smollm(program: &Path, task: Task<'_>, port: u16) -> Command {
    let mut command = Command::new(program);
    scrub(&mut command);
    command.args(["serve", "--quiet", "-m"]).arg(task.model).args(["--port", &port.to_string()]);
    command.args(["--threads", &task.threads.to_string(), "--parallel", &task.chats.to_string()]);
    command.args(["--ctx", &task.context().to_string()]);
    command.args(["--kv-tokens", &(task.chats * task.context()).next_multiple_of(32).to_string()]);
    command
}

/// The same of llama-server.
fn llama(program: &Path, setting: Setting, task: Task<'_>, port: u16) -> Command {
    let mut command = Command::new(program);
    command.arg("-m").arg(task.model).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["-t", &task.threads.to_string(), "-tb", &task.threads.to_string()]);
    command.args(["--parallel", &task.chats.to_string(), "-c", &(task.chats * task.context()).to_string()]);
    command.args(setting.words()).arg("--no-webui");
    command
}

/// The same chats for the engine on its own.
fn engine(workspace: &Workspace, programs: &Programs, task: Task<'_>, warming: Shape, from: u64) -> Result<Wave> {
    let list = |name: &str, shape: Shape, from: u64| {
        let path = scratch(workspace, name);
        let lines: String = (from..from + task.chats as u64).map(|chat| format!("{}\n", shape.body(chat))).collect();
        fs::write(&path, lines).with_context(|| format!("cannot write {}", path.display()))?;
        anyhow::Ok(path)
    };
    let (warm, measured) =
        (list("serve-warm.jsonl", warming, WARM + from)?, list("serve-chats.jsonl", task.shape, from)?);
    let mut command = Command::new(&programs.engine);
    scrub(&mut command);
    command.arg(task.model).args([task.threads.to_string(), task.context().to_string()]).args([warm, measured]);
    let finished = capture(&mut command, &workspace.log("serve-engine"), LIMIT)?;
    let last = finished.output.lines().next_back().unwrap_or_default();
    ensure!(finished.success, "{last}");
    let line: Value = serde_json::from_str(last).with_context(|| format!("engine_load printed {last:?}"))?;
    let number = |name: &str| line[name].as_f64().with_context(|| format!("engine_load says no {name}"));
    Ok(Wave { tokens_per_s: number("tokens_per_s")?, first_s: number("first_s")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_have_room_for_all_chats() {
        let shape = Shape { shared: 512, own: 128, answer: 128 };
        let task = Task { model: Path::new("m.gguf"), shape, chats: 8, threads: 2 };
        let line = |command: Command| -> String {
            command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            line(smollm(Path::new("smollm"), task, 1)),
            "serve --quiet -m m.gguf --port 1 --threads 2 --parallel 8 --ctx 800 --kv-tokens 6400"
        );
        assert_eq!(
            line(llama(Path::new("llama-server"), Setting::ALL[0], task, 1)),
            "-m m.gguf --host 127.0.0.1 --port 1 -t 2 -tb 2 --parallel 8 -c 6400 -fa off --no-kv-unified --no-webui"
        );
    }
}
