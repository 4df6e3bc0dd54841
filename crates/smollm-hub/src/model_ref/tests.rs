//! What `-m` accepts and what it says about the rest.

use proptest::prelude::*;

use super::*;

/// Parses, and shows the result in the canonical spelling or the error.
fn check(text: &str, expected: &str) {
    let shown = match ModelRef::parse(text) {
        Ok(model) => model.to_string(),
        Err(error) => format!("error: {error}"),
    };
    assert!(
        shown == expected || (expected.ends_with('…') && shown.starts_with(expected.trim_end_matches('…'))),
        "{text}: {shown}"
    );
}

#[test]
fn hub_ids() {
    check("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct");
    check("HuggingFaceTB/SmolLM2-135M-Instruct@v0.1", "HuggingFaceTB/SmolLM2-135M-Instruct@v0.1");
    check("a/b@refs/pr/1", "a/b@refs/pr/1");
    check("a/b@0123456789012345678901234567890123456789", "a/b@0123456789012345678901234567890123456789");
    check("a/b:file.gguf", "a/b:file.gguf");
    check("a/b:sub/file-00001-of-00002.GGUF", "a/b:sub/file-00001-of-00002.GGUF");
    check("a/b:q4_k_m", "a/b:Q4_K_M");
    check("a/b@v1:Q8_0", "a/b@v1:Q8_0");
    check("a/b:Q8_0@v1", "a/b@v1:Q8_0");
    check("a/b:x.gguf@feature/x", "a/b@feature/x:x.gguf");
}

#[test]
fn short_names() {
    check("smollm2:135m", "HuggingFaceTB/SmolLM2-135M-Instruct");
    check("smollm2:135m@v0.1", "HuggingFaceTB/SmolLM2-135M-Instruct@v0.1");
    check("smollm2:1.7b-instruct-q4_k_m", "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF:Q4_K_M");
    check(
        "nosuchmodel",
        "error: nosuchmodel: no such file, folder or short name; a repository of the hub is written org/name",
    );
    check("smollm2:136m", "error: smollm2:136m: no such file, folder or short name; did you mean smollm2:135m or …");
}

#[test]
fn wrong_names() {
    check("", "error: the model name is empty…");
    check("a/b@", "error: (nothing): not a branch, tag or commit…");
    check("a/b:", "error: (nothing): after `:` comes a .gguf file or a quantisation such as Q4_K_M");
    check("a/b:model.safetensors", "error: model.safetensors: after `:` comes…");
    check("a/b:../x.gguf", "error: ../x.gguf: not a file of a repository…");
    check("a/b@../x", "error: ../x: not a branch, tag or commit…");
    check("a/b@v1:/etc/x.gguf", "error: /etc/x.gguf: not a file of a repository…");
    check("https://huggingface.co/a/b", "error: https://huggingface.co/a/b: give the repository as org/name…");
    check("ü/b", "error: ü/b: not a repository id: only letters…");
    check("a/b c", "error: a/b c: not a repository id…");
}

#[test]
fn things_that_read_like_paths_are_missed_as_paths() {
    for text in [
        "./model",
        "../../etc",
        "/no/such/folder",
        "~/models",
        "models/x.gguf",
        "x.gguf",
        "C:/models",
        "a\\b",
        "a/b/c",
        "model.safetensors",
    ] {
        let error = ModelRef::parse(text).expect_err(text);
        assert!(matches!(error, NameError::NoSuchPath { .. }), "{text}: {error}");
    }
}

#[test]
fn an_existing_path_beats_a_hub_id() {
    // Unit tests run in the crate's folder, so `src/lib.rs` exists and is a well-formed repository id too.
    assert!(RepoId::new("src/lib.rs").is_ok());
    assert_eq!(ModelRef::parse("src/lib.rs"), Ok(ModelRef::Path("src/lib.rs".into())));
    assert_eq!(ModelRef::parse("src"), Ok(ModelRef::Path("src".into())));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,40}") {
        let _ = ModelRef::parse(&text);
    }

    #[test]
    fn what_is_shown_parses_back(text in "[ab]/[ab](@v[0-9]|@refs/pr/1)?(:[qQ][2-8]_[kK]|:[ab]{1,3}/x\\.gguf)?") {
        let model = ModelRef::parse(&text).expect("well-formed");
        prop_assert_eq!(ModelRef::parse(&model.to_string()), Ok(model));
    }
}
