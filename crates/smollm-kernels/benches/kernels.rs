//! Every op on every available row at the shapes of SmolLM2, next to what the machine can do at best.
//!
//! `cargo bench -p smollm-kernels -- [WORD...]` runs the lines that contain every word, such as `avx512 matmul 135M`.
//! A line gives the median and the best time of a run, GFLOP/s or GB/s, and the share of the roof measured in the same
//! process. GB/s counts what must come from memory: weights once, keys and values once. Weights rotate through copies
//! larger than the caches, as the layers of a model do.

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use smollm_kernels::ops::{self, AttentionPlan, AttentionSpan, Product};
use smollm_kernels::{Bytes, Cpu, Dtype, KvBuffer, KvDtype, KvRole, Matrix, granted_threads, roof};

/// Name, hidden size C, feed-forward F, query heads H, key/value heads G, layers that give each copy its own memory.
const MODELS: [(&str, usize, usize, usize, usize); 3] =
    [("135M", 576, 1536, 9, 3), ("360M", 960, 2560, 15, 5), ("1.7B", 2048, 8192, 32, 32)];
/// Types of weights with kernels of their own.
const DTYPES: [Dtype; 8] =
    [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0, Dtype::Q4_K, Dtype::Q6_K];
const VOCABULARY: usize = 49_152;
const HEAD_DIM: usize = 64;
/// Tokens of a block of the cache.
const BLOCK: usize = 32;
/// Weights of one shape are spread over this many bytes at least, past the second-level caches.
const FOOTPRINT: usize = 256 << 20;
/// Time spent on one line, about.
const BUDGET: Duration = Duration::from_millis(120);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let threads: Vec<usize> = if granted_threads() == 1 { vec![1] } else { vec![1, granted_threads()] };
    // The speed of an emulation is nobody's business.
    for isa in Cpu::available_isas().into_iter().filter(|isa| *isa != "amx-emulated") {
        for &threads in &threads {
            let cpu = Cpu::with_isa(isa, threads).expect("available");
            let bench = Bench { words: &words, prefix: format!("{isa} {threads}T"), cpu };
            bench.all();
        }
    }
}

struct Bench<'a> {
    words: &'a [String],
    prefix: String,
    cpu: Cpu,
}

