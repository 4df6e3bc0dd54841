//! The table of short names.

use super::*;

fn shown(text: &str) -> String {
    match resolve(text, None) {
        Ok(model) => model.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn every_row_can_be_reached_by_its_name() {
    for row in short_names() {
        assert_eq!(shown(&row.name()), row.repo);
        assert_eq!(shown(&format!("{}:{}-{}", row.family, row.size, row.variant)), row.repo);
        RepoId::new(row.repo).expect("a valid id");
        for source in row.gguf {
            RepoId::new(source.repo).expect("a valid id");
            for quant in source.quants {
                assert!(QUANTS.contains(&quant.to_ascii_lowercase().as_str()), "{quant}");
                let name = format!("{}-{}", row.name(), quant.to_ascii_lowercase());
                assert!(shown(&name).ends_with(&format!(":{quant}")), "{name}");
            }
        }
    }
}

#[test]
fn names_and_what_they_mean() {
    for (name, expected) in [
        ("smollm2", "HuggingFaceTB/SmolLM2-1.7B-Instruct"),
        ("smollm2:latest", "HuggingFaceTB/SmolLM2-1.7B-Instruct"),
        ("SmolLM2:135M", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("smollm2:360m-instruct", "HuggingFaceTB/SmolLM2-360M-Instruct"),
        ("smollm2:1.7b-base", "HuggingFaceTB/SmolLM2-1.7B"),
        ("smollm2:135m-base", "HuggingFaceTB/SmolLM2-135M"),
        ("smollm2:1.7b-q4_k_m", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M"),
        ("smollm2:1.7b-instruct-q4_K_M", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M"),
        ("smollm2:1.7b-q8_0", "bartowski/SmolLM2-1.7B-Instruct-GGUF:Q8_0"),
        ("smollm2:360m-q8_0", "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF:Q8_0"),
        ("smollm2:360m-q4_k_m", "bartowski/SmolLM2-360M-Instruct-GGUF:Q4_K_M"),
        ("smollm2:135m-fp16", "bartowski/SmolLM2-135M-Instruct-GGUF:F16"),
        ("smollm2:135m-base-q8_0", "ggml-org/SmolLM2-135M-GGUF:Q8_0"),
        ("smollm", "HuggingFaceTB/SmolLM-1.7B-Instruct"),
        ("smollm:360m", "HuggingFaceTB/SmolLM-360M-Instruct"),
        ("smollm:135m-instruct-v0.2-q8_0", "HuggingFaceTB/smollm-135M-instruct-v0.2-Q8_0-GGUF:Q8_0"),
        ("smollm3", "HuggingFaceTB/SmolLM3-3B"),
        ("smollm3:3b-base", "HuggingFaceTB/SmolLM3-3B-Base"),
        ("smollm3:3b-q4_k_m", "ggml-org/SmolLM3-3B-GGUF:Q4_K_M"),
        ("smollm3:3b-q6_k", "bartowski/HuggingFaceTB_SmolLM3-3B-GGUF:Q6_K"),
    ] {
        assert_eq!(shown(name), expected, "{name}");
    }
}

#[test]
fn unknown_quantisations_are_not_invented() {
    assert_eq!(
        shown("smollm2:1.7b-base-q4_k_m"),
        "error: smollm2:1.7b-base: no GGUF of HuggingFaceTB/SmolLM2-1.7B with Q4_K_M is known; name a repository as \
         org/name:Q4_K_M, or use smollm2:1.7b-base and `smollm convert`"
    );
    assert_eq!(
        shown("smollm:360m-q4_0"),
        "error: smollm:360m: no GGUF of HuggingFaceTB/SmolLM-360M-Instruct with Q4_0 is known (known: \
         smollm:360m-q8_0); name a repository as org/name:Q4_0, or use smollm:360m and `smollm convert`"
    );
}

#[test]
fn wrong_names_get_suggestions() {
    for (name, suggestion) in [
        ("smollm2:135", "smollm2:135m"),
        ("smollm2-135m", "smollm2:135m"),
        ("smolm2:360m", "smollm2:360m"),
        ("smollm3:4b", "smollm3:3b"),
        ("smolm2", "smollm2"),
        ("smollm2:135m-bse", "smollm2:135m-base"),
    ] {
        let Err(NameError::UnknownShortName { suggestions, .. }) = resolve(name, None) else { panic!("{name}") };
        assert_eq!(suggestions.first().map(String::as_str), Some(suggestion), "{name}: {suggestions:?}");
        assert!(suggestions.len() <= 3);
    }
    for name in ["llama3", "", "smollm2:135m-q9_9", "smollm2:135m-instruct-base", "smollm2:135m:x", "gpt2"] {
        assert!(matches!(resolve(name, None), Err(NameError::UnknownShortName { .. })), "{name}");
    }
}

#[test]
fn levenshtein() {
    for (a, b, expected) in [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("abc", "abc", 0)] {
        assert_eq!(distance(a, b), expected);
        assert_eq!(distance(b, a), expected);
    }
}

/// The rows of the table in `docs/model-names.md`.
fn documented(row: &ShortName) -> String {
    let gguf: Vec<String> = row
        .gguf
        .iter()
        .map(|source| match source.quants {
            [] => format!("`{}` (its listing decides)", source.repo),
            quants => format!("`{}` ({})", source.repo, quants.join(", ")),
        })
        .collect();
    let gguf = if gguf.is_empty() { "none known".to_owned() } else { gguf.join(", ") };
    format!("| `{}` | `{}` | {gguf} |", row.name(), row.repo)
}

#[test]
fn the_documentation_has_this_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/model-names.md");
    let text = std::fs::read_to_string(path).expect("docs/model-names.md");
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with("| `smollm")).collect();
    let expected: Vec<String> = short_names().iter().map(documented).collect();
    assert_eq!(table, expected, "docs/model-names.md should say:\n{}", expected.join("\n"));
}
