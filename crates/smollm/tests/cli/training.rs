//! Runs of tiny models from recipes: what they leave, how they are broken off and gone on with, and what is said of what is wrong.

use crate::world::{Done, World, finished};
use serde_json::{Value, json};
use smollm_testkit::byte_level::write_tokenizer;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A tokenizer with a template, texts, chats and pairs, and a recipe for each; steps are a matter of milliseconds.
fn world() -> World {
    let world = World::new();
    write_tokenizer(&world.path("tokenizer"), 320, true).unwrap();
    let texts: String = (0..40).map(|i| format!("the {i} boats of the {} bays\n", i * i % 17)).collect();
    world.write("texts.txt", texts);
    let lines = |line: &dyn Fn(usize) -> Value| (0..12).map(|i| format!("{}\n", line(i))).collect::<String>();
    let chat = |i: usize| json!({"messages": [{"role": "user", "content": format!("{i}?")}, {"role": "assistant", "content": format!("{} is it", i + 1)}]});
    let pair = |i: usize| {
        json!({"prompt": format!("{i}?"), "chosen": [{"role": "user", "content": format!("{i}?")}, {"role": "assistant", "content": "yes, so it is"}],
            "rejected": [{"role": "user", "content": format!("{i}?")}, {"role": "assistant", "content": "no"}]})
    };
    world.write("chats.jsonl", lines(&chat));
    world.write("pairs.jsonl", lines(&pair));
    let init = "init: {shape: smollm2-135m, seed: 3, set: {vocab_size: 320, hidden_size: 32, intermediate_size: 48, \
                num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: 128}}";
    let common = "tokenizer: ./tokenizer\noptimizer: {learning_rate: 3e-3}\nschedule: {type: cosine, warmup_steps: 2}\n\
                  batch: {rows: 4, micro_rows: 3}\nduration: {steps: 12}\ncheckpoint: {every_steps: 3}\n";
    world.write(
        "pretrain.yaml",
        format!(
            "kind: pretrain\n{init}\noutput: run\n{common}evaluation: {{every_steps: 4}}\n\
             data:\n  sources: [{{path: texts.txt, documents: lines}}]\n  sequence_length: 64\n  validation: {{fraction: 0.2}}\n"
        ),
    );
    let data = |file: &str| format!("data:\n  sources: [{{path: {file}}}]\n  sequence_length: 128\n");
    world.write("sft.yaml", format!("kind: sft\nmodel: ./base\noutput: run\n{common}{}", data("chats.jsonl")));
    world.write("dpo.yaml", format!("kind: dpo\nmodel: ./base\noutput: run\n{common}{}", data("pairs.jsonl")));
    world
}

impl World {
    /// `base`: what some steps of pretraining leave.
    fn with_base(self) -> Self {
        self.recipe("pretrain", &["pretrain.yaml", "--set", "output=pre", "--set", "duration.steps=3"]).text();
        std::fs::rename(self.path("pre/model"), self.path("base")).unwrap();
        self
    }

    fn recipe(&self, kind: &str, arguments: &[&str]) -> Done {
        self.run(&[&["train", kind, "-q"], arguments].concat())
    }

