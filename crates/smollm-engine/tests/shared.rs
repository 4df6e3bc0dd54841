//! What requests share shows in no answer: blocks of the cache, and a batch with the adapters of others.

mod load;
mod tiny_model;

use load::{Log, alone, cpu, engine, request, run};
use smollm_checkpoint::Tensor;
use smollm_checkpoint::adapter::{Adapter, AdapterConfig};
use smollm_engine::{Engine, EngineOptions, Event, Pooling, Submission};
use smollm_kernels::{Bytes, Dtype, KvDtype};
use smollm_model::{LoraWeights, Model};
use smollm_testkit::golden::{LoraGolden, logits_golden, lora_goldens};
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny::{prompt_ids, tensor};
use std::sync::Arc;
use tiny_model::WHOLE_BLOCKS;

/// Runs requests one after another, all at once, and again, and returns the answers and how many prompt tokens were found.
fn with_cache(model: &Arc<Model>, options: &EngineOptions, reuse: bool, at_once: bool) -> (Vec<Vec<u32>>, u64) {
    let beginning = prompt_ids("system", 130, model.config.vocab_size);
    let prompts = (0..6).map(|i| [beginning.clone(), prompt_ids(&format!("user {i}"), 3 + 17 * i, 256)].concat());
    let mut engine = engine(model, options);
    let mut log = Log::default();
    for (i, prompt) in prompts.cycle().take(12).enumerate() {
        let temperature = (i % 2) as f32;
        engine.submit(Submission { reuse, ..Submission::new(prompt, request(40, temperature, 1)) }).unwrap();
        if !at_once {
            run(&mut engine, &mut log);
        }
    }
    run(&mut engine, &mut log);
    let answers = log.choices.into_values().map(|heard| heard.tokens.iter().map(|t| t.id).collect()).collect();
    (answers, engine.stats().prompt_tokens_cached)
}

#[test]
fn what_others_left_in_the_cache_changes_nothing_for_every_type_of_it() {
    let model = tiny_model::changed(WHOLE_BLOCKS, Dtype::F32);
    for dtype in [KvDtype::F32, KvDtype::F16, KvDtype::BF16, KvDtype::Q8_0] {
        let options = |prefix_cache_tokens| EngineOptions {
            kv_dtype: Some(dtype),
            prefix_cache_tokens,
            token_budget: 100,
            ..EngineOptions::default()
        };
        let (expected, none) = with_cache(&model, &options(usize::MAX), false, false);
        assert_eq!(none, 0, "nothing is taken from others where that is not wanted");
        for (tokens, at_once) in [(usize::MAX, false), (usize::MAX, true), (0, true), (64, false), (0, false)] {
            let (answers, found) = with_cache(&model, &options(tokens), true, at_once);
            assert_eq!(answers, expected, "{} {tokens} {at_once}", dtype.name());
            // 130 tokens are four whole blocks, and all but the first request find them
            let least = if at_once || tokens > 64 { 11 * 128 } else { 11 * tokens as u64 };
            assert!(found >= least, "{found} of {least} tokens, {tokens} {at_once}");
            assert_eq!(found == 0, tokens == 0 && !at_once);
        }
    }
}

#[test]
fn nobody_waits_for_a_block_that_is_of_no_use_to_it() {
    let model = tiny_model::tiny();
    let vocab_size = model.config.vocab_size;
    let submission = |i: usize| {
        let own = prompt_ids(&format!("of no use {i}"), 10, vocab_size);
        let prompt = [prompt_ids("alike", 64, vocab_size), own].concat();
        Submission::new(prompt, request(1, 0.0, 0))
    };
    let whole = || Submission::new(prompt_ids("one block", 32, vocab_size), request(1, 0.0, 0));
    let read_in_one_step = |submissions: Vec<Submission>| {
        let mut engine = engine(&model, &EngineOptions { token_budget: 1024, ..EngineOptions::default() });
        for submission in submissions {
            engine.submit(submission).unwrap();
        }
        run(&mut engine, &mut Log::default());
        engine.stats().steps == 1
    };
    let plain = (0..5).map(submission).collect();
    assert!(!read_in_one_step(plain), "the first reads for all");
    let vectors = (0..5).map(|i| Submission { pooling: Some(Pooling::Mean), ..submission(i) });
    assert!(read_in_one_step(vectors.collect()), "hidden states of all its tokens are needed");
    let scored = (0..5).map(|i| Submission { prompt_logprobs: Some(0), ..submission(i) });
    assert!(read_in_one_step(scored.collect()), "logits after all its tokens are needed");
    let apart = (0..5).map(|i| Submission { reuse: false, ..submission(i) });
    assert!(read_in_one_step(apart.collect()), "it wants nothing of others");
    assert!(
        read_in_one_step((0..5).map(|_| whole()).collect()),
        "the last token has to be computed, and its block with it"
    );
}

