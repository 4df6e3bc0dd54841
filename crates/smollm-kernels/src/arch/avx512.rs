//! AVX-512 (F, BW, VL, DQ, VNNI): sixteen lanes are one 512-bit register.

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

/// Proof that AVX-512 F, BW, VL, DQ and VNNI may be used.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// Only inside functions that enable AVX-512 F, BW, VL, DQ and VNNI.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
}

pub(super) static ROW: Kernels = KERNELS;

/// The row, for others to build on.
pub(super) const KERNELS: Kernels = Kernels {
    name: "avx512",
    tile_rows: 6,
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn matmul_f32(task: &mut MatmulTask<'_, Chunk<f32>, Chunk<f32>>) {
    matmul::matmul::<_, _, 6, 4, 4>(Avx512(()), Widened::<F32>::new(), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn matmul_f16(task: &mut MatmulTask<'_, Chunk<f32>, Chunk<u16>>) {
    matmul::matmul::<_, _, 6, 4, 4>(Avx512(()), Widened::<F16>::new(), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn matmul_bf16(task: &mut MatmulTask<'_, Chunk<f32>, Chunk<u16>>) {
    matmul::matmul::<_, _, 6, 4, 4>(Avx512(()), Widened::<Bf16>::new(), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn matmul_panels(task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    panel::matmul::<_, 6, 16>(Avx512(()), task, scratch);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn quantize_row(x: &[f32], words: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    panel::quantize_row(Avx512(()), x, words, scales, sums);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn widen_f16(from: &[u16], to: &mut [f32]) {
    elementwise::widen_f16(Avx512(()), from, to);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn widen_bf16(from: &[u16], to: &mut [f32]) {
    elementwise::widen_bf16(from, to);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn narrow_f16(from: &[f32], to: &mut [u16]) {
    elementwise::narrow_f16(Avx512(()), from, to);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn narrow_bf16(from: &[f32], to: &mut [u16]) {
    elementwise::narrow_bf16(from, to);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn round_bf16(from: &[f32], to: &mut [f32]) {
    elementwise::round_bf16(from, to);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    elementwise::rms_norm(Avx512(()), x, weight, eps, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn add(x: &mut [f32], y: &[f32]) {
    elementwise::add(x, y);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn swiglu(gate: &[f32], up: &[f32], out: &mut [f32]) {
    elementwise::swiglu(Avx512(()), gate, up, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn rope(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    elementwise::rope(head, cos, sin);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn ask(run: &[u8]) {
    elementwise::ask(Avx512(()), run);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn turn_f32(keys: &[Chunk<f32>], out: &mut [Chunk<f32>]) {
    attention::turn::<_, F32>(Avx512(()), keys, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn turn_f16(keys: &[Chunk<u16>], out: &mut [Chunk<f32>]) {
    attention::turn::<_, F16>(Avx512(()), keys, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn score(task: &mut ScoreTask<'_, f32, Chunk<f32>>) {
    attention::score::<_, _, 6, 4>(Avx512(()), Widened::<F32>::new(), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn mix_f32(task: &mut MixTask<'_, f32, Chunk<f32>>) {
    attention::mix::<_, _, 6, 4>(Avx512(()), Widened::<F32>::new(), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn mix_f16(task: &mut MixTask<'_, f32, Chunk<u16>>) {
    attention::mix::<_, _, 6, 4>(Avx512(()), Widened::<F16>::new(), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn score_woven(task: &mut ScoreTask<'_, [f32; 2], Pairs>) {
    attention::score::<_, _, 6, 4>(Avx512(()), Woven, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn mix_woven(task: &mut MixTask<'_, [f32; 2], Pairs>) {
    attention::mix::<_, _, 6, 4>(Avx512(()), Woven, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn unweave(pairs: &[Pairs], run: usize, out: &mut [Chunk<f32>]) {
    attention::unweave(Avx512(()), pairs, run, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn merge(sums: &mut SoftmaxSums<'_>, next: &SoftmaxSums<'_>) {
    attention::merge(Avx512(()), sums, next);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn fit_scales(task: &FitTask<'_>) -> ScaleTries {
    fit::scales(Avx512(()), task)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn fit_affine(task: &FitTask<'_>, sums: &AffineSums) -> AffineTries {
    fit::affine(Avx512(()), task, sums)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn fit_errors(task: &FitTask<'_>, scale: &Chunk<f32>) -> Chunk<f32> {
    fit::errors(Avx512(()), task, scale)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn read(numbers: &[f32]) -> f32 {
    roof::read(Avx512(()), numbers)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn fma_rounds(rounds: usize) -> f32 {
    roof::fma_rounds::<_, 12>(Avx512(()), rounds)
}

/// Numbers whose upper halves are the nearest bf16, ties to even (as `half::round_to_bf16`); NaN stays as it is.
///
/// # Safety
/// Only inside functions that enable AVX-512 F.
#[inline(always)]
unsafe fn rounded_to_bf16(numbers: __m512) -> __m512i {
    // SAFETY: this function's contract.
    unsafe {
        let bits = _mm512_castps_si512(numbers);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let up = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        _mm512_mask_add_epi32(bits, _mm512_cmp_ps_mask::<_CMP_ORD_Q>(numbers, numbers), bits, up)
    }
}

// SAFETY (of every block below): an `Avx512` exists only inside functions that enable the instructions, which run only
// where `available` found them; loads and stores take references to as many numbers as they touch.
impl Lanes for Avx512 {
    type F = __m512;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn load(self, from: &Chunk<f32>) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn load_f16(self, from: &Chunk<u16>) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_bf16(self, from: &Chunk<u16>) -> __m512 {
        // SAFETY: as above.
        unsafe {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        }
    }

    #[inline(always)]
    fn load_pairs(self, from: &Pairs) -> [__m512; 2] {
        // SAFETY: as above.
        unsafe {
            let words = _mm512_loadu_si512(from.as_ptr().cast());
            let second = _mm512_and_si512(words, _mm512_set1_epi32(-0x1_0000));
            [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)), _mm512_castsi512_ps(second)]
        }
    }

    #[inline(always)]
    fn store_pairs(self, [first, second]: [__m512; 2], to: &mut Pairs) {
        // SAFETY: as above.
        unsafe {
            let low = _mm512_srli_epi32::<16>(rounded_to_bf16(first));
            let pairs = _mm512_mask_blend_epi16(0xaaaa_aaaa, low, rounded_to_bf16(second));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), pairs);
        }
    }

    #[inline(always)]
    fn store_bf16s(self, numbers: [__m512; 2], to: &mut Pairs) {
        // SAFETY: as above.
        unsafe {
            // (No closure: one that is left a call has none of these instructions.)
            let low = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded_to_bf16(numbers[0])));
            let high = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded_to_bf16(numbers[1])));
            let all = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
            _mm512_storeu_si512(to.as_mut_ptr().cast(), all);
        }
    }

    #[inline(always)]
    fn store(self, value: __m512, to: &mut Chunk<f32>) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn store_f16(self, value: __m512, to: &mut Chunk<u16>) {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm512_cvtps_ph::<NEAREST>(value)) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn scale(self, a: __m512, n: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe {
            // true for NaN, which is kept
            let enough = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(n, _mm512_set1_ps(SMALLEST_EXPONENT));
            _mm512_maskz_scalef_ps(enough, a, n)
        }
    }

    #[inline(always)]
    fn sum4(self, a: [__m512; 4]) -> [f32; 4] {
        let mut out = [0.0; 4];
        // SAFETY: as above.
        unsafe {
            // 16 lanes to 8: two vectors share a register, the first in the lower half. Which half of a vector is added
            // to which makes no difference to the sum, so one blend and one shuffle bring both halves together.
            let e0 = _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a[0], a[1]), _mm512_shuffle_f32x4::<0x4e>(a[0], a[1]));
            let e1 = _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a[2], a[3]), _mm512_shuffle_f32x4::<0x4e>(a[2], a[3]));
            // 8 to 4: one quarter of the register for each vector.
            let f = _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(e0, e1), _mm512_shuffle_f32x4::<0xdd>(e0, e1));
            // 4 to 2 to 1 within each quarter.
            let g = _mm512_add_ps(f, _mm512_permute_ps::<0x4e>(f));
            let h = _mm512_add_ps(g, _mm512_permute_ps::<0xb1>(g));
            let picked = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), h);
            _mm_storeu_ps(out.as_mut_ptr(), _mm512_castps512_ps128(picked));
        }
        out
    }

    #[inline(always)]
    fn transpose(self, rows: [__m512; LANES]) -> [__m512; LANES] {
        let mut quads = rows;
        let mut columns = rows;
        // SAFETY: as above.
        unsafe {
            // Within four rows: quads[4 i + j] gets columns j, j + 4, j + 8, j + 12, one in each quarter.
            for i in (0..LANES).step_by(4) {
                let (a, b, c, d) = (rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
                let (ab, ab_high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
                let (cd, cd_high) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
                quads[i] = _mm512_shuffle_ps::<0x44>(ab, cd);
                quads[i + 1] = _mm512_shuffle_ps::<0xee>(ab, cd);
                quads[i + 2] = _mm512_shuffle_ps::<0x44>(ab_high, cd_high);
                quads[i + 3] = _mm512_shuffle_ps::<0xee>(ab_high, cd_high);
            }
            // Then the quarters of the four sets of rows are brought together.
            for j in 0..4 {
                let (a, b, c, d) = (quads[j], quads[j + 4], quads[j + 8], quads[j + 12]);
                let (ab_even, ab_odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
                let (cd_even, cd_odd) = (_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d));
                columns[j] = _mm512_shuffle_f32x4::<0x88>(ab_even, cd_even);
                columns[j + 4] = _mm512_shuffle_f32x4::<0x88>(ab_odd, cd_odd);
                columns[j + 8] = _mm512_shuffle_f32x4::<0xdd>(ab_even, cd_even);
                columns[j + 12] = _mm512_shuffle_f32x4::<0xdd>(ab_odd, cd_odd);
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
impl Dwords for Avx512 {
    type I = __m512i;
    const BIAS: i32 = 128;

    #[inline(always)]
    fn splat_word(self, word: i32) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi32(word) }
    }

    #[inline(always)]
    fn load_words(self, from: &Chunk<i32>) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store_words(self, words: __m512i, to: &mut Chunk<i32>) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), words) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn sub_bytes(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_sub_epi8(a, b) }
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_srli_epi32::<BITS>(a) }
    }

    #[inline(always)]
    fn shift_left<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_slli_epi32::<BITS>(a) }
    }

    #[inline(always)]
    fn shift_signed<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_srai_epi32::<BITS>(a) }
    }

    #[inline(always)]
    fn dot<const WIDE: bool>(self, sums: __m512i, w: __m512i, x: __m512i) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_dpbusd_epi32(sums, w, x) }
    }

    #[inline(always)]
    fn words_to_f32(self, words: __m512i) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_cvtepi32_ps(words) }
    }

    #[inline(always)]
    fn to_bytes(self, numbers: __m512) -> [i32; 4] {
        let mut out = [0; 4];
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(numbers))) }
        out
    }
}
