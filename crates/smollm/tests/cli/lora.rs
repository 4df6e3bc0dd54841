//! `--lora`: against transformers with peft, and the real adapter of the fixtures.

use crate::world::World;
use smollm::{Model, OpenOptions};
use smollm_checkpoint::adapter::Adapter;
use smollm_testkit::fixtures;
use smollm_testkit::golden::{LoraGolden, logits_golden, lora_goldens};
use smollm_testkit::stored::{Stored, safetensors_bytes};
use smollm_testkit::tiny;

/// The adapter of a golden case as a PEFT folder called by its name.
pub(crate) fn write_adapter(world: &World, golden: &LoraGolden) {
    let tensors: Vec<_> = golden.tensors.iter().map(|(name, shape)| tiny::tensor(name, shape)).collect();
    world.write(&format!("{}/adapter_config.json", golden.name), golden.adapter_config.to_string());
    world.write(&format!("{}/adapter_model.safetensors", golden.name), safetensors_bytes(&tensors, Stored::F32));
}

#[test]
fn logits_and_greedy_tokens_are_those_of_peft() {
    for golden in lora_goldens() {
        let world = World::new().with_golden(&golden.base);
        write_adapter(&world, &golden);
        let path = world.path(&golden.base);
        let options = OpenOptions { lora: Some(world.path(&golden.name)), threads: Some(2), ..OpenOptions::default() };
        let model = Model::open_with(path.to_str().unwrap(), &options, &smollm_hub::Silent).unwrap();
        let vocab = model.decoder().config.vocab_size;
        for prompt in &golden.prompts {
            let logits = model.session().logits(&prompt.ids).unwrap();
            for (&position, row) in prompt.f32.positions.iter().zip(&prompt.f32.rows) {
                let ours = &logits[position * vocab..][..vocab];
                let near = ours.iter().zip(row).all(|(a, b)| (a - b).abs() <= 2e-5 * golden.range); // no NaN is
                assert!(near, "{} position {position}", golden.name);
            }
            let (ids, count) = (crate::world::list(&prompt.ids), prompt.greedy.ids.len().to_string());
            let run = ["generate", "--ignore-eos", "--json", "-m", &golden.base, "--ids", &ids, "-n", &count];
            let adapted = world.run(&[&run[..], &["--lora", &golden.name]].concat()).json();
            assert_eq!(crate::world::numbers(&adapted["ids"]), prompt.greedy.ids, "{}", golden.name);
        }
        let score = |more: &[&str]| {
            world.run(&[&["score", "--json", "-m", &golden.base, "--ids", "5,6,7"], more].concat()).json()
        };
        assert_ne!(score(&[])["logprobs"], score(&["--lora", &golden.name])["logprobs"], "{}", golden.name);
    }
}

/// A model with the shape of SmolLM-135M where the adapter touches it (q and v of thirty layers), small elsewhere.
#[test]
fn the_real_adapter_fits_the_real_shape() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("adapters/peft-smollm-135m-instruct-lora");
    let adapter = folder.to_str().unwrap();
    let world = World::new();
    let small = ["--set", "vocab_size=64", "--set", "intermediate_size=32", "--quiet"];
    assert_eq!(world.run(&[&["init", "smollm-135m-instruct", "m"][..], &small].concat()).text(), "");
    let opened = Adapter::open(&folder).unwrap();
    let layers: std::collections::BTreeSet<_> =
        opened.targets().filter_map(|(module, _)| module.split('.').nth(2)).collect();
    assert_eq!((opened.targets().len(), layers.len(), opened.saved().len()), (60, 30, 0));
    let score = |more: &[&str]| world.run(&[&["score", "--json", "-m", "m", "--ids", "5,6,7"], more].concat()).json();
    assert_ne!(score(&[])["logprobs"], score(&["--lora", adapter])["logprobs"]);
    // and no other shape
    let wrong = ["init", "smollm-135m-instruct", "n", "--set", "num_hidden_layers=2", "--set", "hidden_size=90"];
    assert_eq!(world.run(&[&wrong[..], &small].concat()).text(), "");
    let done = world.run(&["score", "-m", "n", "--ids", "5,6", "--lora", adapter]);
    assert!(done.error(1).contains("model.layers."), "{done:?}");
}

#[test]
fn what_is_no_adapter_is_refused() {
    let golden = lora_goldens().into_iter().find(|golden| golden.name == "q-v").unwrap();
    let world = World::new().with_random();
    write_adapter(&world, &golden);
    assert_ne!(logits_golden(&golden.base).config["hidden_size"], crate::world::random_config()["hidden_size"]);
    let rows = [("nowhere", "nowhere"), ("random", "adapter_config.json"), ("q-v", "model.layers.0.self_attn.")];
    for (adapter, part) in rows {
        let done = world.run(&["score", "-m", "random", "abc", "--lora", adapter]);
        assert!(done.error(1).contains(part), "{adapter}: {done:?}");
    }
}
