//! Products of activations and weights.

mod activations;
mod expanded;
mod gated;

use std::ops::Range;

use self::activations::{Activations, Form, x_stride};
pub use self::gated::{gated_matmul, gated_matmul_expanded};

use crate::aligned::{Line, Scratch, lines, vectors_of};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::expand::{Meaning, UNIT};
use crate::generic::matmul::{FEW_STRIPS, scratch_len, vectors};
use crate::generic::tiles::{BLOCK, piece_len};
use crate::generic::{pairs, panel};
use crate::lanes::{Chunk, LANES};
use crate::matrix::{Matrix, Rows};
use crate::ops::{add, row_major};
use crate::pair_panels::PairPanels;
use crate::panels::Panels;
use crate::pool::lock;
use crate::quant;
use crate::table::{ByteRows, Kernels, MatmulTask, Pairs, PanelTask, TileKernels, TileTask};
use crate::tiles::ROWS;
use crate::view::View;

/// Weight rows in an item of work at most, where they are packed: so many stay in the second-level cache.
const ITEM_ROWS: usize = 64;
/// Weight rows in an item of work at most, where a few activation rows take them as they lie: long streams are read faster.
const STREAM_ROWS: usize = 512;
/// Weight rows that are packed at a time for a few activation rows: then both fit the first-level cache.
const SMALL_BLOCK: usize = 8;
/// Weight rows of an item are a multiple of it: of every tile, and of a panel.
const ROW_GRAIN: usize = 16;
/// Panels that are expanded at a time for many activation rows.
const BLOCK_GROUPS: usize = 2;
/// Activation rows from which on the weights of an item are packed all at once.
const MANY: usize = 64;
/// Activation rows of an item at least, where they are split: the work of packing is spread over these.
const MIN_PART: usize = 48;
/// Items for each thread, so that one that is held up leaves the rest to others.
const ITEMS_PER_THREAD: usize = 8;

/// The same on a tile unit, whose blocks take two groups.
const TILED_GRAIN: usize = 2 * ROW_GRAIN;
/// Weight rows in an item where many activation rows meet weights that are not packed for tiles, on a machine with a tile unit: of these
/// the number that gives all threads the same work, the largest of several, since activations come out of farther caches for each item.
const EVEN_ITEM_ROWS: [usize; 3] = [128, 96, 64];
/// Bytes of the weights of an item on a tile unit, about: they stay in the second-level cache beside activations and outputs while all
/// activation rows of a part meet them.
const TILED_ITEM_BYTES: usize = 600 << 10;
/// Activation rows from which on each thread then has its own part of them, so that its second-level cache holds what becomes of
/// them from one operation to the next; weights are read anew for each part.
const TILED_MIN_PART: usize = 128;
/// Activation rows of a part at most: so many stay in the second-level cache from one item to the next.
const TILED_PART: usize = 256;
/// Activation rows that expanded weights meet at most: so many of a small model's stay in the second-level cache beside them.
const EXPANDED_PART: usize = 512;

/// One product of the activations given to [`matmul`].
pub struct Product<'a> {
    /// rows x cols.
    pub weight: &'a Matrix,
    /// N x rows, overwritten.
    pub out: &'a mut [f32],
}

