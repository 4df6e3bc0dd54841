//! Sixteen f32 lanes: the one vector width every kernel is written for.
//!
//! A row of the table has its own type of lanes: one 512-bit register, two of 256 bits, or an array. Because the width is
//! the same, so is the arithmetic: where two rows fuse multiply and add alike, they agree bitwise (`avx2` and `avx512`
//! do; `scalar`, the oracle, rounds the product first). Reductions over lanes always fold halves: 8+8, 4+4, 2+2, 1+1.

use crate::half;
use crate::table::Pairs;

/// Lanes in a vector; rows of numbers in scratch memory are padded with zeros to a multiple of it.
pub(crate) const LANES: usize = 16;

/// The exponent of the smallest normal f32. Results below it are 0: a subnormal one costs some 150 cycles on many processors.
pub(crate) const SMALLEST_EXPONENT: f32 = -126.0;

/// What fills one vector.
pub(crate) type Chunk<T> = [T; LANES];

/// The operations kernels are made of. A value of an implementing type is the proof that its instructions may be used, so
/// that everything here is safe; such a value is made only inside functions that enable the instructions.
pub(crate) trait Lanes: Copy {
    /// Sixteen f32.
    type F: Copy;

    /// The same value in every lane.
    fn splat(self, value: f32) -> Self::F;
    /// Sixteen consecutive f32.
    fn load(self, from: &Chunk<f32>) -> Self::F;
    /// Sixteen consecutive f16, widened.
    fn load_f16(self, from: &Chunk<u16>) -> Self::F;
    /// Sixteen consecutive bf16, widened.
    fn load_bf16(self, from: &Chunk<u16>) -> Self::F;
    /// Sixteen pairs of bf16, widened: the first numbers, and the second ones.
    fn load_pairs(self, from: &Pairs) -> [Self::F; 2];
    /// Writes sixteen pairs of bf16: the first numbers and the second ones, rounded to nearest even; NaN stays NaN.
    #[inline(always)]
    fn store_pairs(self, [first, second]: [Self::F; 2], to: &mut Pairs) {
        let mut numbers = [[0.0; LANES]; 2];
        self.store(first, &mut numbers[0]);
        self.store(second, &mut numbers[1]);
        for i in 0..LANES {
            to[2 * i] = half::f32_to_bf16(numbers[0][i]);
            to[2 * i + 1] = half::f32_to_bf16(numbers[1][i]);
        }
    }
    /// Writes 32 consecutive bf16, rounded to nearest even; NaN stays NaN.
    #[inline(always)]
    fn store_bf16s(self, [first, second]: [Self::F; 2], to: &mut Pairs) {
        let mut numbers = [[0.0; LANES]; 2];
        self.store(first, &mut numbers[0]);
        self.store(second, &mut numbers[1]);
        half::f32s_to_bf16s(numbers.as_flattened(), to);
    }
    /// Writes sixteen consecutive f32.
    fn store(self, value: Self::F, to: &mut Chunk<f32>);
    /// Writes sixteen consecutive f16, rounded to nearest even.
    fn store_f16(self, value: Self::F, to: &mut Chunk<u16>);
    /// a + b
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// a - b
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// a * b
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// a / b
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// a * b + c, fused where the row fuses.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// a where a > b, else b; so b where either is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// a where a < b, else b; so b where either is NaN.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The nearest integer, ties to even.
    fn round(self, a: Self::F) -> Self::F;
    /// a * 2^n for integers n up to 254; 0 where n is below [`SMALLEST_EXPONENT`]. NaN if a is NaN, whatever n.
    fn scale(self, a: Self::F, n: Self::F) -> Self::F;
    /// The sums of four vectors, halves folded.
    fn sum4(self, a: [Self::F; 4]) -> [f32; 4];
    /// Rows to columns: lane j of vector i becomes lane i of vector j.
    fn transpose(self, rows: [Self::F; LANES]) -> [Self::F; LANES];
    /// Asks for the cache line at an address, which need not be valid, into the second-level cache.
    fn prefetch(self, address: *const u8);

    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self::F {
        self.splat(0.0)
    }

    /// The sum of one vector, halves folded.
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        self.sum4([a, self.zero(), self.zero(), self.zero()])[0]
    }

    /// Lane 0.
    #[inline(always)]
    fn first(self, a: Self::F) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(a, &mut lanes);
        lanes[0]
    }

    /// The largest lane; no lane may be NaN.
    #[inline(always)]
    fn max_lane(self, a: Self::F) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(a, &mut lanes);
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                lanes[i] = if lanes[i] > lanes[i + half] { lanes[i] } else { lanes[i + half] };
            }
        }
        lanes[0]
    }
}

/// A type of weights that is widened to f32 lanes as it is loaded.
pub(crate) trait Element {
    /// What lies in memory.
    type Bits: Copy + Send + Sync;
    /// Sixteen of them as f32 lanes.
    fn load<S: Lanes>(lanes: S, from: &Chunk<Self::Bits>) -> S::F;
}

/// f32 in memory.
pub(crate) struct F32;
/// f16 in memory.
pub(crate) struct F16;
/// bf16 in memory.
pub(crate) struct Bf16;

impl Element for F32 {
    type Bits = f32;
    #[inline(always)]
    fn load<S: Lanes>(lanes: S, from: &Chunk<f32>) -> S::F {
        lanes.load(from)
    }
}

impl Element for F16 {
    type Bits = u16;
    #[inline(always)]
    fn load<S: Lanes>(lanes: S, from: &Chunk<u16>) -> S::F {
        lanes.load_f16(from)
    }
}

impl Element for Bf16 {
    type Bits = u16;
    #[inline(always)]
    fn load<S: Lanes>(lanes: S, from: &Chunk<u16>) -> S::F {
        lanes.load_bf16(from)
    }
}
