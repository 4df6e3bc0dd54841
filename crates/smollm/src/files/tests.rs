//! What a model is called, and which of several files in a folder is the model.

use super::*;

#[test]
fn names() {
    let folder = tempfile::tempdir().unwrap();
    let name = |path: &str, files: fn(PathBuf) -> ModelFiles| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(&path).unwrap();
        files(path).model_name()
    };
    assert_eq!(name("SmolLM2-1.7B", ModelFiles::Directory), "SmolLM2-1.7B");
    assert_eq!(name("SmolLM2-1.7B/.", ModelFiles::Directory), "SmolLM2-1.7B");
    assert_eq!(name("models--org--a-name/snapshots/0123", ModelFiles::Directory), "a-name");
    assert_eq!(name("org/snapshots/0123", ModelFiles::Directory), "0123");
    assert_eq!(name("SmolLM2-1.7B-Q8_0.gguf", ModelFiles::Gguf), "SmolLM2-1.7B-Q8_0");
    assert_eq!(name("big-00001-of-00003.gguf", ModelFiles::Gguf), "big");
}

#[test]
fn the_weights_decide_what_a_folder_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let touch = |name: &str| std::fs::write(path.join(name), "").unwrap();
    touch("tokenizer.json");
    assert_eq!(ModelFiles::at(path).unwrap(), ModelFiles::Directory(path.into()));
    touch("m.gguf");
    touch("config.json");
    assert_eq!(ModelFiles::at(path).unwrap(), ModelFiles::Gguf(path.join("m.gguf")));
    touch("model.safetensors");
    assert_eq!(ModelFiles::at(path).unwrap(), ModelFiles::Directory(path.into()));
}
