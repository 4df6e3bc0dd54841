//! `cargo xtask bench-peers`: installs llama.cpp, OpenVINO and transformers, makes the models, and lets everyone run in turn.

mod answer;
mod contender;
pub(crate) mod decision;
pub(crate) mod llama_build;
pub(crate) mod machine;
pub(crate) mod models;
pub(crate) mod options;
pub(crate) mod page;
mod race;
pub(crate) mod subject;
pub(crate) mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::report::Tally;
use crate::suites;
use crate::venv::Venv;
use crate::workspace::{Workspace, scrub};
use contender::{Files, Programs, Task};
use decision::Row;
use llama_build::LlamaCpp;
use models::Models;
use options::Options;
pub(crate) use options::SYNOPSIS;
use race::{Failures, race};
use subject::{Engine, Size};
use table::{Circumstances, section};

const PAGE: &str = "docs/PERFORMANCE.md";

/// PyTorch and transformers.
pub(crate) const TORCH: Venv<'_> =
    Venv { folder: "target/peers/torch", requirements: "reference/requirements-peers-torch.txt", borrowed: None };
const OPENVINO: Venv<'_> = Venv {
    folder: "target/peers/openvino",
    requirements: "reference/requirements-peers-openvino.txt",
    borrowed: Some(TORCH.folder),
};

/// For so long we listen to how busy the machine is.
const LISTEN_SECONDS: u64 = 3;

/// Everything that runs, installed.
struct Installed {
    smollm: PathBuf,
    llama: Option<LlamaCpp>,
    torch: Option<PathBuf>,
    openvino: Option<PathBuf>,
    /// Of each that takes part.
    versions: Vec<String>,
}

/// Measures what the options say; each result that could not be had is a failure.
pub(crate) fn bench_peers(workspace: &Workspace, words: &[String]) -> Result<Tally> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{}", options::HELP);
        return Ok(Tally::default());
    }
    let options = options::read(words)?;
    let installed = install(workspace, &options)?;
    let models = Models::new(workspace, &installed.smollm)?;
    let mut tally = Tally::default();
    for size in &options.sizes {
        for weights in &options.types {
            files(&models, &installed, size, weights)?;
        }
        if !options.install {
            tally += measure(workspace, &options, &installed, &models, size, words)?;
        }
    }
    println!("\n{tally}");
    Ok(tally)
}

/// Installs whoever takes part; what is there already is left alone, and what was interrupted goes on.
fn install(workspace: &Workspace, options: &Options) -> Result<Installed> {
    let takes_part = |engine| options.peers.contains(&engine);
    println!("== peers");
    let mut versions = vec![format!("smollm {}", commit(workspace)?)];
    let llama = match takes_part(Engine::Llama) {
        true => Some(llama_build::ensure_built(workspace, options.isa.as_deref())?),
        false => None,
    };
    versions.extend(llama.as_ref().map(|llama| llama.version.clone()));
    let python = |venv: &Venv<'_>, wanted: bool| wanted.then(|| venv.ensure(workspace)).transpose();
    let torch = python(&TORCH, takes_part(Engine::Torch) || takes_part(Engine::OpenVino))?; // OpenVINO borrows it
    let openvino = python(&OPENVINO, takes_part(Engine::OpenVino))?;
    if openvino.is_some() {
        versions.push(format!("OpenVINO {}", pinned(workspace, &OPENVINO, "openvino")?));
    }
    if takes_part(Engine::Torch) {
        let (torch, transformers) = (pinned(workspace, &TORCH, "torch")?, pinned(workspace, &TORCH, "transformers")?);
        versions.push(format!("torch {torch} with transformers {transformers}"));
    }
    println!("== smollm");
    let smollm = suites::release(workspace, "smollm", "bin", "smollm")?;
    Ok(Installed { smollm, llama, torch: torch.filter(|_| takes_part(Engine::Torch)), openvino, versions })
}