/// out = x * weight^T for every product, all from the same x (N x cols), in one fork and join.
///
/// An output is a sum in sixteen lanes, in ascending order of k, folded by halves; f32 throughout. For bf16 weights x is
/// first rounded to bf16, to nearest even; where the row of the table multiplies pairs of bf16, the lanes are eight of pairs,
/// and subnormal numbers count as zero (`vdpbf16ps`). Of packed weights, quantised ones meet activations rounded to bytes (`generic::panel`), and bf16
/// ones are summed as a tile unit does it (`tiles`). Nothing else enters: each output row has the same bits whatever N, the number of
/// threads and the other products.
///
/// # Panics
/// If shapes do not fit.
pub fn matmul(cpu: &Cpu, x: &[f32], products: &mut [Product<'_>]) {
    matmul_rows(cpu, Arithmetic::Usual, x, products);
}

/// [`matmul`] of x as it lies or turned, that adds to what the outputs hold: on a tile unit step by step, elsewhere the finished product.
/// So dw += dy^T x, with the transpose of x as a matrix ([`Matrix::of`]).
///
/// # Panics
/// If shapes do not fit.
pub fn matmul_added(cpu: &Cpu, x: View<'_>, products: &mut [Product<'_>]) {
    let adds = |product: &Product<'_>| match Form::of(cpu.kernels, Arithmetic::Usual, product.weight) {
        Form::Tiles => x.rows() > ROWS,
        Form::Bytes => false,
        Form::Plain | Form::Rounded | Form::Pairs => true,
    };
    if products.iter().all(adds) {
        return matmul_by(cpu, Arithmetic::Usual, true, x, products);
    }
    let x = row_major(cpu, x);
    for Product { weight, out } in products {
        let mut product = vec![0.0; out.len()];
        matmul(cpu, &x, &mut [Product { weight, out: &mut product }]);
        add(cpu, out, &product);
    }
}

/// [`matmul`] in the other arithmetic that packed quantised weights have where [`Matrix::expands`] says so: weights are made numbers
/// of, these and x are rounded to bf16, to nearest even, and summed as a tile unit does it (`tiles`), as if the weights
/// had been packed as bf16. Each output row has the same bits whatever N, the number of threads and the other products. Faster than the
/// usual one for some dozens of rows of x and more. With other weights it is [`matmul`].
///
/// # Panics
/// If shapes do not fit.
pub fn matmul_expanded(cpu: &Cpu, x: &[f32], products: &mut [Product<'_>]) {
    matmul_rows(cpu, Arithmetic::Expanded, x, products);
}

/// How packed quantised weights are multiplied.
#[derive(Clone, Copy, PartialEq)]
enum Arithmetic {
    /// In bytes.
    Usual,
    /// In bf16, where there is a tile unit.
    Expanded,
}

/// Products of rows as they lie, which replace what the outputs hold.
fn matmul_rows(cpu: &Cpu, arithmetic: Arithmetic, x: &[f32], products: &mut [Product<'_>]) {
    let Some(first) = products.first() else { return };
    let cols = first.weight.cols();
    assert!(cols > 0 && x.len().is_multiple_of(cols), "matmul: x of {} is not N x {cols}", x.len());
    matmul_by(cpu, arithmetic, false, View::new(x, cols), products);
}

fn matmul_by(cpu: &Cpu, arithmetic: Arithmetic, adds: bool, x: View<'_>, products: &mut [Product<'_>]) {
    let (n, cols) = (x.rows(), x.cols());
    for product in &*products {
        let weight = product.weight;
        assert_eq!(weight.cols(), cols, "matmul: products of one x with different widths");
        assert_eq!(product.out.len(), n * weight.rows(), "matmul: out is not {n} x {}", weight.rows());
    }
    if n == 0 || products.is_empty() {
        return;
    }

    let mut scratch = lock(&cpu.shared_scratch);
    let x = Activations::new(cpu, arithmetic, x, products, &mut scratch);
    let jobs = Jobs { adds, ..Jobs::new(cpu, arithmetic, n, products, &x) };
    cpu.pool.run(jobs.items(), 1, |thread, items| {
        let mut scratch = lock(&cpu.scratch[thread]);
        items.for_each(|item| jobs.compute(cpu.kernels, item, &mut scratch));
    });
}

/// The work of one call: each product cut into items of some weight rows, and these, where they are few, into parts of the
/// activation rows.
struct Jobs<'a> {
    n: usize,
    /// Parts of the activation rows.
    parts: usize,
    /// Parts begin at multiples of it.
    token_grain: usize,
    /// Whether products are added to what the outputs hold; not those of bytes.
    adds: bool,
    products: Vec<Job<'a>>,
}

struct Job<'a> {
    /// Activation rows.
    n: usize,
    weight: &'a Matrix,
    form: Form,
    /// Vectors per row.
    steps: usize,
    x: &'a [Chunk<f32>],
    out: Disjoint<'a, f32>,
    item_rows: usize,
    items: usize,
}

