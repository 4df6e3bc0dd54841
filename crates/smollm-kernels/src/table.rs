//! The table of kernels: one row of function pointers per instruction set.
//!
//! An entry works on a row of numbers, a tile or a panel, never on one element, and takes care of its own tails. Every
//! entry may be called only where its row was found to be available; that is the one obligation on callers (`ops`).

use std::ops::Range;

use crate::aligned::lines;
use crate::disjoint::Disjoint;
use crate::lanes::{Chunk, LANES};
use crate::panels::Layout;
use crate::quant::Grid;

pub(crate) struct Kernels {
    /// What `SMOLLM_ISA` calls the row.
    pub(crate) name: &'static str,
    /// Activation rows that one tile of `matmul_*` takes; up to here weights are read in place, whatever their type.
    pub(crate) tile_rows: usize,
    pub(crate) matmul_f32: unsafe fn(&mut MatmulTask<'_, Chunk<f32>, Chunk<f32>>),
    pub(crate) matmul_f16: unsafe fn(&mut MatmulTask<'_, Chunk<f32>, Chunk<u16>>),
    /// Activations rounded to bf16 and widened again, against bf16.
    pub(crate) matmul_bf16: unsafe fn(&mut MatmulTask<'_, Chunk<f32>, Chunk<u16>>),
    /// What replaces attention to woven bf16, and products with bf16 in place, where rows of numbers are whole vectors of pairs.
    pub(crate) pairs: Option<PairKernels>,
    /// What products with packed bf16 weights are made of, where there is a tile unit.
    pub(crate) tiles: Option<TileKernels>,
    /// Quantised weights in panels; the second argument is `generic::panel::scratch_len` lines of scratch memory.
    pub(crate) matmul_panels: unsafe fn(&PanelTask<'_>, &mut [Chunk<f32>]),
    /// One row of activations to bytes: x, words, scales, sums (`generic::panel::quantize_row`).
    pub(crate) quantize_row: QuantizeRow,
    /// Widens f16 patterns.
    pub(crate) widen_f16: unsafe fn(&[u16], &mut [f32]),
    /// Widens bf16 patterns.
    pub(crate) widen_bf16: unsafe fn(&[u16], &mut [f32]),
    /// Rounds to f16 patterns, ties to even.
    pub(crate) narrow_f16: unsafe fn(&[f32], &mut [u16]),
    /// Rounds to bf16 patterns, ties to even.
    pub(crate) narrow_bf16: unsafe fn(&[f32], &mut [u16]),
    /// Copies, each value rounded to the nearest bf16 and widened again.
    pub(crate) round_bf16: unsafe fn(&[f32], &mut [f32]),
    /// One row: x, weight, eps, out.
    pub(crate) rms_norm: unsafe fn(&[f32], &[f32], f32, &mut [f32]),
    /// x += y
    pub(crate) add: unsafe fn(&mut [f32], &[f32]),
    /// gate, up, out = silu(gate) * up
    pub(crate) swiglu: unsafe fn(&[f32], &[f32], &mut [f32]),
    /// One head in place, with the cosines and sines of its position.
    pub(crate) rope: unsafe fn(&mut [f32], &[f32], &[f32]),
    /// Asks for the cache lines of a run of memory, which will be read soon.
    pub(crate) ask: unsafe fn(&[u8]),
    /// Sixteen keys, f32, turned: vector d of the output gets number d of each.
    pub(crate) turn_f32: unsafe fn(&[Chunk<f32>], &mut [Chunk<f32>]),
    /// The same for f16, widened.
    pub(crate) turn_f16: unsafe fn(&[Chunk<u16>], &mut [Chunk<f32>]),
    /// Some rows against one partition of keys, up to the weights of the values.
    pub(crate) score: unsafe fn(&mut ScoreTask<'_, f32, Chunk<f32>>),
    /// The weighted values, f32, of some rows and one partition.
    pub(crate) mix_f32: unsafe fn(&mut MixTask<'_, f32, Chunk<f32>>),
    /// The same for f16.
    pub(crate) mix_f16: unsafe fn(&mut MixTask<'_, f32, Chunk<u16>>),
    /// `score` of woven bf16, widened, and pairs of f32.
    pub(crate) score_woven: unsafe fn(&mut ScoreTask<'_, [f32; 2], Pairs>),
    /// The same of `mix_f32`.
    pub(crate) mix_woven: unsafe fn(&mut MixTask<'_, [f32; 2], Pairs>),
    /// Woven bf16 taken apart and widened: of so many vectors of pairs at a time the first numbers, then the second ones.
    pub(crate) unweave: unsafe fn(&[Pairs], usize, &mut [Chunk<f32>]),
    /// Folds the attention over one partition into that over the earlier ones.
    pub(crate) merge: unsafe fn(&mut SoftmaxSums<'_>, &SoftmaxSums<'_>),
    /// Sixteen ways to scale numbers to a grid, each solved for the numbers it leads to.
    pub(crate) fit_scales: unsafe fn(&FitTask<'_>) -> ScaleTries,
    /// The same for whole numbers with a minimum, whose shifts are minimums.
    pub(crate) fit_affine: unsafe fn(&FitTask<'_>, &AffineSums) -> AffineTries,
    /// How good sixteen ways are as they stand: errors for given scales.
    pub(crate) fit_errors: unsafe fn(&FitTask<'_>, &Chunk<f32>) -> Chunk<f32>,
    /// The sum of all numbers, read as fast as the row can (for `roof`).
    pub(crate) read: unsafe fn(&[f32]) -> f32,
    /// Some `rounds` of the fastest independent multiply-adds with sums in f32 (for `roof`).
    pub(crate) fma_rounds: unsafe fn(usize) -> f32,
    /// Operations of a round, a multiply-add being two.
    pub(crate) round_operations: usize,
    pub(crate) training: TrainingKernels,
}

/// Kernels that only training needs.
pub(crate) struct TrainingKernels {
    /// One row: the gradient of its output; those of the row and of the weight, to which theirs are added.
    pub(crate) rms_norm_backward: unsafe fn(&NormRow<'_>, &[f32], &mut [f32], &mut [f32]),
    /// gate, up, gradient of the output; gradients of gate and up.
    pub(crate) swiglu_backward: unsafe fn([&[f32]; 3], [&mut [f32]; 2]),
    /// The largest number of a row, NaN passed over.
    pub(crate) max: unsafe fn(&[f32]) -> f32,
    /// Replaces x by exp(x - max) and returns the sum of these.
    pub(crate) exp_minus: unsafe fn(&mut [f32], f32) -> f32,
    /// The sum of exp(x - max), bit for bit that of `exp_minus`.
    pub(crate) sum_exp: unsafe fn(&[f32], f32) -> f32,
    /// x *= factor
    pub(crate) multiply: unsafe fn(&mut [f32], f32),
    /// The sum of a b, in sixteen lanes.
    pub(crate) dot: unsafe fn(&[f32], &[f32]) -> f32,
    /// Some columns of rows of so many numbers (the second argument) become rows that are as far apart as the last argument says.
    pub(crate) transpose: unsafe fn(&[f32], usize, Range<usize>, &mut [f32], usize),
    /// Products of small matrices (`generic::product`).
    pub(crate) product: unsafe fn(&mut ProductTask<'_>),
    /// One step of the optimiser.
    pub(crate) adamw: unsafe fn(&mut AdamwTask<'_>),
}

/// A product of small matrices in f32: `out` (rows x 16 steps) becomes, or gains, a (rows x inner) b (inner x 16 steps).
pub(crate) struct ProductTask<'a> {
    /// Number k of row i stands at `strides[0]` i + `strides[1]` k.
    pub(crate) a: &'a [f32],
    pub(crate) strides: [usize; 2],
    pub(crate) b: &'a [Chunk<f32>],
    /// Vectors of a row of `b` and `out`.
    pub(crate) steps: usize,
    pub(crate) out: &'a mut [Chunk<f32>],
    /// A kernel may compute rows up to the next multiple of a power of two beyond these; all of them are there.
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) reach: Reach,
    /// Whether it is added to what is there.
    pub(crate) adds: bool,
}

/// What of a product is wanted, or is not zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    All,
    /// Of each row of `out` the numbers up to its own: others are zero, or whatever comes of them.
    Below,
    /// Of each row of `a` the numbers up to its own: the others are zero.
    Before,
    /// Of each row of `a` the numbers from its own on: the others are zero.
    After,
}

/// What a row was normalised with.
#[derive(Clone, Copy)]
pub(crate) struct NormRow<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) eps: f32,
}

/// Some weights with their gradient and their moments, and what is done to them.
pub(crate) struct AdamwTask<'a> {
    pub(crate) weights: &'a mut [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
    pub(crate) gradient: &'a [f32],
    pub(crate) by: AdamwFactors,
}

/// `gradient_scale` g is what counts as the gradient.
#[derive(Clone, Copy)]
pub(crate) struct AdamwFactors {
    pub(crate) gradient_scale: f32,
    /// 1 - beta1
    pub(crate) first_rate: f32,
    /// beta2
    pub(crate) second_keep: f32,
    /// 1 - beta2
    pub(crate) second_rate: f32,
    /// 1 - lr * decay
    pub(crate) weight_keep: f32,
    /// lr / (1 - beta1^t)
    pub(crate) step_size: f32,
    /// sqrt(1 - beta2^t)
    pub(crate) root_correction: f32,
    pub(crate) eps: f32,
}

/// Kernels made of instructions that multiply pairs of bf16 and add both products to an f32; subnormal numbers count as zero.
pub(crate) struct PairKernels {
    /// Activations of bf16 against bf16, if that is better than widening them; what is computed stands at `generic::pairs`.
    pub(crate) matmul: Option<unsafe fn(&mut MatmulTask<'_, Pairs, Pairs>)>,
    /// Rounds to bf16 patterns, ties to even.
    pub(crate) narrow: unsafe fn(&[f32], &mut [u16]),
    /// `Kernels::score` of pairs of numbers.
    pub(crate) score: unsafe fn(&mut ScoreTask<'_, i32, Pairs>),
    /// `Kernels::mix_f32` of pairs of keys, weights rounded to bf16.
    pub(crate) mix: unsafe fn(&mut MixTask<'_, i32, Pairs>),
    /// Whether these want keys that start on cache lines, and values in one run that does so too, filled up to a multiple of
    /// `generic::tile_attention::STEP_KEYS` keys with zeros.
    pub(crate) gathered: bool,
}

/// Kernels of a tile unit.
pub(crate) struct TileKernels {
    pub(crate) matmul: unsafe fn(&TileTask<'_>),
    /// For more than sixteen activation rows.
    pub(crate) gated: unsafe fn(&GatedTask<'_>),
    /// Up to sixteen rows of activations of some width to a strip of tiles, step by step (`generic::lay::lay`).
    pub(crate) lay: unsafe fn(&[f32], usize, &mut [Pairs]),
    /// Up to sixteen rows of weights of some width to a group of tiles (`generic::lay::weave`).
    pub(crate) weave: unsafe fn(&[f32], usize, &mut [Chunk<f32>]),
    /// Operands of the transpose of rows of numbers (`generic::lay::lay_turned`).
    pub(crate) lay_turned: unsafe fn(&TurnedTask<'_>),
    /// A block of a head in the form of an operand (`generic::causal_tiles::lay_block`).
    pub(crate) lay_block: LayBlock,
    /// Attention of a block of queries to the blocks that it sees (`generic::causal_tiles::forward`).
    pub(crate) attend: unsafe fn(&mut AttendTask<'_>),
    /// The way back (`generic::causal_tiles::backward`).
    pub(crate) attend_backward: unsafe fn(&mut AttendBackwardTask<'_>),
    /// Panels to tiles of weights, sixteen lines for each unit of each group (`generic::panel::expand`).
    pub(crate) expand: unsafe fn(&ExpandTask<'_>, &mut [Pairs]),
}

/// Some rows of numbers whose columns are to be the rows of an operand.
pub(crate) struct TurnedTask<'a> {
    /// Whole rows.
    pub(crate) numbers: &'a [f32],
    /// Numbers of a row.
    pub(crate) width: usize,
    /// Which steps of 32 rows.
    pub(crate) steps: Range<usize>,
    pub(crate) side: Side,
    /// Where the tiles of all steps go. Nobody else may use those of these steps while the task runs.
    pub(crate) out: &'a Disjoint<'a, Chunk<f32>>,
}

/// Which operand of a product on tiles.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    /// Strips of sixteen rows: a line has 32 numbers of a row.
    Activations,
    /// Groups of sixteen rows: a line has a pair of numbers of each.
    Weights,
}

/// What becomes of a block of 64 tokens of a head (a row of 32 * steps numbers each): strips or groups of tiles, step by step, in
/// parts (`generic::causal_tiles::PARTS`).
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum BlockForm {
    /// Activations: a row for each token.
    Rows,
    /// Weights: a row for each token.
    WovenRows,
    /// Activations: a row for each of the numbers.
    Columns,
    /// Weights: a row for each of the numbers.
    WovenColumns,
}

/// Forms of a block of keys of one head.
#[derive(Clone, Copy)]
pub(crate) struct KeyTiles<'a> {
    /// Keys as `BlockForm::Rows`.
    pub(crate) k: &'a [Pairs],
    /// Keys as `BlockForm::Columns`; the way back alone wants them.
    pub(crate) k_columns: &'a [Pairs],
    /// Values as `BlockForm::Columns` for the way there, as `BlockForm::Rows` for the way back.
    pub(crate) v: &'a [Pairs],
}

/// A block of 64 queries and the blocks of 64 keys that it sees, the last of which is its own.
pub(crate) struct AttendTask<'a> {
    pub(crate) keys: &'a [KeyTiles<'a>],
    /// Queries, scaled, as `BlockForm::WovenRows`.
    pub(crate) q: &'a [Pairs],
    /// Scratch: a square of scores (a row of four vectors for each key) for each block of keys.
    pub(crate) scores: &'a mut [Chunk<f32>],
    /// Scratch: the weights of a block, `generic::causal_tiles::SQUARE_TILES` lines.
    pub(crate) weights: &'a mut [Pairs],
    /// Scratch: a row of four vectors for each number of a head.
    pub(crate) mixed: &'a mut [Chunk<f32>],
    /// Out: a row for each query.
    pub(crate) out: &'a mut [Chunk<f32>],
    /// Out: the logarithm of the denominator of each query.
    pub(crate) log_sums: &'a mut [f32; 64],
}

/// The way back of a block of 64 queries.
pub(crate) struct AttendBackwardTask<'a> {
    pub(crate) keys: &'a [KeyTiles<'a>],
    /// Queries, scaled, and the gradients of their outputs as `BlockForm::WovenRows`.
    pub(crate) q: &'a [Pairs],
    pub(crate) dout: &'a [Pairs],
    /// The same as `BlockForm::WovenColumns`.
    pub(crate) q_columns: &'a [Pairs],
    pub(crate) dout_columns: &'a [Pairs],
    /// The logarithm of the denominator of each query.
    pub(crate) log_sums: &'a [f32; 64],
    /// Scratch: two squares for each block of keys.
    pub(crate) squares: &'a mut [Chunk<f32>],
    /// Scratch: three times `generic::causal_tiles::SQUARE_TILES` lines.
    pub(crate) tiles: &'a mut [Pairs],
    /// Scratch: a row of four vectors for each number of a head.
    pub(crate) mixed: &'a mut [Chunk<f32>],
    /// Added to, for each block of keys: the gradients of its keys, a row for each, and those of its values.
    pub(crate) shares: &'a mut [Chunk<f32>],
    /// Out: gradients of the scaled queries, a row for each.
    pub(crate) dq: &'a mut [Chunk<f32>],
}

/// Rows of a block, what they become, and where.
pub(crate) type LayBlock = unsafe fn(&[Chunk<f32>], BlockForm, &mut [Chunk<f32>]);

/// x, words, scales, sums of one row.
pub(crate) type QuantizeRow = unsafe fn(&[f32], &mut [i32], &mut [f32], &mut [i32]);

/// Vectors of sixteen multiply-adds in a round of `fma_rounds` where these are made of vectors.
pub(crate) const FMAS_PER_ROUND: usize = 192;
/// `Kernels::round_operations` then.
pub(crate) const FMA_ROUND_OPERATIONS: usize = 2 * LANES * FMAS_PER_ROUND;

/// Sixteen pairs of bf16 patterns.
pub(crate) type Pairs = [u16; 2 * LANES];

/// `out[i][r] = sum over k of x[i][k] * w[r][k]` for a block of activation rows and weight rows.
///
/// The sum is taken in sixteen lanes, lane l holding the terms with k = l mod 16 in ascending order, then folded by halves.
/// That is the whole arithmetic; which rows are computed together never enters.
pub(crate) struct MatmulTask<'a, X, W> {
    /// Activation rows, each `steps` vectors, padded with zeros.
    pub(crate) x: &'a [X],
    /// Vectors from one activation row to the next.
    pub(crate) x_stride: usize,
    /// Weight rows, each `steps` vectors.
    pub(crate) w: &'a [W],
    /// Vectors per row, at least 1.
    pub(crate) steps: usize,
    /// Weight rows that are packed at a time where there are more than `tile_rows` activation rows, a multiple of 8.
    pub(crate) block_rows: usize,
    /// Room for them, `generic::matmul::scratch_len` vectors; may be empty for fewer activation rows.
    pub(crate) scratch: &'a mut [Chunk<f32>],
    /// Whether products are added to what the outputs hold.
    pub(crate) adds: bool,
    /// Where the outputs go. Nobody else may use the elements of this task while it runs.
    pub(crate) out: &'a Disjoint<'a, f32>,
    /// Element of `out` that takes row 0 of both.
    pub(crate) out_start: usize,
    /// Elements of `out` from one activation row to the next.
    pub(crate) out_stride: usize,
}

/// Some activation rows against some groups of sixteen weight rows, all of bf16 and in tiles; what is computed stands at `tiles`.
pub(crate) struct TileTask<'a> {
    /// All activation rows of the call, in strips of tiles (`generic::lay`).
    pub(crate) x: &'a [Pairs],
    /// How many they are.
    pub(crate) n: usize,
    /// The activation rows of this task: from a multiple of `generic::tiles::BLOCK` to another, or to the end.
    pub(crate) tokens: Range<usize>,
    /// Steps of 32 numbers of a row of activations.
    pub(crate) steps: usize,
    /// The steps of this task, at least one; unless they are the first, products are added to what the outputs hold. With up to
    /// sixteen activation rows they are all.
    pub(crate) piece: Range<usize>,
    /// Groups of weights, of these steps.
    pub(crate) w: &'a [Pairs],
    /// The group that `w` begins with.
    pub(crate) first_group: usize,
    /// The groups of this task, at least one.
    pub(crate) groups: Range<usize>,
    /// Whether the first piece, too, adds to what the outputs hold; with more than sixteen activation rows only.
    pub(crate) adds: bool,
    /// What comes after this task, to be asked for beside it, a turn for two groups (of gated products: for each); the weights that
    /// follow in `w` if absent.
    pub(crate) ahead: Option<Ahead<'a>>,
    /// Where the outputs go. Nobody else may use the elements of this task while it runs.
    pub(crate) out: &'a Disjoint<'a, f32>,
    /// Elements of `out` from one activation row to the next, and weight rows; the last group may have fewer than sixteen.
    pub(crate) out_stride: usize,
}

/// Lines that are asked for in turns: in turn t `run` of both, `t * apart` lines from their beginning, as far as there are any.
#[derive(Clone, Copy)]
pub(crate) struct Ahead<'a> {
    pub(crate) lines: [&'a [Chunk<i32>]; 2],
    pub(crate) run: usize,
    pub(crate) apart: usize,
}

/// Some units of some groups of quantised weights in panels.
pub(crate) struct ExpandTask<'a> {
    pub(crate) layout: Layout,
    /// The groups of the whole matrix.
    pub(crate) w: &'a [Chunk<i32>],
    pub(crate) groups: Range<usize>,
    /// Whole blocks of them.
    pub(crate) units: Range<usize>,
}

/// silu(x gate^T) * (x up^T) for some activation rows and some groups of weight rows of two matrices of one shape.
pub(crate) struct GatedTask<'a> {
    /// The products with the first matrix, whose outputs are those of the whole.
    pub(crate) gate: TileTask<'a>,
    /// The groups of the second matrix, as many and the same ones as of the first.
    pub(crate) up: &'a [Pairs],
}

/// Activations as bytes, for quantised weights: a row is its bytes, four to a word; then a scale for each unit of 32; then
/// the sums of the bytes of each half of a unit.
#[derive(Clone, Copy)]
pub(crate) struct ByteRows<'a> {
    lines: &'a [Chunk<f32>],
    /// Lines from one row to the next.
    stride: usize,
    units: usize,
}

impl<'a> ByteRows<'a> {
    /// Words of a row of some units.
    pub(crate) const fn row_words(units: usize) -> usize {
        units * (8 + 1 + 2)
    }

    pub(crate) fn new(lines: &'a [Chunk<f32>], stride: usize, units: usize) -> Self {
        Self { lines, stride, units }
    }

    /// Bytes from one row to the next.
    #[inline(always)]
    pub(crate) fn row_bytes(&self) -> usize {
        size_of_val(&self.lines[..self.stride])
    }

    /// The units of a row.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> ByteRow<'a> {
        let (line, units) = (&self.lines[row * self.stride..][..self.stride], self.units);
        let (numbers, words) = (line.as_flattened(), lines::<Chunk<i32>, _>(line).as_flattened());
        ByteRow {
            words: &words[..8 * units],
            scales: &numbers[8 * units..][..units],
            sums: &words[9 * units..][..2 * units],
        }
    }
}

impl ByteRow<'_> {
    /// Some units of it.
    #[inline(always)]
    pub(crate) fn part(&self, units: &Range<usize>) -> Self {
        Self {
            words: &self.words[8 * units.start..8 * units.end],
            scales: &self.scales[units.clone()],
            sums: &self.sums[2 * units.start..2 * units.end],
        }
    }
}

/// One row of [`ByteRows`], or some units of it.
#[derive(Clone, Copy)]
pub(crate) struct ByteRow<'a> {
    pub(crate) words: &'a [i32],
    pub(crate) scales: &'a [f32],
    pub(crate) sums: &'a [i32],
}

/// Some activation rows against some groups of sixteen weight rows in panels; what is computed stands at `generic::panel`.
pub(crate) struct PanelTask<'a> {
    /// All activation rows of the call.
    pub(crate) x: ByteRows<'a>,
    /// The activation rows of this task.
    pub(crate) tokens: Range<usize>,
    pub(crate) layout: Layout,
    /// The groups of the whole matrix.
    pub(crate) w: &'a [Chunk<i32>],
    /// Units of 32 numbers of a row.
    pub(crate) units: usize,
    /// The groups of this task.
    pub(crate) groups: Range<usize>,
    /// Groups that are expanded at a time where there are many activation rows.
    pub(crate) block_groups: usize,
    /// Where the outputs go. Nobody else may use the elements of this task while it runs.
    pub(crate) out: &'a Disjoint<'a, f32>,
    /// Elements of `out` from one activation row to the next.
    pub(crate) out_stride: usize,
}

/// What the rows of a tile (query tokens x the query heads that share a key/value head) see of one partition of keys.
#[derive(Clone, Copy)]
pub(crate) struct Sight {
    /// Keys in the partition.
    pub(crate) count: usize,
    /// Keys before the partition.
    pub(crate) hidden: usize,
    /// Keys that the first query token sees, counted from the start of the sequence.
    pub(crate) first_visible: usize,
    /// Rows per query token.
    pub(crate) group: usize,
}

/// For each row that sees the first v keys: `score[j] = sum over d, ascending, of q[d] * key[j][d]`, `max` of these,
/// `weight[j] = exp(score[j] - max)`, and `total`, the sum of the weights in sixteen lanes, folded. What is said of numbers goes
/// for pairs where these are multiplied.
pub(crate) struct ScoreTask<'a, N, B> {
    pub(crate) sight: Sight,
    /// Rows of `lanes` numbers, already scaled by 1/sqrt(D).
    pub(crate) q: &'a [N],
    /// Numbers per row.
    pub(crate) lanes: usize,
    /// The keys turned, sixteen by sixteen: vector d has number d of each.
    pub(crate) turned: &'a [&'a [B]],
    /// Out: per row, as many vectors as hold the weights of all keys; only those of visible keys are set.
    pub(crate) weights: &'a mut [Chunk<f32>],
    /// Out: the largest score of each row, -inf where it sees no key.
    pub(crate) max: &'a mut [f32],
    /// Out: the sum of the weights of each row.
    pub(crate) total: &'a mut [f32],
}

