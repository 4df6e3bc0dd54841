//! Two classes of tokens: where quantised weights have two arithmetics (a tile unit, here its emulation), the beginning of a prompt is
//! computed in one of them and everything else in the other, whatever the chunks, the cache, company, preemption and speculation.

mod load;
mod tiny_model;

use load::{Heard, Log, request, run};
use smollm_checkpoint::Tensor;
use smollm_checkpoint::adapter::{Adapter, AdapterConfig};
use smollm_engine::{
    Engine, EngineOptions, ModelDrafter, Request, SamplingParams, Session, SessionOptions, Submission, Windows,
};
use smollm_kernels::{Bytes, Cpu, Dtype};
use smollm_model::{BLOCK_TOKENS, Batch, KvPool, LoraWeights, Model, Runner, Span, lm_head};
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny::{prompt_ids, tensor};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use tiny_model::WHOLE_BLOCKS;

static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| tiny_model::changed(WHOLE_BLOCKS, Dtype::Q4_0));

/// The emulation of a tile unit, which needs AVX-512.
fn cpu(threads: usize) -> Option<Arc<Cpu>> {
    let cpu = Cpu::with_isa("amx-emulated", threads).ok().map(Arc::new);
    if cpu.is_none() {
        eprintln!("SKIP: needs AVX-512");
    }
    cpu
}

fn prompt(name: &str, len: usize) -> Vec<u32> {
    prompt_ids(name, len, MODEL.config.vocab_size)
}

fn session(cpu: &Arc<Cpu>, prefill_chunk: Option<usize>) -> Session {
    Session::new(MODEL.clone(), cpu.clone(), &SessionOptions { prefill_chunk, ..SessionOptions::default() })
}

/// An answer with log-probabilities, so that a difference of one bit shows, and how many tokens were taken from the cache.
fn answer(session: &mut Session, prompt: &[u32], request: &Request) -> (Vec<u32>, String, usize) {
    let generation = session.generate(prompt, request, &mut |_| ControlFlow::Continue(())).unwrap();
    (generation.ids(), format!("{:?}", generation.tokens), generation.timings.cached_tokens)
}

fn measured(max_tokens: usize, temperature: f32) -> Request {
    Request { logprobs: Some(1), ..request(max_tokens, temperature, 3) }
}

fn engine(cpu: &Arc<Cpu>, options: &EngineOptions) -> Engine {
    Engine::new(MODEL.clone(), cpu.clone(), options).unwrap()
}

fn ids(heard: &Heard) -> Vec<u32> {
    heard.tokens.iter().map(|token| token.id).collect()
}

/// What an engine answers to a prompt, and how many of its tokens it found in the cache.
fn ask(engine: &mut Engine, submission: Submission) -> (Heard, u64) {
    let (mut log, before) = (Log::default(), engine.stats().prompt_tokens_cached);
    let id = engine.submit(submission).unwrap();
    run(engine, &mut log);
    (log.choices.remove(&(id, 0)).unwrap(), engine.stats().prompt_tokens_cached - before)
}

#[test]
fn the_class_of_a_token_follows_from_its_place_and_the_length_of_the_prompt() {
    let Some(cpu) = cpu(1) else { return };
    let ends = [0, 1, 63, 64, 65, 127, 128, 200].map(|len| MODEL.prompt_end(&cpu, len));
    assert_eq!(ends, [0, 0, 0, 64, 64, 64, 128, 192]);
    assert!(ends.iter().all(|end| end % BLOCK_TOKENS == 0));
    let vectors = Cpu::with_isa("avx512", 1).expect("the emulation has it too");
    assert_eq!(MODEL.prompt_end(&vectors, 200), 0, "one arithmetic");
    assert_eq!(tiny_model::tiny().prompt_end(&cpu, 200), 0, "one arithmetic");
}

