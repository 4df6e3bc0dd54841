//! The row for every machine, and the oracle: lanes are an array, multiply and add round separately.

use crate::dwords::Dwords;
use crate::generic::dot::{Widened, Woven};
use crate::generic::{attention, elementwise, fit, matmul, panel, roof};
use crate::half;
use crate::lanes::{Bf16, Chunk, F16, F32, LANES, Lanes, SMALLEST_EXPONENT};
use crate::table::{FMA_ROUND_OPERATIONS, Kernels, Pairs};

mod training;

/// Sixteen lanes in an array.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

pub(super) static ROW: Kernels = Kernels {
    name: "scalar",
    tile_rows: 2,
    matmul_f32: |task| matmul::matmul::<_, _, 2, 1, 1>(Portable, Widened::<F32>::new(), task),
    matmul_f16: |task| matmul::matmul::<_, _, 2, 1, 1>(Portable, Widened::<F16>::new(), task),
    matmul_bf16: |task| matmul::matmul::<_, _, 2, 1, 1>(Portable, Widened::<Bf16>::new(), task),
    pairs: None,
    tiles: None,
    matmul_panels: |task, scratch| panel::matmul::<_, 2, 8>(Portable, task, scratch),
    quantize_row: |x, words, scales, sums| panel::quantize_row(Portable, x, words, scales, sums),
    widen_f16: |from, to| elementwise::widen_f16(Portable, from, to),
    widen_bf16: |from, to| elementwise::widen_bf16(from, to),
    narrow_f16: |from, to| elementwise::narrow_f16(Portable, from, to),
    narrow_bf16: |from, to| elementwise::narrow_bf16(from, to),
    round_bf16: |from, to| elementwise::round_bf16(from, to),
    rms_norm: |x, weight, eps, out| elementwise::rms_norm(Portable, x, weight, eps, out),
    add: |x, y| elementwise::add(x, y),
    swiglu: |gate, up, out| elementwise::swiglu(Portable, gate, up, out),
    rope: |head, cos, sin| elementwise::rope(head, cos, sin),
    ask: |run| elementwise::ask(Portable, run),
    turn_f32: |keys, out| attention::turn::<_, F32>(Portable, keys, out),
    turn_f16: |keys, out| attention::turn::<_, F16>(Portable, keys, out),
    score: |task| attention::score::<_, _, 2, 1>(Portable, Widened::<F32>::new(), task),
    mix_f32: |task| attention::mix::<_, _, 2, 1>(Portable, Widened::<F32>::new(), task),
    mix_f16: |task| attention::mix::<_, _, 2, 1>(Portable, Widened::<F16>::new(), task),
    score_woven: |task| attention::score::<_, _, 2, 1>(Portable, Woven, task),
    mix_woven: |task| attention::mix::<_, _, 2, 1>(Portable, Woven, task),
    unweave: |pairs, run, out| attention::unweave(Portable, pairs, run, out),
    merge: |sums, next| attention::merge(Portable, sums, next),
    fit_scales: |task| fit::scales(Portable, task),
    fit_affine: |task, sums| fit::affine(Portable, task, sums),
    fit_errors: |task, scale| fit::errors(Portable, task, scale),
    read: |numbers| roof::read(Portable, numbers),
    fma_rounds: |rounds| roof::fma_rounds::<_, 2>(Portable, rounds),
    round_operations: FMA_ROUND_OPERATIONS,
    training: training::KERNELS,
};

/// The lane-wise result of a function of two numbers.
#[inline(always)]
fn both(a: Chunk<f32>, b: Chunk<f32>, f: impl Fn(f32, f32) -> f32) -> Chunk<f32> {
    let mut out = [0.0; LANES];
    for i in 0..LANES {
        out[i] = f(a[i], b[i]);
    }
    out
}

impl Lanes for Portable {
    type F = Chunk<f32>;

    #[inline(always)]
    fn splat(self, value: f32) -> Chunk<f32> {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &Chunk<f32>) -> Chunk<f32> {
        *from
    }

    #[inline(always)]
    fn load_f16(self, from: &Chunk<u16>) -> Chunk<f32> {
        from.map(half::f16_to_f32)
    }

    #[inline(always)]
    fn load_bf16(self, from: &Chunk<u16>) -> Chunk<f32> {
        from.map(half::bf16_to_f32)
    }

    #[inline(always)]
    fn load_pairs(self, from: &Pairs) -> [Chunk<f32>; 2] {
        let mut out = [[0.0; LANES]; 2];
        for lane in 0..LANES {
            out[0][lane] = half::bf16_to_f32(from[2 * lane]);
            out[1][lane] = half::bf16_to_f32(from[2 * lane + 1]);
        }
        out
    }

    #[inline(always)]
    fn store(self, value: Chunk<f32>, to: &mut Chunk<f32>) {
        *to = value;
    }

    #[inline(always)]
    fn store_f16(self, value: Chunk<f32>, to: &mut Chunk<u16>) {
        *to = value.map(half::f32_to_f16);
    }

