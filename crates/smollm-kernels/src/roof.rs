//! What this machine can do at best: the rates every other figure is held against.
//!
//! Short runs, the best of several, with the threads of the given [`Cpu`] and its row of instructions.

use std::hint::black_box;
use std::time::Instant;

use crate::cpu::Cpu;

/// Numbers read for the bandwidth, 256 MiB: past the caches of most machines.
const NUMBERS: usize = 64 << 20;
const READS: usize = 6;
const ROUNDS: usize = 1 << 14;
const RUNS: usize = 10;

/// Bytes per nanosecond (GB/s) at which all threads together read memory.
pub fn read_bandwidth_gbps(cpu: &Cpu) -> f64 {
    const PIECE: usize = 1 << 18;
    let numbers = vec![1.0f32; NUMBERS];
    let seconds = best_of(READS, || {
        cpu.pool.run(NUMBERS / PIECE, 1, |_, pieces| {
            for piece in pieces {
                // SAFETY: `Cpu` holds only rows that are available.
                black_box(unsafe { (cpu.kernels.read)(&numbers[piece * PIECE..][..PIECE]) });
            }
        });
    });
    size_of_val(&numbers[..]) as f64 / seconds * 1e-9
}

/// Billions of operations per second of all threads together, a multiply-add being two: of the fastest that the row adds up in f32,
/// which are products of f32, or those of bf16 where there is a tile unit.
pub fn fma_gflops(cpu: &Cpu) -> f64 {
    let threads = cpu.threads();
    let seconds = best_of(RUNS, || {
        cpu.pool.run(threads * 8, 1, |_, _| {
            // SAFETY: `Cpu` holds only rows that are available.
            black_box(unsafe { (cpu.kernels.fma_rounds)(ROUNDS / 8) });
        });
    });
    (cpu.kernels.round_operations * ROUNDS * threads) as f64 / seconds * 1e-9
}

fn best_of(runs: usize, work: impl Fn()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(time).fold(f64::INFINITY, f64::min)
}
