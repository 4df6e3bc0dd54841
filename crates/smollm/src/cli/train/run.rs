//! `smollm train pretrain|sft|dpo RECIPE` and `smollm train resume DIR`.

use super::recipe::RecipeArgs;
use crate::cli::failure::usage;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{note, output};
use crate::cli::progress::{Bar, DownloadBars};
use anyhow::bail;
use smollm::train::data::{FeedCounts, are_at_hand};
use smollm::train::estimate::{Basis, estimate};
use smollm::train::recipe::{Kind, Recipe};
use smollm::train::run::{self, Finished, RunOptions, Told};
use smollm_train::run::{Ended, Event};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Trains a model by a recipe.
#[derive(Debug, clap::Args)]
pub(super) struct RunRecipe {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Only say what it will take: tokens, steps, memory, time
    #[arg(long)]
    dry_run: bool,
    /// Print what a dry run, or the run, comes to as JSON
    #[arg(long)]
    json: bool,
}

/// Goes on with a run that was broken off.
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The folder of the run
    run: PathBuf,
    /// Go on with a run that another instruction set has begun; it does not come to the same bits
    #[arg(long)]
    other_isa: bool,
    /// Print what the run comes to as JSON
    #[arg(long)]
    json: bool,
    /// No progress on standard error
    #[arg(short, long)]
    quiet: bool,
}

impl RunRecipe {
    pub(super) fn run(self, kind: Kind) -> anyhow::Result<()> {
        let recipe = self.recipe.read()?;
        if recipe.kind != kind {
            let own = recipe.kind.name();
            return usage(format!("the recipe has `kind: {own}`; run it by `smollm train {own}`"));
        }
        let bars = DownloadBars::new(self.recipe.quiet);
        if self.dry_run {
            return self.estimate(&recipe, &Interrupt::listen()?, &bars);
        }
        let interrupt = Interrupt::of_run(self.recipe.quiet)?;
        let mut screen = Screen::new(self.recipe.quiet, interrupt);
        let finished = run::begin(&recipe, &bars, &mut |told| screen.hear(told));
        drop(screen);
        print(&finished?, &recipe.output, self.json)
    }

    fn estimate(&self, recipe: &Recipe, interrupt: &Interrupt, bars: &DownloadBars) -> anyhow::Result<()> {
        let config = run::model_config(recipe, bars)?;
        let counts = match FeedCounts::of_full_rows(recipe) {
            Some(full) if !are_at_hand(recipe) => full,
            // Epochs cannot be told without the data: what is missing of them is said.
            _ => self.recipe.data(recipe, &self.recipe.text(recipe)?, interrupt)?.counts,
        };
        recipe
            .schedule
            .fits(recipe.steps(counts.epoch_rows))
            .or_else(|problem| usage(format!("schedule: {problem}")))?;
        let flops = run::measured_flops(recipe, &config, &counts)?;
        let estimate = estimate(recipe, &config, &counts, Basis::MeasuredFlops(flops))?;
        let mut out = output();
        if self.json {
            writeln!(out, "{}", estimate.to_json())?;
        } else {
            write!(out, "{estimate}")?;
        }
        Ok(())
    }
}

impl Resume {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let interrupt = Interrupt::of_run(self.quiet)?;
        let mut screen = Screen::new(self.quiet, interrupt);
        let options = RunOptions { other_isa: self.other_isa };
        let bars = DownloadBars::new(self.quiet);
        let finished = run::resume(&self.run, options, &bars, &mut |told| screen.hear(told));
        drop(screen);
        print(&finished?, &self.run, self.json)
    }
}