impl<'a> Jobs<'a> {
    fn new(cpu: &Cpu, arithmetic: Arithmetic, n: usize, products: &'a mut [Product<'_>], x: &Activations<'a>) -> Self {
        let rows: usize = products.iter().map(|product| product.weight.rows()).sum();
        let tiled = cpu.kernels.tiles.is_some();
        let of_tiles = |p: &Product<'_>| Form::of(cpu.kernels, arithmetic, p.weight) == Form::Tiles;
        let expanded = products.iter().any(|product| of_tiles(product) && product.weight.panels().is_some());
        let walked = n >= MANY && products.iter().all(of_tiles) && !expanded;
        let tiled_parts = tiled_parts(cpu, n, walked);
        // With many activation rows large items are worth more than many, since those rows can be split too.
        let (per_thread, most) = match n {
            MANY.. => (2, ITEM_ROWS),
            1 => (ITEMS_PER_THREAD / 4, STREAM_ROWS),
            2..=ROWS if tiled => (ITEMS_PER_THREAD / 4, STREAM_ROWS),
            _ => (ITEMS_PER_THREAD, ITEM_ROWS),
        };
        let spread = (rows / (per_thread * cpu.threads())).clamp(1, most);
        let item_rows = match n {
            MANY.. if tiled => even_item_rows(cpu, products),
            _ => spread.next_multiple_of(if tiled { TILED_GRAIN } else { ROW_GRAIN }),
        };
        let products: Vec<_> = products
            .iter_mut()
            .map(|product| {
                let (weight, form) = (product.weight, Form::of(cpu.kernels, arithmetic, product.weight));
                let steps = form.steps(weight.cols());
                let item_rows = if walked {
                    walked_item_rows(cpu, tiled_parts, rows, weight.rows(), piece_len(steps, 1))
                } else {
                    item_rows
                };
                Job {
                    n,
                    weight,
                    form,
                    steps,
                    x: x.lines[form as usize],
                    out: Disjoint::new(product.out),
                    item_rows,
                    items: weight.rows().div_ceil(item_rows),
                }
            })
            .collect();
        let items: usize = products.iter().map(|job| job.items).sum();
        let parts = if expanded {
            expanded_parts(n)
        } else if tiled {
            tiled_parts
        } else {
            (ITEMS_PER_THREAD * cpu.threads()).div_ceil(items.max(1)).min(n / MIN_PART)
        };
        Self { n, parts: parts.max(1), token_grain: if tiled { BLOCK } else { 1 }, adds: false, products }
    }

    fn items(&self) -> usize {
        self.parts * self.products.iter().map(|job| job.items).sum::<usize>()
    }

    fn part_start(&self, part: usize) -> usize {
        part_start(self.n, self.parts, self.token_grain, part)
    }

    fn compute(&self, kernels: &Kernels, index: usize, scratch: &mut Scratch) {
        let items = self.items() / self.parts;
        let (mut item, part) = (index % items, index / items);
        for job in &self.products {
            if item < job.items {
                let first = item * job.item_rows;
                let rows = first..job.weight.rows().min(first + job.item_rows);
                let tokens = self.part_start(part)..self.part_start(part + 1);
                return job.compute(kernels, Item { rows, tokens, adds: self.adds }, scratch);
            }
            item -= job.items;
        }
    }
}

/// The first of `n` activation rows of a part, or how many there are.
fn part_start(n: usize, parts: usize, grain: usize, part: usize) -> usize {
    n.min(part * n.div_ceil(grain) / parts * grain)
}

/// Parts of `n` activation rows on a tile unit: one for each thread, or several where packed weights are walked.
fn tiled_parts(cpu: &Cpu, n: usize, walked: bool) -> usize {
    let parts = (n / TILED_MIN_PART).clamp(1, cpu.threads());
    if walked { parts.max(n.div_ceil(TILED_PART)) } else { parts }
}

/// Parts of `n` activation rows, for each of which weights are expanded. (Not one for each thread: each weight is to be expanded
/// by one thread alone.)
fn expanded_parts(n: usize) -> usize {
    n.div_ceil(EXPANDED_PART)
}