#[test]
fn what_a_choice_computed_is_known_by_all_that_stands_before_it() {
    let model = tiny_model::tiny();
    let prompt = prompt_ids("choice", 40, model.config.vocab_size);
    let mut engine = engine(&model, &EngineOptions::default());
    let mut log = Log::default();
    let asked =
        engine.submit(Submission { choices: 2, ..Submission::new(prompt.clone(), request(60, 1.0, 1)) }).unwrap();
    run(&mut engine, &mut log);
    for choice in 0..2 {
        let answer = log.choices[&(asked, choice)].tokens.iter().map(|t| t.id);
        let whole: Vec<u32> = prompt.iter().copied().chain(answer).collect();
        // All but the last token was computed, three blocks and a part; the second block is none without the first.
        for (prompt, found) in [(&whole[..], 96), (&whole[32..], 0)] {
            let before = engine.stats().prompt_tokens_cached;
            let submission = Submission::new(prompt.to_vec(), request(20, 0.0, 0));
            let id = engine.submit(submission).unwrap();
            run(&mut engine, &mut log);
            assert_eq!(engine.stats().prompt_tokens_cached - before, found, "choice {choice}");
            assert_eq!(log.choices[&(id, 0)].tokens, alone(&model, prompt, &request(20, 0.0, 0)).0);
        }
    }
}

#[test]
fn blocks_claimed_in_vain_go_back_when_others_have_filled_theirs() {
    let model = tiny_model::tiny();
    let ids = |name: &str, len| prompt_ids(name, len, model.config.vocab_size);
    let beginning = ids("beginning", 96);
    let mut engine = engine(&model, &EngineOptions { max_stall: None, ..EngineOptions::default() });
    let mut log = Log::default();
    let submit = |engine: &mut Engine, prompt| engine.submit(Submission::new(prompt, request(1, 0.0, 0))).unwrap();
    submit(&mut engine, ids("oldest", 1600));
    submit(&mut engine, [beginning.clone(), ids("long", 200)].concat());
    let mut cancelled = Some(submit(&mut engine, ids("cancelled", 40)));
    engine.step(&mut || cancelled.take(), &mut |id, event| log.hear(id, event));
    assert_eq!(engine.stats().abandoned_steps, 1, "blocks were claimed, and nothing was written");
    submit(&mut engine, [beginning, ids("short", 5)].concat());
    run(&mut engine, &mut log);
    let stats = engine.stats();
    assert_eq!((stats.prompt_tokens_cached, stats.blocks_free), (96, stats.blocks), "{stats:?}");
}

#[test]
fn what_waits_for_room_counts_what_it_found_once() {
    let model = tiny_model::tiny();
    let ids = |name: &str, len| prompt_ids(name, len, model.config.vocab_size);
    let options = EngineOptions { kv_tokens: Some(8 * 32), draft_tokens: 0, ..EngineOptions::default() };
    let mut engine = engine(&model, &options);
    let submit =
        |engine: &mut Engine, prompt, answer| engine.submit(Submission::new(prompt, request(answer, 0.0, 0))).unwrap();
    submit(&mut engine, ids("found", 70), 1);
    run(&mut engine, &mut Log::default());
    submit(&mut engine, ids("before it", 90), 30);
    let last = submit(&mut engine, [&ids("found", 70)[..64], &ids("own", 96)].concat(), 1);
    let mut cached = None;
    while !engine.is_idle() {
        engine.step(&mut || None, &mut |id, event| {
            if let (true, Event::Finished { timings, .. }) = (id == last, event) {
                cached = Some((timings.cached_tokens, timings.prefill_tokens));
            }
        });
    }
    assert_eq!(cached, Some((64, 96)));
}

