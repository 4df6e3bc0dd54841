//! Which GGUF a name means.

use super::*;

fn check(files: &[&str], wanted: Option<&str>, expected: &str) {
    let repo = RepoId::new("a/b").expect("an id");
    let paths: Vec<RepoPath> = files.iter().map(|path| RepoPath::new(path).expect("a path")).collect();
    let file = wanted.map(|text| match text.ends_with("gguf") {
        true => HubFile::Exact(RepoPath::new(text).expect("a path")),
        false => HubFile::Quant(text.to_owned()),
    });
    let shown = match choose(&repo, &paths, file.as_ref()) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(files)) => files.iter().map(RepoPath::as_str).collect::<Vec<_>>().join(" "),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(shown, expected, "{wanted:?}");
}

const MANY: &[&str] = &[
    "README.md",
    "M-Q4_K_M.gguf",
    "M-Q4_K_S.gguf",
    "M-BF16.gguf",
    "M-f16-00001-of-00002.gguf",
    "M-f16-00002-of-00002.gguf",
    "Q8_0/M-00001-of-00002.gguf",
    "Q8_0/M-00002-of-00002.gguf",
    "mmproj-M-Q6_K.gguf",
    "M-imatrix.gguf",
];

#[test]
fn by_quantisation() {
    check(MANY, Some("Q4_K_M"), "M-Q4_K_M.gguf");
    check(MANY, Some("q4_k_s"), "M-Q4_K_S.gguf");
    check(MANY, Some("F16"), "M-f16-00001-of-00002.gguf M-f16-00002-of-00002.gguf");
    check(MANY, Some("FP16"), "M-f16-00001-of-00002.gguf M-f16-00002-of-00002.gguf");
    check(MANY, Some("Q8_0"), "Q8_0/M-00001-of-00002.gguf Q8_0/M-00002-of-00002.gguf");
    check(&["smollm2-1.7b-instruct-q4_k_m.gguf"], Some("Q4_K_M"), "smollm2-1.7b-instruct-q4_k_m.gguf");
    check(&["SmolLM-135M.Q2_K.gguf", "SmolLM-135M.Q2_K_L.gguf"], Some("Q2_K"), "SmolLM-135M.Q2_K.gguf");
    check(&["model_q8_0.GGUF"], Some("Q8_0"), "model_q8_0.GGUF");
}

#[test]
fn by_file() {
    check(MANY, Some("M-BF16.gguf"), "M-BF16.gguf");
    check(MANY, Some("M-f16-00002-of-00002.gguf"), "M-f16-00001-of-00002.gguf M-f16-00002-of-00002.gguf");
    check(&["x.gguf"], Some("y.gguf"), "error: a/b: no file y.gguf; GGUF files there: x.gguf");
}

#[test]
fn without_a_name() {
    check(&["README.md"], None, "nothing");
    check(&["README.md", "x.gguf", "mmproj-x.gguf"], None, "x.gguf");
    check(
        &["x-Q8_0.gguf", "x-Q4_0.gguf"],
        None,
        "error: a/b: several GGUF files to choose from; name one as a/b:FILE: x-Q4_0.gguf, x-Q8_0.gguf",
    );
}

#[test]
fn none_or_several() {
    check(
        MANY,
        Some("Q4_K"),
        "error: a/b: no GGUF with Q4_K; there is M-BF16.gguf, M-Q4_K_M.gguf, M-Q4_K_S.gguf, M-f16-00001-of-00002.gguf, Q8_0/M-00001-of-00002.gguf",
    );
    check(&["README.md"], Some("Q4_K"), "error: a/b: no GGUF with Q4_K; there is nothing");
    check(
        &["x-Q4_0.gguf", "UD/x-Q4_0.gguf"],
        Some("Q4_0"),
        "error: a/b: several GGUF files to choose from; name one as a/b:FILE: UD/x-Q4_0.gguf, x-Q4_0.gguf",
    );
    check(
        &["x-Q4_0-00001-of-00003.gguf", "x-Q4_0-00003-of-00003.gguf"],
        Some("Q4_0"),
        "error: a/b: the repository lacks x-Q4_0-00002-of-00003.gguf",
    );
}
