//! `cargo xtask bench-train`: a training step of ours beside PyTorch's, the same models and batches, in turn.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::bench_peers::{TORCH, commit, machine, page};
use crate::report::Tally;
use crate::suites;
use crate::workspace::{Workspace, scrub};

const PAGE: &str = "docs/PERFORMANCE.md";
const LISTEN_SECONDS: u64 = 3;

pub(crate) const SYNOPSIS: &str = "[OPTION...]";

const HELP: &str = "\
cargo xtask bench-train: a training step (forward, backward, clipping, AdamW) of ours beside PyTorch's, in turn on this machine

  --cases LIST     of tiny-8x512, 135m-4x512, 135m-1x2048, 135m-4x512-lora, 135m-4x512-dpo, 135m-4x512-lora-dpo (all)
  --rounds N       how often each takes its turn (3)
  --threads N      for PyTorch; ours takes what the system grants (2)
  --isa ROW        the row of instructions that ours is held to
  --compile        PyTorch compiled too (needs a C++ compiler, and minutes for the first step)
  --quick          one round; leaves docs/PERFORMANCE.md alone

PyTorch is installed under target/peers as for bench-peers. The table goes to docs/PERFORMANCE.md.";

/// A model and a batch.
struct Case {
    name: &'static str,
    /// What our bench calls the model.
    preset: &'static str,
    /// What the script calls it.
    model: &'static str,
    rows: &'static str,
    length: &'static str,
    /// What is learnt: `full`, `lora`, `dpo` or `lora-dpo`.
    kind: &'static str,
}

const CASES: [Case; 6] = [
    Case { name: "tiny-8x512", preset: "tiny", model: "tiny", rows: "8", length: "512", kind: "full" },
    Case { name: "135m-4x512", ..FULL },
    Case { name: "135m-1x2048", rows: "1", length: "2048", ..FULL },
    Case { name: "135m-4x512-lora", kind: "lora", ..FULL },
    Case { name: "135m-4x512-dpo", kind: "dpo", ..FULL },
    Case { name: "135m-4x512-lora-dpo", kind: "lora-dpo", ..FULL },
];

const FULL: Case =
    Case { name: "135m-4x512", preset: "smollm2-135m", model: "135m", rows: "4", length: "512", kind: "full" };

/// Types and what is kept, of ours.
const OURS: [[&str; 2]; 3] = [["bf16", "all"], ["bf16", "inputs"], ["f32", "all"]];
const THEIRS: [&str; 3] = ["autocast", "bf16", "f32"];

struct Options {
    cases: Vec<&'static Case>,
    rounds: usize,
    threads: usize,
    isa: Option<String>,
    compile: bool,
    quick: bool,
}

fn read(words: &[String]) -> Result<Options> {
    let quick = words.iter().any(|word| word == "--quick");
    let mut options = Options {
        cases: CASES.iter().collect(),
        rounds: if quick { 1 } else { 3 },
        threads: 2,
        isa: None,
        compile: false,
        quick,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--quick" => {}
            "--compile" => options.compile = true,
            "--isa" => options.isa = Some(value()?.clone()),
            "--rounds" => options.rounds = value()?.parse().context("--rounds wants a number")?,
            "--threads" => options.threads = value()?.parse().context("--threads wants a number")?,
            "--cases" => {
                let case = |name: &str| {
                    CASES.iter().find(|case| case.name == name).with_context(|| format!("there is no case {name}"))
                };
                options.cases = value()?.split(',').map(case).collect::<Result<_>>()?;
            }
            word => bail!("bench-train does not know {word}; `cargo xtask bench-train --help` lists the options"),
        }
    }
    ensure!(options.rounds > 0 && options.threads > 0, "--rounds and --threads want at least 1");
    Ok(options)
}

