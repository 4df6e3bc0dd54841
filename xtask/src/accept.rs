//! `cargo xtask accept`: the long forms of what `cargo xtask test` samples.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::bench_serve;
use crate::divergence;
use crate::fuzz;
use crate::llama_cpp;
use crate::llama_server_suite;
use crate::python;
use crate::quantizers;
use crate::real_weights;
use crate::report::Tally;
use crate::soak;
use crate::static_binary;
use crate::suites::{self, Suite};
use crate::targets;
use crate::tokenizer_training;
use crate::turns;
use crate::valid_output;
use crate::workspace::Workspace;

/// A long run: its name, its options, one sentence, and what it calls.
type Run = (&'static str, &'static str, &'static str, fn(&Workspace, &[String]) -> Result<Tally>);

const RUNS: &[Run] = &[
    ("fuzz", "[--seconds N]", "every fuzz target for N seconds (300)", fuzz::all),
    ("isa", "", "every test of the workspace on every instruction set of this machine", every_isa),
    (
        "real-shape",
        "",
        "cache and chunks leave no trace at the shape of the 135M, every type and instruction set",
        real_shape,
    ),
    (
        "long-runs",
        "",
        "100,000 tokens of the 135M in contexts of 8,192: the same each time, no growth, no drift",
        long_runs,
    ),
    (
        "one-answer",
        "",
        "1,000 requests get one answer each, whatever runs beside them, the cache, chunks, preemption and threads",
        one_answer,
    ),
    (
        "kill-resume",
        "",
        "runs of pretraining, fine-tuning and preferences, killed at 20 points each, end in the same bits",
        kill_resume,
    ),
    (
        "soak",
        "[--requests N]",
        "N requests (10,000) with clients that vanish, and the memory of the server stays what it was",
        soak::accept,
    ),
    (
        "overload",
        "",
        "ten times the load: first tokens of those let in, and refusals, within their bounds (an idle machine)",
        bench_serve::accept_overload,
    ),
    ("cold-start", "", "the 135M is ready within 300 ms, every type (an idle machine)", bench_serve::accept_ready),
    (
        "schemathesis",
        "",
        "requests made from the document of our API, valid and not, against the server",
        python::schemathesis,
    ),
    ("tools", "", "calls of 500 functions by random weights: all parse and fit their schemas", python::tools),
    (
        "tool-schema",
        "",
        "the table of schemas of Python functions is what transformers makes of them",
        python::tool_schema,
    ),
    (
        "tokenizer-training",
        "",
        "our trainer of tokenizers beside that of the Python tokenizers, 49,152 tokens of 50 MB (an idle machine)",
        tokenizer_training::accept,
    ),
    (
        "constrained",
        "",
        "answers under every schema of the JSON-Schema-Test-Suite and 1,000 others, judged by Python's jsonschema",
        python::constrained,
    ),
    (
        "valid-output",
        "[--llama-server PATH]",
        "calls of tools and JSON under schemas, ours and llama-server's: how many are right (docs/serving.md)",
        valid_output::accept,
    ),
    ("clients", "", "tours of the server with clients that are large to install", python::further_clients),
    (
        "lm-eval",
        "[--model DIR] [--questions N]",
        "lm_eval's log-likelihoods over our server beside smollm score and transformers",
        python::lm_eval,
    ),
    (
        "turns",
        "",
        "what the assistant says under 70 public chat templates: told, or refused with the reason",
        turns::accept,
    ),
    ("memory", "", "serving the released shapes takes what `smollm info --plan` predicts, under load", memory),
    ("targets", "", "the libraries compile for every other target that is installed", targets::accept),
    (
        "static",
        "",
        "the release binary without any library, in an empty folder that it takes for the whole machine (root)",
        static_binary::accept,
    ),
    ("llama-cpp", "[--python PATH] [--record]", "llama.cpp's top-1 on the GGUF files that we write", llama_cpp::accept),
    (
        "llama-server-suite",
        "[--llama-server PATH]",
        "llama.cpp's own tests of its server, against it and against smollm serve",
        llama_server_suite::accept,
    ),
    (
        "quantizers",
        "--library PATH [--python PATH]",
        "our quantisers' errors beside those of ggml's library",
        quantizers::accept,
    ),
    (
        "divergence",
        "--llama-quantize PATH --model DIR [--python PATH]",
        "predictions of our quantised files beside those of llama.cpp's",
        divergence::accept,
    ),
    (
        "real-weights",
        "[NAME...]",
        "released models from the hub against what others recorded of them",
        real_weights::accept,
    ),
];

/// The names of all runs.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    RUNS.iter().map(|(name, ..)| *name)
}

