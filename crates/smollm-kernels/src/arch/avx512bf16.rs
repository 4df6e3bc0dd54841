//! AVX-512 with products of bf16 pairs: the row `avx512`, but for products with bf16 weights, keys and values.
//!
//! `vdpbf16ps` multiplies 32 numbers in the time of 16 f32 multiply-adds on AMD's cores (Zen 4: 466 against 234 GFLOP/s on two).
//! Intel's take longer for it than for the f32 multiply-adds it replaces (137 against 246 GFLOP/s), so there the row `avx512`
//! is the better one, and this one is not offered.

use std::arch::x86_64::*;

use super::avx512::{self, Avx512};
use crate::generic::attention;
use crate::generic::dot::Multiply;
use crate::generic::pairs::{self, PairProduct, Span};
use crate::half;
use crate::lanes::LANES;
use crate::table::{Kernels, MatmulTask, MixTask, PairKernels, Pairs, ScoreTask};

/// Proof that AVX-512 BF16 may be used.
#[derive(Clone, Copy)]
struct PairProducts(());

pub(super) fn available() -> bool {
    avx512::available() && is_x86_feature_detected!("avx512bf16") && is_amd()
}

/// Whether the vendor string of the processor is AMD's.
fn is_amd() -> bool {
    let leaf = __cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}

pub(super) static ROW: Kernels = Kernels {
    name: "avx512bf16",
    pairs: Some(PairKernels { matmul: Some(matmul), narrow, score, mix, gathered: false }),
    ..avx512::KERNELS
};

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")]
fn matmul(task: &mut MatmulTask<'_, Pairs, Pairs>) {
    // SAFETY: the instructions are enabled by this function.
    let lanes = unsafe { Avx512::new() };
    pairs::matmul::<_, _, 6>(lanes, PairProducts(()), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")]
fn score(task: &mut ScoreTask<'_, i32, Pairs>) {
    // SAFETY: the instructions are enabled by this function.
    attention::score::<_, _, 6, 4>(unsafe { Avx512::new() }, PairProducts(()), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")]
fn mix(task: &mut MixTask<'_, i32, Pairs>) {
    // SAFETY: the instructions are enabled by this function.
    attention::mix::<_, _, 6, 4>(unsafe { Avx512::new() }, PairProducts(()), task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")]
fn narrow(from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len());
    let (from, from_rest) = from.as_chunks::<LANES>();
    let (to, to_rest) = to.as_chunks_mut::<LANES>();
    for (from, to) in from.iter().zip(to) {
        // SAFETY: the instructions are enabled by this function; sixteen numbers are read and written.
        unsafe {
            let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from.as_ptr()));
            _mm256_storeu_si256(to.as_mut_ptr().cast(), std::mem::transmute::<__m256bh, __m256i>(rounded));
        }
    }
    half::convert(from_rest, to_rest, half::f32_to_bf16);
}

/// Lane l of step k takes numbers 32 k + 2 l and 32 k + 2 l + 1.
impl Multiply<Avx512> for PairProducts {
    type W = Pairs;
    type V = __m512bh;
    type U = __m512bh;
    type N = i32;
    const PER_LANE: usize = 2;

    #[inline(always)]
    fn load_w(self, _: Avx512, from: &Pairs) -> __m512bh {
        load(from)
    }

    #[inline(always)]
    fn load_first(self, _: Avx512, from: &Pairs) -> __m512bh {
        // SAFETY: as in `add`.
        unsafe { bf16(_mm512_and_si512(_mm512_loadu_si512(from.as_ptr().cast()), _mm512_set1_epi32(0xffff))) }
    }

    #[inline(always)]
    fn spread(self, _: Avx512, pair: i32) -> __m512bh {
        // SAFETY: as in `add`.
        unsafe { bf16(_mm512_set1_epi32(pair)) }
    }

    #[inline(always)]
    fn add(self, _: Avx512, x: __m512bh, w: __m512bh, sums: __m512) -> __m512 {
        // SAFETY: a `PairProducts` exists only inside functions that enable the instruction, which run only where `available`
        // found it.
        unsafe { _mm512_dpbf16_ps(sums, x, w) }
    }
}

impl PairProduct<Avx512> for PairProducts {
    type V = __m512bh;

    #[inline(always)]
    fn load(self, _: Avx512, from: &Pairs) -> __m512bh {
        load(from)
    }

    #[inline(always)]
    fn store(self, _: Avx512, value: __m512bh, to: &mut Pairs) {
        // SAFETY: as in `add`; 64 bytes are written.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), std::mem::transmute::<__m512bh, __m512i>(value)) }
    }

    #[inline(always)]
    fn gather(self, _: Avx512, [low, high]: [&Span; 2]) -> __m512bh {
        // SAFETY: as in `add`.
        unsafe { bf16(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(span(low)), span(high))) }
    }

    #[inline(always)]
    fn spread(self, _: Avx512, from: &Span) -> __m512bh {
        // SAFETY: as in `add`.
        unsafe { bf16(_mm512_broadcast_i64x4(span(from))) }
    }

    #[inline(always)]
    fn add(self, s: Avx512, x: __m512bh, w: __m512bh, sums: __m512) -> __m512 {
        Multiply::add(self, s, x, w, sums)
    }

    #[inline(always)]
    fn fold(self, _: Avx512, [a, b, c, d]: [__m512; 4]) -> [f32; 8] {
        let mut out = [0.0; 8];
        // SAFETY: as in `add`; eight numbers are written.
        unsafe {
            // Eight lanes to four: both halves of a, then both of b; likewise of c and d.
            let ab = _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
            let cd = _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d));
            // Four to two: those of a or b, then those of c or d, in each quarter; then to one, twice.
            let two = _mm512_add_ps(_mm512_shuffle_ps::<0x44>(ab, cd), _mm512_shuffle_ps::<0xee>(ab, cd));
            let one = _mm512_add_ps(two, _mm512_permute_ps::<0xb1>(two));
            let order = _mm512_setr_epi32(0, 8, 2, 10, 4, 12, 6, 14, 0, 0, 0, 0, 0, 0, 0, 0);
            _mm256_storeu_ps(out.as_mut_ptr(), _mm512_castps512_ps256(_mm512_permutexvar_ps(order, one)));
        }
        out
    }
}

#[inline(always)]
fn span(from: &Span) -> __m256i {
    // SAFETY: 32 bytes are read.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline(always)]
fn load(from: &Pairs) -> __m512bh {
    // SAFETY: 64 bytes are read.
    unsafe { bf16(_mm512_loadu_si512(from.as_ptr().cast())) }
}

#[inline(always)]
fn bf16(words: __m512i) -> __m512bh {
    // SAFETY: any bits are pairs of bf16.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(words) }
}