/// Hidden states of `tokens`, the first `prompt_end` of the prompt class, computed in pieces of these lengths.
fn hidden(cpu: &Cpu, tokens: &[u32], prompt_end: usize, mut lengths: impl FnMut() -> usize) -> Vec<f32> {
    let mut kv = KvPool::new(&MODEL.config, MODEL.natural_kv_dtype(), tokens.len());
    let table: Vec<u32> = (0..kv.blocks() as u32).collect();
    let (mut runner, mut all, mut position) = (Runner::default(), Vec::new(), 0);
    while position < tokens.len() {
        let end = tokens.len().min(position + lengths());
        let batch = Batch::single(tokens[position..end].to_vec(), position, table.clone(), prompt_end);
        all.extend_from_slice(runner.forward(cpu, &MODEL, &batch, &mut kv));
        position = end;
    }
    all
}

#[test]
fn logits_one_by_one_keep_the_classes() {
    let Some(cpu) = cpu(2) else { return };
    let prompt = prompt("own sampler", 100);
    let tokens = session(&cpu, None).generate(&prompt, &measured(70, 0.0), &mut |_| ControlFlow::Continue(()));
    let mut own = session(&cpu, Some(30));
    let mut logits = own.first_logits(&prompt).unwrap();
    for token in tokens.unwrap().tokens {
        let normaliser = smollm_kernels::ops::log_sum_exp(&logits);
        assert_eq!(token.logprob, Some(logits[token.id as usize] - normaliser));
        logits = own.next_logits(token.id).unwrap();
    }
}

#[test]
fn a_pass_over_both_classes_is_that_of_each_token_by_itself() {
    let Some(cpu) = cpu(2) else { return };
    let tokens = prompt("one by one", 150);
    let width = MODEL.config.hidden_size;
    let by_itself = [0, 64, 128].map(|end| hidden(&cpu, &tokens, end, || 1));
    for (earlier, later) in [(0, 1), (1, 2)] {
        let (from, earlier, later) = ([0, 64][earlier] * width, &by_itself[earlier], &by_itself[later]);
        assert!(
            earlier[..from] == later[..from] && earlier[from..] != later[from..],
            "the class is to make a difference"
        );
    }
    for (i, end) in [0, 64, 128].into_iter().enumerate() {
        for len in [7, 40, 64, 100, 150] {
            assert!(hidden(&cpu, &tokens, end, || len) == by_itself[i], "prompt class up to {end}, pieces of {len}");
        }
    }
    // Sequences side by side, each with its own boundary and its own place in the batch.
    let mut kv = KvPool::new(&MODEL.config, MODEL.natural_kv_dtype(), 5 * 160);
    let mut runner = Runner::default();
    let ends = [0, 128, 64, 128, 0];
    let mut done = [0; 5];
    for lengths in [[1, 70, 100, 20, 9], [60, 58, 1, 130, 1], [89, 22, 49, 0, 140]] {
        let mut batch = Batch::default();
        for (s, len) in lengths.into_iter().enumerate() {
            let block_table = (s as u32 * 5..s as u32 * 5 + 5).collect();
            batch.tokens.extend_from_slice(&tokens[done[s]..done[s] + len]);
            let (position, prompt_end) = (done[s], ends[s]);
            batch.sequences.push(Span { len, position, block_table, prompt_end, adapter: None });
        }
        let got = runner.forward(&cpu, &MODEL, &batch, &mut kv);
        let mut row = 0;
        for (s, len) in lengths.into_iter().enumerate() {
            let expected = &by_itself[ends[s] / 64][done[s] * width..(done[s] + len) * width];
            assert!(&got[row * width..(row + len) * width] == expected, "sequence {s} from {}", done[s]);
            row += len;
            done[s] += len;
        }
    }
    assert_eq!(done, [150; 5]);
}

