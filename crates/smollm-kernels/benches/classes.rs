//! Products of quantised weights where there is a tile unit, in both arithmetics and beside bf16 weights, in turn.
//!
//! `cargo bench -p smollm-kernels --bench classes -- [WORD...]` runs the lines that contain every word, such as `135M Q4_0 N=512`. A line
//! gives the median of microseconds of each way, and how many times as long as the first it takes:
//!
//! - `expanded`: weights made bf16 and met as tiles (`ops::matmul_expanded`), with the rate in GFLOP/s;
//! - `bytes`: activations in bytes, sums of units by the tile unit (`ops::matmul` on the same row);
//! - `vectors`: the same by vectors (row `avx512`), for few activation rows; the bits are those of `bytes`;
//! - `bf16`: weights that are bf16 to begin with, packed as tiles.
//!
//! `gate_up` are both products of a feed-forward layer and what is made of them. Without a tile unit the emulation runs, whose speed says
//! nothing, unless no word is given: then nothing does.

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use smollm_kernels::ops::{self, Product};
use smollm_kernels::{Bytes, Cpu, Dtype, Matrix, granted_threads};

/// Name, hidden size C, feed-forward F.
const MODELS: [(&str, usize, usize); 2] = [("135M", 576, 1536), ("1.7B", 2048, 8192)];
const DTYPES: [Dtype; 4] = [Dtype::Q4_0, Dtype::Q8_0, Dtype::Q4_K, Dtype::Q6_K];
const ROWS: [usize; 10] = [5, 8, 9, 16, 24, 32, 64, 128, 512, 2048];
/// Activation rows up to which vectors may be as good as tiles of bytes.
const FEW: usize = 64;
/// Weights of one shape are spread over this many bytes at least, past the second-level caches.
const FOOTPRINT: usize = 128 << 20;
/// Time spent on one way of a line, about, and on its turn.
const BUDGET: Duration = Duration::from_millis(100);
const TURN: Duration = Duration::from_millis(5);
/// Until the threads of the way before have gone to sleep.
const REST: Duration = Duration::from_micros(400);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let isa = if Cpu::available_isas().contains(&"amx") { "amx" } else { "amx-emulated" };
    if isa == "amx-emulated" && words.is_empty() {
        println!("no tile unit here");
        return;
    }
    let cpu = |isa| Cpu::with_isa(isa, granted_threads()).expect("a tile unit, or its emulation, needs AVX-512");
    let (tiles, vectors) = (cpu(isa), cpu("avx512"));
    for (model, c, f) in MODELS {
        for (name, cols, rows, count) in
            [("q_proj", c, c, 1), ("down_proj", f, c, 1), ("gate_proj", c, f, 1), ("gate_up", c, f, 2)]
        {
            for dtype in DTYPES.into_iter().filter(|dtype| cols % dtype.block_len() == 0) {
                let line = |n| format!("{isa} {}T {model} {name} {dtype} {rows}x{cols} N={n}", tiles.threads());
                let wanted = |n: &usize| words.iter().all(|word| line(*n).split(' ').any(|part| part == word));
                let wanted: Vec<usize> = ROWS.into_iter().filter(wanted).collect();
                if !wanted.is_empty() {
                    let weights = [dtype, Dtype::BF16].map(|dtype| copies(&tiles, dtype, rows, cols, count));
                    wanted.iter().for_each(|&n| measure(&line(n), [&tiles, &vectors], &weights, n));
                }
            }
        }
    }
}

/// As many sets of `count` packed matrices as fill the footprint.
fn copies(cpu: &Cpu, dtype: Dtype, rows: usize, cols: usize, count: usize) -> Vec<Vec<Matrix>> {
    let bytes = dtype.bytes_for(rows * cols).expect("fits");
    // 0x3c3c is a small normal number in every type.
    let memory = Bytes::from(vec![0x3c; bytes]);
    let plain = Matrix::new(dtype, rows, cols, memory).expect("fits");
    let set = || (0..count).map(|_| plain.pack(cpu)).collect();
    (0..FOOTPRINT.div_ceil(bytes * count)).map(|_| set()).collect()
}

fn measure(line: &str, [tiles, vectors]: [&Cpu; 2], [quantised, bf16]: &[Vec<Vec<Matrix>>; 2], n: usize) {
    let (rows, cols) = (quantised[0][0].rows(), quantised[0][0].cols());
    let x: Vec<f32> = (0..n * cols).map(|i| (i % 13) as f32 / 13.0 - 0.5).collect();
    let mut outs = [(); 3].map(|()| vec![0.0; n * rows]);
    let mut ways: Vec<(&str, &Cpu, &[Vec<Matrix>], bool)> =
        vec![("expanded", tiles, quantised, true), ("bytes", tiles, quantised, false), ("bf16", tiles, bf16, false)];
    if n <= FEW {
        ways.insert(2, ("vectors", vectors, quantised, false));
    }
    let mut times = vec![Vec::new(); ways.len()];
    let (begin, mut turn) = (Instant::now(), 0);
    while times[0].len() < 3 || begin.elapsed() < BUDGET * ways.len() as u32 {
        for ((_, cpu, weights, expanded), times) in ways.iter().zip(&mut times) {
            std::thread::sleep(REST);
            let (begin, mut first) = (Instant::now(), true);
            while first || begin.elapsed() < TURN {
                turn += 1;
                let start = Instant::now();
                run(cpu, &x, &weights[turn % weights.len()], *expanded, &mut outs);
                // (The first wakes the threads.)
                if !std::mem::take(&mut first) || start.elapsed() > TURN {
                    times.push(start.elapsed().as_secs_f64());
                }
            }
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let medians: Vec<f64> = times.iter_mut().map(median).collect();
    let operations = (2 * n * rows * cols * quantised[0].len()) as f64;
    print!("{line:<52}");
    for ((name, ..), median) in ways.iter().zip(&medians) {
        print!("  {name} {:>8.1} us", median * 1e6);
        match *name {
            "expanded" => print!(" {:>5.0} GFLOP/s", operations / median * 1e-9),
            _ => print!(" {:>5.2}x", median / medians[0]),
        }
    }
    println!();
}

/// One matrix, or the two of a feed-forward layer.
fn run(cpu: &Cpu, x: &[f32], weights: &[Matrix], expanded: bool, outs: &mut [Vec<f32>; 3]) {
    let [first, second, out] = outs;
    match weights {
        [weight] if expanded => ops::matmul_expanded(cpu, x, &mut [Product { weight, out: first }]),
        [weight] => ops::matmul(cpu, x, &mut [Product { weight, out: first }]),
        [gate, up] => {
            let products = [Product { weight: gate, out: first }, Product { weight: up, out: second }];
            let multiply = if expanded { ops::gated_matmul_expanded } else { ops::gated_matmul };
            multiply(cpu, x, products, out);
        }
        _ => unreachable!("one matrix or two"),
    }
}