/// For each row that sees the first v keys: `mixed = sum over j < v, ascending, of weight[j] * value[j]`. Pairs are of two
/// keys, the first in an even place.
pub(crate) struct MixTask<'a, N, B> {
    pub(crate) sight: Sight,
    /// Rows of weights of the keys of the partition.
    pub(crate) weights: &'a [N],
    /// Weights, or pairs of them, from one row to the next.
    pub(crate) width: usize,
    /// The values of all keys of the partition, in order.
    pub(crate) runs: &'a [ValueRun<'a, B>],
    /// Vectors per value.
    pub(crate) steps: usize,
    /// Out: per row, `steps` vectors.
    pub(crate) mixed: &'a mut [Chunk<f32>],
}

/// Values that lie in one piece.
#[derive(Clone, Copy)]
pub(crate) struct ValueRun<'a, B> {
    /// First key, counted in the partition.
    pub(crate) from: usize,
    /// `MixTask::steps` vectors each.
    pub(crate) values: &'a [B],
}

/// The state of an online softmax over the keys seen so far, for some rows.
pub(crate) struct SoftmaxSums<'a> {
    /// The largest score of each row.
    pub(crate) max: &'a mut [f32],
    /// The sum of exp(score - max).
    pub(crate) total: &'a mut [f32],
    /// The sum of exp(score - max) * value, as many vectors per row as hold D numbers.
    pub(crate) mixed: &'a mut [Chunk<f32>],
}