/// What a run came to.
fn print(finished: &Finished, folder: &Path, json: bool) -> anyhow::Result<()> {
    let mut out = output();
    let ended = match finished.ended {
        Ended::Done => "done",
        Ended::Early => "early",
        Ended::Stopped => "stopped",
    };
    if json {
        let best = finished.best.map(|(step, loss)| serde_json::json!({ "step": step, "loss": loss }));
        let model = finished.model.as_deref().map(Path::to_string_lossy);
        let line = serde_json::json!({
            "ended": ended, "step": finished.step, "steps": finished.total, "best": best, "model": model,
            "report": finished.report.to_string_lossy(),
        });
        writeln!(out, "{line}")?;
    }
    // a script that goes on with the model must not find none
    if finished.ended == Ended::Stopped {
        let (step, total) = (finished.step, finished.total);
        bail!("stopped after step {step} of {total}; `smollm train resume {}` goes on", shown(folder));
    }
    if json {
        return Ok(());
    }
    let mut line = |name: &str, value: String| writeln!(out, "{name:<10} {value}");
    line("steps", format!("{} of {}", finished.step, finished.total))?;
    if let Some((step, loss)) = finished.best {
        line("best", format!("loss {loss:.4} on what is held out, after step {step}"))?;
    }
    if let Some(model) = &finished.model {
        line("model", shown(model))?;
    }
    line("report", shown(&finished.report))?;
    Ok(())
}

/// A path as short as it can be said from here.
fn shown(path: &Path) -> String {
    let short = || {
        let (whole, here) = (path.canonicalize().ok()?, std::env::current_dir().ok()?.canonicalize().ok()?);
        Some(whole.strip_prefix(here).unwrap_or(&whole).display().to_string())
    };
    short().unwrap_or_else(|| path.display().to_string())
}

/// What is shown while a run goes on.
struct Screen {
    quiet: bool,
    interrupt: Interrupt,
    bar: Option<(Stage, Bar)>,
}

#[derive(PartialEq)]
enum Stage {
    Preparing(String),
    Reference,
    Training,
}

impl Screen {
    fn new(quiet: bool, interrupt: Interrupt) -> Self {
        Self { quiet, interrupt, bar: None }
    }

    /// The bar of a stage, in the place of that of the one before.
    fn bar(&mut self, stage: Stage, make: impl FnOnce(bool) -> Bar) -> &Bar {
        match &self.bar {
            Some((current, _)) if *current == stage => {}
            _ => {
                self.bar = None;
                self.bar = Some((stage, make(self.quiet)));
            }
        }
        let Some((_, bar)) = &self.bar else { unreachable!("it was made") };
        bar
    }

    /// A line beside the bar.
    fn say(&self, line: String) {
        if self.quiet {
            return;
        }
        match &self.bar {
            Some((_, bar)) => bar.aside(|| note(line)),
            None => note(line),
        }
    }

    fn hear(&mut self, told: Told<'_>) -> ControlFlow<()> {
        match told {
            Told::Preparing { source, at } => {
                let label = source.to_owned();
                self.bar(Stage::Preparing(label.clone()), |quiet| Bar::reading_of(&label, quiet))
                    .bytes(at.read, at.total);
            }
            Told::Reference { done, total } => {
                self.bar(Stage::Reference, |quiet| Bar::counting("reference", quiet)).at(done as usize, total as usize);
            }
            Told::Torn { path, problem } => {
                note(format_args!(
                    "warning: {} cannot be used ({problem}); going on from the one before",
                    path.display()
                ));
            }
            Told::Resumed { step, cut: 0 } => self.say(format!("going on after step {step}")),
            Told::Resumed { step, cut } => {
                self.say(format!("going on after step {step}; {cut} lines of later steps are cut off metrics.jsonl"));
            }
            Told::Begins { step, total, learnt, isa, threads } => {
                self.say(format!("{learnt} weights are learnt, with {isa} on {threads} threads"));
                self.bar(Stage::Training, |quiet| Bar::training(step, total, quiet));
            }
            Told::Step { report, tokens_per_second, roof_share, .. } => {
                if let Some((_, bar)) = &self.bar {
                    let (loss, share) = (report.loss, 100.0 * roof_share);
                    bar.step(
                        report.step,
                        format!("loss {loss:.4}  {tokens_per_second:.0} tokens/s  {share:.0} % of the roof"),
                    );
                }
            }
            Told::Loop(Event::Evaluated { step, evaluation, best }) => {
                let best = if best { ", the least so far" } else { "" };
                self.say(format!("step {step}: loss {:.4} on what is held out{best}", evaluation.loss));
            }
            Told::Loop(Event::Evaluating { rows, of }) => {
                if let Some((_, bar)) = &self.bar {
                    bar.say(format!("evaluating: row {rows} of {of}"));
                }
            }
            Told::Loop(Event::Step(_) | Event::Saving { .. } | Event::Saved { .. }) => {}
        }
        if self.interrupt.check().is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
