//! Fetching what is there: layout, selection, revisions, and how many requests it takes.

mod world;

use std::fs;
use std::path::Path;

use smollm_hub::{HubError, LocalKind, Silent};
use smollm_testkit::loopback_hub::{LoopbackHub, Port, Repo, stand_in_repos};
use world::{GGUF_FILE, MODEL, ONE_GGUF, Recorder, World, names, parse};

#[test]
fn a_model_arrives_in_the_standard_layout() {
    let world = World::new();
    let progress = Recorder::new();
    let model = world.client().fetch(&parse(MODEL), &progress).expect("fetched");
    let folder = world.repo_folder(MODEL);
    let commit = model.commit.clone().expect("a commit");
    assert_eq!(model.kind, LocalKind::Folder);
    assert_eq!(model.path, folder.join("snapshots").join(&commit));
    assert_eq!(
        names(&model.path),
        [
            "README.md",
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer_config.json"
        ],
        "neither ONNX nor PyTorch files"
    );
    assert_eq!(fs::read_to_string(folder.join("refs/main")).expect("a ref"), commit);
    assert!(folder.join(format!("trees/{commit}.json")).is_file());
    assert!(world.cache().join("CACHEDIR.TAG").is_file());
    let link = fs::read_link(model.path.join("model.safetensors")).expect("a link");
    assert!(link.starts_with("../../blobs"), "{}", link.display());
    assert_eq!(link.file_name().expect("a name").len(), 64, "a large file is named by its SHA-256");
    let small = fs::read_link(model.path.join("config.json")).expect("a link");
    assert_eq!(small.file_name().expect("a name").len(), 40, "a small file is named by its git blob id");
    assert!(progress.has("plan 7 files 0/"));
    assert!(progress.has("done model.safetensors"));
    let leftovers = world.blobs(MODEL).into_iter().filter(|name| name.len() != 40 && name.len() != 64);
    assert_eq!(leftovers.count(), 0);
}

#[test]
fn contents_are_those_of_the_hub() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("config.json"), "{}").expect("written");
    fs::write(folder.path().join("model.safetensors"), vec![7u8; 1 << 20]).expect("written");
    fs::create_dir(folder.path().join("onnx")).expect("created");
    fs::write(folder.path().join("onnx/model.onnx"), "x").expect("written");
    let world = World::with(vec![Repo::from_folder("a/b", folder.path()).expect("a repo")]);
    let model = world.fetch("a/b").expect("fetched");
    for name in ["config.json", "model.safetensors"] {
        assert_eq!(fs::read(model.path.join(name)).ok(), fs::read(folder.path().join(name)).ok(), "{name}");
    }
    assert_eq!(names(&model.path), ["config.json", "model.safetensors"]);
}

#[test]
fn a_second_fetch_asks_one_question_and_downloads_nothing() {
    let world = World::new();
    let first = world.fetch(MODEL).expect("fetched");
    world.hub.take_requests();
    let progress = Recorder::new();
    let second = world.client().fetch(&parse(MODEL), &progress).expect("fetched");
    assert_eq!(first, second);
    assert_eq!(world.hub.take_requests().len(), 1);
    assert!(progress.seen.borrow().is_empty(), "{:?}", progress.seen);
}

#[test]
fn a_cached_commit_needs_no_network() {
    let world = World::new();
    let commit = world.fetch(MODEL).expect("fetched").commit.expect("a commit");
    world.hub.take_requests();
    let pinned = parse(&format!("{MODEL}@{commit}"));
    let model = world.client().fetch(&pinned, &Silent).expect("fetched");
    assert_eq!(model.commit, Some(commit));
    assert!(world.hub.take_requests().is_empty());
    assert!(world.unreachable().fetch(&pinned, &Silent).is_ok());
}

#[test]
fn a_tag_and_a_moving_branch() {
    let world = World::new();
    let main = world.fetch(MODEL).expect("fetched");
    let tag = world.fetch(&format!("{MODEL}@v0.1")).expect("fetched");
    assert_ne!(main.commit, tag.commit);
    let read = |model: &smollm_hub::LocalModel| fs::read_to_string(model.path.join("generation_config.json")).ok();
    assert_ne!(read(&main), read(&tag));
    assert_eq!(
        fs::read_link(main.path.join("model.safetensors")).ok(),
        fs::read_link(tag.path.join("model.safetensors")).ok(),
        "one content for both revisions"
    );
    let files: usize = world.downloads().len();
    assert_eq!(files, 8, "seven files, and one that differs");

    let repo = stand_in_repos().into_iter().find(|repo| repo.id() == MODEL).expect("the model");
    world.hub.put(repo.revision("main").file("config.json", "{\"new\": 1}"));
    let moved = world.fetch(MODEL).expect("fetched");
    assert_ne!(moved.commit, main.commit);
    assert_eq!(fs::read_to_string(moved.path.join("config.json")).expect("read"), "{\"new\": 1}");
    assert_eq!(world.downloads().len(), 1);
    assert!(main.path.join("config.json").exists(), "the old revision stays");
}