    #[inline(always)]
    fn add(self, a: Chunk<f32>, b: Chunk<f32>) -> Chunk<f32> {
        both(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Chunk<f32>, b: Chunk<f32>) -> Chunk<f32> {
        both(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Chunk<f32>, b: Chunk<f32>) -> Chunk<f32> {
        both(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Chunk<f32>, b: Chunk<f32>) -> Chunk<f32> {
        both(a, b, |a, b| a / b)
    }

    /// Not fused: without the instruction `f32::mul_add` is a call into the C library for every lane.
    #[inline(always)]
    fn mul_add(self, a: Chunk<f32>, b: Chunk<f32>, c: Chunk<f32>) -> Chunk<f32> {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn max(self, a: Chunk<f32>, b: Chunk<f32>) -> Chunk<f32> {
        both(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: Chunk<f32>, b: Chunk<f32>) -> Chunk<f32> {
        both(a, b, |a, b| if a < b { a } else { b })
    }

    /// Adding 1.5 x 2^23 leaves no room for a fraction, so the addition rounds.
    #[inline(always)]
    fn round(self, a: Chunk<f32>) -> Chunk<f32> {
        let magic = [12_582_912.0; LANES];
        self.sub(self.add(a, magic), magic)
    }

    #[inline(always)]
    fn scale(self, a: Chunk<f32>, n: Chunk<f32>) -> Chunk<f32> {
        // In two steps, since 2^n itself need not be an f32; both factors are 0 where the result would be subnormal.
        both(a, n, |a, n| {
            let n = if n < SMALLEST_EXPONENT { -254 } else { n as i32 };
            let (first, second) = (n >> 1, n - (n >> 1));
            let power = |n: i32| f32::from_bits(((n + 127) as u32) << 23);
            a * power(first) * power(second)
        })
    }

    #[inline(always)]
    fn sum4(self, a: [Chunk<f32>; 4]) -> [f32; 4] {
        a.map(|mut lanes| {
            for half in [8, 4, 2, 1] {
                for i in 0..half {
                    lanes[i] += lanes[i + half];
                }
            }
            lanes[0]
        })
    }

    #[inline(always)]
    fn transpose(self, rows: [Chunk<f32>; LANES]) -> [Chunk<f32>; LANES] {
        let mut columns = [[0.0; LANES]; LANES];
        for i in 0..LANES {
            for j in 0..LANES {
                columns[j][i] = rows[i][j];
            }
        }
        columns
    }

    #[inline(always)]
    fn prefetch(self, _address: *const u8) {}
}

/// The word-wise result of a function of two words.
#[inline(always)]
fn words(a: Chunk<i32>, b: Chunk<i32>, f: impl Fn(i32, i32) -> i32) -> Chunk<i32> {
    let mut out = [0; LANES];
    for i in 0..LANES {
        out[i] = f(a[i], b[i]);
    }
    out
}

impl Dwords for Portable {
    type I = Chunk<i32>;
    const BIAS: i32 = 128;

    #[inline(always)]
    fn splat_word(self, word: i32) -> Chunk<i32> {
        [word; LANES]
    }

    #[inline(always)]
    fn load_words(self, from: &Chunk<i32>) -> Chunk<i32> {
        *from
    }

    #[inline(always)]
    fn store_words(self, words: Chunk<i32>, to: &mut Chunk<i32>) {
        *to = words;
    }

    #[inline(always)]
    fn and(self, a: Chunk<i32>, b: Chunk<i32>) -> Chunk<i32> {
        words(a, b, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, a: Chunk<i32>, b: Chunk<i32>) -> Chunk<i32> {
        words(a, b, |a, b| a | b)
    }

    #[inline(always)]
    fn xor(self, a: Chunk<i32>, b: Chunk<i32>) -> Chunk<i32> {
        words(a, b, |a, b| a ^ b)
    }

    #[inline(always)]
    fn sub_bytes(self, a: Chunk<i32>, b: Chunk<i32>) -> Chunk<i32> {
        words(a, b, |a, b| {
            let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
            i32::from_le_bytes(std::array::from_fn(|i| a[i].wrapping_sub(b[i])))
        })
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: Chunk<i32>) -> Chunk<i32> {
        a.map(|a| (a as u32 >> BITS) as i32)
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self, a: Chunk<i32>) -> Chunk<i32> {
        a.map(|a| a << BITS)
    }

    #[inline(always)]
    fn shift_signed<const BITS: u32>(self, a: Chunk<i32>) -> Chunk<i32> {
        a.map(|a| a >> BITS)
    }

    #[inline(always)]
    fn dot<const WIDE: bool>(self, mut sums: Chunk<i32>, w: Chunk<i32>, x: Chunk<i32>) -> Chunk<i32> {
        for i in 0..LANES {
            let (w, x) = (w[i].to_le_bytes(), x[i].to_le_bytes());
            for j in 0..4 {
                sums[i] += i32::from(w[j]) * i32::from(x[j] as i8);
            }
        }
        sums
    }

    #[inline(always)]
    fn words_to_f32(self, words: Chunk<i32>) -> Chunk<f32> {
        words.map(|word| word as f32)
    }

    #[inline(always)]
    fn to_bytes(self, numbers: Chunk<f32>) -> [i32; 4] {
        let mut out = [0; 4];
        for (out, numbers) in out.iter_mut().zip(numbers.as_chunks::<4>().0) {
            *out = i32::from_le_bytes(numbers.map(|number| number as i8 as u8));
        }
        out
    }
}
