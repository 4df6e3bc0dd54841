//! Downloads that are cut, in one process and across several, and servers that answer a resumption oddly.

mod world;

use std::fs;
use std::time::Duration;

use smollm_hub::{Hub, HubError, Silent};
use smollm_testkit::loopback_hub::{Effect, Fault, Port, Repo};
use world::{GGUF_FILE, ONE_GGUF, Recorder, World, parse};

/// Bytes of the one GGUF.
const BYTES: u64 = 50_000;

fn content(world: &World) -> Vec<u8> {
    let model = world.fetch(ONE_GGUF).expect("fetched");
    fs::read(model.path).expect("read")
}

/// The file as a fresh cache gets it, to compare with.
fn expected() -> Vec<u8> {
    content(&World::new())
}

fn incomplete(world: &World) -> Vec<(String, u64)> {
    let blobs = world.repo_folder(ONE_GGUF).join("blobs");
    world
        .blobs(ONE_GGUF)
        .into_iter()
        .filter(|name| name.ends_with(".incomplete"))
        .map(|name| (name.clone(), fs::metadata(blobs.join(name)).expect("there").len()))
        .collect()
}

#[test]
fn a_cut_in_the_middle_is_resumed_at_once() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 2, Effect::Cut(20_000)).at(Port::Cdn));
    let progress = Recorder::new();
    let model = world.client().fetch(&parse(ONE_GGUF), &progress).expect("fetched");
    assert_eq!(fs::read(model.path).expect("read"), expected());
    let ranges: Vec<_> = world.downloads().into_iter().map(|record| record.range).collect();
    assert_eq!(ranges, [None, Some("bytes=20000-".to_owned()), Some("bytes=40000-".to_owned())]);
    assert!(progress.has("retry "));
    assert!(incomplete(&world).is_empty());
}

#[test]
fn a_cut_for_good_leaves_what_arrived_for_the_next_process() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Cut(30_000)).at(Port::Cdn));
    world.hub.inject(Fault::on_get(GGUF_FILE, 99, Effect::Drop).at(Port::Cdn));
    let error = world.fetch(ONE_GGUF).expect_err("cut");
    assert!(matches!(error, HubError::Cut { position: 30_000, bytes: BYTES, .. }), "{error}");
    assert!(error.to_string().contains("run it again to resume"));
    assert_eq!(incomplete(&world).iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [30_000]);
    assert!(!world.repo_folder(ONE_GGUF).join("refs/main").exists(), "an incomplete commit is not what main means");

    world.hub.clear_faults();
    world.hub.take_requests();
    let progress = Recorder::new();
    let model = world.client().fetch(&parse(ONE_GGUF), &progress).expect("fetched");
    assert_eq!(fs::read(model.path).expect("read"), expected());
    assert!(progress.has(&format!("plan 1 files 30000/{BYTES}")), "{:?}", progress.seen);
    let ranges: Vec<_> = world.downloads().into_iter().map(|record| record.range).collect();
    assert_eq!(ranges, [Some("bytes=30000-".to_owned())]);
}

#[test]
fn stopping_leaves_what_arrived() {
    let world = World::new();
    world.hub.inject(
        Fault::on_get(GGUF_FILE, 1, Effect::Slow { bytes: 10_000, pause: Duration::from_millis(20) }).at(Port::Cdn),
    );
    let error = world.client().fetch(&parse(ONE_GGUF), &Recorder::stopping_at(10_000)).expect_err("stopped");
    assert!(matches!(error, HubError::Cancelled));
    let partial = incomplete(&world);
    assert!(partial.len() == 1 && partial[0].1 >= 10_000 && partial[0].1 < BYTES, "{partial:?}");
    assert_eq!(content(&world), expected());
}

#[test]
fn a_complete_leftover_is_only_checked() {
    let world = World::new();
    let model = world.fetch(ONE_GGUF).expect("fetched");
    let blob = fs::canonicalize(&model.path).expect("a blob");
    let leftover = blob.with_file_name(format!("{}.incomplete", blob.file_name().expect("a name").to_string_lossy()));
    fs::rename(&blob, &leftover).expect("renamed");
    world.hub.take_requests();
    assert_eq!(content(&world), expected());
    assert!(world.downloads().is_empty());
}

