//! AVX2 with FMA and F16C: sixteen lanes are two 256-bit registers.

use std::arch::x86_64::*;

use crate::dwords::Dwords;
use crate::generic::dot::{Widened, Woven};
use crate::generic::{attention, elementwise, fit, matmul, panel, roof};
use crate::lanes::{Bf16, Chunk, F16, F32, LANES, Lanes, SMALLEST_EXPONENT};
use crate::table::{
    AffineSums, AffineTries, FMA_ROUND_OPERATIONS, FitTask, Kernels, MatmulTask, MixTask, Pairs, PanelTask, ScaleTries,
    ScoreTask, SoftmaxSums,
};

mod training;

/// Proof that AVX2, FMA and F16C may be used.
#[derive(Clone, Copy)]
struct Avx2(());

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

pub(super) static ROW: Kernels = Kernels {
    name: "avx2",
    tile_rows: 3,
    matmul_f32,
    matmul_f16,
    matmul_bf16,
    pairs: None,
    tiles: None,
    matmul_panels,
    quantize_row,
    widen_f16,
    widen_bf16,
    narrow_f16,
    narrow_bf16,
    round_bf16,
    rms_norm,
    add,
    swiglu,
    rope,
    ask,
    turn_f32,
    turn_f16,
    score,
    mix_f32,
    mix_f16,
    score_woven,
    mix_woven,
    unweave,
    merge,
    fit_scales,
    fit_affine,
    fit_errors,
    read,
    fma_rounds,
    round_operations: FMA_ROUND_OPERATIONS,
    training: training::KERNELS,
};