/// An adapter, its base model, and the model with the adapter laid over it for good.
fn adapted(golden: &LoraGolden) -> (Arc<Model>, Arc<LoraWeights>, Arc<Model>) {
    let base = tiny_model::of(&logits_golden(&golden.base), &[], Dtype::F32);
    let tensors = golden.tensors.iter().map(|(name, shape)| {
        let data = Bytes::from(Stored::F32.encode(&tensor(name, shape).data));
        Tensor { name: name.clone(), dtype: Dtype::F32, shape: shape.clone(), data }
    });
    let config = AdapterConfig::parse(golden.adapter_config.to_string().as_bytes()).unwrap();
    let adapter = Adapter::from_tensors(config, tensors).unwrap();
    let mut merged = (*base).clone();
    merged.apply_adapter(&adapter).unwrap();
    let beside = Arc::new(LoraWeights::new(&base, &adapter).unwrap());
    (base, beside, Arc::new(merged))
}

#[test]
fn adapters_of_several_requests_run_in_one_batch_and_do_not_mix() {
    for golden in lora_goldens() {
        let (base, lora, merged) = adapted(&golden);
        let (_, again, _) = adapted(&golden);
        let vocab_size = base.config.vocab_size;
        let mut engine = engine(&base, &EngineOptions { token_budget: 50, ..EngineOptions::default() });
        let mut log = Log::default();
        let mut expected = Vec::new();
        // The same prompts with and without, so that a prefix taken from the other would show.
        for round in 0..2 {
            for (i, adapter) in [None, Some(&lora), Some(&again), None, Some(&lora)].into_iter().enumerate() {
                let prompt = prompt_ids("adapted", 70 + i / 3, vocab_size);
                let request = request(25, round as f32, 9);
                let model = if adapter.is_some() { &merged } else { &base };
                expected.push(alone(model, &prompt, &request));
                let submission = Submission::new(prompt, request);
                engine.submit(Submission { adapter: adapter.cloned(), ..submission }).unwrap();
            }
            run(&mut engine, &mut log);
        }
        let answers: Vec<_> = log.choices.into_values().map(|h| (h.tokens, h.reason.unwrap())).collect();
        assert_eq!(answers, expected, "{}", golden.name);
        assert_ne!(answers[0], answers[1], "the adapter changes the answer");
    }
}

#[test]
fn a_request_keeps_an_adapter_that_was_let_go_and_a_foreign_one_is_refused() {
    let golden = &lora_goldens()[0];
    let (base, lora, merged) = adapted(golden);
    let mut engine = engine(&base, &EngineOptions::default());
    let prompt = prompt_ids("kept", 10, base.config.vocab_size);
    let submission = || Submission::new(prompt.clone(), request(10, 0.0, 0));
    let id = engine.submit(Submission { adapter: Some(lora.clone()), ..submission() }).unwrap();
    let gone = Arc::downgrade(&lora);
    drop(lora);
    let mut log = Log::default();
    engine.step(&mut || None, &mut |id, event| log.hear(id, event));
    assert!(gone.upgrade().is_some());
    run(&mut engine, &mut log);
    assert_eq!(log.choices[&(id, 0)].tokens, alone(&merged, &prompt, &request(10, 0.0, 0)).0);
    assert!(gone.upgrade().is_none(), "it goes with the last request that has it");

    let other = tiny_model::changed(&[("num_hidden_layers", 1), ("max_position_embeddings", 64)], Dtype::F32);
    let mut engine = Engine::new(other, cpu(), &EngineOptions::default()).unwrap();
    let foreign = Submission { adapter: Some(adapted(golden).1), ..submission() };
    assert_eq!(engine.submit(foreign).unwrap_err().to_string(), "the adapter was loaded for another model");
}
