//! Tests of the Markdown.

use super::*;
use crate::bench_peers::decision::Sample;
use crate::bench_peers::subject::Case;

fn measured(engine: Engine, flags: &str, values: &[f64], roof_share: Option<f64>) -> Measured {
    let samples = values.iter().map(|&value| Sample { value, roof_share }).collect();
    Measured { engine, flags: flags.to_owned(), samples }
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            case: Case::Prefill(512),
            weights: "bf16",
            measured: vec![
                measured(Engine::Smollm, "", &[3000.0, 3100.4, 2900.0], Some(0.61)),
                measured(Engine::Llama, "-fa on", &[300.0, 310.0], None),
                measured(Engine::Llama, "-fa off", &[367.0], None),
                measured(Engine::Torch, "", &[1167.0], None),
            ],
        },
        Row {
            case: Case::Cold,
            weights: "q4_0",
            measured: vec![
                measured(Engine::Smollm, "", &[85.25], None),
                measured(Engine::Llama, "-fa off", &[170.5], None),
            ],
        },
        Row { case: Case::Decode, weights: "q4_0", measured: vec![measured(Engine::Llama, "", &[], None)] },
    ]
}

fn circumstances() -> Circumstances {
    Circumstances {
        size: "135m".to_owned(),
        isa: "amx".to_owned(),
        threads: 2,
        rounds: 3,
        machine: "A CPU, 2 cores, 24 GB".to_owned(),
        others: (0.01, 0.0),
        roofs: (28.04, 240.4),
        versions: vec!["smollm abc".to_owned(), "llama.cpp 1".to_owned()],
        date: "2026-01-02".to_owned(),
        command: "cargo xtask bench-peers".to_owned(),
    }
}

#[test]
fn each_engine_that_appears_has_a_column() {
    let expected = "\
| case | weights | smollm | of the roof | llama.cpp | torch | smollm / best peer |
| --- | --- | --- | --- | --- | --- | --- |
| prefill 512, tok/s | bf16 | 3,000 (2,900 to 3,100) | 61 % | 367 `-fa off` | 1,167 | 2.57x |
| cold start, ms | q4_0 | 85.2 | - | 170 `-fa off` | - | 2.00x |
| decode, tok/s | q4_0 | - | - | - | - | - |
";
    assert_eq!(table(&rows()), expected);
}

#[test]
fn the_circumstances_stand_above() {
    let text = section(&circumstances(), &rows(), &[]);
    assert!(text.starts_with("### 135m amx, 2 threads\n\n2026-01-02, A CPU, 2 cores, 24 GB; roofs"), "{text}");
    assert!(text.contains("28.0 GB/s read, 240 GFLOP/s") && text.contains("smollm abc; llama.cpp 1"), "{text}");
    assert!(!text.contains("Other work") && !text.contains("Failed"), "{text}");
    assert_eq!(Circumstances { threads: 1, ..circumstances() }.title(), "135m amx, 1 thread");
}

#[test]
fn a_busy_machine_and_failures_are_admitted() {
    let busy = Circumstances { others: (0.0, 0.4), ..circumstances() };
    let text = section(&busy, &rows(), &["torch decode bf16: out of memory".to_owned()]);
    assert!(text.contains("Other work took 0 % of the CPU before and 40 % after"), "{text}");
    assert!(text.ends_with("\nFailed: torch decode bf16: out of memory\n"), "{text}");
}

#[test]
fn figures_have_three_digits() {
    for (value, expected) in [
        (0.123, "0.12"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (999.6, "1,000"),
        (1_234_567.0, "1,234,567"),
    ] {
        assert_eq!(figure(value), expected);
    }
}
