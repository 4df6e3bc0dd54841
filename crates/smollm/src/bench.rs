//! How fast a model runs here, next to what the machine could do at best.

use crate::error::Error;
use crate::model::Model;
use serde::Serialize;
use smollm_kernels::ops::argmax;
use smollm_kernels::roof::{fma_gflops, read_bandwidth_gbps};
use smollm_kernels::{Cpu, KvDtype};
use smollm_model::{BLOCK_TOKENS, Batch, KvPool, Runner, Shape, Slot, Span, lm_head, parameter_count, params};
use std::ops::ControlFlow;
use std::time::Instant;

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Prompt lengths.
    pub prefill: Vec<usize>,
    /// Generated tokens per decode measurement.
    pub decode: usize,
    /// Tokens already in the cache before either.
    pub depths: Vec<usize>,
    /// Sequences at once.
    pub batches: Vec<usize>,
    /// Measurements of each, after one that does not count.
    pub repeats: usize,
}

/// Everything measured; the JSON of `smollm bench --json`.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Where it ran, and its roofs.
    pub machine: Machine,
    /// What ran.
    pub model: BenchModel,
    /// One entry per kind, size, depth and batch.
    pub results: Vec<BenchResult>,
}

/// The machine as the program sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Target architecture (`x86_64`).
    pub arch: &'static str,
    /// Chosen row of the kernel table.
    pub isa: &'static str,
    /// Threads used.
    pub threads: usize,
    /// Measured bandwidth of reading memory, GB/s.
    pub read_gb_per_s: f64,
    /// Measured peak of f32 multiply-adds, GFLOP/s.
    pub fma_gflop_per_s: f64,
}

/// The model in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct BenchModel {
    /// Name it was opened by.
    pub name: String,
    /// Number of parameters.
    pub parameters: usize,
    /// Type of its matrices.
    pub dtype: &'static str,
    /// Bytes of all weights.
    pub weight_bytes: usize,
    /// Type of its K/V cache.
    pub kv_dtype: &'static str,
}

/// Median and range of repeated measurements.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub struct BenchResult {
    /// `prefill` or `decode`.
    pub kind: &'static str,
    /// Tokens per sequence.
    pub tokens: usize,
    /// Tokens in the cache before.
    pub depth: usize,
    /// Sequences at once.
    pub batch: usize,
    /// Threads used.
    pub threads: usize,
    /// Tokens of all sequences per second.
    pub tokens_per_s: Spread,
    /// Bytes of weights and cache that had to be read, per second of the median, in GB.
    pub gb_per_s: f64,
    /// Floating-point operations per second of the median, in GFLOP.
    pub gflop_per_s: f64,
    /// The larger of the two shares of the machine's measured roofs.
    pub roof_share: f64,
}

/// One kind of measurement.
#[derive(Debug, Clone, Copy)]
struct Case {
    prefill: bool,
    tokens: usize,
    depth: usize,
    batch: usize,
}

/// Runs every combination of `options` on `model`; `progress` hears of each result and may stop.
///
/// # Errors
/// A size that does not fit the model's context.
pub fn bench(
    model: &Model,
    options: &BenchOptions,
    progress: &mut dyn FnMut(&BenchResult) -> ControlFlow<()>,
) -> Result<BenchReport, Error> {
    let cases = cases(options);
    let limit = model.decoder().config.max_position_embeddings;
    if let Some(case) = cases.iter().find(|c| c.depth.saturating_add(c.tokens) > limit) {
        let requested = case.depth.saturating_add(case.tokens);
        return Err(Error::Context { requested, limit, model: model.name().into() });
    }
    let cpu = model.cpu();
    let machine = Machine {
        arch: std::env::consts::ARCH,
        isa: cpu.isa(),
        threads: cpu.threads(),
        read_gb_per_s: read_bandwidth_gbps(cpu),
        fma_gflop_per_s: fma_gflops(cpu),
    };
    let decoder = model.decoder();
    let kv_dtype = model.session().kv_dtype();
    let report_model = BenchModel {
        name: model.name().into(),
        parameters: parameter_count(&decoder.config),
        dtype: decoder.weights.layers[0].q_proj.weight.dtype().name(),
        weight_bytes: decoder.weights.bytes(),
        kv_dtype: kv_dtype.name(),
    };
    let mut report = BenchReport { machine, model: report_model, results: Vec::new() };
    for case in cases {
        let seconds = Measurement::new(cpu, decoder, kv_dtype, case).seconds(options.repeats);
        let result = result(decoder, kv_dtype, &report.machine, case, seconds);
        let flow = progress(&result);
        report.results.push(result);
        if flow.is_break() {
            break;
        }
    }
    Ok(report)
}

fn cases(options: &BenchOptions) -> Vec<Case> {
    let mut cases = Vec::new();
    for &batch in &options.batches {
        for &depth in &options.depths {
            cases.extend(options.prefill.iter().map(|&tokens| Case { prefill: true, tokens, depth, batch }));
            if options.decode > 0 {
                cases.push(Case { prefill: false, tokens: options.decode, depth, batch });
            }
        }
    }
    cases
}

/// The buffers of one case.
struct Measurement<'m> {
    cpu: &'m Cpu,
    model: &'m smollm_model::Model,
    case: Case,
    runner: Runner,
    kv: KvPool,
    logits: Vec<f32>,
}