#[test]
fn chunks_do_not_move_the_boundary() {
    let (Some(one), Some(two)) = (cpu(1), cpu(2)) else { return };
    for len in [63, 64, 65, 100, 128, 150] {
        let prompt = prompt("chunks", len);
        let expected = answer(&mut session(&one, None), &prompt, &measured(40, 1.0));
        // By hand: the prompt class, then token by token.
        let end = MODEL.prompt_end(&one, len);
        let hidden = hidden(&one, &prompt, end, || 1);
        let mut logits = vec![0.0; MODEL.config.vocab_size];
        lm_head(&one, &MODEL, &hidden[(len - 1) * MODEL.config.hidden_size..], &mut logits);
        let all = session(&two, Some(50)).logits(&prompt).unwrap();
        assert!(all.ends_with(&logits), "logits after {len}");
        for chunk in [1, 13, 63, 64, 65, 100] {
            assert_eq!(
                answer(&mut session(&two, Some(chunk)), &prompt, &measured(40, 1.0)),
                expected,
                "{len}, {chunk}"
            );
        }
        for token_budget in [1, 20, 33, 64, 65, 100, 512] {
            let options = EngineOptions { token_budget, max_stall: None, ..EngineOptions::default() };
            let submission = Submission::new(prompt.clone(), measured(40, 1.0));
            let heard = ask(&mut engine(&two, &options), submission).0;
            assert_eq!(format!("{:?}", heard.tokens), expected.1, "{len} with a budget of {token_budget}");
        }
    }
}

/// Three turns of a chat, each answered by `answer` of the turn's prompt; the first prompt and its answer once more at the end.
fn chat(mut answer: impl FnMut(&[u32]) -> (Vec<u32>, String, u64)) -> (Vec<String>, Vec<u64>) {
    let (mut said, mut found) = (Vec::new(), Vec::new());
    let mut prompts = vec![prompt("first turn", 100)];
    for turn in 0..3 {
        let (ids, words, cached) = answer(&prompts[turn]);
        said.push(words);
        found.push(cached);
        let next = [prompts[turn].clone(), ids, prompt(&format!("turn {turn}"), 25)].concat();
        prompts.push(next);
    }
    for prompt in [&prompts[0], &prompts[2]] {
        let (_, words, cached) = answer(prompt);
        said.push(words);
        found.push(cached);
    }
    (said, found)
}

#[test]
fn an_answer_that_returns_in_a_prompt_is_computed_anew() {
    let Some(cpu) = cpu(2) else { return };
    let request = measured(50, 1.0);
    let (expected, _) = chat(|prompt| {
        let (ids, words, cached) = answer(&mut session(&cpu, None), prompt, &request);
        (ids, words, cached as u64)
    });
    let mut grows = session(&cpu, Some(48));
    let (said, found) = chat(|prompt| {
        let (ids, words, cached) = answer(&mut grows, prompt, &request);
        (ids, words, cached as u64)
    });
    assert_eq!(said, expected);
    // Prompts of 100, 175 and 250 tokens, of which 64, 128 and 192 are of the prompt class. What changes its class is computed anew,
    // and all that follows it: from 64 on, from 128 on; going back to the first prompt, from 64 on.
    assert_eq!(found, [0, 64, 128, 64, 64]);
    for (prefix_cache_tokens, reuse) in [(usize::MAX, true), (usize::MAX, false), (0, true)] {
        let mut engine =
            engine(&cpu, &EngineOptions { prefix_cache_tokens, token_budget: 90, ..EngineOptions::default() });
        let (said, found) = chat(|prompt| {
            let submission = Submission { reuse, ..Submission::new(prompt.to_vec(), request.clone()) };
            let (heard, found) = ask(&mut engine, submission);
            (ids(&heard), format!("{:?}", heard.tokens), found)
        });
        assert_eq!(said, expected, "cache of {prefix_cache_tokens}, {reuse}");
        // The tree knows both what a block was as a prompt and what it was as an answer: only the last token's block is always computed.
        let known = if prefix_cache_tokens > 0 && reuse { [0, 64, 128, 96, 224] } else { [0; 5] };
        assert_eq!(found, known, "cache of {prefix_cache_tokens}, {reuse}");
    }
}

