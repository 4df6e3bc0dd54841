//! `cargo xtask accept`: the long forms of what `cargo xtask test` samples.

use anyhow::{Context, Result, bail};

use crate::fuzz;
use crate::llama_cpp;
use crate::real_weights;
use crate::report::Tally;
use crate::suites::{self, Suite};
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
    ("llama-cpp", "[--python PATH] [--record]", "llama.cpp's top-1 on the GGUF files that we write", llama_cpp::accept),
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

/// The instruction-set rows of `crates/smollm-kernels/src/arch/mod.rs`, best first.
const ROWS: [Row; 4] =
    [("avx512bf16", x86::avx512bf16), ("avx512", x86::avx512), ("avx2", x86::avx2), ("scalar", || true)];

/// Its name and whether this machine has it.
type Row = (&'static str, fn() -> bool);

#[cfg(target_arch = "x86_64")]
mod x86 {
    pub(super) fn avx512bf16() -> bool {
        // ebx, edx, ecx of leaf 0 spell the vendor
        let vendor = std::arch::x86_64::__cpuid(0);
        let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        avx512() && is_x86_feature_detected!("avx512bf16") && vendor.as_flattened() == b"AuthenticAMD"
    }

    pub(super) fn avx512() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
    }

    pub(super) fn avx2() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod x86 {
    pub(super) fn avx512bf16() -> bool {
        false
    }

    pub(super) fn avx512() -> bool {
        false
    }

    pub(super) fn avx2() -> bool {
        false
    }
}

/// The rows that this machine can run, best first.
fn rows() -> impl Iterator<Item = &'static str> {
    ROWS.iter().filter(|(_, available)| available()).map(|(name, _)| *name)
}

/// Kernels, model and engine once more on the rows below the one that a plain run chooses.
pub(crate) fn isa_sample(workspace: &Workspace) -> Result<Tally> {
    let arithmetic = |suite: &Suite| matches!(&*suite.package, "smollm-kernels" | "smollm-model" | "smollm-engine");
    let mut tally = Tally::default();
    for row in rows().filter(|row| matches!(*row, "avx2" | "scalar")) {
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
    for row in rows() {
        println!("== SMOLLM_ISA={row}");
        tally += suites::run(workspace, &format!("isa-{row}"), |_| true, &[("SMOLLM_ISA", row)])?;
    }
    Ok(tally)
}

fn real_shape(workspace: &Workspace, options: &[String]) -> Result<Tally> {
    if let Some(option) = options.first() {
        bail!("unknown option {option}");
    }
    let exact = |suite: &Suite| suite.is("smollm", "exact");
    suites::run(workspace, "real-shape", exact, &[("SMOLLM_REAL_SHAPE", "1")])
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

    #[test]
    fn the_rows_are_those_of_the_kernels() {
        let source = include_str!("../../crates/smollm-kernels/src/arch/mod.rs");
        let row = |line: &'static str| line.trim().strip_prefix("(&")?.split_once("::ROW").map(|(name, _)| name);
        assert_eq!(source.lines().filter_map(row).collect::<Vec<_>>(), ROWS.map(|(name, _)| name));
        assert_eq!(rows().last(), Some("scalar"));
    }
}
