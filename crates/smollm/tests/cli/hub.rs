//! `pull`, `list`, `rm` and names of the hub, through the binary and a hub on this machine.

use crate::world::{Done, SCRIPT, World, finished};
use smollm_testkit::loopback_hub::{Effect, Fault, LoopbackHub, Port, Repo};
use std::process::Command;
use std::time::{Duration, Instant};

const MODEL: &str = "HuggingFaceTB/SmolLM2-135M-Instruct";
const GGUF: &str = "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF";
const RUN: [&str; 7] = ["generate", "\n", "-n", "99", "--temperature", "0", "-m"];

/// The scripted model in every form that the hub has models in, a gate, and an empty cache.
struct Online {
    world: World,
    hub: LoopbackHub,
}

impl Online {
    fn new() -> Self {
        let world = World::new().with_scripted();
        assert_eq!(world.run(&["convert", "scripted", "m.gguf"]).text(), "");
        let gguf = world.read("m.gguf");
        let model = Repo::from_folder(MODEL, &world.path("scripted")).unwrap();
        let repos = vec![
            // the tag has another README, so it is another commit
            model.file("onnx/model.onnx", "not for us").revision("v0.1").file("README.md", "old"),
            Repo::new(GGUF).file("smollm2-360m-instruct-q8_0.gguf", gguf.clone()),
            Repo::new("org/many").file("m-F16.gguf", gguf.clone()).file("m-Q4_K_M.gguf", gguf),
            Repo::from_folder("org/gated", &world.path("scripted")).unwrap().gated(),
        ];
        Self { world, hub: LoopbackHub::start(repos).unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.command(arguments);
        command.env("HF_HUB_OFFLINE", "0").env("HF_ENDPOINT", self.hub.endpoint());
        for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Done {
        finished(self.command(arguments).spawn().unwrap(), b"")
    }

    /// Requests for weights since the last call.
    fn downloads(&self) -> usize {
        let weights = |target: &str| target.contains(".safetensors") || target.contains(".gguf");
        self.hub.take_requests().iter().filter(|r| r.target.contains("/files/") && weights(&r.target)).count()
    }

    /// Bytes of downloads that are not whole.
    fn incomplete(&self) -> u64 {
        let blobs = self.world.path(&format!("hub-home/hub/models--{}/blobs", GGUF.replace('/', "--")));
        let files = std::fs::read_dir(blobs).into_iter().flatten().flatten();
        let cut = files.filter(|file| file.file_name().to_string_lossy().ends_with(".incomplete"));
        cut.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
    }
}

#[test]
fn a_model_is_fetched_once_and_stays() {
    let online = Online::new();
    let done = online.run(&["pull", "smollm2:135m"]);
    assert!(done.err.starts_with("downloading ") && done.err.contains(" files)"), "{done:?}");
    let path = done.text();
    assert!(std::path::Path::new(path.trim_end()).is_relative() && path.contains("/snapshots/"), "{path}");
    assert_eq!(online.downloads(), 1);
    // by its short name, its id and its path
    for name in ["smollm2:135m", MODEL, path.trim_end()] {
        let done = online.run(&[&RUN[..], &[name]].concat());
        assert_eq!((done.out, done.err), (format!("{SCRIPT}\n"), String::new()), "{name}");
    }
    assert_eq!(online.downloads(), 0);
    // without a network, as asked and by accident
    assert_eq!(online.world.run(&[&RUN[..], &["smollm2:135m"]].concat()).text(), format!("{SCRIPT}\n"));
    let mut command = online.command(&[&RUN[..], &["smollm2:135m"]].concat());
    let done = finished(command.env("HF_ENDPOINT", "http://127.0.0.1:9").spawn().unwrap(), b"");
    assert!(done.err.starts_with("note: cannot reach http://127.0.0.1:9/"), "{done:?}");
    assert_eq!(done.text(), format!("{SCRIPT}\n"));
    // what was not asked for is not here
    assert!(!online.world.path(path.trim_end()).join("onnx").exists());
    let listed = online.run(&["ls"]).text();
    assert_eq!(listed.lines().filter(|line| line.starts_with(MODEL)).count(), 1, "{listed}");
    assert!(online.run(&["rm", "smollm2:135m"]).text().starts_with("removed smollm2:135m, "));
    assert_eq!(online.run(&["list"]).text(), "no models downloaded yet; try `smollm pull smollm2:135m`\n");
    let done = online.world.run(&[&RUN[..], &["smollm2:135m"]].concat());
    assert!(done.error(1).contains("HF_HUB_OFFLINE"), "{done:?}");
}

#[test]
fn every_form_of_a_name_finds_its_files() {
    let online = Online::new();
    for name in [
        &format!("{MODEL}@v0.1"),
        &format!("{GGUF}:smollm2-360m-instruct-q8_0.gguf"),
        &format!("{GGUF}:Q8_0"),
        GGUF,
        "smollm2:360m-q8_0",
        "org/many:q4_k_m",
        "org/many:F16",
    ] {
        let done = online.run(&[&RUN[..], &[name, "-q"]].concat());
        assert_eq!((done.out, done.err), (format!("{SCRIPT}\n"), String::new()), "{name}");
    }
    // a file called after the repository comes from the repository's name, not from its commit
    assert_eq!(online.run(&["convert", &format!("{MODEL}@v0.1"), "c.gguf"]).text(), "");
    let checkpoint = smollm_checkpoint::Checkpoint::open_gguf(online.world.path("c.gguf")).unwrap();
    let name = checkpoint.gguf_metadata().unwrap().optional::<&str>("general.name").unwrap();
    assert_eq!(name, Some("SmolLM2-135M-Instruct"));
}

#[test]
fn a_refusal_is_one_line_that_says_what_to_do() {
    let online = Online::new();
    for (name, parts) in [
        ("org/absent", ["org/absent: no such repository", "HF_TOKEN"]),
        ("org/gated", ["org/gated: gated; accept its conditions at http://127.0.0.1", "HF_TOKEN"]),
        ("org/many", ["org/many: several GGUF files", "m-F16.gguf, m-Q4_K_M.gguf"]),
        ("org/many:Q8_0", ["org/many: no GGUF with Q8_0", "m-F16.gguf"]),
        ("org/many:x.gguf", ["org/many: no file x.gguf", "m-Q4_K_M.gguf"]),
        (&format!("{MODEL}@v9"), ["no revision v9", "/refs"]),
        ("https://hub/org/name", ["as org/name", "HF_ENDPOINT"]),
    ] {
        for command in [&["pull", "--quiet", name][..], &["info", "--quiet", name]] {
            let done = online.run(command);
            assert!(parts.iter().all(|part| done.error(1).contains(part)), "{name}: {done:?}");
        }
    }
    let mut granted = online.command(&["pull", "--quiet", "org/gated"]);
    assert!(finished(granted.env("HF_TOKEN", "hf_granted").spawn().unwrap(), b"").text().contains("org--gated"));
    let done = online.run(&["pull", "./scripted"]);
    assert!(done.error(2).contains("nothing to pull"), "{done:?}");
}

#[test]
fn a_killed_download_resumes_and_a_wrong_one_is_refused() {
    let online = Online::new();
    let pieces = Effect::Slow { bytes: 20_000, pause: Duration::from_millis(30) };
    online.hub.inject(Fault::on_get(".gguf", 1, pieces).at(Port::Cdn));
    let mut child = online.command(&["pull", GGUF]).spawn().unwrap();
    let started = Instant::now();
    while online.incomplete() < 40_000 {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing arrives");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let arrived = online.incomplete();
    let listed = online.run(&["list"]).text();
    assert!(listed.contains("pull it again to resume"), "{listed}");
    // one bit beyond what has arrived is wrong: the whole is refused, also after trying from the start
    for _ in 0..2 {
        online.hub.inject(Fault::on_get(".gguf", 1, Effect::Corrupt(arrived + 10)).at(Port::Cdn));
    }
    online.hub.take_requests();
    let done = online.run(&["pull", "--quiet", GGUF]);
    assert!(done.error(1).contains("wrong hash"), "{done:?}");
    let requests = online.hub.take_requests().into_iter().filter(|request| request.port == Port::Cdn);
    let ranges: Vec<_> = requests.map(|request| request.range).collect();
    assert_eq!(ranges, [Some(format!("bytes={arrived}-")), None], "resumed where it was, then from the start");
    assert_eq!((online.incomplete(), online.run(&["list", "--json"]).json()), (0, serde_json::json!([])));
    assert!(online.run(&["pull", "--quiet", GGUF]).text().contains("q8_0.gguf"));
}
