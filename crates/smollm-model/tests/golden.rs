//! Logits and greedy tokens against transformers, on tiny random models of every supported shape.

use smollm_checkpoint::adapter::{Adapter, AdapterConfig};
use smollm_checkpoint::{Checkpoint, Tensor};
use smollm_kernels::ops::argmax;
use smollm_kernels::{Bytes, Cpu, Dtype, KvDtype, Matrix};
use smollm_model::{
    BLOCK_TOKENS, Batch, KvPool, Model, ModelConfig, Runner, Span, Storage, lm_head, parameter_count, params,
};
use smollm_testkit::golden::{LogitRows, LogitsGolden, LoraGolden, logits_golden, logits_goldens, lora_goldens};
use smollm_testkit::stored::Stored;
use smollm_testkit::tiny;
use std::sync::Arc;

/// The model of a golden file with its weights stored as `dtype`.
fn model(golden: &LogitsGolden, dtype: Dtype) -> Model {
    let config = ModelConfig::from_json(golden.config.to_string().as_bytes(), &golden.name).unwrap();
    let tensors = tiny::weights(&golden.config).into_iter().map(|tensor| {
        let cols = *tensor.shape.last().unwrap();
        let matrix = Matrix::from_f32(tensor.data.len() / cols, cols, tensor.data).to_dtype(dtype);
        Tensor { name: tensor.name, dtype, shape: tensor.shape, data: matrix.bytes().clone() }
    });
    let checkpoint = Checkpoint::from_tensors(tensors).unwrap();
    Model::load(&Cpu::new(1).unwrap(), Arc::new(checkpoint), config, Storage::AsInFile).unwrap()
}

/// The same, in the form that a row multiplies fastest.
fn packed(golden: &LogitsGolden, dtype: Dtype, cpu: &Cpu) -> Model {
    let mut model = model(golden, dtype);
    model.pack(cpu);
    model
}

/// One sequence with its own cache.
struct Sequence<'m> {
    cpu: Cpu,
    model: &'m Model,
    runner: Runner,
    kv: KvPool,
    /// Every block of the cache, in the order in which the sequence claims them.
    blocks: Vec<u32>,
    position: usize,
}

impl<'m> Sequence<'m> {
    fn new(model: &'m Model, cpu: Cpu) -> Self {
        Self::with_cache(model, cpu, KvDtype::F32)
    }

    fn with_cache(model: &'m Model, cpu: Cpu, dtype: KvDtype) -> Self {
        let kv = KvPool::new(&model.config, dtype, 1024);
        let blocks = (0..kv.blocks() as u32).collect();
        Self { cpu, model, runner: Runner::default(), kv, blocks, position: 0 }
    }

    /// No block of the cache lies beside its neighbour.
    fn with_scattered_blocks(mut self) -> Self {
        scatter(&mut self.blocks);
        self
    }

    /// Appends `tokens`; the logits of every one of them.
    fn append(&mut self, tokens: &[u32]) -> Vec<Vec<f32>> {
        let batch = Batch::single(tokens.to_vec(), self.position, self.blocks.clone(), 0);
        self.position += tokens.len();
        let hidden = self.runner.forward(&self.cpu, self.model, &batch, &mut self.kv);
        let mut logits = vec![0.0; tokens.len() * self.model.config.vocab_size];
        lm_head(&self.cpu, self.model, hidden, &mut logits);
        logits.chunks(self.model.config.vocab_size).map(<[f32]>::to_vec).collect()
    }
}

fn scatter(blocks: &mut [u32]) {
    blocks.sort_by_key(|block| block.wrapping_mul(0x9E37_79B9));
}

fn max_delta(ours: &[Vec<f32>], theirs: &LogitRows) -> f32 {
    let rows = theirs.positions.iter().zip(&theirs.rows);
    let deltas = rows.flat_map(|(&p, row)| ours[p].iter().zip(row).map(|(a, b)| (a - b).abs()));
    deltas.fold(0.0, |worst, delta| if delta > worst || delta.is_nan() { delta } else { worst })
}

/// Rows that `cargo xtask test` runs these tests on once more, by name.
const RUN_AGAIN: [&str; 3] = ["avx2", "amx-emulated", "scalar"];

/// The row that the environment names; without one the best of this machine, and those that have no run of their own.
fn every_isa(check: impl FnMut(&str)) {
    let named = std::env::var("SMOLLM_ISA").ok();
    let all = Cpu::available_isas();
    let best = all[0];
    let wanted = |isa: &&str| match &named {
        Some(named) => named == isa,
        None => *isa == best || !RUN_AGAIN.contains(isa),
    };
    let rows: Vec<&str> = all.into_iter().filter(wanted).collect();
    assert!(!rows.is_empty(), "SMOLLM_ISA names no row of this machine");
    rows.into_iter().for_each(check);
}

