//! `smollm demo`: the whole system at work, from nothing to a chat.

use super::output::note;
use anyhow::{Context, bail};
use clap::Subcommand;
use smollm::demo::{Size, Step, Work, steps, write_recipes, write_report};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

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
    /// Every step is a command that you can run yourself, and is shown before it runs. A demo that was broken off goes on where it was; report.html in its
    /// folder says what came of it.
    Nano(Nano),
}

#[derive(Debug, clap::Args)]
struct Nano {
    /// The folder of the demo
    #[arg(short, long, value_name = "DIR", default_value = "smollm-nano")]
    output: PathBuf,
    /// smoke takes two minutes, nano a quarter of an hour, embedded two hours, on two cores with AMX
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
        let size = [Size::Smoke, Size::Nano, Size::Embedded].into_iter().find(|size| size.name() == self.size);
        let Some(size) = size else { bail!("there is no size {}", self.size) }; // clap lets no other through
        write_recipes(&self.output)?;
        let smollm = std::env::current_exe().context("this program's own path")?;
        let steps = steps(&self.output, size, self.seed);
        for (number, step) in (1..).zip(&steps) {
            let (of, title) = (steps.len(), &step.title);
            if step.makes.exists() {
                note(format_args!("[{number}/{of}] {title}: done before"));
                continue;
            }
            note(format_args!("[{number}/{of}] {title}"));
            let started = Instant::now();
            run(&smollm, step).with_context(|| title.clone())?;
            note(format_args!("[{number}/{of}] {title}: {:.0} s", started.elapsed().as_secs_f64()));
        }
        let report = self.output.join("report.html");
        write_report(&self.output, &report)?;
        note(format_args!("\nreport    {}", report.display()));
        note(format_args!("talk to it: smollm chat -m {}", self.output.join("nano-q8_0.gguf").display()));
        Ok(())
    }
}

/// Runs a step. What is kept is written under another name first, so that it is there whole or not at all.
fn run(smollm: &Path, step: &Step) -> anyhow::Result<()> {
    let line = match &step.work {
        Work::Command(line) | Work::Kept(line) => line.clone(),
        Work::Run { folder, .. } if folder.join("recipe.yaml").is_file() => {
            vec!["train".into(), "resume".into(), folder.display().to_string()]
        }
        Work::Run { begin, .. } => begin.clone(),
    };
    note(format_args!("$ smollm {}", line.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")));
    let mut command = Command::new(smollm);
    command.args(&line).stdin(Stdio::null());
    if !matches!(step.work, Work::Kept(_)) {
        let status = command.status()?;
        if !status.success() {
            bail!("it ended with {status}; the same command goes on from here");
        }
        return Ok(());
    }
    let folder = step.makes.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let output = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("it ended with {}; the same command goes on from here", output.status);
    }
    let partial = step.makes.with_extension("partial");
    std::fs::write(&partial, &output.stdout).with_context(|| partial.display().to_string())?;
    std::fs::rename(&partial, &step.makes).with_context(|| step.makes.display().to_string())?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        note(format_args!("  {line}"));
    }
    Ok(())
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