/// Sixteen ways to bring numbers to a grid: lane i takes each x to g, the number of the grid that is nearest to
/// `(x + shift[i]) * inverse[i]`.
pub(crate) struct FitTask<'a> {
    pub(crate) grid: Grid,
    pub(crate) x: &'a [f32],
    /// The weight of each, as long as `x`.
    pub(crate) w: &'a [f32],
    pub(crate) shift: &'a Chunk<f32>,
    pub(crate) inverse: &'a Chunk<f32>,
}

/// Of each lane the scale for which `scale * g` comes closest, and by how much the sum of w x^2 is more than the error then.
pub(crate) struct ScaleTries {
    pub(crate) scale: Chunk<f32>,
    pub(crate) gain: Chunk<f32>,
}

/// Sums over the elements that all lanes share, and the largest minimum allowed.
pub(crate) struct AffineSums {
    pub(crate) w: f32,
    /// The sum of w x.
    pub(crate) x: f32,
    /// The sum of w x^2.
    pub(crate) xx: f32,
    pub(crate) ceiling: f32,
}

/// Of each lane the scale and minimum for which `scale * g + min` comes closest, and the error then; NaN where there are none.
pub(crate) struct AffineTries {
    pub(crate) scale: Chunk<f32>,
    pub(crate) min: Chunk<f32>,
    pub(crate) error: Chunk<f32>,
}