/// Lists the runs, or does the named one (`fuzz` and `--fuzz` are the same).
pub(crate) fn accept(workspace: &Workspace, arguments: &[String]) -> Result<Tally> {
    let Some((name, options)) = arguments.split_first() else {
        for (name, options, sentence, _) in RUNS {
            println!("cargo xtask accept {:<22} {sentence}", format!("{name} {options}"));
        }
        return Ok(Tally::default());
    };
    let name = name.trim_start_matches("--");
    let Some((.., run)) = RUNS.iter().find(|(known, ..)| *known == name) else {
        bail!("there is no long run {name}; they are {}", names().collect::<Vec<_>>().join(", "));
    };
    let tally = run(workspace, options)?;
    println!("\n{tally}");
    Ok(tally)
}

/// The instruction-set rows that this machine can run, best first, as the kernels name them.
fn rows(workspace: &Workspace) -> Result<Vec<String>> {
    let program = suites::executable(workspace, "smollm-kernels", "example", "rows")?;
    let output = Command::new(&program).output().with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8(output.stdout).context("the example rows printed text that is not UTF-8")?;
    let rows: Vec<String> = text.lines().map(str::to_owned).collect();
    ensure!(rows.last().is_some_and(|last| last == "scalar"), "the example rows printed {text:?}");
    Ok(rows)
}

/// Kernels, model and engine once more on the rows below the one that a plain run chooses, and on tiles.
pub(crate) fn isa_sample(workspace: &Workspace) -> Result<Tally> {
    let arithmetic = |suite: &Suite| matches!(&*suite.package, "smollm-kernels" | "smollm-model" | "smollm-engine");
    let mut tally = Tally::default();
    for row in rows(workspace)?.iter().filter(|row| matches!(row.as_str(), "avx2" | "amx-emulated" | "scalar")) {
        println!("   SMOLLM_ISA={row}");
        tally += suites::run(workspace, &format!("isa-{row}"), arithmetic, &[("SMOLLM_ISA", row)])?;
    }
    Ok(tally)
}

fn every_isa(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let mut tally = Tally::default();
    for row in &rows(workspace)? {
        println!("== SMOLLM_ISA={row}");
        tally += suites::run(workspace, &format!("isa-{row}"), |_| true, &[("SMOLLM_ISA", row)])?;
    }
    Ok(tally)
}

fn one_answer(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let determinism = |suite: &Suite| suite.is("smollm-engine", "determinism");
    suites::run(workspace, "one-answer", determinism, &[("SMOLLM_REQUESTS", "1000")])
}

fn kill_resume(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    suites::run(workspace, "kill-resume", |suite: &Suite| suite.is("smollm", "cli"), &[("SMOLLM_KILLS", "20")])
}

fn real_shape(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let exact = |suite: &Suite| suite.is("smollm", "exact");
    suites::run(workspace, "real-shape", exact, &[("SMOLLM_REAL_SHAPE", "1")])
}

fn long_runs(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let long = |suite: &Suite| suite.is("smollm", "long");
    suites::run(workspace, "long-runs", long, &[("SMOLLM_REAL_SHAPE", "1")])
}

fn memory(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let memory = |suite: &Suite| suite.is("smollm", "memory");
    suites::run(workspace, "memory", memory, &[("SMOLLM_REAL_SHAPE", "1")])
}

/// Reads `--seconds N`, the only option of the runs that last as long as one likes.
pub(crate) fn seconds(options: &[String], default: u64) -> Result<u64> {
    match options {
        [] => Ok(default),
        [flag, value] if flag == "--seconds" => {
            value.parse().with_context(|| format!("--seconds wants a whole number, not {value:?}"))
        }
        [flag] if flag == "--seconds" => bail!("--seconds wants a number"),
        [option, ..] => bail!("unknown option {option}; --seconds N is the only one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(seconds(&[], 7).unwrap(), 7);
        assert_eq!(seconds(&words("--seconds 90"), 7).unwrap(), 90);
        for wrong in ["--seconds", "--seconds x", "--minutes 3", "--seconds 3 4"] {
            assert!(seconds(&words(wrong), 7).is_err(), "{wrong}");
        }
    }
}
