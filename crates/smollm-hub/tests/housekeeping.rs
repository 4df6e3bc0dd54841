//! Listing and removing, and two processes at the same time.

#![cfg(unix)] // makes links as other clients do

mod world;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::Duration;

use smollm_hub::{HubError, Silent};
use smollm_testkit::loopback_hub::{Effect, Fault, Port, Repo};
use world::{GGUF_FILE, MODEL, ONE_GGUF, Recorder, World, names, parse};

const MANY: &str = "bartowski/SmolLM2-1.7B-Instruct-GGUF";

#[test]
fn a_list_counts_shared_contents_once() {
    let world = World::new();
    assert_eq!(world.client().list().expect("an absent cache"), []);
    let main = world.fetch(MODEL).expect("fetched");
    world.fetch(&format!("{MODEL}@v0.1")).expect("fetched");
    world.fetch(ONE_GGUF).expect("fetched");
    fs::create_dir_all(world.cache().join("datasets--a--b/snapshots")).expect("created");
    fs::create_dir_all(world.cache().join("models--not-an-id")).expect("created");
    let list = world.client().list().expect("listed");
    let ids: Vec<_> = list.iter().map(|repo| repo.repo.as_str()).collect();
    assert_eq!(ids, [ONE_GGUF, MODEL]);
    let model = &list[1];
    assert_eq!(model.revisions.len(), 2);
    let refs: Vec<_> = model.revisions.iter().flat_map(|revision| revision.refs.clone()).collect();
    assert!(refs.contains(&"main".to_owned()) && refs.contains(&"v0.1".to_owned()));
    let one = model.revisions.iter().find(|revision| Some(&revision.commit) == main.commit.as_ref()).expect("main");
    assert_eq!(one.files.len(), 7);
    let on_disk: u64 = world
        .blobs(MODEL)
        .iter()
        .map(|name| fs::metadata(world.repo_folder(MODEL).join("blobs").join(name)).expect("there").len())
        .sum();
    assert_eq!(model.bytes, on_disk);
    assert!(model.bytes < model.revisions.iter().map(|revision| revision.bytes).sum());
    assert!(model.last_used.is_some() && model.partial_bytes == 0);
    assert_eq!(list[0].bytes, 50_000);
}

#[test]
fn a_cut_download_is_listed_and_removed() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Cut(20_000)).at(Port::Cdn));
    world.hub.inject(Fault::on_get(GGUF_FILE, 99, Effect::Drop).at(Port::Cdn));
    world.fetch(ONE_GGUF).expect_err("cut");
    let list = world.client().list().expect("listed");
    assert_eq!((list[0].partial_bytes, list[0].revisions.len()), (20_000, 0));
    let removed = world.client().remove(&parse(ONE_GGUF)).expect("removed");
    assert_eq!(removed.bytes, 20_000);
    assert!(!world.repo_folder(ONE_GGUF).exists());
}

/// A repository behind a gate is nothing on this machine, but its empty folders can be removed.
#[test]
fn a_refused_download_is_not_listed() {
    let world = World::new();
    world.fetch("stand-in/gated").expect_err("gated");
    assert!(world.repo_folder("stand-in/gated").exists());
    assert_eq!(world.client().list().expect("listed"), []);
    world.client().remove(&parse("stand-in/gated")).expect("removed");
    assert!(!world.repo_folder("stand-in/gated").exists());
}

#[test]
fn removing_a_repository() {
    let world = World::new();
    let model = world.fetch(MODEL).expect("fetched");
    let other = world.fetch(ONE_GGUF).expect("fetched");
    let bytes = world.client().list().expect("listed")[1].bytes;
    let removed = world.client().remove(&parse(MODEL)).expect("removed");
    assert_eq!(removed.repo.as_str(), MODEL);
    assert!(removed.bytes >= bytes, "contents: {} of {bytes}", removed.bytes);
    assert_eq!(removed.commits, [model.commit.expect("a commit")]);
    assert!(!world.repo_folder(MODEL).exists());
    assert!(other.path.exists());
    let error = world.client().remove(&parse(MODEL)).expect_err("gone");
    assert!(error.to_string().ends_with(&format!("is not in the cache; it holds {ONE_GGUF}")), "{error}");
    assert!(matches!(world.client().remove(&parse("src")), Err(HubError::NotOurs { .. })));
}

#[test]
fn removing_a_revision_keeps_what_others_share() {
    let world = World::new();
    let main = world.fetch(MODEL).expect("fetched");
    let tag = world.fetch(&format!("{MODEL}@v0.1")).expect("fetched");
    let before = world.blobs(MODEL).len();
    let own = fs::metadata(tag.path.join("generation_config.json")).expect("there").len();
    let removed = world.client().remove(&parse(&format!("{MODEL}@v0.1"))).expect("removed");
    assert_eq!(removed.bytes, own, "one content of its own");
    assert_eq!(removed.commits, [tag.commit.expect("a commit")]);
    assert!(!tag.path.exists());
    assert_eq!(world.blobs(MODEL).len(), before - 1);
    assert_eq!(names(&world.repo_folder(MODEL).join("refs")), ["main"]);
    assert_eq!(names(&world.repo_folder(MODEL).join("trees")).len(), 1);
    assert_eq!(world.offline().fetch(&parse(MODEL), &Silent).expect("whole"), main);
    assert!(matches!(world.client().remove(&parse(&format!("{MODEL}@v0.1"))), Err(HubError::NotCached { .. })));
    world.client().remove(&parse(&format!("{MODEL}@{}", main.commit.expect("a commit")))).expect("removed");
    assert!(!world.repo_folder(MODEL).exists(), "the last revision takes the folder with it");
}

