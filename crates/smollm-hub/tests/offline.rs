//! The cache without a network, and the cache as other clients fill it.

#![cfg(unix)] // makes links as other clients do

mod world;

use std::fs;
use std::os::unix::fs::symlink;

use smollm_hub::{HubError, ModelRef, Silent};
use smollm_testkit::loopback_hub::{Effect, Fault};
use world::{GGUF_FILE, MODEL, ONE_GGUF, Recorder, World, parse};

#[test]
fn what_is_cached_works_offline() {
    let world = World::new();
    let online = world.fetch(MODEL).expect("fetched");
    let gguf = world.fetch(ONE_GGUF).expect("fetched");
    world.hub.take_requests();
    assert_eq!(world.offline().fetch(&parse(MODEL), &Silent).expect("cached"), online);
    assert_eq!(world.offline().fetch(&parse("smollm2:1.7b-q4_k_m"), &Silent).expect("cached").path, gguf.path);
    let pinned = format!("{MODEL}@{}", online.commit.clone().expect("a commit"));
    assert_eq!(world.offline().fetch(&parse(&pinned), &Silent).expect("cached"), online);
    assert_eq!(world.client().cached(&parse(MODEL)).expect("looked up"), Some(online));
    assert!(world.hub.requests().is_empty());
}

#[test]
fn what_is_not_cached_says_so() {
    let world = World::new();
    let error = |name: &str| world.offline().fetch(&parse(name), &Silent).expect_err(name);
    assert!(matches!(error(MODEL), HubError::Offline { .. }));
    assert!(error(MODEL).to_string().contains("HF_HUB_OFFLINE is set"));
    assert_eq!(world.client().cached(&parse(MODEL)).expect("looked up"), None);
    world.fetch(MODEL).expect("fetched");
    assert!(matches!(error(&format!("{MODEL}@v0.1")), HubError::Offline { .. }), "another revision");
    assert!(matches!(error(&format!("{MODEL}@{}", "0".repeat(40))), HubError::Offline { .. }));
    assert!(!world.cache().join("models--no--such").exists());
}

#[test]
fn an_unreachable_hub_uses_the_complete_copy_and_tells() {
    let world = World::new();
    let error = world.unreachable().fetch(&parse(MODEL), &Silent).expect_err("nothing cached");
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    assert!(error.to_string().starts_with("cannot reach http://127.0.0.1:9/"), "{error}");

    let online = world.fetch(MODEL).expect("fetched");
    let progress = Recorder::new();
    assert_eq!(world.unreachable().fetch(&parse(MODEL), &progress).expect("cached"), online);
    assert!(progress.has("unreachable "));

    world.hub.inject(Fault::on_get("/revision/", 99, Effect::Status { code: 503, retry_after: None }));
    world.hub.take_requests();
    let progress = Recorder::new();
    assert_eq!(world.client().fetch(&parse(MODEL), &progress).expect("cached"), online);
    assert!(progress.has("unreachable "));
    assert_eq!(world.hub.requests().len(), 1, "no long waiting where a copy is at hand");
}

#[test]
fn a_refusal_is_not_papered_over_by_the_copy() {
    let world = World::new();
    world.fetch(MODEL).expect("fetched");
    let error = world.with_token("hf_wrong").fetch(&parse(MODEL), &Silent).expect_err("refused");
    assert!(matches!(error, HubError::BadToken { .. }), "{error}");
}

#[test]
fn a_partial_copy_names_what_it_lacks() {
    let world = World::new();
    let model = world.fetch(MODEL).expect("fetched");
    fs::remove_file(model.path.join("tokenizer.json")).expect("removed");
    let error = world.offline().fetch(&parse(MODEL), &Silent).expect_err("partial");
    assert!(matches!(&error, HubError::Partial { missing, .. } if missing == &["tokenizer.json"]), "{error}");
    assert_eq!(world.client().cached(&parse(MODEL)).expect("looked up"), None);
    world.hub.take_requests();
    world.fetch(MODEL).expect("fetched");
    assert!(world.downloads().is_empty(), "the content was still there, only the link was not");

    let blob = fs::canonicalize(model.path.join("model.safetensors")).expect("a blob");
    fs::remove_file(blob).expect("removed");
    let error = world.offline().fetch(&parse(MODEL), &Silent).expect_err("a dangling link");
    assert!(matches!(&error, HubError::Partial { missing, .. } if missing == &["model.safetensors"]), "{error}");
    assert!(world.fetch(MODEL).is_ok());
}

/// Fills a cache as clients before `trees/` did: links and a ref, nothing else.
fn old_client(world: &World, files: &[&str]) -> ModelRef {
    let folder = world.repo_folder("a/b");
    let commit = "0123456789012345678901234567890123456789";
    let snapshot = folder.join("snapshots").join(commit);
    for part in [&folder.join("blobs"), &folder.join("refs"), &snapshot] {
        fs::create_dir_all(part).expect("created");
    }
    fs::write(folder.join("refs/main"), commit).expect("written");
    for (index, file) in files.iter().enumerate() {
        let blob = format!("{index:040}");
        fs::write(folder.join("blobs").join(&blob), file).expect("written");
        symlink(format!("../../blobs/{blob}"), snapshot.join(file)).expect("linked");
    }
    parse("a/b")
}

#[test]
fn a_cache_without_listings_is_read_by_what_it_holds() {
    let world = World::new();
    let model = old_client(&world, &["config.json", "tokenizer.json", "model.safetensors"]);
    let found = world.offline().fetch(&model, &Silent).expect("cached");
    assert_eq!(found.files.len(), 3);
    assert!(world.unreachable().fetch(&model, &Silent).is_ok());

    let world = World::new();
    let model =
        old_client(&world, &["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"]);
    let error = world.offline().fetch(&model, &Silent).expect_err("a shard is missing");
    assert!(error.to_string().contains("model-00002-of-00002.safetensors"), "{error}");

    let world = World::new();
    let model = old_client(&world, &["config.json", "tokenizer.json"]);
    assert!(world.offline().fetch(&model, &Silent).is_err(), "no weights");
    assert_eq!(world.client().cached(&model).expect("looked up"), None);
}

#[test]
fn damaged_records_of_the_cache_are_fetched_anew() {
    let world = World::new();
    let model = world.fetch(ONE_GGUF).expect("fetched");
    let folder = world.repo_folder(ONE_GGUF);
    let commit = model.commit.clone().expect("a commit");
    for damage in ["", "{}", "not json", "{\"format_version\": 99, \"files\": {}}", "{\"format_version\": 1}"] {
        fs::write(folder.join(format!("trees/{commit}.json")), damage).expect("written");
        assert_eq!(world.fetch(ONE_GGUF).expect("fetched"), model, "{damage:?}");
    }
    for damage in ["", "main", "../../../etc", "0123"] {
        fs::write(folder.join("refs/main"), damage).expect("written");
        assert!(world.offline().fetch(&parse(ONE_GGUF), &Silent).is_err(), "{damage:?}");
        assert_eq!(world.fetch(ONE_GGUF).expect("fetched"), model, "{damage:?}");
    }
}

#[test]
fn a_read_only_cache_that_is_complete_is_enough() {
    let world = World::new();
    let model = world.fetch(ONE_GGUF).expect("fetched");
    assert!(model.path.ends_with(GGUF_FILE));
    // Even a superuser cannot write below a file.
    let folder = world.repo_folder(ONE_GGUF);
    fs::remove_dir_all(folder.join("refs")).expect("removed");
    fs::write(folder.join("refs"), "").expect("written");
    assert_eq!(world.fetch(ONE_GGUF).expect("still fetched"), model);
}
