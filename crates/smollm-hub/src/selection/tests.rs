//! Which files of a repository are fetched.

use super::*;

fn check(files: &[&str], expected: &str) {
    let repo = RepoId::new("a/b").expect("an id");
    let paths: Vec<RepoPath> = files.iter().map(|path| RepoPath::new(path).expect("a path")).collect();
    let shown = match select(&repo, &paths, None) {
        Ok(selection) => selection.files().iter().map(RepoPath::as_str).collect::<Vec<_>>().join(" "),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(shown, expected);
}

#[test]
fn a_single_file_model() {
    check(
        &[
            ".gitattributes",
            "README.md",
            "all_results.json",
            "config.json",
            "generation_config.json",
            "merges.txt",
            "model.safetensors",
            "onnx/config.json",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "runs/x",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.json",
        ],
        "README.md config.json generation_config.json special_tokens_map.json tokenizer.json tokenizer_config.json \
         model.safetensors",
    );
}

#[test]
fn a_sharded_model() {
    check(
        &[
            "chat_template.jinja",
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model-1-of-2.safetensors",
            "model.safetensors.index.json",
        ],
        "chat_template.jinja config.json model.safetensors.index.json model-00001-of-00002.safetensors \
         model-00002-of-00002.safetensors",
    );
    check(
        &["config.json", "model-00001-of-00003.safetensors", "model.safetensors.index.json"],
        "error: a/b: the repository lacks model-00002-of-00003.safetensors, model-00003-of-00003.safetensors",
    );
}

#[test]
fn other_repositories() {
    check(&["README.md", "x.Q8_0.gguf"], "x.Q8_0.gguf");
    check(&["config.json", "model.safetensors", "x.Q8_0.gguf"], "config.json model.safetensors");
    check(&["adapter_config.json", "adapter_model.safetensors"], "adapter_config.json adapter_model.safetensors");
    check(
        &["config.json", "pytorch_model.bin"],
        "error: a/b: holds no model.safetensors, no shards of one and no .gguf file; it holds config.json, pytorch_model.bin",
    );
}