#[test]
fn a_session_goes_from_prompt_to_prompt() {
    let Some(cpu) = cpu(1) else { return };
    let text = prompt("from prompt to prompt", 200);
    let request = measured(20, 0.0);
    let mut same = session(&cpu, Some(70));
    for len in [150, 70, 64, 63, 130, 127, 191, 192, 100, 40, 65, 128] {
        let expected = answer(&mut session(&cpu, None), &text[..len], &request);
        let got = answer(&mut same, &text[..len], &request);
        assert_eq!((&got.0, &got.1), (&expected.0, &expected.1), "{len}");
    }
    // A text that is scored, and then continued, was a prompt all the same; so was one that was given up in the middle.
    let windows = Windows { length: 300, stride: 300 };
    let expected = answer(&mut session(&cpu, None), &text[..150], &request);
    same.score(&text, windows, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    assert_eq!(answer(&mut same, &text[..150], &request).1, expected.1);
    let stopped = same.generate(&text, &request, &mut |_| ControlFlow::Break(())).unwrap();
    assert!(stopped.tokens.is_empty());
    assert_eq!(answer(&mut same, &text[..150], &request).1, expected.1);
}

#[test]
fn a_text_is_scored_alike_by_a_session_and_in_an_engine() {
    let Some(cpu) = cpu(2) else { return };
    for len in [50, 64, 100, 150] {
        let text = prompt("scored", len);
        let windows = Windows { length: 300, stride: 300 };
        let score = session(&cpu, Some(30)).score(&text, windows, &mut |_, _| ControlFlow::Continue(()));
        let expected: Vec<f32> = score.unwrap().unwrap().logprobs.into_iter().flatten().collect();
        for token_budget in [25, 64, 70, 500] {
            let mut engine = engine(&cpu, &EngineOptions { token_budget, ..EngineOptions::default() });
            let submission = Submission { prompt_logprobs: Some(0), ..Submission::new(text.clone(), measured(1, 0.0)) };
            let id = engine.submit(submission).unwrap();
            let mut log = Log::default();
            run(&mut engine, &mut log);
            let got: Vec<f32> = log.prompt_tokens[&id].iter().filter_map(|token| token.logprob).collect();
            assert_eq!(got.len(), len - 1);
            let worst = got.iter().zip(&expected).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 1e-5, "{len} with a budget of {token_budget}: {worst}");
        }
    }
}

/// Requests whose prompts begin alike or continue what others were answered.
fn crowd(cpu: &Arc<Cpu>) -> Vec<(Vec<u32>, Request, String)> {
    let beginning = prompt("crowd", 70);
    let mut crowd: Vec<(Vec<u32>, Request, String)> = Vec::new();
    for i in 0..14 {
        let own = prompt(&format!("own {i}"), 5 + 13 * i % 90);
        let prompt = match i % 4 {
            0 => [beginning.clone(), own].concat(),
            1 => own,
            // The first 64 tokens, as another prompt has them, or as an answer and a prompt make them up.
            2 => beginning[..60].to_vec(),
            _ => {
                let (prompt, request, _) = &crowd[i - 1];
                [prompt.clone(), answer(&mut session(cpu, None), prompt, request).0, own].concat()
            }
        };
        let sampling = SamplingParams { temperature: (i % 2) as f32, seed: i as u64, ..SamplingParams::default() };
        let request = Request { max_tokens: Some(45 + i), logprobs: Some(0), sampling, ..Request::default() };
        let words = answer(&mut session(cpu, None), &prompt, &request).1;
        crowd.push((prompt, request, words));
    }
    crowd
}

#[test]
fn preemption_company_and_guesses_show_in_no_answer() {
    let Some(cpu) = cpu(2) else { return };
    let crowd = crowd(&cpu);
    for (max_running, token_budget, kv_tokens, draft_tokens) in
        [(8, 100, Some(320), 4), (14, 40, Some(288), 0), (14, 300, None, 8), (3, 1, None, 0)]
    {
        let options = EngineOptions {
            max_running,
            token_budget,
            kv_tokens,
            draft_tokens,
            draft_gated: false,
            max_stall: None,
            ..EngineOptions::default()
        };
        let mut engine = engine(&cpu, &options);
        if draft_tokens == 4 {
            // (Another model: it guesses wrong, and right now and then.)
            let small = tiny_model::changed(&[WHOLE_BLOCKS, &[("num_hidden_layers", 1)]].concat(), Dtype::Q4_0);
            engine.set_drafter(Box::new(ModelDrafter::new(small, cpu.clone(), &MODEL, 2048).unwrap()));
        }
        let mut log = Log::default();
        let mut asked = Vec::new();
        for (prompt, request, _) in &crowd {
            asked.push(engine.submit(Submission::new(prompt.clone(), request.clone())).unwrap());
            engine.step(&mut || None, &mut |id, event| log.hear(id, event));
        }
        run(&mut engine, &mut log);
        for (i, (id, (.., words))) in asked.iter().zip(&crowd).enumerate() {
            assert_eq!(&format!("{:?}", log.choices[&(*id, 0)].tokens), words, "request {i} with {options:?}");
        }
        let stats = engine.stats();
        assert_eq!(stats.preemptions > 0, kv_tokens.is_some(), "{options:?}");
        assert_eq!(stats.drafted_tokens > 0, draft_tokens > 0, "{options:?}");
    }
}