/// What one run tells.
#[derive(Clone, Copy)]
struct Sample {
    tokens_per_s: f64,
    peak_gib: f64,
    first_step_s: f64,
    /// Of the roof of multiply-adds, in per cent; ours alone.
    roof: Option<f64>,
}

/// Everybody's samples in a case.
type Contender = (String, Vec<Sample>);

/// Measures what the options say.
pub(crate) fn bench_train(workspace: &Workspace, words: &[String]) -> Result<Tally> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return Ok(Tally::default());
    }
    let options = read(words)?;
    let python = TORCH.ensure(workspace)?;
    let bench = suites::release(workspace, "smollm-train", "bench", "step")?;
    let before = machine::busy_share(LISTEN_SECONDS)?;
    let (mut body, mut tally) = (String::new(), Tally::default());
    let mut row = String::new();
    for case in &options.cases {
        println!("== {}", case.name);
        let contenders = race(workspace, &options, case, (&bench, &python), &mut row)?;
        tally.passed += contenders.iter().filter(|(_, samples)| !samples.is_empty()).count();
        tally.failed += contenders.iter().filter(|(_, samples)| samples.is_empty()).count();
        let table = table(case, &contenders);
        println!("\n{table}");
        body.push_str(&table);
        body.push('\n');
    }
    let title = format!("training, {row}, {} threads", options.threads);
    let date = jiff::Zoned::now().date();
    let text = format!(
        "### {title}\n\n{date}, {}; smollm {}; other work took {:.0} % of the machine before and {:.0} % after. `cargo xtask bench-train {}`\n\n{body}",
        machine::describe()?,
        commit(workspace)?,
        before * 100.0,
        machine::busy_share(LISTEN_SECONDS)? * 100.0,
        words.join(" "),
    );
    if options.quick {
        println!("{PAGE} stays as it is: a quick run proves nothing");
        return Ok(tally);
    }
    let path = workspace.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let page = page::with_section(&page, &title, text.trim_end()).with_context(|| PAGE.to_owned())?;
    fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))?;
    println!("wrote {PAGE}");
    Ok(tally)
}

/// Everybody in turn, round after round; who fails once is left out from then on.
fn race(
    workspace: &Workspace,
    options: &Options,
    case: &Case,
    (bench, python): (&Path, &Path),
    row: &mut String,
) -> Result<Vec<Contender>> {
    let mut modes: Vec<(&str, bool)> = THEIRS.iter().map(|mode| (*mode, false)).collect();
    if options.compile {
        modes.push(("autocast", true));
    }
    let ours = OURS.map(|[dtype, keep]| format!("smollm {dtype}, keeps {keep}"));
    let theirs =
        modes.iter().map(|(mode, compiled)| format!("torch {mode}{}", if *compiled { ", compiled" } else { "" }));
    let mut contenders: Vec<Contender> = ours.into_iter().chain(theirs).map(|name| (name, Vec::new())).collect();
    for round in 0..options.rounds {
        for index in 0..contenders.len() {
            if contenders[index].1.len() < round {
                continue;
            }
            let sample = match OURS.get(index) {
                Some(kind) => {
                    let mut command = Command::new(bench);
                    scrub(&mut command);
                    let [dtype, keep] = *kind;
                    command.args([case.preset, case.rows, case.length, dtype, keep, "3", case.kind, "--no-parts"]);
                    command.envs(options.isa.iter().map(|isa| ("SMOLLM_ISA", isa)));
                    run(workspace, command).and_then(|text| {
                        *row = between(&text, " on ", " x ")?.to_owned();
                        of_ours(&text)
                    })
                }
                None => {
                    let (mode, compiled) = modes[index - OURS.len()];
                    let mut command = Command::new(python);
                    scrub(&mut command);
                    command.args([
                        "reference/hf_train_speed.py",
                        case.model,
                        case.rows,
                        case.length,
                        mode,
                        "--rounds",
                        "3",
                    ]);
                    command.args(["--threads", &options.threads.to_string(), "--kind", case.kind]);
                    command.args(compiled.then_some("--compile"));
                    run(workspace, command).and_then(|text| of_theirs(&text))
                }
            };
            let (name, samples) = &mut contenders[index];
            match sample {
                Ok(sample) => {
                    println!("   {name}: {:.0} tokens/s", sample.tokens_per_s);
                    samples.push(sample);
                }
                Err(error) => println!("   {name}: {error:#}"),
            }
        }
    }
    Ok(contenders)
}

