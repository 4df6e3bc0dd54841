//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage and address checks, and runs them on seeds made here.
//!
//! The folder has the layout of cargo-fuzz, which works on it too, but nothing has to be installed: the flags below are
//! those of cargo-fuzz, and `RUSTC_BOOTSTRAP` lets the stable compiler accept the one that is not stable (the sanitizer).

mod seeds;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::accept::seconds;
use crate::command::{self, capture};
use crate::report::Tally;
use crate::workspace::{Workspace, cargo, scrub};

/// One target for each kind of outside bytes; `fuzz/fuzz_targets/NAME.rs`.
pub(crate) const TARGETS: [&str; 14] = [
    "safetensors",
    "gguf",
    "imatrix",
    "blocks",
    "config_json",
    "tokenizer_json",
    "chat_template",
    "tool_calls",
    "grammar",
    "schema",
    "tool_schema",
    "shard",
    "recipe",
    "check",
];

/// The coverage that libFuzzer steers by (the flags of cargo-fuzz 0.13).
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Cdebug-assertions -Ccodegen-units=1";

/// Limits of one execution: inputs are at most 64 KiB, so no honest reader needs five seconds.
const LIMITS: [&str; 3] = ["-max_len=65536", "-rss_limit_mb=2048", "-timeout=5"];

/// The largest block of memory that an execution may ask for, in MiB. A template is a program that may build a text: the
/// engine repeats strings up to 100 MB.
fn malloc_limit(target: &str) -> &'static str {
    if target == "chat_template" { "-malloc_limit_mb=256" } else { "-malloc_limit_mb=32" }
}

/// The runs of the sample in `cargo xtask test`: a fixed number from a fixed seed, so that it says the same each time. Blocks are quantised
/// anew in every format, and grammars and schemas are compiled, which takes milliseconds.
fn sample_runs(target: &str) -> &'static str {
    match target {
        "grammar" => "-runs=1000",
        "blocks" | "schema" => "-runs=2000",
        "tool_schema" => "-runs=4000",
        _ => "-runs=20000",
    }
}

/// How long a target runs.
enum Budget {
    /// The seeds and a fixed sequence of inputs; the corpus is forgotten.
    Sample,
    /// New inputs for so many seconds; the corpus in `fuzz/corpus` grows.
    Seconds(u64),
}

/// `cargo xtask fuzz [TARGET [--seconds N]]`.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[String]) -> Result<Tally> {
    let Some((target, options)) = arguments.split_first() else {
        println!("{}", TARGETS.join("\n"));
        return Ok(Tally::default());
    };
    let Some(target) = TARGETS.iter().find(|known| *known == target) else {
        bail!("there is no fuzz target {target}; they are {}", TARGETS.join(", "));
    };
    let seconds = seconds(options, 60)?;
    ensure!(build(workspace)?, "the fuzz targets do not compile");
    run(workspace, target, &Budget::Seconds(seconds))
}

/// Every target for `--seconds N`.
pub(crate) fn all(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    let seconds = seconds(options, 300)?;
    ensure!(build(workspace)?, "the fuzz targets do not compile");
    let mut tally = Tally::default();
    for target in TARGETS {
        println!("== fuzz {target}, {seconds} s");
        tally += run(workspace, target, &Budget::Seconds(seconds))?;
    }
    Ok(tally)
}

/// The sample of `cargo xtask test`.
pub(crate) fn sample(workspace: &Workspace) -> Result<Tally> {
    if !has_cpp_compiler() {
        println!("   SKIP libFuzzer is C++ and there is no C++ compiler (`c++`)");
        return Ok(Tally::skip());
    }
    ensure!(build(workspace)?, "the fuzz targets do not compile");
    let mut tally = Tally::default();
    for target in TARGETS {
        tally += run(workspace, target, &Budget::Sample)?;
    }
    Ok(tally)
}