#[test]
fn shards_and_gguf_files() {
    let world = World::new();
    let sharded = world.fetch("smollm3").expect("fetched");
    assert!(sharded.path.join("model-00002-of-00002.safetensors").is_file());
    assert!(sharded.path.join("model.safetensors.index.json").is_file());

    let only = world.fetch(ONE_GGUF).expect("fetched");
    assert_eq!(only.kind, LocalKind::Gguf);
    assert_eq!(only.path.file_name().and_then(|name| name.to_str()), Some(GGUF_FILE));
    assert_eq!(world.fetch("smollm2:1.7b-q4_k_m").expect("fetched").path, only.path);
    assert_eq!(world.fetch(&format!("{ONE_GGUF}:{GGUF_FILE}")).expect("fetched").path, only.path);

    let split = world.fetch("smollm2:1.7b-fp16").expect("fetched");
    assert!(split.path.ends_with("SmolLM2-1.7B-Instruct-f16-00001-of-00002.gguf"));
    assert_eq!(split.files.len(), 2);
    assert!(split.files.iter().all(|file| file.is_file()));
    let many = "bartowski/SmolLM2-1.7B-Instruct-GGUF";
    assert_eq!(world.blobs(many).len(), 2, "only the parts that were asked for");

    let error = world.fetch(many).expect_err("several").to_string();
    assert!(error.contains("SmolLM2-1.7B-Instruct-Q8_0.gguf"), "{error}");
    let error = world.fetch(&format!("{many}:Q2_K")).expect_err("none").to_string();
    assert!(error.contains("no GGUF with Q2_K; there is "), "{error}");
    let error = world.fetch(&format!("{many}:other.gguf")).expect_err("none").to_string();
    assert!(error.contains("no file other.gguf"), "{error}");
}

#[test]
fn a_listing_of_several_pages() {
    let hub = LoopbackHub::start_paged(stand_in_repos(), 2).expect("loopback hub");
    let world = World::with(Vec::new());
    let mut config = world.config();
    config.endpoint = hub.endpoint().to_owned();
    let client = smollm_hub::Hub::new(config).expect("a client");
    let model = client.fetch(&parse(MODEL), &Silent).expect("fetched");
    assert!(model.path.join("tokenizer_config.json").is_file());
    let pages = hub.requests().iter().filter(|request| request.target.contains("/tree/")).count();
    assert!(pages >= 5, "{pages}");
}

#[test]
fn a_file_in_a_folder_links_to_its_blob() {
    let world = World::with(vec![Repo::new("a/b").file("Q8_0/x-Q8_0.gguf", "gguf")]);
    let model = world.fetch("a/b:Q8_0").expect("fetched");
    assert!(fs::read_link(&model.path).expect("a link").starts_with("../../../blobs"));
    assert_eq!(fs::read_to_string(&model.path).expect("read"), "gguf");
}

#[test]
fn names_with_blanks_and_other_letters_travel() {
    let name = "a b/ü #1? 100%.gguf";
    let world = World::with(vec![Repo::new("a/b").file(name, "gguf")]);
    let model = world.fetch("a/b").expect("fetched");
    assert_eq!(fs::read_to_string(&model.path).expect("read"), "gguf");
    assert!(model.path.ends_with(Path::new(name)));
}

#[test]
fn an_empty_file_is_a_file() {
    let world = World::with(vec![Repo::new("a/b").file("config.json", "").file("model.safetensors", "")]);
    let model = world.fetch("a/b").expect("fetched");
    assert_eq!(fs::metadata(model.path.join("model.safetensors")).expect("there").len(), 0);
}

#[test]
fn without_symbolic_links_snapshots_hold_files() {
    let world = World::new();
    let mut config = world.config();
    config.symlinks = false;
    let client = smollm_hub::Hub::new(config).expect("a client");
    let model = client.fetch(&parse(MODEL), &Silent).expect("fetched");
    for file in &model.files {
        assert!(fs::symlink_metadata(file).expect("there").is_file(), "{}", file.display());
    }
    assert_eq!(world.blobs(MODEL), Vec::<String>::new(), "moved, not copied");
    world.hub.take_requests();
    client.fetch(&parse(MODEL), &Silent).expect("fetched again");
    assert!(world.downloads().is_empty());
    assert!(world.offline().fetch(&parse(MODEL), &Silent).is_ok());
}

#[test]
fn local_paths_are_only_looked_at() {
    let world = World::new();
    let folder = tempfile::tempdir().expect("a folder");
    let gguf = folder.path().join("x.gguf");
    let other = folder.path().join("x.bin");
    fs::write(&gguf, "").expect("written");
    fs::write(&other, "").expect("written");
    let kind = |path: &Path| world.fetch(path.to_str().expect("text")).map(|model| (model.path, model.kind));
    assert_eq!(kind(folder.path()).expect("a folder"), (folder.path().to_path_buf(), LocalKind::Folder));
    assert_eq!(kind(&gguf).expect("a file"), (gguf.clone(), LocalKind::Gguf));
    assert!(matches!(kind(&other), Err(HubError::LocalKind { .. })));
    assert!(world.hub.requests().is_empty());
}

#[test]
fn the_token_stays_with_the_hub() {
    let world = World::new();
    world.with_token("hf_granted").fetch(&parse("stand-in/gated"), &Silent).expect("fetched");
    let requests = world.hub.requests();
    assert!(requests.iter().any(|request| request.port == Port::Cdn));
    for request in requests {
        let expected = (request.port == Port::Hub).then(|| "Bearer hf_granted".to_owned());
        assert_eq!(request.authorization, expected, "{}", request.target);
    }
}