fn run(workspace: &Workspace, mut command: Command) -> Result<String> {
    let output = command.current_dir(&workspace.root).output().context("cannot be run")?;
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    ensure!(output.status.success(), "{last}");
    String::from_utf8(output.stdout).context("what it prints is not UTF-8")
}

/// What stands between two words, the first time.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Result<&'t str> {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(found, _)| found);
    found.with_context(|| format!("nothing between {before:?} and {after:?} in {text:?}"))
}

fn of_ours(text: &str) -> Result<Sample> {
    let number = |before, after| between(text, before, after)?.trim().parse::<f64>().context("not a number");
    Ok(Sample {
        tokens_per_s: number(": ", " tokens/s")?,
        peak_gib: number("peak ", " GiB")?,
        first_step_s: number("first step ", " s")?,
        roof: Some(number("GFLOP/s, ", " % of")?),
    })
}

fn of_theirs(text: &str) -> Result<Sample> {
    let json: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).context("no JSON")?;
    let number = |name: &str| json[name].as_f64().with_context(|| format!("no {name}"));
    let mut rates: Vec<f64> =
        json["tokens_per_s"].as_array().context("no tokens_per_s")?.iter().filter_map(Value::as_f64).collect();
    Ok(Sample {
        tokens_per_s: median(&mut rates),
        peak_gib: number("peak_gib")?,
        first_step_s: number("first_step_s")?,
        roof: None,
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians, and how many times the best of PyTorch's each of ours is.
fn table(case: &Case, contenders: &[Contender]) -> String {
    let of = |samples: &[Sample], what: fn(&Sample) -> f64| median(&mut samples.iter().map(what).collect::<Vec<_>>());
    let speed = |samples: &[Sample]| of(samples, |sample| sample.tokens_per_s);
    let peak = |samples: &[Sample]| of(samples, |sample| sample.peak_gib);
    let theirs = || contenders[OURS.len()..].iter().filter(|(_, samples)| !samples.is_empty());
    let best = theirs().map(|(_, samples)| speed(samples)).fold(f64::NAN, f64::max);
    let plain = theirs().find(|(name, _)| name == "torch f32").map_or(f64::NAN, |(_, samples)| speed(samples));
    let leanest = theirs().map(|(_, samples)| peak(samples)).fold(f64::NAN, f64::min);
    let mut text = format!("**{}**\n\n", case.name);
    text.push_str("| who | tokens/s | of the roof | first step s | peak GiB | speed / best of torch | speed / torch f32 | peak / leanest of torch |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (name, samples) in contenders {
        if samples.is_empty() {
            let _ = writeln!(text, "| {name} | failed | | | | | | |");
            continue;
        }
        let rates = samples.iter().map(|sample| sample.tokens_per_s);
        let (low, high) = (rates.clone().fold(f64::INFINITY, f64::min), rates.fold(0.0, f64::max));
        let roof = samples[0].roof.map(|_| of(samples, |sample| sample.roof.unwrap_or(f64::NAN)));
        let _ = writeln!(
            text,
            "| {name} | {:.0} ({low:.0} to {high:.0}) | {} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
            speed(samples),
            roof.map_or(String::new(), |roof| format!("{roof:.1} %")),
            of(samples, |sample| sample.first_step_s),
            peak(samples),
            speed(samples) / best,
            speed(samples) / plain,
            peak(samples) / leanest,
        );
    }
    text
}
