//! Loops that do nothing but read, or nothing but multiply and add: what the machine can do at best.

use crate::lanes::{LANES, Lanes};
use crate::table::FMAS_PER_ROUND;

/// The sum of all numbers, from four streams at once.
#[inline(always)]
pub(crate) fn read<S: Lanes>(s: S, numbers: &[f32]) -> f32 {
    const AHEAD: usize = 64; // vectors, that is cache lines
    let (chunks, _) = numbers.as_chunks::<LANES>();
    let stream = chunks.len() / 4;
    let mut streams = [&chunks[..stream]; 4];
    for i in 1..4 {
        streams[i] = &chunks[i * stream..][..stream];
    }
    let mut sums = [s.zero(); 4];
    for k in 0..stream {
        for i in 0..4 {
            s.prefetch(streams[i].as_ptr().wrapping_add(k + AHEAD).cast());
            sums[i] = s.add(sums[i], s.load(&streams[i][k]));
        }
    }
    s.sum4(sums).iter().sum()
}

/// `FMAS_PER_ROUND` multiply-adds per round in CHAINS independent chains, as many as hide their latency and fit registers.
#[inline(always)]
pub(crate) fn fma_rounds<S: Lanes, const CHAINS: usize>(s: S, rounds: usize) -> f32 {
    let factor = s.splat(std::hint::black_box(0.999_9));
    let term = s.splat(std::hint::black_box(1.0e-4));
    let mut chains = [s.zero(); CHAINS];
    for _ in 0..rounds * (FMAS_PER_ROUND / CHAINS) {
        for i in 0..CHAINS {
            chains[i] = s.mul_add(chains[i], factor, term);
        }
    }
    let mut sum = s.zero();
    for chain in chains {
        sum = s.add(sum, chain);
    }
    s.sum(sum)
}