fn has_cpp_compiler() -> bool {
    let name = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let status = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Builds all targets. Dependencies have the versions of the workspace's `Cargo.lock`.
fn build(workspace: &Workspace) -> Result<bool> {
    let folder = workspace.root.join("fuzz");
    let lock = fs::read(workspace.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let (copied, used) = (folder.join("target/Cargo.lock.copied"), folder.join("Cargo.lock"));
    // Cargo adds libFuzzer to its copy, so the copy is compared with what was copied, not with what became of it.
    if !used.exists() || fs::read(&copied).ok().as_ref() != Some(&lock) {
        fs::create_dir_all(folder.join("target")).context("cannot create fuzz/target")?;
        fs::write(&used, &lock).context("cannot write fuzz/Cargo.lock")?;
        fs::write(&copied, &lock).context("cannot write fuzz/target")?;
    }
    let mut command = cargo(&folder);
    command.args(["build", "--release", "--bins", "--target", &host()?]);
    command.env("RUSTFLAGS", format!("{COVERAGE} {}", sanitizer())).env("RUSTC_BOOTSTRAP", "1");
    command::build(&mut command)
}

/// The address sanitizer finds what safe code around mapped files and vector loads could still do wrong.
fn sanitizer() -> &'static str {
    if cfg!(any(all(target_os = "linux", target_env = "gnu"), target_os = "macos")) {
        "-Zsanitizer=address"
    } else {
        ""
    }
}

/// The target triple of this machine; naming it keeps the flags off build scripts.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// Runs one target and prints one line, or what it found.
fn run(workspace: &Workspace, target: &str, budget: &Budget) -> Result<Tally> {
    let folder = workspace.root.join("fuzz");
    let corpus = match budget {
        Budget::Sample => fresh(folder.join("target/sample").join(target))?,
        Budget::Seconds(_) => folder.join("corpus").join(target),
    };
    write_seeds(target, &corpus)?;
    let artifacts = folder.join("artifacts").join(target);
    fs::create_dir_all(&artifacts).context("cannot create fuzz/artifacts")?;
    let dictionary = folder.join("target").join(format!("{target}.dict"));
    fs::write(&dictionary, seeds::dictionary(target)).context("cannot write the dictionary")?;

    let mut command = Command::new(folder.join("target").join(host()?).join("release").join(target));
    scrub(&mut command);
    command.arg(&corpus).args(LIMITS).arg(malloc_limit(target)).arg(format!("-dict={}", dictionary.display()));
    command.arg(format!("-artifact_prefix={}/", artifacts.display())).arg("-print_final_stats=1");
    // Libraries report a fault by an error; a panic is what is looked for, so its message is wanted and its trace is not.
    command.env("RUST_BACKTRACE", "0").current_dir(&folder);
    let limit = match budget {
        Budget::Sample => {
            command.args([sample_runs(target), "-seed=1"]);
            Duration::from_secs(300)
        }
        Budget::Seconds(seconds) => {
            command.arg(format!("-max_total_time={seconds}"));
            Duration::from_secs(seconds + 120)
        }
    };
    let log = workspace.log(&format!("fuzz-{target}"));
    let finished = capture(&mut command, &log, limit)?;
    let passed = finished.success;
    let runs = number_after(&finished.output, "stat::number_of_executed_units:");
    println!(
        "   {target:<20} {} {runs:>10} inputs, {} points covered {:>8.1} s",
        if passed { "passed" } else { "FAILED" },
        number_after_last(&finished.output, " cov: "),
        finished.seconds,
    );
    if !passed {
        let mut message = false; // the line after `panicked at FILE` is the panic's message
        for line in finished.output.lines() {
            if message || tells(line) {
                println!("   {line}");
            }
            message = line.contains("panicked at");
        }
        println!("   (whole output: {}; make it an ordinary test of the crate)", log.display());
    }
    Ok(Tally::one(passed))
}

/// Lines of libFuzzer's output that say what went wrong and with which input.
fn tells(line: &str) -> bool {
    const TELLING: [&str; 8] = [
        "panicked at",
        "ERROR:",
        "SUMMARY:",
        "Test unit written to",
        "Base64:",
        "out-of-memory",
        "timeout",
        "assertion",
    ];
    TELLING.iter().any(|word| line.contains(word))
}

fn fresh(folder: PathBuf) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(folder)
}

/// Writes the seeds of a target as `seed-NAME` into its corpus.
fn write_seeds(target: &str, corpus: &PathBuf) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    for (name, bytes) in seeds::of(target) {
        let path = corpus.join(format!("seed-{name}"));
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn number_after(text: &str, label: &str) -> u64 {
    text.find(label).map_or(0, |start| leading_number(&text[start + label.len()..]))
}

fn number_after_last(text: &str, label: &str) -> u64 {
    text.rfind(label).map_or(0, |start| leading_number(&text[start + label.len()..]))
}

fn leading_number(text: &str) -> u64 {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libfuzzer_output_is_read() {
        let output = "#2\tINITED cov: 12 ft: 13\n#900\tDONE   cov: 345 ft: 1\nstat::number_of_executed_units: 900\n";
        assert_eq!(number_after(output, "stat::number_of_executed_units:"), 900);
        assert_eq!(number_after_last(output, " cov: "), 345);
        assert_eq!(number_after(output, "absent"), 0);
    }

    #[test]
    fn every_target_has_seeds_and_words() {
        for target in TARGETS {
            let seeds = seeds::of(target);
            assert!(seeds.len() >= 4, "{target}");
            let mut names: Vec<_> = seeds.iter().map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), seeds.len(), "{target}: a name stands twice");
            assert!(seeds::dictionary(target).lines().count() >= 4, "{target}");
        }
    }
}