#[test]
fn choices_begin_with_the_classes_of_their_prompt() {
    let Some(cpu) = cpu(2) else { return };
    for len in [60, 64, 90, 130] {
        let prompt = prompt("choices", len);
        let mut engine = engine(&cpu, &EngineOptions { token_budget: 50, ..EngineOptions::default() });
        let mut log = Log::default();
        let request = measured(40, 1.0);
        let id = engine.submit(Submission { choices: 3, ..Submission::new(prompt.clone(), request.clone()) }).unwrap();
        run(&mut engine, &mut log);
        for choice in 0..3 {
            let mut request = request.clone();
            request.sampling.seed = smollm_engine::choice_seed(request.sampling.seed, choice);
            let expected = answer(&mut session(&cpu, None), &prompt, &request).1;
            assert_eq!(format!("{:?}", log.choices[&(id, choice)].tokens), expected, "{len}, choice {choice}");
        }
    }
}

/// An adapter to the first linears of each half of a layer, and the model with it laid over it for good.
fn adapted() -> (Arc<LoraWeights>, Arc<Model>) {
    let config = &MODEL.config;
    let mut tensors = Vec::new();
    for layer in 0..config.num_hidden_layers {
        for (module, outputs) in [("self_attn.q_proj", config.query_size()), ("mlp.up_proj", config.intermediate_size)]
        {
            for (part, shape) in [("A", vec![4, config.hidden_size]), ("B", vec![outputs, 4])] {
                let name = format!("base_model.model.model.layers.{layer}.{module}.lora_{part}.weight");
                let data = Bytes::from(Stored::F32.encode(&tensor(&name, &shape).data));
                tensors.push(Tensor { name, dtype: Dtype::F32, shape, data });
            }
        }
    }
    let json = r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "up_proj"]}"#;
    let adapter = Adapter::from_tensors(AdapterConfig::parse(json.as_bytes()).unwrap(), tensors).unwrap();
    let mut merged = (**MODEL).clone();
    merged.apply_adapter(&adapter).unwrap();
    (Arc::new(LoraWeights::new(&MODEL, &adapter).unwrap()), Arc::new(merged))
}

#[test]
fn adapters_find_their_rows_in_a_pass_over_both_classes() {
    let Some(cpu) = cpu(2) else { return };
    let (lora, merged) = adapted();
    let mut engine = engine(&cpu, &EngineOptions { token_budget: 400, ..EngineOptions::default() });
    let mut log = Log::default();
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for (i, adapter) in [None, Some(&lora), None, Some(&lora), Some(&lora), None].into_iter().enumerate() {
        let (prompt, request) = (prompt(&format!("adapted {i}"), 75 + 20 * i), measured(30, (i % 2) as f32));
        let model = if adapter.is_some() { &merged } else { &*MODEL };
        let mut alone = Session::new(model.clone(), cpu.clone(), &SessionOptions::default());
        expected.push(answer(&mut alone, &prompt, &request).1);
        let submission = Submission { adapter: adapter.cloned(), ..Submission::new(prompt, request) };
        asked.push(engine.submit(submission).unwrap());
    }
    run(&mut engine, &mut log);
    for (i, id) in asked.into_iter().enumerate() {
        assert_eq!(format!("{:?}", log.choices[&(id, 0)].tokens), expected[i], "request {i}");
    }
}