/// One size: every case and type, the table, the page.
fn measure(
    workspace: &Workspace,
    options: &Options,
    installed: &Installed,
    models: &Models<'_>,
    size: &Size,
    words: &[String],
) -> Result<Tally> {
    println!("== {}", size.name);
    let directory = models.directory(size)?;
    let facts = facts(workspace, &installed.smollm, &directory, options.threads, options.isa.as_deref())?;
    let programs = Programs {
        smollm: &installed.smollm,
        llama: installed.llama.as_ref(),
        torch: installed.torch.as_deref(),
        openvino: installed.openvino.as_deref(),
    };
    let before = machine::busy_share(LISTEN_SECONDS)?;
    let (mut rows, mut failures) = (Vec::new(), Failures::default());
    for &case in &options.cases {
        for weights in &options.types {
            let files = files(models, installed, size, weights)?;
            let repeats = if options.quick { 1 } else { case.repeats() };
            let task = Task { case, weights, threads: options.threads, repeats, isa: options.isa.as_deref() };
            let contenders = contender::contenders(&programs, &files, task);
            rows.push(race(workspace, task, &contenders, options.rounds, &mut failures));
        }
    }
    let about = Circumstances {
        size: size.name.to_owned(),
        isa: facts["machine"]["isa"].as_str().context("smollm bench names no ISA row")?.to_owned(),
        threads: options.threads,
        rounds: options.rounds,
        machine: machine::describe()?,
        others: (before, machine::busy_share(LISTEN_SECONDS)?),
        roofs: (number(&facts, "read_gb_per_s")?, number(&facts, "fma_gflop_per_s")?),
        versions: installed.versions.clone(),
        date: jiff::Zoned::now().date().to_string(),
        command: format!("cargo xtask bench-peers {}", words.join(" ")).trim_end().to_owned(),
    };
    let text = section(&about, &rows, &failures.lines);
    println!("\n{text}");
    keep(workspace, &about, &rows)?;
    if options.quick {
        println!("{PAGE} stays as it is: a quick run proves nothing");
    } else {
        let path = workspace.root.join(PAGE);
        let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
        let page = page::with_section(&page, &about.title(), &text).with_context(|| PAGE.to_owned())?;
        fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))?;
        println!("wrote {PAGE}");
    }
    let failed = failures.lines.len();
    Ok(Tally { passed: rows.iter().filter(|row| row.lead().is_some()).count(), failed, skipped: 0 })
}

/// The model in every form that those who take part read.
fn files(models: &Models<'_>, installed: &Installed, size: &Size, weights: &subject::WeightType) -> Result<Files> {
    let openvino = installed.openvino.as_deref().zip(weights.openvino);
    Ok(Files {
        gguf: models.gguf(size, weights)?,
        directory: models.directory(size)?,
        openvino: openvino.map(|(python, compression)| models.openvino(size, compression, python)).transpose()?,
    })
}

/// What `smollm bench` says of the machine: ISA row and roofs.
pub(crate) fn facts(
    workspace: &Workspace,
    smollm: &Path,
    directory: &Path,
    threads: usize,
    isa: Option<&str>,
) -> Result<Value> {
    let mut bench = Command::new(smollm);
    scrub(&mut bench);
    bench.args(["bench", "--json", "--quiet", "--prefill", "0", "--decode", "0", "-m"]).arg(directory);
    bench.args(["--threads", &threads.to_string()]).current_dir(&workspace.root);
    bench.envs(isa.iter().map(|row| ("SMOLLM_ISA", row)));
    let output = bench.output().context("cannot run smollm")?;
    ensure!(output.status.success(), "smollm bench: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("smollm bench --json printed something else")
}

fn number(facts: &Value, name: &str) -> Result<f64> {
    facts["machine"][name].as_f64().with_context(|| format!("smollm bench --json has no machine.{name}"))
}

/// All samples, for whoever wants to look closer.
fn keep(workspace: &Workspace, about: &Circumstances, rows: &[Row]) -> Result<()> {
    let folder = workspace.root.join("target/peers/results");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{}.json", about.title().replace(", ", " ").replace(' ', "-")));
    let rows = rows.iter().map(|row| {
        let measured = row.measured.iter().map(|measured| {
            let values = measured.samples.iter().map(|sample| sample.value).collect::<Vec<_>>();
            json!({"engine": measured.engine.title(), "flags": measured.flags, "samples": values})
        });
        json!({"case": row.case.to_string(), "weights": row.weights, "measured": measured.collect::<Value>()})
    });
    let text = json!({"date": about.date, "command": about.command, "machine": about.machine, "rows": rows.collect::<Value>()});
    fs::write(&path, format!("{text:#}\n")).with_context(|| format!("cannot write {}", path.display()))
}

/// The commit that is measured, with a mark if files differ from it.
pub(crate) fn commit(workspace: &Workspace) -> Result<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude", "*"]).current_dir(&workspace.root);
    let output = git.output().context("cannot run git")?;
    ensure!(output.status.success(), "git describe: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version that a requirements file asks for.
fn pinned(workspace: &Workspace, venv: &Venv<'_>, package: &str) -> Result<String> {
    let path = workspace.root.join(venv.requirements);
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", venv.requirements))?;
    let line = text.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="));
    Ok(line.with_context(|| format!("{} does not pin {package}", venv.requirements))?.to_owned())
}
