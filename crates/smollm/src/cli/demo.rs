//! `smollm demo`: the whole system at work, from nothing to a chat.

use super::interrupt::Interrupt;
use super::output::note;
use anyhow::{Context, bail};
use clap::Subcommand;
use smollm::demo::{Claim, REPORT, Size, Step, StepLog, Took, Work, steps, write_recipes, write_report};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// So long a step has to end by itself once it was interrupted: more than a step of training and its checkpoint take.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the whole system at work.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Demo {
    #[command(subcommand)]
    demo: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// A model from nothing: world, tokenizer, pretraining, conversations, preferences, checks, quantising
    ///
    /// Every step is a command that you can run yourself, and is shown before it runs. A demo that was broken off goes on where it was, by the
    /// same command; report.html in its folder says what came of it.
    Nano(Nano),
}

#[derive(Debug, clap::Args)]
struct Nano {
    /// The folder of the demo
    #[arg(short, long, value_name = "DIR", default_value = "smollm-nano")]
    output: PathBuf,
    /// smoke learns from half a million tokens, nano from 7.5, embedded from 32 million; two cores without AMX learn about 3,500 a second
    #[arg(long, value_name = "SIZE", default_value = "nano", value_parser = ["smoke", "nano", "embedded"])]
    size: String,
    /// The world's seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.demo {
            Which::Nano(nano) => nano.run(),
        }
    }
}

impl Nano {
    fn run(self) -> anyhow::Result<()> {
        let size = Size::ALL.into_iter().find(|size| size.name() == self.size);
        let Some(size) = size else { bail!("there is no size {}", self.size) }; // clap lets no other through
        let steps = steps(&self.output, size, self.seed);
        let _claim = Claim::make(&self.output, size, self.seed, &steps)?;
        write_recipes(&self.output)?;
        let log = StepLog::of(&self.output)?;
        let smollm = std::env::current_exe().context("this program's own path")?;
        let interrupt = Interrupt::listen()?;
        for (number, step) in (1..).zip(&steps) {
            let (of, title) = (steps.len(), &step.title);
            if step.makes.exists() {
                note(format_args!("[{number}/{of}] {title}: done before"));
                continue;
            }
            note(format_args!("[{number}/{of}] {title}"));
            let line = line(step);
            let command = format!("smollm {}", line.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
            note(format_args!("$ {command}"));
            let started = Instant::now();
            let mut peak_bytes = None;
            let done = run(&smollm, &line, step, &interrupt, &mut peak_bytes);
            let seconds = started.elapsed().as_secs_f64();
            log.add(&Took { title: title.clone(), command, seconds, peak_bytes, done: done.is_ok() })?;
            if interrupt.check().is_err() {
                bail!("interrupted at step {number} of {of}; the same command goes on from there");
            }
            done.with_context(|| title.clone())?;
            note(format_args!("[{number}/{of}] {title}: {seconds:.0} s"));
        }
        let report = self.output.join(REPORT);
        write_report(&self.output, &report)?;
        note(format_args!("\nreport    {}", report.display()));
        note(format_args!("talk to it: smollm chat -m {}", self.output.join("nano-q8_0.gguf").display()));
        Ok(())
    }
}

/// The words of the command that does a step.
fn line(step: &Step) -> Vec<String> {
    match &step.work {
        Work::Command(line) | Work::Kept(line) => line.clone(),
        Work::Run { folder, .. } if folder.join("recipe.yaml").is_file() => {
            vec!["train".into(), "resume".into(), folder.display().to_string()]
        }
        Work::Run { begin, .. } => begin.clone(),
    }
}

/// Runs a step. What is kept is written under another name first, so that it is there whole or not at all.
fn run(
    smollm: &Path,
    line: &[String],
    step: &Step,
    interrupt: &Interrupt,
    peak_bytes: &mut Option<u64>,
) -> anyhow::Result<()> {
    let mut command = Command::new(smollm);
    command.args(line).stdin(Stdio::null());
    // out of the reach of a terminal's Ctrl-C: it is told by this process, as often as that was told, whichever way
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let Work::Kept(_) = step.work else {
        return succeeded(ended(command.spawn()?, interrupt, peak_bytes)?);
    };
    let folder = step.makes.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let partial = step.makes.with_extension("partial");
    let file = File::create(&partial).with_context(|| partial.display().to_string())?;
    command.stdout(file.try_clone().with_context(|| partial.display().to_string())?);
    let done = succeeded(ended(command.spawn()?, interrupt, peak_bytes)?);
    if done.is_err() {
        let _ = std::fs::remove_file(&partial);
        return done;
    }
    file.sync_all().with_context(|| partial.display().to_string())?;
    std::fs::rename(&partial, &step.makes).with_context(|| step.makes.display().to_string())?;
    let kept = std::fs::read(&step.makes).with_context(|| step.makes.display().to_string())?;
    for line in String::from_utf8_lossy(&kept).lines() {
        note(format_args!("  {line}"));
    }
    Ok(())
}

fn succeeded(status: ExitStatus) -> anyhow::Result<()> {
    if !status.success() {
        bail!("it ended with {status}; the same command goes on from here");
    }
    Ok(())
}

/// Waits until a step has ended, and notes the most memory that it took. At each interrupt the step is asked to end, which leaves only what is
/// whole; one that does not is ended.
fn ended(mut child: Child, interrupt: &Interrupt, peak_bytes: &mut Option<u64>) -> anyhow::Result<ExitStatus> {
    let mut asked: Option<Instant> = None;
    let mut told = 0;
    loop {
        *peak_bytes = peak_of(child.id()).max(*peak_bytes);
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt.presses() > told {
            told += 1;
            asked.get_or_insert_with(Instant::now);
            ask_to_end(&child);
        }
        if asked.is_some_and(|asked| asked.elapsed() > PATIENCE) {
            note("the step did not end by itself and is ended; what it has written whole stays");
            child.kill()?;
            return Ok(child.wait()?);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where there are no such signals, the console has told it.
fn ask_to_end(child: &Child) {
    #[cfg(unix)]
    if let Err(error) =
        rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM)
    {
        note(format_args!("the step cannot be asked to end: {error}"));
    }
    #[cfg(not(unix))]
    let _ = child;
}

/// The most memory that a process has taken so far, as Linux tells it.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"))?;
    Some(kilobytes.parse::<u64>().ok()? * 1024)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
