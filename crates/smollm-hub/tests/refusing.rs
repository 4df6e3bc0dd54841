//! What is refused, what it says, and that nothing wrong stays in the cache.

mod world;

use std::fs;
use std::path::Path;

use serde_json::json;
use smollm_hub::{HubConfig, HubError, Silent};
use smollm_testkit::loopback_hub::{Effect, Fault, GRANTED_TOKEN, PLAIN_TOKEN, Port, Repo};
use world::{GGUF_FILE, MODEL, ONE_GGUF, Recorder, World, names, parse};

/// One line for a user, naming what it should.
fn check(error: &HubError, parts: &[&str]) {
    let shown = error.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    for part in parts {
        assert!(shown.contains(part), "{shown:?} lacks {part:?}");
    }
}

/// No content, whole or partial, and no snapshot entry of the file.
fn nothing_left(world: &World, repo: &str, file: &str) {
    assert_eq!(world.blobs(repo), Vec::<String>::new());
    for commit in names(&world.repo_folder(repo).join("snapshots")) {
        assert!(!world.repo_folder(repo).join("snapshots").join(commit).join(file).exists());
    }
}

#[test]
fn a_wrong_content_is_refused_and_removed() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 9, Effect::Corrupt(12_345)).at(Port::Cdn));
    let error = world.fetch(ONE_GGUF).expect_err("corrupt");
    assert!(matches!(error, HubError::Hash { .. }), "{error}");
    check(&error, &[GGUF_FILE, "wrong hash", "discarded"]);
    nothing_left(&world, ONE_GGUF, GGUF_FILE);
    world.hub.clear_faults();
    world.fetch(ONE_GGUF).expect("fetched");
}

#[test]
fn a_wrong_small_file_is_refused_by_its_git_hash() {
    let world = World::with(vec![Repo::new("a/b").file("config.json", "{}").file("model.safetensors", "x")]);
    world.hub.inject(Fault::on_get("config.json", 9, Effect::Corrupt(0)));
    let error = world.fetch("a/b").expect_err("corrupt");
    check(&error, &["config.json", "wrong hash"]);
    nothing_left(&world, "a/b", "config.json");
}

#[test]
fn a_wrong_length_is_refused_and_removed() {
    for effect in [Effect::Shorten(100), Effect::Lengthen(100)] {
        let world = World::new();
        world.hub.inject(Fault::on_get(GGUF_FILE, 9, effect).at(Port::Cdn));
        let error = world.fetch(ONE_GGUF).expect_err("wrong length");
        check(&error, &[GGUF_FILE, "the hub lists 50000"]);
        nothing_left(&world, ONE_GGUF, GGUF_FILE);
    }
}

#[test]
fn a_resumed_file_that_turns_out_wrong_is_refused() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Cut(20_000)).at(Port::Cdn));
    world.hub.inject(Fault::on_get(GGUF_FILE, 9, Effect::Corrupt(30_000)).at(Port::Cdn));
    let error = world.fetch(ONE_GGUF).expect_err("corrupt");
    check(&error, &["wrong hash"]);
    nothing_left(&world, ONE_GGUF, GGUF_FILE);
}

#[test]
fn headers_that_contradict_the_listing_are_refused_before_the_download() {
    let world = World::new();
    world.hub.inject(Fault::on_get("/resolve/", 9, Effect::OtherEtag));
    let error = world.fetch(ONE_GGUF).expect_err("another hash");
    check(&error, &["wrong hash 0000", GGUF_FILE]);
    nothing_left(&world, ONE_GGUF, GGUF_FILE);
    assert!(world.hub.requests().iter().all(|request| request.port == Port::Hub));
}

#[test]
fn unsafe_file_names_of_a_server_are_refused() {
    let names = [
        "../../../evil.gguf",
        "/etc/evil.gguf",
        "a\\..\\..\\evil.gguf",
        "C:evil.gguf",
        "x/../../y.gguf",
        "a\u{1b}.gguf",
    ];
    for name in names {
        let repo = Repo::new("a/b").file("x.gguf", "content");
        let mut entry = repo.entry("x.gguf");
        entry["path"] = json!(name);
        let world = World::with(vec![repo.lie("x.gguf", entry)]);
        let error = world.fetch("a/b").expect_err("unsafe");
        assert!(matches!(error, HubError::UnsafeName { .. }), "{name:?}: {error}");
        check(&error, &["a/b", "unsafe file name"]);
        assert!(!world.cache().exists(), "nothing was written");
    }
}