#[test]
fn f32_logits_are_those_of_transformers() {
    every_isa(|isa| {
        for golden in logits_goldens() {
            let model = model(&golden, Dtype::F32);
            for prompt in &golden.prompts {
                let logits = Sequence::new(&model, Cpu::with_isa(isa, 2).unwrap()).append(&prompt.ids);
                let delta = max_delta(&logits, &prompt.f32) / golden.range;
                assert!(delta <= 2e-5, "{isa} {}: |delta| is {delta:e} of the logit range", prompt.name);
            }
        }
    });
}

#[test]
fn bf16_logits_are_no_worse_than_those_of_transformers() {
    every_isa(|isa| {
        for golden in logits_goldens() {
            let model = packed(&golden, Dtype::BF16, &Cpu::with_isa(isa, 2).unwrap());
            for prompt in &golden.prompts {
                let logits = Sequence::new(&model, Cpu::with_isa(isa, 2).unwrap()).append(&prompt.ids);
                let delta = max_delta(&logits, &prompt.bf16);
                let bound = golden.hf_bf16_max_delta;
                assert!(delta <= bound, "{isa} {}: |delta| {delta:e}, transformers' own {bound:e}", prompt.name);
            }
        }
    });
}

#[test]
fn f32_greedy_tokens_are_those_of_transformers() {
    for golden in logits_goldens() {
        let model = model(&golden, Dtype::F32);
        for prompt in golden.prompts.iter().filter(|p| p.greedy.is_some()) {
            let expected = prompt.greedy.as_ref().unwrap();
            let mut sequence = Sequence::new(&model, Cpu::new(2).unwrap());
            let mut next = argmax(sequence.append(&prompt.ids).last().unwrap()) as u32;
            for (step, &id) in expected.ids.iter().enumerate() {
                assert_eq!(next, id, "{} step {step}", prompt.name);
                next = argmax(&sequence.append(&[id])[0]) as u32;
            }
            assert!(expected.ids.len() >= 64);
        }
    }
}

#[test]
fn bf16_greedy_tokens_are_those_of_transformers_where_the_gap_exceeds_its_error() {
    let (mut steps, mut certain) = (0, 0);
    for golden in logits_goldens() {
        let model = packed(&golden, Dtype::BF16, &Cpu::new(2).unwrap());
        for prompt in golden.prompts.iter().filter(|p| p.bf16_greedy.is_some()) {
            let expected = prompt.bf16_greedy.as_ref().unwrap();
            let noise = expected.hf_bf16_max_delta.unwrap();
            let mut sequence = Sequence::new(&model, Cpu::new(2).unwrap());
            let mut next = argmax(sequence.append(&prompt.ids).last().unwrap()) as u32;
            for ((step, &id), &gap) in expected.ids.iter().enumerate().zip(&expected.gaps) {
                assert!(next == id || gap <= noise, "{} step {step}: gap {gap}, noise {noise}", prompt.name);
                next = argmax(&sequence.append(&[id])[0]) as u32;
                steps += 1;
                certain += usize::from(gap > noise);
            }
        }
    }
    assert!(2 * certain > steps, "only {certain} of {steps} steps tell anything");
}

const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::BF16, Dtype::F16];
const CACHES: [KvDtype; 3] = [KvDtype::F32, KvDtype::BF16, KvDtype::F16];

/// Cache, chunks, blocks, company and threads change no bit of a result.
#[test]
fn any_way_of_running_gives_the_same_bits() {
    for golden in logits_goldens() {
        let prompt = golden.prompts.iter().filter(|p| p.ids.len() <= 300).max_by_key(|p| p.ids.len()).unwrap();
        for dtype in DTYPES {
            every_isa(|isa| {
                let model = packed(&golden, dtype, &Cpu::with_isa(isa, 2).unwrap());
                for cache in CACHES {
                    let sequence = |threads| Sequence::with_cache(&model, Cpu::with_isa(isa, threads).unwrap(), cache);
                    let whole = sequence(1).append(&prompt.ids);
                    for (threads, chunk) in [(2, 1), (3, 7), (1, 32), (2, 100)] {
                        let mut sequence = sequence(threads).with_scattered_blocks();
                        let parts: Vec<_> = prompt.ids.chunks(chunk).flat_map(|c| sequence.append(c)).collect();
                        let cache = cache.name();
                        assert!(parts == whole, "{isa} {dtype} cache {cache} {}: chunks of {chunk}", prompt.name);
                    }
                }
            });
        }
    }
}