impl Bench<'_> {
    fn all(&self) {
        self.fork_join();
        for (model, c, f, h, g) in MODELS {
            let products =
                [("q_proj", c, h * HEAD_DIM), ("gate_proj", c, f), ("down_proj", f, c), ("lm_head", c, VOCABULARY)];
            for (name, cols, rows) in products {
                for dtype in DTYPES.into_iter().filter(|dtype| cols % dtype.block_len() == 0) {
                    for n in [1, 2, 4, 8, 16, 32, 64, 512] {
                        self.matmul(&format!("{model} {name}"), dtype, n, cols, rows);
                    }
                }
            }
            for dtype in [KvDtype::F32, KvDtype::F16, KvDtype::BF16, KvDtype::Q8_0] {
                for (queries, depth) in [(1, 0), (1, 2047), (512, 0), (512, 1536)] {
                    self.attention(model, dtype, h, g, queries, depth);
                }
                for shared in [0, 512] {
                    self.attention_together(model, dtype, h, g, 32, shared);
                }
            }
            for n in [1, 512] {
                self.elementwise(model, n, c, f);
            }
        }
    }

    /// Two items of next to no work: with several threads, the price of handing out work.
    fn fork_join(&self) {
        let line = format!("{} fork_join", self.prefix);
        if self.wanted(&line) {
            let weight = Matrix::from_f32(16, 16, vec![1.0; 256]);
            let (x, mut out) = ([1.0; 16], [0.0; 16]);
            let times = time(|| ops::matmul(&self.cpu, &x, &mut [Product { weight: &weight, out: &mut out }]));
            self.report(&line, &times, 512.0, 1024.0);
        }
    }

    fn matmul(&self, name: &str, dtype: Dtype, n: usize, cols: usize, rows: usize) {
        let line = format!(
            "{} matmul {name} {} {dtype} {rows}x{cols} N={n}",
            self.prefix,
            if n == 1 { "decode" } else { "rows" }
        );
        if !self.wanted(&line) {
            return;
        }
        let bytes = dtype.bytes_for(rows * cols).expect("fits");
        let copies = FOOTPRINT.div_ceil(bytes);
        // 0x3c3c is a small normal number in every type.
        let memory = Bytes::from(vec![0x3c; bytes * copies]);
        let weights: Vec<Matrix> = (0..copies)
            .map(|i| Matrix::new(dtype, rows, cols, memory.slice(i * bytes..(i + 1) * bytes)).expect("fits"))
            .map(|matrix| matrix.pack(&self.cpu))
            .collect();
        let x = vec![0.5; n * cols];
        let mut out = vec![0.0; n * rows];
        let mut turn = 0;
        let times = time(|| {
            turn = (turn + 1) % copies;
            ops::matmul(&self.cpu, &x, &mut [Product { weight: &weights[turn], out: &mut out }]);
        });
        self.report(&line, &times, 2.0 * (n * rows * cols) as f64, bytes as f64);
    }

    fn attention(&self, model: &str, dtype: KvDtype, h: usize, g: usize, queries: usize, depth: usize) {
        let line = format!("{} attention {model} {} queries={queries} depth={depth}", self.prefix, dtype.name());
        if !self.wanted(&line) {
            return;
        }
        let blocks = (depth + queries).div_ceil(BLOCK);
        let bytes = dtype.bytes_for(2 * (depth + queries) * g * HEAD_DIM).expect("heads of whole blocks");
        let copies = if queries == 1 { (FOOTPRINT / 2).div_ceil(bytes).min(100) } else { 1 };
        let filled = |role| filled(role, dtype, blocks, BLOCK, g);
        let layers: Vec<_> = (0..copies).map(|_| (filled(KvRole::Keys), filled(KvRole::Values))).collect();
        let table: Vec<u32> = (0..blocks as u32).rev().collect();
        let q = vec![0.25; queries * h * HEAD_DIM];
        let mut out = vec![0.0; q.len()];
        let span = AttentionSpan { q_start: 0, q_len: queries, position: depth, block_table: &table };
        let plan = AttentionPlan::new(vec![span], BLOCK, h / g);
        let mut turn = 0;
        let times = time(|| {
            turn = (turn + 1) % copies;
            let (k, v) = &layers[turn];
            ops::attention(&self.cpu, &q, k, v, &plan, h, &mut out);
        });
        let pairs: usize = (depth + 1..=depth + queries).sum();
        self.report(&line, &times, 4.0 * (pairs * h * HEAD_DIM) as f64, bytes as f64);
    }

    /// Decoding sequences at a depth of 640, of which they have `shared` tokens in common. GB/s counts what is there, shared or not,
    /// so that lines compare.
    fn attention_together(&self, model: &str, dtype: KvDtype, h: usize, g: usize, sequences: usize, shared: usize) {
        let line = format!("{} attention {model} {} sequences={sequences} shared={shared}", self.prefix, dtype.name());
        if !self.wanted(&line) {
            return;
        }
        const DEPTH: usize = 640;
        let (blocks, common) = (DEPTH / BLOCK, shared / BLOCK);
        let bytes = dtype.bytes_for(2 * DEPTH * sequences * g * HEAD_DIM).expect("heads of whole blocks");
        let copies = (FOOTPRINT / 2).div_ceil(bytes).min(100);
        let filled = |role| filled(role, dtype, blocks * sequences, BLOCK, g);
        let layers: Vec<_> = (0..copies).map(|_| (filled(KvRole::Keys), filled(KvRole::Values))).collect();
        let table = |s: usize| (0..blocks).map(|b| if b < common { b } else { s * blocks + b } as u32).collect();
        let tables: Vec<Vec<u32>> = (0..sequences).map(table).collect();
        let span = |(s, block_table)| AttentionSpan { q_start: s, q_len: 1, position: DEPTH - 1, block_table };
        let spans = tables.iter().map(|table| &table[..]).enumerate().map(span).collect();
        let plan = AttentionPlan::new(spans, BLOCK, h / g);
        let q = vec![0.25; sequences * h * HEAD_DIM];
        let mut out = vec![0.0; q.len()];
        let mut turn = 0;
        let times = time(|| {
            turn = (turn + 1) % copies;
            let (k, v) = &layers[turn];
            ops::attention(&self.cpu, &q, k, v, &plan, h, &mut out);
        });
        self.report(&line, &times, 4.0 * (DEPTH * sequences * h * HEAD_DIM) as f64, bytes as f64);
    }

    fn elementwise(&self, model: &str, n: usize, c: usize, f: usize) {
        let (mut x, mut gate, up) = (vec![0.5; n * c], vec![0.5; n * f], vec![0.25; n * f]);
        let mut out = vec![0.0; n * f];
        let weight = vec![1.0; c];
        self.plain(&format!("rms_norm {model} N={n}"), 8 * n * c, || {
            ops::rms_norm(&self.cpu, &x, &weight, 1e-5, &mut out[..n * c]);
        });
        self.plain(&format!("swiglu {model} N={n}"), 12 * n * f, || ops::swiglu(&self.cpu, &gate, &up, &mut out));
        self.plain(&format!("add {model} N={n}"), 12 * n * c, || ops::add(&self.cpu, &mut x, &up[..n * c]));
        let (cos, sin) = (vec![0.8; n * HEAD_DIM / 2], vec![0.6; n * HEAD_DIM / 2]);
        self.plain(&format!("rope {model} N={n}"), 8 * n * c, || {
            ops::rope(&self.cpu, &mut gate[..n * c], HEAD_DIM, &cos, &sin);
        });
    }

    fn plain(&self, name: &str, bytes: usize, work: impl FnMut()) {
        let line = format!("{} {name}", self.prefix);
        if self.wanted(&line) {
            self.report(&line, &time(work), 0.0, bytes as f64);
        }
    }

    fn wanted(&self, line: &str) -> bool {
        self.words.iter().all(|word| {
            line.split([' ', '=']).any(|part| part.eq_ignore_ascii_case(word)) || line.contains(word.as_str())
        })
    }

    fn report(&self, line: &str, times: &[f64], operations: f64, bytes: f64) {
        let (median, best) = (times[times.len() / 2], times[0]);
        // Measured anew beside each line: other tenants of the machine move the roof.
        let (gbps, gflops) = (roof::read_bandwidth_gbps(&self.cpu), roof::fma_gflops(&self.cpu));
        let (rate, read) = (operations / median * 1e-9, bytes / median * 1e-9);
        println!(
            "{line:<60} {:>9.1} us (best {:>9.1}) {rate:>6.1} GFLOP/s {:>3.0} % (best {:>3.0}) of {gflops:>3.0}, {read:>5.1} GB/s {:>3.0} % (best {:>3.0}) of {gbps:>2.0}",
            median * 1e6,
            best * 1e6,
            rate / gflops * 100.0,
            rate / gflops * 100.0 * median / best,
            read / gbps * 100.0,
            read / gbps * 100.0 * median / best,
        );
    }
}

fn filled(role: KvRole, dtype: KvDtype, blocks: usize, block_tokens: usize, kv_heads: usize) -> KvBuffer {
    let mut buffer = KvBuffer::new(role, dtype, blocks, block_tokens, kv_heads, HEAD_DIM);
    let cpu = Cpu::new(1).expect("a row is available");
    let slots: Vec<_> = (0..(blocks * block_tokens) as u32)
        .map(|t| smollm_kernels::KvSlot { block: t / block_tokens as u32, offset: t % block_tokens as u32 })
        .collect();
    ops::kv_write(&cpu, &vec![0.125; slots.len() * kv_heads * HEAD_DIM], &slots, &mut buffer);
    buffer
}

/// Seconds per run, ascending.
fn time(mut work: impl FnMut()) -> Vec<f64> {
    work();
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || (begin.elapsed() < BUDGET && times.len() < 100_000) {
        let start = Instant::now();
        work();
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times
}