    fn lines(&self, run: &str) -> Vec<Value> {
        let text = String::from_utf8(self.read(&format!("{run}/metrics.jsonl"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The lines without what depends on the clock.
    fn told(&self, run: &str) -> Vec<Value> {
        let mut lines = self.lines(run);
        for line in lines.iter_mut().filter_map(Value::as_object_mut) {
            line.remove("time");
            line.remove("tokens_per_second");
            line.remove("roof_share");
        }
        lines
    }
}

#[test]
fn a_run_leaves_a_model_that_everything_opens() {
    let world = world();
    let done = world.recipe("pretrain", &["pretrain.yaml", "--json"]).json();
    assert_eq!((&done["ended"], &done["step"], &done["steps"]), (&json!("done"), &json!(12), &json!(12)));
    for file in
        ["recipe.yaml", "report.html", "model/config.json", "model/tokenizer.json", "model/generation_config.json"]
    {
        assert!(world.path("run").join(file).is_file(), "{file}");
    }
    let card = String::from_utf8(world.read("run/model/README.md")).unwrap();
    assert!(card.contains("# run") && card.contains("steps: 12"), "{card}");
    let folder = world.folder.path().display().to_string();
    assert!(!card.contains(&folder), "a card says nothing about the machine: {card}");
    let told = world.lines("run");
    let steps: Vec<_> = told.iter().filter(|line| line.get("loss").is_some()).collect();
    assert_eq!(steps.len(), 12);
    assert!(steps[11]["loss"].as_f64() < steps[0]["loss"].as_f64());
    let held_out: Vec<_> =
        told.iter().filter(|line| line.get("eval_loss").is_some()).map(|line| &line["step"]).collect();
    assert_eq!(held_out, [4, 8, 12]);
    world.run(&["generate", "-m", "run/model", "the", "-n", "4"]).text();
    // a second run does not write over the first
    let again = world.recipe("pretrain", &["pretrain.yaml"]);
    assert!(again.error(1).contains("holds a run already"), "{again:?}");
    // and a finished one is finished
    let before = world.read("run/model/model.safetensors");
    assert_eq!(world.recipe("resume", &["run", "--json"]).json()["ended"], "done");
    assert_eq!(world.read("run/model/model.safetensors"), before);
    assert_eq!(world.lines("run").len(), told.len());
}

#[test]
fn chats_and_pairs_are_learnt_whole_and_by_adapters() {
    let world = world().with_base();
    for kind in ["sft", "dpo"] {
        let recipe = format!("{kind}.yaml");
        world.recipe(kind, &[&recipe, "--set", "output=whole"]).text();
        let lora = ["--set", "lora={rank: 4, alpha: 8, dropout: 0.1}"];
        world.recipe(kind, &[&[&*recipe, "--set", "output=adapted"], &lora[..]].concat()).text();
        let told = world.told("whole");
        let last = told.last().unwrap();
        assert!(last["loss"].as_f64() < told[0]["loss"].as_f64(), "{kind}: {told:?}");
        if kind == "dpo" {
            // the policy begins as its reference
            for run in ["whole", "adapted"] {
                assert_eq!(world.told(run)[0]["loss"].as_f64(), Some(std::f64::consts::LN_2), "{run}");
            }
            assert!(last["rewards/margins"].as_f64() > Some(0.0), "{last}");
            // a second model that is run beside says what was computed before
            world.recipe(kind, &[&recipe, "--set", "output=live", "--set", "objective.reference=live"]).text();
            assert_eq!(world.told("live"), told);
            std::fs::remove_dir_all(world.path("live")).unwrap();
        }
        for (model, more) in [("whole/model", &[][..]), ("base", &["--lora", "adapted/adapter"])] {
            world.run(&[&["generate", "-m", model, "1?", "-n", "4"], more].concat()).text();
        }
        for run in ["whole", "adapted"] {
            std::fs::remove_dir_all(world.path(run)).unwrap();
        }
    }
}

fn weights(folder: &Path) -> Vec<u8> {
    ["model/model.safetensors", "adapter/adapter_model.safetensors"]
        .into_iter()
        .find_map(|file| std::fs::read(folder.join(file)).ok())
        .expect("weights")
}

/// Killed at points of time that are drawn over the length of a whole run, a few of them, or as many as `SMOLLM_KILLS` says.
#[test]
fn killed_runs_come_to_the_same_bits() {
    let world = world().with_base();
    let kills = std::env::var("SMOLLM_KILLS").map_or(5, |kills| kills.parse().expect("a number of kills"));
    let mut random = fastrand::Rng::with_seed(8);
    let lora = ["--set", "lora={rank: 2, alpha: 4, dropout: 0.2}"];
    for (kind, more) in [("pretrain", &[][..]), ("sft", &[]), ("sft", &lora), ("dpo", &[]), ("dpo", &lora)] {
        let recipe = format!("{kind}.yaml");
        let begin = |output: &str| {
            let set = format!("output={output}");
            world.command(&[&["train", kind, "-q", &recipe, "--set", &set], more].concat()).spawn().unwrap()
        };
        let begun = Instant::now();
        finished(begin("whole"), b"").text();
        let whole = begun.elapsed().as_secs_f64();
        let go_on = || match world.path("killed/recipe.yaml").exists() {
            true => world.command(&["train", "resume", "-q", "killed"]).spawn().unwrap(),
            false => begin("killed"),
        };
        for _ in 0..kills {
            let mut child = go_on();
            std::thread::sleep(Duration::from_secs_f64(whole * random.f64()));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        finished(go_on(), b"").text();
        assert!(weights(&world.path("killed")) == weights(&world.path("whole")), "{kind} {more:?}");
        assert_eq!(world.told("killed"), world.told("whole"), "{kind} {more:?}");
        for run in ["killed", "whole"] {
            std::fs::remove_dir_all(world.path(run)).unwrap();
        }
    }
}

/// A file may not grow beyond a few blocks, as on a disk that is full.
#[test]
fn on_a_full_disk_the_last_checkpoint_is_whole() {
    let world = world();
    world.recipe("pretrain", &["pretrain.yaml", "--set", "duration.steps=6"]).text();
    let whole = world.read("run/model/model.safetensors");
    std::fs::rename(world.path("run"), world.path("whole")).unwrap();
    // the moments are 206 KiB, the weights 103, data and metrics less; the checkpoint of step 3 is written before the limit falls
    let smollm = env!("CARGO_BIN_EXE_smollm");
    let limited = |kib: u32, rest: &str| {
        let line = format!("trap '' XFSZ; ulimit -f {kib}; exec '{smollm}' train {rest}");
        let mut command = world.command(&[]);
        let mut shell = Command::new("bash");
        shell.args(["-c", &line]).current_dir(world.folder.path());
        for (name, value) in command.stdin(Stdio::null()).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finished(shell.spawn().unwrap(), b"")
    };
    world
        .recipe("pretrain", &["pretrain.yaml", "--set", "duration.steps=6", "--set", "output=run", "--dry-run"])
        .text();
    let full = limited(150, "pretrain -q pretrain.yaml --set duration.steps=6");
    assert!(full.error(1).contains("step-00000003"), "{full:?}");
    assert!(std::fs::read_dir(world.path("run/checkpoints")).unwrap().next().is_none());
    limited(100_000, "resume -q run").text();
    assert!(world.read("run/model/model.safetensors") == whole);
}

#[test]
fn a_stopped_run_says_how_to_go_on() {
    let world = world();
    let long = ["train", "pretrain", "-q", "pretrain.yaml", "--set", "duration.steps=100000"];
    let child = world.command(&long).spawn().unwrap();
    let started = Instant::now();
    while !world.path("run/checkpoints/step-00000003").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let done = finished(child, b"");
    assert!(done.error(1).contains("smollm train resume run") && !world.path("run/model").exists(), "{done:?}");
    // it stands where it stopped
    let steps = world.lines("run").iter().filter(|line| line.get("loss").is_some()).count();
    let newest =
        std::fs::read_dir(world.path("run/checkpoints")).unwrap().flatten().map(|entry| entry.file_name()).max();
    assert_eq!(newest.unwrap().to_str(), Some(&*format!("step-{steps:08}")));
}

/// The file is a pipe that never ends, so the run never comes to where it would stop.
#[cfg(target_os = "linux")]
#[test]
fn a_second_interrupt_does_not_wait() {
    let world = world();
    let pipe = world.path("endless.txt");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let arguments = ["train", "pretrain", "pretrain.yaml", "--set", "data.sources.0.path=endless.txt"];
    let child = world.command(&arguments).spawn().unwrap();
    // opening it waits until the run reads; nothing is ever written
    let _pipe = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(300));
    }
    let done = finished(child, b"");
    assert!(done.code == Some(130) && done.err.contains("press Ctrl-C again to stop at once"), "{done:?}");
}

#[test]
fn a_torn_checkpoint_is_told_and_the_one_before_serves() {
    let world = world();
    world.recipe("pretrain", &["pretrain.yaml"]).text();
    let whole = (world.read("run/model/model.safetensors"), world.told("run"));
    let torn = world.path("run/checkpoints/step-00000012/moments.safetensors");
    std::fs::OpenOptions::new().append(true).open(&torn).unwrap().write_all(b"x").unwrap();
    std::fs::remove_dir_all(world.path("run/model")).unwrap();
    let done = world.run(&["train", "resume", "run"]);
    assert!(done.err.contains("warning: checkpoints/step-00000012 cannot be used"), "{done:?}");
    done.text();
    assert!((world.read("run/model/model.safetensors"), world.told("run")) == whole);
}

#[test]
fn what_does_not_go_together_is_one_line() {
    let world = world().with_base();
    let refused = |kind: &str, arguments: &[&str], code: i32, says: &str| {
        let done = world.recipe(kind, &[arguments, &["--set", "output=no"]].concat());
        assert!(done.error(code).contains(says), "{says}: {done:?}");
        assert!(!world.path("no/model").exists() && !world.path("no/recipe.yaml").exists(), "{says}");
    };
    refused("sft", &["pretrain.yaml"], 2, "`kind: pretrain`; run it by `smollm train pretrain`");
    refused(
        "pretrain",
        &["pretrain.yaml", "--set", "init.set.vocab_size=256"],
        1,
        "320 tokens and the model knows 256",
    );
    refused("sft", &["sft.yaml", "--set", "data.sequence_length=4096"], 1, "is 4096, and the model has 128 positions");
    refused("sft", &["sft.yaml", "--set", "lora={rank: 2, alpha: 2, target_modules: [z_proj]}"], 1, "z_proj");
    assert!(world.recipe("resume", &["base"]).error(1).contains("holds no run"));
    assert!(world.recipe("resume", &["nowhere"]).error(1).contains("holds no run"));
    // a step that comes to no number is named with what it was made of, and the checkpoint before it is whole
    let wild = ["pretrain.yaml", "--set", "optimizer.learning_rate=1e36", "--set", "checkpoint.every_steps=1"];
    let done = world.recipe("pretrain", &wild);
    let line = done.error(1);
    assert!(line.contains("not finite") && line.contains("texts.txt") && line.contains("step "), "{line}");
    assert!(world.recipe("resume", &["run"]).error(1).contains("not finite"));
}

/// A run that was stopped after some steps.
fn stopped(world: &World, kind: &str, run: &str, more: &[&str]) {
    let recipe = format!("{kind}.yaml");
    let set = format!("output={run}");
    let whole = world.recipe(kind, &[&[&*recipe, "--set", &set], more].concat());
    whole.text();
    // what came after step 9 did not happen
    for folder in ["model", "adapter", "checkpoints/step-00000012"] {
        let _ = std::fs::remove_dir_all(world.path(run).join(folder));
    }
}

#[test]
fn what_a_run_was_begun_with_must_be_there_again() {
    let world = world().with_base();
    // another model of the same shape in the place of the base
    stopped(&world, "sft", "run", &["--set", "lora={rank: 2, alpha: 2}"]);
    let base = world.read("base/model.safetensors");
    let mut other = base.clone();
    other.iter_mut().rev().step_by(2).take(2000).for_each(|byte| *byte ^= 1);
    world.write("base/model.safetensors", &other);
    let refused = world.recipe("resume", &["run"]);
    assert!(
        refused.error(1).contains("the model that it starts from is not what the run was begun with"),
        "{refused:?}"
    );
    world.write("base/model.safetensors", &base);
    // as many records as before, in another order
    let chats = String::from_utf8(world.read("chats.jsonl")).unwrap();
    let mut lines: Vec<&str> = chats.lines().collect();
    lines.swap(0, 5);
    world.write("chats.jsonl", format!("{}\n", lines.join("\n")));
    let refused = world.recipe("resume", &["run"]);
    assert!(refused.error(1).contains("the data are not what the run was begun with"), "{refused:?}");
    world.write("chats.jsonl", chats);
    // a folder whose recipe is gone is no empty one
    std::fs::remove_file(world.path("run/recipe.yaml")).unwrap();
    let refused = world.recipe("sft", &["sft.yaml"]);
    assert!(refused.error(1).contains("holds a run already (checkpoints)"), "{refused:?}");
}

#[test]
fn a_run_that_ends_early_leaves_its_best_model() {
    let world = world();
    // far too fast, so that nothing gets better for long
    let fast =
        ["--set", "optimizer.learning_rate=0.3", "--set", "schedule={type: constant}", "--set", "duration.steps=200"];
    let watched =
        ["--set", "evaluation={every_steps: 2, patience: 3}", "--set", "checkpoint={every_steps: 5, keep_best: 0}"];
    let arguments = [&["pretrain.yaml"], &fast[..], &watched[..]].concat();
    let done = world.recipe("pretrain", &[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(done["ended"], "early", "{done}");
    let (best, step) = (done["best"]["step"].as_u64().unwrap(), done["step"].as_u64().unwrap());
    assert_eq!(step, best + 6);
    let card = String::from_utf8(world.read("run/model/README.md")).unwrap();
    assert!(card.contains(&format!("- steps: {best}\n")), "{card}");
    // killed on its way it ends at the same step with the same model
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..4 {
        let arguments = [&["train", "pretrain", "-q"], &arguments[..], &["--set", "output=killed"]].concat();
        let mut child = match world.path("killed/recipe.yaml").exists() {
            true => world.command(&["train", "resume", "-q", "killed"]).spawn().unwrap(),
            false => world.command(&arguments).spawn().unwrap(),
        };
        std::thread::sleep(Duration::from_secs_f64(0.2 * random.f64()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    if world.path("killed/recipe.yaml").exists() {
        world.recipe("resume", &["killed"]).text();
        assert!(weights(&world.path("killed")) == weights(&world.path("run")));
        assert_eq!(world.told("killed"), world.told("run"));
    }
}

#[test]
fn another_instruction_set_wants_a_word() {
    let world = world();
    let run = |isa: &str, arguments: &[&str]| {
        let mut command = world.command(&[&["train"], arguments, &["-q"]].concat());
        finished(command.env("SMOLLM_ISA", isa).spawn().unwrap(), b"")
    };
    let best = smollm_kernels::Cpu::available_isas()[0];
    run(best, &["pretrain", "pretrain.yaml"]).text();
    if best == "scalar" {
        return; // there is no other one
    }
    let refused = run("scalar", &["resume", "run"]);
    assert!(refused.error(1).contains(&format!("SMOLLM_ISA={best}")), "{refused:?}");
    run("scalar", &["resume", "run", "--other-isa"]).text();
}

#[test]
fn a_dry_run_says_what_it_will_take() {
    let world = world();
    let estimate = world.recipe("pretrain", &["pretrain.yaml", "--dry-run", "--json"]).json();
    assert_eq!(estimate["steps"], 12);
    assert!(estimate["memory"].is_object() && estimate["seconds"].as_f64() > Some(0.0), "{estimate}");
    assert!(!world.path("run/recipe.yaml").exists());
    let text = world.recipe("pretrain", &["pretrain.yaml", "--dry-run"]).text();
    assert!(text.contains("TFLOP/s, measured"), "{text}");
    // Without its data too, where they do not decide how long it takes.
    let nowhere = ["pretrain.yaml", "--dry-run", "--set", "data.sources.0.path=nowhere"];
    let text = world.recipe("pretrain", &nowhere).text();
    assert!(text.contains("the data were not looked at"), "{text}");
    let epochs = world.recipe("pretrain", &[&nowhere[..], &["--set", "duration={epochs: 1}"]].concat());
    assert!(epochs.error(1).contains("nowhere: "), "{epochs:?}");
}

#[test]
fn a_schedule_that_does_not_fit_is_refused_before_a_step() {
    let world = world();
    let long = ["pretrain.yaml", "--set", "duration={epochs: 1}", "--set", "schedule.warmup_steps=500"];
    let expected = "schedule: 500 steps of warm-up and 0 of decay do not go into a run of ";
    for more in [&[][..], &["--dry-run"]] {
        let done = world.recipe("pretrain", &[&long[..], more].concat());
        assert!(done.err.contains(expected) && done.code != Some(0), "{done:?}");
    }
    assert!(!world.path("run/recipe.yaml").exists());
}
