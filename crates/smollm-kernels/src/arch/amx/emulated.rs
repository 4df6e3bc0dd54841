//! The tile unit in plain Rust, number by number as Intel describes the instructions, so that all that is built on it can be tested
//! on machines without one.

use crate::half::bf16_to_f32;
use crate::lanes::{Chunk, LANES};
use crate::table::Pairs;
use crate::tiles::{BYTE_SLOTS, PairBlock, ROWS, Tiles};

/// The shapes that are set, and products of bytes.
pub(super) struct Emulated {
    rows: usize,
    words: usize,
    slots: [[Chunk<i32>; ROWS]; BYTE_SLOTS],
}

// SAFETY (of every block below): the callers vouch for what is read and written, for tiles of these shapes.
impl Tiles for Emulated {
    unsafe fn for_pairs(rows: usize, words: usize) -> Self {
        assert!((1..=ROWS).contains(&rows) && (1..=ROWS).contains(&words), "tiles of {rows} rows of {words} words");
        Self { rows, words, slots: [[[0; LANES]; ROWS]; BYTE_SLOTS] }
    }

    unsafe fn for_bytes(rows: usize, words: usize) -> Self {
        // SAFETY: this function's contract.
        unsafe { Self::for_pairs(rows, words) }
    }

    #[inline(always)]
    unsafe fn pairs_2x2(&self, block: &PairBlock<2, 2>) {
        assert!(self.rows == ROWS && self.words == ROWS);
        // SAFETY: as above.
        unsafe { self.pairs(block) }
    }

    #[inline(always)]
    unsafe fn pairs_1x4(&self, block: &PairBlock<1, 4>) {
        // SAFETY: as above.
        unsafe { self.pairs(block) }
    }

    #[inline(always)]
    unsafe fn stream_1x4(&self, block: &PairBlock<1, 4>) {
        // SAFETY: as above.
        unsafe { self.pairs(block) }
    }

    #[inline(always)]
    unsafe fn multiply_bytes(&mut self, slot: usize, a: *const u8, a_stride: usize, b: *const u8) {
        for row in 0..self.rows {
            let mut sums = [0i32; LANES];
            for word in 0..self.words {
                // SAFETY: as above.
                let (a, b) = unsafe {
                    let a = a.add(row * a_stride + 4 * word);
                    (a.cast::<[i8; 4]>().read(), b.add(64 * word).cast::<[[i8; 4]; LANES]>().read())
                };
                for n in 0..LANES {
                    for byte in 0..4 {
                        sums[n] += i32::from(a[byte]) * i32::from(b[n][byte]);
                    }
                }
            }
            self.slots[slot][row] = sums;
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(&self, slot: usize, c: *mut Chunk<i32>) {
        for (row, sums) in self.slots[slot].iter().enumerate().take(self.rows) {
            // SAFETY: as above.
            unsafe { *c.add(row) = *sums };
        }
    }
}

impl Emulated {
    #[inline(always)]
    unsafe fn pairs<const I: usize, const J: usize>(&self, block: &PairBlock<I, J>) {
        for i in 0..I {
            for j in 0..J {
                for row in 0..self.rows {
                    // SAFETY: as above.
                    unsafe {
                        let c = block.c[i][j].byte_add(row * block.c_stride).cast::<Chunk<f32>>();
                        let mut sums = if block.adds == 0 { [0.0; LANES] } else { c.read_unaligned() };
                        for step in 0..block.steps {
                            let a = block.a[i].add(row * block.a_stride + step * block.a_step);
                            let b = block.b[j].add(step * block.b_step);
                            multiply(&mut sums, self.words, a.cast(), b, block.b_stride);
                        }
                        c.write_unaligned(sums);
                    }
                }
            }
        }
    }
}

/// One row of activations and one tile of weights.
#[inline(always)]
unsafe fn multiply(sums: &mut Chunk<f32>, words: usize, a: *const [u16; 2], b: *const u8, b_stride: usize) {
    let (mut even, mut odd) = ([0.0; LANES], [0.0; LANES]);
    for k in 0..words {
        // SAFETY: as above.
        let (a, b) = unsafe { (a.add(k).read_unaligned(), b.add(k * b_stride).cast::<Pairs>().read_unaligned()) };
        multiply_add(&mut even, a[0], &b, 0);
        multiply_add(&mut odd, a[1], &b, 1);
    }
    for n in 0..LANES {
        sums[n] = flushed(flushed(sums[n]) + flushed(even[n] + odd[n]));
    }
}

/// `sums + a * b`, fused, for the first or second number of each pair.
#[inline(always)]
fn multiply_add(sums: &mut Chunk<f32>, a: u16, b: &Pairs, place: usize) {
    let a = flushed(bf16_to_f32(a));
    let (mut products, mut inexact) = ([0.0f32; LANES], false);
    for n in 0..LANES {
        let b = flushed(bf16_to_f32(b[2 * n + place]));
        products[n] = a * b;
        // The product of two bf16 has 16 bits: it is an f32 itself, unless it is too small or too large for one.
        inexact |= !(products[n].is_normal() || a == 0.0 || b == 0.0);
    }
    if inexact {
        for n in 0..LANES {
            sums[n] = flushed(a.mul_add(flushed(bf16_to_f32(b[2 * n + place])), sums[n]));
        }
        return;
    }
    for n in 0..LANES {
        sums[n] = flushed(sums[n] + products[n]);
    }
}

/// Zero, of the same sign, for a subnormal number.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    const SMALLEST_NORMAL: u32 = 0x0080_0000;
    let bits = x.to_bits();
    f32::from_bits(if bits & 0x7fff_ffff < SMALLEST_NORMAL { bits & 0x8000_0000 } else { bits })
}