#[target_feature(enable = "avx2,fma,f16c")]
fn matmul_f32(task: &mut MatmulTask<'_, Chunk<f32>, Chunk<f32>>) {
    matmul::matmul::<_, _, 3, 2, 4>(Avx2(()), Widened::<F32>::new(), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn matmul_f16(task: &mut MatmulTask<'_, Chunk<f32>, Chunk<u16>>) {
    matmul::matmul::<_, _, 3, 2, 4>(Avx2(()), Widened::<F16>::new(), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn matmul_bf16(task: &mut MatmulTask<'_, Chunk<f32>, Chunk<u16>>) {
    matmul::matmul::<_, _, 3, 2, 4>(Avx2(()), Widened::<Bf16>::new(), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn matmul_panels(task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    panel::matmul::<_, 2, 8>(Avx2(()), task, scratch);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn quantize_row(x: &[f32], words: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    panel::quantize_row(Avx2(()), x, words, scales, sums);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn widen_f16(from: &[u16], to: &mut [f32]) {
    elementwise::widen_f16(Avx2(()), from, to);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn widen_bf16(from: &[u16], to: &mut [f32]) {
    elementwise::widen_bf16(from, to);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn narrow_f16(from: &[f32], to: &mut [u16]) {
    elementwise::narrow_f16(Avx2(()), from, to);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn narrow_bf16(from: &[f32], to: &mut [u16]) {
    elementwise::narrow_bf16(from, to);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn round_bf16(from: &[f32], to: &mut [f32]) {
    elementwise::round_bf16(from, to);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    elementwise::rms_norm(Avx2(()), x, weight, eps, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn add(x: &mut [f32], y: &[f32]) {
    elementwise::add(x, y);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) {
    elementwise::swiglu(Avx2(()), gate, up, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn rope(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    elementwise::rope(head, cos, sin);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn ask(run: &[u8]) {
    elementwise::ask(Avx2(()), run);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn turn_f32(keys: &[Chunk<f32>], out: &mut [Chunk<f32>]) {
    attention::turn::<_, F32>(Avx2(()), keys, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn turn_f16(keys: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    attention::turn::<_, F16>(Avx2(()), keys, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn score(task: &mut ScoreTask<'_, f32, Chunk<f32>>) {
    attention::score::<_, _, 6, 1>(Avx2(()), Widened::<F32>::new(), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn mix_f32(task: &mut MixTask<'_, f32, Chunk<f32>>) {
    attention::mix::<_, _, 6, 1>(Avx2(()), Widened::<F32>::new(), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn mix_f16(task: &mut MixTask<'_, f32, Chunk<u16>>) {
    attention::mix::<_, _, 6, 1>(Avx2(()), Widened::<F16>::new(), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn score_woven(task: &mut ScoreTask<'_, [f32; 2], Pairs>) {
    attention::score::<_, _, 6, 1>(Avx2(()), Woven, task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn mix_woven(task: &mut MixTask<'_, [f32; 2], Pairs>) {
    attention::mix::<_, _, 6, 1>(Avx2(()), Woven, task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn unweave(pairs: &[Pairs], run: usize, out: &mut [Chunk<f32>]) {
    attention::unweave(Avx2(()), pairs, run, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn merge(sums: &mut SoftmaxSums<'_>, next: &SoftmaxSums<'_>) {
    attention::merge(Avx2(()), sums, next);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn fit_scales(task: &FitTask<'_>) -> ScaleTries {
    fit::scales(Avx2(()), task)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn fit_affine(task: &FitTask<'_>, sums: &AffineSums) -> AffineTries {
    fit::affine(Avx2(()), task, sums)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn fit_errors(task: &FitTask<'_>, scale: &Chunk<f32>) -> Chunk<f32> {
    fit::errors(Avx2(()), task, scale)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn read(numbers: &[f32]) -> f32 {
    roof::read(Avx2(()), numbers)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn fma_rounds(rounds: usize) -> f32 {
    roof::fma_rounds::<_, 6>(Avx2(()), rounds)
}

/// a * 2^n in two steps, since 2^n itself need not be an f32; the first is by 0 where the result would be subnormal.
#[inline(always)]
fn scale_half(a: __m256, n: __m256) -> __m256 {
    // SAFETY: called by the lanes below only.
    unsafe {
        let n = _mm256_cvtps_epi32(n);
        let too_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(SMALLEST_EXPONENT as i32), n);
        let first = _mm256_srai_epi32::<1>(n);
        let second = _mm256_sub_epi32(n, first);
        let bias = _mm256_set1_epi32(127);
        let first = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(first, bias)));
        let second = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(second, bias)));
        let first = _mm256_andnot_ps(_mm256_castsi256_ps(too_small), first);
        _mm256_mul_ps(_mm256_mul_ps(a, first), second)
    }
}

/// Rows to columns.
#[inline(always)]
fn transpose_square(rows: [__m256; 8]) -> [__m256; 8] {
    let mut quads = rows;
    let mut columns = rows;
    // SAFETY: called by the lanes below only.
    unsafe {
        // Within four rows: quads[4 i + j] gets columns j and j + 4, one in each half.
        for i in [0, 4] {
            let (a, b, c, d) = (rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
            let (ab, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            quads[i] = _mm256_shuffle_ps::<0x44>(ab, cd);
            quads[i + 1] = _mm256_shuffle_ps::<0xee>(ab, cd);
            quads[i + 2] = _mm256_shuffle_ps::<0x44>(ab_high, cd_high);
            quads[i + 3] = _mm256_shuffle_ps::<0xee>(ab_high, cd_high);
        }
        for j in 0..4 {
            columns[j] = _mm256_permute2f128_ps::<0x20>(quads[j], quads[j + 4]);
            columns[j + 4] = _mm256_permute2f128_ps::<0x31>(quads[j], quads[j + 4]);
        }
    }
    columns
}

// SAFETY (of every block below): an `Avx2` exists only inside functions that enable the instructions, which run only
// where `available` found them; loads and stores take references to as many numbers as they touch.
impl Lanes for Avx2 {
    type F = [__m256; 2];

    #[inline(always)]
    fn splat(self, value: f32) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_set1_ps(value); 2] }
    }

    #[inline(always)]
    fn load(self, from: &Chunk<f32>) -> Self::F {
        let from = from.as_ptr();
        // SAFETY: as above.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }

    #[inline(always)]
    fn load_f16(self, from: &Chunk<u16>) -> Self::F {
        let from: *const __m128i = from.as_ptr().cast();
        // SAFETY: as above.
        unsafe { [_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from.add(1)))] }
    }

    #[inline(always)]
    fn load_bf16(self, from: &Chunk<u16>) -> Self::F {
        let from: *const __m128i = from.as_ptr().cast();
        // SAFETY: as above.
        unsafe {
            let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(from));
            let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(1)));
            [_mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)), _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high))]
        }
    }

    #[inline(always)]
    fn load_pairs(self, from: &Pairs) -> [Self::F; 2] {
        let from: *const __m256i = from.as_ptr().cast();
        // SAFETY: as above.
        unsafe {
            let (low, high) = (_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1)));
            let upper = _mm256_set1_epi32(-0x1_0000);
            let first = [_mm256_slli_epi32::<16>(low), _mm256_slli_epi32::<16>(high)];
            let second = [_mm256_and_si256(low, upper), _mm256_and_si256(high, upper)];
            [
                [_mm256_castsi256_ps(first[0]), _mm256_castsi256_ps(first[1])],
                [_mm256_castsi256_ps(second[0]), _mm256_castsi256_ps(second[1])],
            ]
        }
    }

    #[inline(always)]
    fn store(self, value: Self::F, to: &mut Chunk<f32>) {
        let to = to.as_mut_ptr();
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_ps(to, value[0]);
            _mm256_storeu_ps(to.add(8), value[1]);
        }
    }

    #[inline(always)]
    fn store_f16(self, value: Self::F, to: &mut Chunk<u16>) {
        let to: *mut __m128i = to.as_mut_ptr().cast();
        // SAFETY: as above.
        unsafe {
            _mm_storeu_si128(to, _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value[0]));
            _mm_storeu_si128(to.add(1), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value[1]));
        }
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn round(self, a: Self::F) -> Self::F {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: as above.
        unsafe { [_mm256_round_ps::<NEAREST>(a[0]), _mm256_round_ps::<NEAREST>(a[1])] }
    }

    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        [scale_half(a[0], n[0]), scale_half(a[1], n[1])]
    }

    #[inline(always)]
    fn sum4(self, a: [Self::F; 4]) -> [f32; 4] {
        let mut out = [0.0; 4];
        // SAFETY: as above.
        unsafe {
            // 16 lanes to 8 within each vector, then vectors share a register while lanes fold.
            let e = [
                _mm256_add_ps(a[0][0], a[0][1]),
                _mm256_add_ps(a[1][0], a[1][1]),
                _mm256_add_ps(a[2][0], a[2][1]),
                _mm256_add_ps(a[3][0], a[3][1]),
            ];
            // 8 to 4: [a0 | a2] + [a0' | a2'] with the halves of each brought together.
            let f0 =
                _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(e[0], e[2]), _mm256_permute2f128_ps::<0x31>(e[0], e[2]));
            let f1 =
                _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(e[1], e[3]), _mm256_permute2f128_ps::<0x31>(e[1], e[3]));
            // 4 to 2: lanes 0, 1 of f0 and f1 plus lanes 2, 3.
            let g = _mm256_add_ps(_mm256_shuffle_ps::<0x44>(f0, f1), _mm256_shuffle_ps::<0xee>(f0, f1));
            // 2 to 1; lanes 0 and 2 of each half are vectors 0, 1 and 2, 3.
            let h = _mm256_add_ps(g, _mm256_movehdup_ps(g));
            let (low, high) = (_mm256_castps256_ps128(h), _mm256_extractf128_ps::<1>(h));
            _mm_storeu_ps(out.as_mut_ptr(), _mm_shuffle_ps::<0x88>(low, high));
        }
        out
    }

    #[inline(always)]
    fn transpose(self, rows: [Self::F; LANES]) -> [Self::F; LANES] {
        let mut columns = rows;
        // Four squares of eight: those off the diagonal change places.
        for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut square = [rows[0][0]; 8];
            for i in 0..8 {
                square[i] = rows[8 * from + i][to];
            }
            let square = transpose_square(square);
            for i in 0..8 {
                columns[8 * to + i][from] = square[i];
            }
        }
        columns
    }

    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        // SAFETY: as above; a prefetch of any address is harmless.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }
}

// SAFETY (of every block below): as for `Lanes`.
impl Dwords for Avx2 {
    type I = [__m256i; 2];
    const BIAS: i32 = 0;

    #[inline(always)]
    fn splat_word(self, word: i32) -> Self::I {
        // SAFETY: as above.
        unsafe { [_mm256_set1_epi32(word); 2] }
    }

    #[inline(always)]
    fn load_words(self, from: &Chunk<i32>) -> Self::I {
        // SAFETY: as above.
        unsafe { [_mm256_loadu_si256(from.as_ptr().cast()), _mm256_loadu_si256(from.as_ptr().add(8).cast())] }
    }

    #[inline(always)]
    fn store_words(self, words: Self::I, to: &mut Chunk<i32>) {
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), words[0]);
            _mm256_storeu_si256(to.as_mut_ptr().add(8).cast(), words[1]);
        }
    }

    #[inline(always)]
    fn and(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe { [_mm256_and_si256(a[0], b[0]), _mm256_and_si256(a[1], b[1])] }
    }

    #[inline(always)]
    fn or(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe { [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])] }
    }

    #[inline(always)]
    fn xor(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe { [_mm256_xor_si256(a[0], b[0]), _mm256_xor_si256(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub_bytes(self, a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe { [_mm256_sub_epi8(a[0], b[0]), _mm256_sub_epi8(a[1], b[1])] }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe {
            let bits = _mm_cvtsi32_si128(BITS as i32);
            [_mm256_srl_epi32(a[0], bits), _mm256_srl_epi32(a[1], bits)]
        }
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self, a: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe {
            let bits = _mm_cvtsi32_si128(BITS as i32);
            [_mm256_sll_epi32(a[0], bits), _mm256_sll_epi32(a[1], bits)]
        }
    }

    #[inline(always)]
    fn shift_signed<const BITS: u32>(self, a: Self::I) -> Self::I {
        // SAFETY: as above.
        unsafe {
            let bits = _mm_cvtsi32_si128(BITS as i32);
            [_mm256_sra_epi32(a[0], bits), _mm256_sra_epi32(a[1], bits)]
        }
    }

    #[inline(always)]
    fn dot<const WIDE: bool>(self, sums: Self::I, w: Self::I, x: Self::I) -> Self::I {
        let mut out = sums;
        for i in 0..2 {
            // SAFETY: as above.
            unsafe {
                // Pairs of products fit sixteen bits: |w| is at most 128 and |x| at most 127.
                let pairs = if WIDE {
                    _mm256_maddubs_epi16(_mm256_abs_epi8(w[i]), _mm256_sign_epi8(x[i], w[i]))
                } else {
                    _mm256_maddubs_epi16(w[i], x[i])
                };
                out[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
        out
    }

    #[inline(always)]
    fn words_to_f32(self, words: Self::I) -> Self::F {
        // SAFETY: as above.
        unsafe { [_mm256_cvtepi32_ps(words[0]), _mm256_cvtepi32_ps(words[1])] }
    }

    #[inline(always)]
    fn to_bytes(self, numbers: Self::F) -> [i32; 4] {
        let mut out = [0; 4];
        // SAFETY: as above.
        unsafe {
            // Packing goes quarter by quarter: 0-3, 8-11, 4-7, 12-15.
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(numbers[0]), _mm256_cvtps_epi32(numbers[1]));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(out.as_mut_ptr().cast(), bytes);
        }
        out
    }
}
