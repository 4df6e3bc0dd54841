//! Which models are behind names and folders.

use super::sources;
use smollm_testkit::byte_level::write_stand_ins;

#[test]
fn a_name_is_a_model_or_a_folder_of_models() {
    let folder = tempfile::tempdir().expect("a folder");
    write_stand_ins(folder.path()).expect("models");
    let org = folder.path().join("HuggingFaceTB");
    std::fs::write(org.join("notes.txt"), "no model").expect("written");
    let names = |given: &[&std::path::Path]| {
        let given: Vec<String> = given.iter().map(|path| path.display().to_string()).collect();
        sources(&given, &[("a".into(), "x".into())])
            .map(|list| list.into_iter().map(|source| source.name).collect::<Vec<_>>())
    };
    let both = ["SmolLM2-135M", "SmolLM2-135M-Instruct"].map(str::to_owned);
    assert_eq!(names(&[&org]).expect("models"), both);
    assert_eq!(names(&[&org.join("SmolLM2-135M")]).expect("a model"), &both[..1]);
    let twice = names(&[&org, &org.join("SmolLM2-135M")]).expect_err("two of a name").to_string();
    assert!(twice.starts_with("two models are called `SmolLM2-135M`: "), "{twice}");
    assert!(names(&[&org.join("SmolLM2-135M/tokenizer.json")]).is_err());
    let hub = sources(&["smollm2:135m".into()], &[]).expect("a name of the hub");
    assert_eq!(hub[0].name, "smollm2:135m");
}