#[test]
fn removing_one_gguf() {
    let world = World::new();
    let small = world.fetch(&format!("{MANY}:Q4_K_M")).expect("fetched");
    let split = world.fetch(&format!("{MANY}:F16")).expect("fetched");
    let removed = world.client().remove(&parse(&format!("{MANY}:f16"))).expect("removed");
    assert_eq!(removed.bytes, 13_000);
    assert!(split.files.iter().all(|file| !file.exists()));
    assert!(small.path.exists());
    assert!(world.client().remove(&parse(&format!("{MANY}:Q8_0"))).is_err());
    assert_eq!(world.blobs(MANY).len(), 1);
}

#[test]
fn a_link_out_of_the_cache_is_not_followed() {
    let world = World::new();
    world.fetch(ONE_GGUF).expect("fetched");
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("precious"), "x").expect("written");
    symlink(outside.path(), world.repo_folder("a/b")).expect("linked");
    assert!(matches!(world.client().remove(&parse("a/b")), Err(HubError::NotCached { .. })));
    // A link inside a repository is removed, not followed.
    symlink(outside.path(), world.repo_folder(ONE_GGUF).join("snapshots/elsewhere")).expect("linked");
    world.client().remove(&parse(ONE_GGUF)).expect("removed");
    assert!(outside.path().join("precious").exists());
}

/// The layout of `huggingface_hub` 2 after a download over Xet: the blob is a link into the cache-wide store.
fn share(world: &World, repo: &str, hash: &str) -> std::path::PathBuf {
    let store = world.cache().join("blobs").join(&hash[..2]);
    fs::create_dir_all(&store).expect("created");
    fs::write(world.cache().join("blobs/.huggingface-shared-blobs"), "1\n").expect("written");
    let name = world.blobs(repo).pop().expect("a blob");
    let blob = world.repo_folder(repo).join("blobs").join(&name);
    if store.join(hash).exists() {
        fs::remove_file(&blob).expect("removed");
    } else {
        fs::rename(&blob, store.join(hash)).expect("moved");
    }
    symlink(format!("../../blobs/{}/{hash}", &hash[..2]), &blob).expect("linked");
    let line = format!("models--{}/blobs/{name}\n", repo.replace('/', "--"));
    let manifest = store.join(format!("{hash}.refs"));
    let listed = fs::read_to_string(&manifest).unwrap_or_default();
    fs::write(manifest, listed + &line).expect("written");
    store.join(hash)
}

#[test]
fn the_shared_store_of_python_is_read_and_swept() {
    let hash = "ab".repeat(32);
    let content = Repo::new("c/d").file("x.gguf", vec![3u8; 5_000]);
    let world = World::with(vec![content, Repo::new("a/b").file("x.gguf", vec![3u8; 5_000])]);
    for repo in ["a/b", "c/d"] {
        world.fetch(repo).expect("fetched");
        share(&world, repo, &hash);
    }
    let store = world.cache().join("blobs/ab").join(&hash);
    world.hub.take_requests();
    let model = world.fetch("a/b").expect("still there");
    assert_eq!(fs::read(&model.path).expect("read").len(), 5_000);
    assert!(world.downloads().is_empty());
    assert_eq!(world.client().list().expect("listed").len(), 2, "the store is no repository");

    world.client().remove(&parse("a/b")).expect("removed");
    assert!(store.exists(), "another repository links to it");
    let removed = world.client().remove(&parse("c/d")).expect("removed");
    assert!(!store.exists());
    assert!(removed.bytes >= 5_000);
}

#[test]
fn two_at_once_download_once() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Slow { bytes: 5_000, pause: Duration::from_millis(20) }));
    let paths: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| world.fetch(ONE_GGUF).expect("fetched").path)).collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    assert!(paths.iter().all(|path| path == &paths[0] && path.exists()));
    assert_eq!(world.downloads().len(), 1);
}

#[test]
fn a_lock_of_another_process_is_waited_for() {
    let world = World::new();
    let model = world.fetch(ONE_GGUF).expect("fetched");
    let etag = fs::canonicalize(&model.path).expect("a blob").file_name().expect("a name").to_owned();
    let lock = world.cache().join(".locks").join(format!("models--{}", ONE_GGUF.replace('/', "--")));
    let lock = lock.join(format!("{}.lock", etag.to_string_lossy()));
    let held = File::open(&lock).expect("the lock stays");
    held.lock().expect("locked");

    assert!(matches!(world.client().remove(&parse(ONE_GGUF)), Err(HubError::Busy { .. })));
    fs::remove_file(fs::canonicalize(&model.path).expect("a blob")).expect("removed");
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let progress = Recorder::new();
            let result = world.client().fetch(&parse(ONE_GGUF), &progress);
            (result.is_ok(), progress.has("locked "))
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!run.is_finished());
        held.unlock().expect("unlocked");
        assert_eq!(run.join().expect("no panic"), (true, true));
    });
}