impl<'m> Measurement<'m> {
    fn new(cpu: &'m Cpu, model: &'m smollm_model::Model, kv_dtype: KvDtype, case: Case) -> Self {
        let blocks = (case.depth + case.tokens).div_ceil(BLOCK_TOKENS);
        let kv = KvPool::new(&model.config, kv_dtype, blocks * BLOCK_TOKENS * case.batch);
        let mut measurement = Self { cpu, model, case, runner: Runner::default(), kv, logits: Vec::new() };
        for start in (0..case.depth).step_by(512) {
            measurement.forward(start, (case.depth - start).min(512), false);
        }
        measurement
    }

    /// Median, shortest and longest run.
    fn seconds(&mut self, repeats: usize) -> Vec<f64> {
        self.run();
        let time = |_| {
            let started = Instant::now();
            self.run();
            started.elapsed().as_secs_f64()
        };
        let mut seconds: Vec<f64> = (0..repeats.max(1)).map(time).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    fn run(&mut self) {
        let Case { prefill, tokens, depth, .. } = self.case;
        if prefill {
            // as the engine does: chunks, and logits of the last token only
            for start in (0..tokens).step_by(512) {
                let len = (tokens - start).min(512);
                self.forward(depth + start, len, start + len == tokens);
            }
        } else {
            for step in 0..tokens {
                self.forward(depth + step, 1, true);
            }
        }
    }

    /// `len` tokens of every sequence from `position` on, and the next token of each if `choose`.
    fn forward(&mut self, position: usize, len: usize, choose: bool) {
        let config = &self.model.config;
        let blocks = self.kv.blocks() / self.case.batch;
        let Case { prefill, tokens, depth, .. } = self.case;
        let prompt_end = self.model.prompt_end(self.cpu, if prefill { depth + tokens } else { depth });
        let mut batch = Batch::default();
        for sequence in 0..self.case.batch {
            batch.tokens.extend((0..len).map(|i| ((sequence + position + i) * 7919 % config.vocab_size) as u32));
            let block_table = (0..blocks).map(|b| (sequence * blocks + b) as u32).collect();
            batch.sequences.push(Span { len, position, block_table, prompt_end, adapter: None });
        }
        let hidden = self.runner.forward(self.cpu, self.model, &batch, &mut self.kv);
        if choose {
            let width = config.hidden_size;
            let last: Vec<f32> =
                hidden.chunks(len * width).flat_map(|rows| rows[(len - 1) * width..].iter().copied()).collect();
            self.logits.resize(self.case.batch * config.vocab_size, 0.0);
            lm_head(self.cpu, self.model, &last, &mut self.logits);
            for row in self.logits.chunks(config.vocab_size) {
                std::hint::black_box(argmax(row));
            }
        }
    }
}

fn result(
    model: &smollm_model::Model,
    kv_dtype: KvDtype,
    machine: &Machine,
    case: Case,
    seconds: Vec<f64>,
) -> BenchResult {
    // of an even number the mean of the two in the middle
    let median = (seconds[(seconds.len() - 1) / 2] + seconds[seconds.len() / 2]) / 2.0;
    let tokens = (case.tokens * case.batch) as f64;
    let (bytes, flops) = work(model, kv_dtype, case);
    let (gb_per_s, gflop_per_s) = (bytes / median * 1e-9, flops / median * 1e-9);
    BenchResult {
        kind: if case.prefill { "prefill" } else { "decode" },
        tokens: case.tokens,
        depth: case.depth,
        batch: case.batch,
        threads: machine.threads,
        tokens_per_s: Spread {
            median: tokens / median,
            min: tokens / seconds[seconds.len() - 1],
            max: tokens / seconds[0],
        },
        gb_per_s,
        gflop_per_s,
        roof_share: (gb_per_s / machine.read_gb_per_s).max(gflop_per_s / machine.fma_gflop_per_s),
    }
}

/// Bytes that must be read and operations that must be done, multiply-adds counting two.
fn work(model: &smollm_model::Model, kv_dtype: KvDtype, case: Case) -> (f64, f64) {
    let config = &model.config;
    let head = config.vocab_size * config.hidden_size;
    let layers: usize = params(config)
        .iter()
        .filter(|p| matches!(p.slot, Slot::Layer(..)) && matches!(p.shape, Shape::Matrix(..)))
        .map(|p| p.shape.elements())
        .sum();
    let tokens = case.tokens * case.batch;
    let (passes, logit_rows) =
        if case.prefill { (case.tokens.div_ceil(512), case.batch) } else { (case.tokens, tokens) };
    // every token sees those before it
    let seen = case.batch * (case.tokens * case.depth + case.tokens * (case.tokens + 1) / 2);
    let layer_bytes = model.weights.bytes() - model.weights.embed_tokens.bytes_len();
    let head_bytes = model.weights.head().bytes_len();
    let head_passes = if case.prefill { 1 } else { case.tokens };
    // prompt tokens of one pass share what they read of the cache; decoded tokens each read all of theirs
    let kv_reads = if case.prefill { case.batch * (case.depth + case.tokens) * passes } else { seen };
    let kv_bytes = kv_reads * config.kv_bytes_per_token(kv_dtype).expect("sessions have such a cache");
    let bytes = passes * layer_bytes + head_passes * head_bytes + kv_bytes;
    let attention = 4 * config.num_hidden_layers * config.query_size() * seen;
    let flops = 2 * layers * tokens + 2 * head * logit_rows + attention;
    (bytes as f64, flops as f64)
}