/// The size of items for which the thread with the most of them has the fewest weight rows.
fn even_item_rows(cpu: &Cpu, products: &[Product<'_>]) -> usize {
    let most = |item_rows: &usize| {
        let items: usize = products.iter().map(|product| product.weight.rows().div_ceil(*item_rows)).sum();
        items.div_ceil(cpu.threads()) * item_rows
    };
    EVEN_ITEM_ROWS.into_iter().min_by_key(most).expect("there are sizes")
}

/// Weight rows in an item where packed weights are walked, of `rows` in one matrix and `all_rows` in all that meet the same activations in
/// `parts`: as many, of `lines` lines each, as stay in the second-level cache, if all threads have some.
fn walked_item_rows(cpu: &Cpu, parts: usize, all_rows: usize, rows: usize, lines: usize) -> usize {
    let kept = TILED_ITEM_BYTES / (lines * size_of::<Pairs>());
    let shared = (all_rows * parts / (2 * cpu.threads())).next_multiple_of(TILED_GRAIN);
    let most = kept.min(shared).max(TILED_GRAIN);
    rows.div_ceil(rows.div_ceil(most)).next_multiple_of(TILED_GRAIN)
}

/// Some weight rows against some activation rows.
struct Item {
    rows: Range<usize>,
    tokens: Range<usize>,
    /// [`Jobs::adds`].
    adds: bool,
}

impl Job<'_> {
    fn compute(&self, kernels: &Kernels, item: Item, scratch: &mut Scratch) {
        if let Some(panels) = self.weight.panels() {
            return match &kernels.tiles {
                Some(tiles) if self.is_expanded() => self.compute_expanded(tiles, &item, panels, scratch),
                _ => self.compute_panels(kernels, &item, panels, scratch),
            };
        }
        if let Some(panels) = self.weight.pair_panels() {
            return match &kernels.tiles {
                Some(tiles) => self.compute_tiles(tiles, item, panels),
                None => self.compute_unpacked(kernels, &item, panels, scratch),
            };
        }
        let (rows, cols) = (item.rows.len(), self.weight.cols());
        let packed = match item.tokens.len() {
            n if self.form == Form::Pairs => pairs::scratch_len(n, self.steps, kernels.tile_rows),
            n if n <= FEW_STRIPS * kernels.tile_rows => 0,
            _ => scratch_len(self.steps, kernels.tile_rows, self.block_rows(&item)),
        };
        let in_place = cols.is_multiple_of(LANES) && !self.weight.dtype().is_quantized();
        let padded = if in_place { 0 } else { rows * self.steps };
        let (padded, packed) = scratch.take(padded + packed).split_at_mut(padded);
        let weights = self.weight.rows_in(item.rows.start, rows);
        // SAFETY (of all calls): `Cpu` holds only rows that are available; items do not overlap, and each is done once.
        match weights {
            // SAFETY: as above.
            Rows::F32(w) if in_place => unsafe { (kernels.matmul_f32)(&mut self.task(&item, vectors_of(w), packed)) },
            // SAFETY: as above.
            Rows::F16(w) if in_place => unsafe { (kernels.matmul_f16)(&mut self.task(&item, vectors_of(w), packed)) },
            Rows::Bf16(w) if in_place => match kernels.pairs.as_ref().and_then(|pairs| pairs.matmul) {
                // SAFETY: as above.
                Some(matmul) if self.form == Form::Pairs => unsafe {
                    matmul(&mut self.task(&item, vectors_of(w), packed))
                },
                // SAFETY: as above.
                _ => unsafe { (kernels.matmul_bf16)(&mut self.task(&item, vectors_of(w), packed)) },
            },
            weights => {
                widen_rows(kernels, weights, cols, padded);
                // SAFETY: as above.
                unsafe { (kernels.matmul_f32)(&mut self.task(&item, padded, packed)) }
            }
        }
    }

    /// Whether quantised weights are multiplied as bf16.
    fn is_expanded(&self) -> bool {
        self.form == Form::Tiles && self.weight.panels().is_some()
    }

    /// Tiles against tiles.
    fn compute_tiles(&self, tiles: &TileKernels, item: Item, panels: &PairPanels) {
        let task = TileTask {
            x: lines(self.x),
            n: self.n,
            tokens: item.tokens,
            steps: panels.steps,
            piece: 0..panels.steps,
            w: panels.lines(),
            first_group: 0,
            groups: item.rows.start / LANES..item.rows.end.div_ceil(LANES),
            adds: item.adds,
            ahead: None,
            out: &self.out,
            out_stride: self.weight.rows(),
        };
        // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
        unsafe { (tiles.matmul)(&task) }
    }

    /// bf16 that were packed for another row of the table: widened, and multiplied as they would be in place.
    fn compute_unpacked(&self, kernels: &Kernels, item: &Item, panels: &PairPanels, scratch: &mut Scratch) {
        let (cols, padded_len) = (self.weight.cols(), item.rows.len() * self.steps);
        let packed_len = scratch_len(self.steps, kernels.tile_rows, self.block_rows(item));
        let (padded, packed) = scratch.take(padded_len + packed_len).split_at_mut(padded_len);
        for (row, to) in item.rows.clone().zip(padded.chunks_exact_mut(self.steps)) {
            let (to, fill) = to.as_flattened_mut().split_at_mut(cols);
            panels.row_to_f32(row, to);
            fill.fill(0.0);
        }
        // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
        unsafe { (kernels.matmul_f32)(&mut self.task(item, padded, packed)) }
    }

    /// Bytes against panels.
    fn compute_panels(&self, kernels: &Kernels, item: &Item, panels: &Panels, scratch: &mut Scratch) {
        let units = self.weight.cols() / UNIT;
        let meaning = Meaning::of(panels.layout.dtype);
        let lines_len = panel::scratch_len(meaning, item.tokens.len(), units, BLOCK_GROUPS * LANES);
        let task = PanelTask {
            x: ByteRows::new(self.x, x_stride(self.steps), units),
            tokens: item.tokens.clone(),
            layout: panels.layout,
            w: panels.lines(),
            units,
            groups: item.rows.start / LANES..item.rows.end / LANES,
            block_groups: BLOCK_GROUPS,
            out: &self.out,
            out_stride: self.weight.rows(),
        };
        // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
        unsafe { (kernels.matmul_panels)(&task, scratch.take(lines_len)) }
    }

    fn block_rows(&self, item: &Item) -> usize {
        if item.tokens.len() < MANY { SMALL_BLOCK } else { self.item_rows.min(ITEM_ROWS) }
    }

    fn task<'t, X: Line, W>(&'t self, item: &Item, w: &'t [W], scratch: &'t mut [Chunk<f32>]) -> MatmulTask<'t, X, W> {
        let x_stride = x_stride(self.steps);
        MatmulTask {
            x: lines(&self.x[item.tokens.start * x_stride..item.tokens.end * x_stride]),
            x_stride,
            w,
            steps: self.steps,
            block_rows: self.block_rows(item),
            scratch,
            adds: item.adds,
            out: &self.out,
            out_start: item.tokens.start * self.weight.rows() + item.rows.start,
            out_stride: self.weight.rows(),
        }
    }
}

/// Widens rows of `cols` numbers into rows of whole vectors, filled up with zeros.
pub(super) fn widen_rows(kernels: &Kernels, from: Rows<'_>, cols: usize, to: &mut [Chunk<f32>]) {
    let widen = |from: Rows<'_>, to: &mut [f32]| match from {
        Rows::F32(from) => to.copy_from_slice(from),
        // SAFETY: `kernels` is the row of a `Cpu`, which holds only rows that are available.
        Rows::F16(from) => unsafe { (kernels.widen_f16)(from, to) },
        // SAFETY: as above.
        Rows::Bf16(from) => unsafe { (kernels.widen_bf16)(from, to) },
        Rows::Blocks(dtype, from) => quant::dequantize(dtype, from, to),
    };
    if cols.is_multiple_of(LANES) {
        return widen(from, to.as_flattened_mut());
    }
    for (row, to) in to.chunks_exact_mut(vectors(cols)).enumerate() {
        let (to, fill) = to.as_flattened_mut().split_at_mut(cols);
        widen(from.part(row * cols..(row + 1) * cols), to);
        fill.fill(0.0);
    }
}