/// The model of a golden adapter under it, and the longest of its prompts.
fn adapted(golden: &LoraGolden) -> (Model, &[u32]) {
    let mut model = model(&logits_golden(&golden.base), Dtype::F32);
    let tensors = golden.tensors.iter().map(|(name, shape)| {
        let data = Bytes::from(Stored::F32.encode(&tiny::tensor(name, shape).data));
        Tensor { name: name.clone(), dtype: Dtype::F32, shape: shape.clone(), data }
    });
    let config = AdapterConfig::parse(golden.adapter_config.to_string().as_bytes()).unwrap();
    model.apply_adapter(&Adapter::from_tensors(config, tensors).unwrap()).unwrap();
    (model, golden.prompts.iter().map(|p| p.ids.as_slice()).max_by_key(|ids| ids.len()).unwrap())
}

#[test]
fn an_adapter_changes_nothing_of_that() {
    for golden in lora_goldens() {
        let (model, ids) = adapted(&golden);
        every_isa(|isa| {
            let sequence = |threads| Sequence::new(&model, Cpu::with_isa(isa, threads).unwrap());
            let whole = sequence(1).append(ids);
            for (threads, chunk) in [(2, 1), (3, 7)] {
                let mut sequence = sequence(threads).with_scattered_blocks();
                let parts: Vec<_> = ids.chunks(chunk).flat_map(|c| sequence.append(c)).collect();
                assert!(parts == whole, "{isa} {}: chunks of {chunk}", golden.name);
            }
        });
    }
}

/// All prompts of a file as one ragged batch, with blocks dealt out in a mixed order.
#[test]
fn a_ragged_batch_gives_what_each_prompt_gives_alone() {
    for golden in logits_goldens() {
        for dtype in DTYPES {
            every_isa(|isa| {
                let model = packed(&golden, dtype, &Cpu::with_isa(isa, 2).unwrap());
                CACHES.iter().for_each(|&cache| check_ragged(&golden, &model, isa, cache));
            });
        }
    }
}

fn check_ragged(golden: &LogitsGolden, model: &Model, isa: &str, cache: KvDtype) {
    let prompts: Vec<_> = golden.prompts.iter().filter(|p| p.ids.len() <= 300).collect();
    let cpu = Cpu::with_isa(isa, 2).unwrap();
    let tokens: usize = prompts.iter().map(|p| p.ids.len()).sum();
    let mut kv = KvPool::new(&model.config, cache, tokens + prompts.len() * BLOCK_TOKENS);
    let mut free: Vec<u32> = (0..kv.blocks() as u32).collect();
    scatter(&mut free);
    let mut batch = Batch::default();
    for prompt in &prompts {
        let needed = prompt.ids.len().div_ceil(BLOCK_TOKENS);
        batch.tokens.extend(&prompt.ids);
        let block_table = free.split_off(free.len() - needed);
        batch.sequences.push(Span { len: prompt.ids.len(), position: 0, block_table, prompt_end: 0, adapter: None });
    }
    let mut runner = Runner::default();
    let hidden = runner.forward(&cpu, model, &batch, &mut kv).to_vec();
    let mut start = 0;
    for prompt in &prompts {
        let end = start + prompt.ids.len() * model.config.hidden_size;
        let mut logits = vec![0.0; prompt.ids.len() * model.config.vocab_size];
        lm_head(&cpu, model, &hidden[start..end], &mut logits);
        let alone = Sequence::with_cache(model, Cpu::with_isa(isa, 1).unwrap(), cache).append(&prompt.ids).concat();
        assert!(logits == alone, "{isa} cache {} {}", cache.name(), prompt.name);
        start = end;
    }
}

#[test]
fn the_parameter_table_is_that_of_transformers() {
    for golden in logits_goldens() {
        let config = ModelConfig::from_json(golden.config.to_string().as_bytes(), &golden.name).unwrap();
        let mut ours: Vec<_> = params(&config).into_iter().map(|p| (p.hf_name, p.shape.dims())).collect();
        let mut theirs = golden.tensors.clone();
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{}", golden.name);
        assert_eq!(parameter_count(&config), golden.parameters, "{}", golden.name);
    }
}

#[test]
fn frequencies_are_those_of_transformers() {
    for golden in logits_goldens() {
        let config = ModelConfig::from_json(golden.config.to_string().as_bytes(), &golden.name).unwrap();
        let (ours, scale) = config.rope.frequencies(config.head_dim, config.max_position_embeddings);
        assert!((scale - golden.rope_attention_factor).abs() < 1e-6, "{}", golden.name);
        for (a, b) in ours.iter().zip(&golden.inv_freq) {
            assert!((a - b).abs() <= 2e-7 * b, "{}: {a} against {b}", golden.name);
        }
        assert_eq!(ours.len(), golden.inv_freq.len());
    }
}