#[test]
fn malformed_listings_are_refused() {
    let good = || Repo::new("a/b").file("x.gguf", "content");
    let change = |key: &str, value: serde_json::Value| {
        let mut entry = good().entry("x.gguf");
        entry[key] = value;
        entry
    };
    let entries = [
        change("oid", json!("../../x")),
        change("oid", json!(null)),
        change("lfs", json!({"oid": "short", "size": 7})),
        change("lfs", json!({"oid": format!("../{}", "a".repeat(61)), "size": 7})),
        change("lfs", json!({"oid": "a".repeat(64), "size": -1})),
        change("path", json!(7)),
    ];
    for entry in entries {
        let shown = entry.to_string();
        let world = World::with(vec![good().lie("x.gguf", entry)]);
        let error = world.fetch("a/b").expect_err("malformed");
        assert!(matches!(error, HubError::BadReply { .. } | HubError::UnsafeName { .. }), "{shown}: {error}");
    }
}

#[test]
fn access_errors_say_what_to_do() {
    let world = World::new();
    let anonymous = |name: &str| world.fetch(name).expect_err(name);
    let with = |token: &str, name: &str| world.with_token(token).fetch(&parse(name), &Silent).expect_err(name);
    let endpoint = world.hub.endpoint().to_owned();

    check(&anonymous("no/such"), &["no/such: no such repository", "HF_TOKEN"]);
    check(&with(PLAIN_TOKEN, "no/such"), &["no/such: no such repository", "your token"]);
    check(&anonymous("stand-in/private"), &["or it is private"]);
    world.with_token(GRANTED_TOKEN).fetch(&parse("stand-in/private"), &Silent).expect("granted");

    let conditions = format!("accept its conditions at {endpoint}/stand-in/gated");
    check(&anonymous("stand-in/gated"), &["gated", &conditions, "HF_TOKEN"]);
    check(&with(PLAIN_TOKEN, "stand-in/gated"), &["gated", &conditions, "account of your token"]);
    let error = with("hf_wrong", MODEL);
    check(&error, &["refused the token from HF_TOKEN", "hf auth login"]);
    assert!(!error.to_string().contains("hf_wrong"), "a secret is not shown");

    check(&anonymous(&format!("{MODEL}@v9")), &[MODEL, "no revision v9", "/refs"]);
    let gone = format!("{MODEL}@{}", "0".repeat(40));
    check(&anonymous(&gone), &["no revision 000"]);
    check(&anonymous(&format!("{ONE_GGUF}:other.gguf")), &["no file other.gguf", GGUF_FILE]);
}

#[test]
fn a_file_that_is_listed_but_absent() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Status { code: 404, retry_after: None }).at(Port::Cdn));
    check(&world.fetch(ONE_GGUF).expect_err("absent"), &["status 404"]);
}

#[test]
fn a_model_without_weights() {
    let world = World::with(vec![Repo::new("a/b").file("config.json", "{}").file("pytorch_model.bin", "x")]);
    check(&world.fetch("a/b").expect_err("none"), &["no model.safetensors", "pytorch_model.bin"]);
    assert!(!world.cache().exists());
}

#[test]
fn endpoints_that_cannot_be() {
    for (endpoint, part) in [
        ("huggingface.co", "https://"),
        ("ftp://huggingface.co", "https://"),
        ("https://user:secret@huggingface.co", "no user name"),
        ("not a url", "not a web address"),
    ] {
        let mut config = HubConfig::new("cache");
        config.endpoint = endpoint.to_owned();
        let error = smollm_hub::Hub::new(config).err().expect(endpoint);
        check(&error, &["HF_ENDPOINT", part]);
    }
    let mut config = HubConfig::new("cache");
    config.root_certificates = Some("no/such.pem".into());
    check(&smollm_hub::Hub::new(config).err().expect("no file"), &["SSL_CERT_FILE", "no/such.pem"]);
}

#[test]
fn something_that_is_no_hub() {
    let world = World::with(Vec::new());
    let mut config = world.config();
    // A server, but of files: its answers are not JSON.
    config.endpoint = format!("{}/files", world.hub.cdn());
    let client = smollm_hub::Hub::new(config).expect("a client");
    check(&client.fetch(&parse("a/b"), &Silent).expect_err("no hub"), &["a/b"]);
}

#[test]
fn a_damaged_blob_is_fetched_again() {
    let world = World::new();
    let model = world.fetch(ONE_GGUF).expect("fetched");
    let good = fs::read(&model.path).expect("read");
    let blob = fs::canonicalize(&model.path).expect("a blob");
    fs::write(&blob, "truncated by something else").expect("written");
    let progress = Recorder::new();
    let again = world.client().fetch(&parse(ONE_GGUF), &progress).expect("fetched");
    assert_eq!(fs::read(again.path).expect("read"), good);
    assert!(progress.has("done "));
}

#[test]
fn a_cache_that_cannot_be_written() {
    let world = World::new();
    fs::write(world.cache(), "a file where the cache should be").expect("written");
    let error = world.fetch(ONE_GGUF).expect_err("no folder");
    check(&error, &["cannot create the folder"]);
    assert!(Path::new(&world.cache()).is_file());
}