#[test]
fn leftovers_that_are_wrong_or_too_long_start_over() {
    for leftover in [vec![0u8; 20_000], vec![0u8; 50_000], vec![1u8; 60_000]] {
        let world = World::new();
        world.hub.inject(Fault::on_get(GGUF_FILE, 9, Effect::Drop).at(Port::Cdn));
        world.fetch(ONE_GGUF).expect_err("dropped");
        let (name, _) = incomplete(&world).pop().expect("a leftover");
        fs::write(world.repo_folder(ONE_GGUF).join("blobs").join(name), &leftover).expect("written");
        world.hub.clear_faults();
        assert_eq!(content(&world), expected(), "{} bytes", leftover.len());
        assert!(incomplete(&world).is_empty());
    }
}

#[test]
fn a_server_without_ranges_starts_over() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Cut(20_000)).at(Port::Cdn));
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::IgnoreRange).at(Port::Cdn));
    assert_eq!(content(&world), expected());
}

#[test]
fn passing_faults_pass() {
    let faults: [(&str, Effect); 6] = [
        ("/revision/", Effect::Status { code: 500, retry_after: None }),
        ("/tree/", Effect::Status { code: 503, retry_after: Some(1) }),
        ("/resolve/", Effect::Status { code: 429, retry_after: Some(0) }),
        ("/files/", Effect::Status { code: 502, retry_after: None }),
        ("/tree/", Effect::Cut(10)),
        ("/resolve/", Effect::Drop),
    ];
    for (target, effect) in faults {
        let world = World::new();
        world.hub.inject(Fault::on_get(target, 2, effect.clone()));
        let progress = Recorder::new();
        world
            .client()
            .fetch(&parse(ONE_GGUF), &progress)
            .unwrap_or_else(|error| panic!("{target} {effect:?}: {error}"));
        assert!(progress.has("retry "), "{target} {effect:?}");
    }
}

#[test]
fn lasting_faults_end_after_a_few_attempts() {
    for (target, effect) in [
        ("/revision/", Effect::Status { code: 500, retry_after: None }),
        ("/files/", Effect::Status { code: 503, retry_after: None }),
        ("/files/", Effect::Drop),
        ("/tree/", Effect::Drop),
    ] {
        let world = World::new();
        world.hub.inject(Fault::on_get(target, 999, effect.clone()));
        let error = world.fetch(ONE_GGUF).expect_err("lasting");
        let seen = world.hub.requests().iter().filter(|record| record.target.contains(target)).count();
        assert!((2..=8).contains(&seen), "{target} {effect:?}: {seen} requests, {error}");
        let shown = error.to_string();
        assert!(!shown.contains('\n') && (shown.contains("status") || shown.contains("cannot reach")), "{shown}");
    }
}

#[test]
fn a_stalled_download_is_given_up_and_resumed() {
    let world = World::new();
    world.hub.inject(Fault::on_get(GGUF_FILE, 1, Effect::Stall(Duration::from_secs(3))).at(Port::Cdn));
    let mut config = world.config();
    config.read_timeout = Duration::from_millis(300);
    let model = Hub::new(config).expect("a client").fetch(&parse(ONE_GGUF), &Silent).expect("fetched");
    assert_eq!(fs::read(model.path).expect("read"), expected());
}

#[test]
fn a_long_pause_that_the_hub_asks_for_is_reported_instead() {
    let world = World::new();
    world.hub.inject(Fault::on_get("/revision/", 1, Effect::Status { code: 429, retry_after: Some(3600) }));
    let error = world.fetch(ONE_GGUF).expect_err("too long");
    assert!(error.to_string().contains("wait 3600 s"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_so() {
    let world = World::with(vec![Repo::new("a/b").file("x.gguf", vec![1u8; 4096])]);
    world.hub.inject(Fault::on_get("x.gguf", 9, Effect::Drop).at(Port::Cdn));
    world.fetch("a/b").expect_err("dropped");
    world.hub.clear_faults();
    let leftover = world.blobs("a/b").pop().expect("a leftover");
    let leftover = world.repo_folder("a/b").join("blobs").join(leftover);
    fs::remove_file(&leftover).expect("removed");
    // The device on which every write fails with "no space left".
    std::os::unix::fs::symlink("/dev/full", &leftover).expect("linked");
    let error = world.fetch("a/b").expect_err("full");
    assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
}
