//! `cargo xtask bench-serve`: `smollm serve` beside llama-server, the same chats for both, in turn.

mod contender;
mod options;
mod overload;
mod ready;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::bench_peers::{self, llama_build, machine, models::Models, page, subject::Size};
use crate::load::{Shape, Wave};
use crate::report::Tally;
use crate::suites;
use crate::workspace::Workspace;
use contender::{Contender, Programs, Setting, Task};
use options::Options;
pub(crate) use options::SYNOPSIS;
pub(crate) use overload::accept as accept_overload;
pub(crate) use ready::accept as accept_ready;
use table::{About, Row, section};

const PAGE: &str = "docs/PERFORMANCE.md";
/// For so long we listen to how busy the machine is.
const LISTEN_SECONDS: u64 = 3;

/// Measures what the options say; each result that could not be had is a failure.
pub(crate) fn bench_serve(workspace: &Workspace, words: &[String]) -> Result<Tally> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{}", options::HELP);
        return Ok(Tally::default());
    }
    let options = options::read(words)?;
    let (programs, versions) = programs(workspace, &options)?;
    let models = Models::new(workspace, &programs.smollm)?;
    let mut tally = Tally::default();
    for size in &options.sizes {
        tally += measure(workspace, &options, &programs, &versions, &models, size, words)?;
    }
    println!("\n{tally}");
    Ok(tally)
}

/// What runs, and the version of each.
fn programs(workspace: &Workspace, options: &Options) -> Result<(Programs, Vec<String>)> {
    let mut versions = vec![format!("smollm {}", bench_peers::commit(workspace)?)];
    let llama = match &options.llama {
        options::Llama::None => None,
        options::Llama::Built => {
            let built = llama_build::ensure_built(workspace, None)?;
            versions.push(built.version.clone());
            Some(built.program("llama-server"))
        }
        options::Llama::At(path) => {
            ensure!(path.is_file(), "there is no {}", path.display());
            versions.push("another llama-server".to_owned());
            Some(path.clone())
        }
    };
    let smollm = suites::release(workspace, "smollm", "bin", "smollm")?;
    let engine = suites::release(workspace, "smollm", "example", "engine_load")?;
    Ok((Programs { smollm, engine, llama }, versions))
}

/// One size: every type and number of chats, the table, the page.
fn measure(
    workspace: &Workspace,
    options: &Options,
    programs: &Programs,
    versions: &[String],
    models: &Models<'_>,
    size: &Size,
    words: &[String],
) -> Result<Tally> {
    println!("== {}", size.name);
    let facts = bench_peers::facts(workspace, &programs.smollm, &models.directory(size)?, options.threads, None)?;
    let before = machine::busy_share(LISTEN_SECONDS)?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for weights in &options.types {
        let file = models.gguf(size, weights)?;
        for &chats in &options.chats {
            let shape = Shape { shared: options.shared, own: options.own, answer: options.answer };
            let task = Task { model: &file, shape, chats, threads: options.threads };
            let row = race(workspace, programs, task, options.rounds, &mut failures);
            println!("   {} {chats} chats: {}", weights.name, table::summary(&row));
            rows.push(Row { weights: weights.name, chats, ..row });
        }
    }
    let overload = match (options.overload, options.types.first()) {
        (true, Some(weights)) => Some((
            weights.name,
            overload::measure(workspace, &programs.smollm, &models.gguf(size, weights)?, options.threads)?,
        )),
        _ => None,
    };
    let about = About {
        size: size.name.to_owned(),
        isa: facts["machine"]["isa"].as_str().context("smollm bench names no ISA row")?.to_owned(),
        threads: options.threads,
        rounds: options.rounds,
        machine: machine::describe()?,
        others: (before, machine::busy_share(LISTEN_SECONDS)?),
        versions: versions.to_vec(),
        date: jiff::Zoned::now().date().to_string(),
        command: format!("cargo xtask bench-serve {}", words.join(" ")).trim_end().to_owned(),
    };
    let overloaded =
        overload.map(|(weights, measured)| format!("At ten times the load that it can bear, {weights}: {measured}."));
    let text = section(&about, &rows, overloaded.as_deref(), &failures);
    println!("\n{text}");
    if options.quick {
        println!("{PAGE} stays as it is: a quick run proves nothing");
    } else {
        let path = workspace.root.join(PAGE);
        let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
        let page = page::with_section(&page, &about.title(), &text).with_context(|| PAGE.to_owned())?;
        fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))?;
        println!("wrote {PAGE}");
    }
    Ok(Tally { passed: rows.len(), failed: failures.len(), skipped: 0 })
}

/// llama-server with each of its settings once, answers a quarter as long, to find the best; then `rounds` times in turn: the server, llama-server, the engine alone.
fn race(workspace: &Workspace, programs: &Programs, task: Task<'_>, rounds: usize, failures: &mut Vec<String>) -> Row {
    let mut run = |contender: Contender, task: Task<'_>, round: usize| -> Option<(Wave, Option<f64>)> {
        let result = contender.run(workspace, programs, task, round);
        result
            .inspect_err(|error| {
                let why = format!("{error:#}").replace(&format!("{}/", workspace.root.display()), "");
                let model = task.model.file_name().unwrap_or_default().to_string_lossy();
                let line = format!("{model} {} chats {contender}: {why}", task.chats);
                println!("   {line}");
                failures.push(line);
            })
            .ok()
    };
    let scouting = Task { shape: Shape { answer: task.shape.answer.div_ceil(4), ..task.shape }, ..task };
    let best = programs.llama.as_ref().and_then(|_| {
        let scouted = Setting::ALL.into_iter().filter_map(|setting| {
            let (wave, _) = run(Contender::Llama(setting), scouting, 0)?;
            Some((setting, wave.tokens_per_s))
        });
        scouted.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(setting, _)| setting)
    });
    let mut row = Row {
        weights: "",
        chats: task.chats,
        flags: best,
        ours: Vec::new(),
        theirs: Vec::new(),
        engine: Vec::new(),
        ready: (Vec::new(), Vec::new()),
    };
    for round in 1..=rounds {
        if let Some((wave, ready)) = run(Contender::Smollm, task, round) {
            row.ours.push(wave);
            row.ready.0.extend(ready);
        }
        if let Some((wave, ready)) = best.and_then(|setting| run(Contender::Llama(setting), task, round)) {
            row.theirs.push(wave);
            row.ready.1.extend(ready);
        }
        row.engine.extend(run(Contender::Engine, task, round).map(|(wave, _)| wave));
    }
    row
}

/// Where lists of requests for the engine alone lie.
fn scratch(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("target/xtask").join(name)
}
