//! Activations in the forms in which the kernels of products take them.

use super::{Arithmetic, Product};
use crate::aligned::{Scratch, floats_of_mut, lines_mut};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::generic::expand::UNIT;
use crate::generic::matmul::vectors;
use crate::generic::tiles::{STEP, activation_lines};
use crate::lanes::{Chunk, LANES};
use crate::matrix::Matrix;
use crate::ops::{lay_groups, row_grain, row_major};
use crate::table::{ByteRows, Kernels, Pairs, Side};
use crate::tiles::ROWS;
use crate::view::View;

/// What the activations of a product are: the form in which its kernel takes them.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// f32.
    Plain,
    /// f32 that are bf16 numbers.
    Rounded,
    /// Pairs of bf16.
    Pairs,
    /// Bytes with scales.
    Bytes,
    /// Tiles of bf16.
    Tiles,
}

impl Form {
    const ALL: [Self; 5] = [Self::Plain, Self::Rounded, Self::Pairs, Self::Bytes, Self::Tiles];

    pub(super) fn of(kernels: &Kernels, arithmetic: Arithmetic, weight: &Matrix) -> Self {
        let pair_products = kernels.pairs.as_ref().is_some_and(|pairs| pairs.matmul.is_some());
        match weight.dtype() {
            _ if weight.panels().is_some() && arithmetic == Arithmetic::Expanded && kernels.tiles.is_some() => {
                Self::Tiles
            }
            _ if weight.panels().is_some() => Self::Bytes,
            Dtype::BF16 if weight.pair_panels().is_some() && kernels.tiles.is_some() => Self::Tiles,
            Dtype::BF16 if weight.pair_panels().is_some() => Self::Rounded,
            Dtype::BF16 if pair_products && weight.cols().is_multiple_of(2 * LANES) => Self::Pairs,
            Dtype::BF16 => Self::Rounded,
            _ => Self::Plain,
        }
    }

    /// Lines of a row of `cols` numbers.
    pub(super) fn steps(self, cols: usize) -> usize {
        match self {
            Self::Pairs => cols / (2 * LANES),
            Self::Tiles => cols.div_ceil(STEP),
            Self::Bytes => vectors(ByteRows::row_words(cols / UNIT)),
            _ => vectors(cols),
        }
    }

    /// Lines of `n` rows of `cols` numbers.
    fn lines(self, n: usize, cols: usize) -> usize {
        match self {
            Self::Tiles => activation_lines(n, self.steps(cols)),
            _ => n * x_stride(self.steps(cols)),
        }
    }
}

/// The activations in each form that some product wants.
pub(super) struct Activations<'a> {
    pub(super) lines: [&'a [Chunk<f32>]; Form::ALL.len()],
}

impl<'a> Activations<'a> {
    pub(super) fn new(
        cpu: &Cpu,
        arithmetic: Arithmetic,
        x: View<'_>,
        products: &[Product<'_>],
        scratch: &'a mut Scratch,
    ) -> Self {
        let (n, cols) = (x.rows(), x.cols());
        let forms = || products.iter().map(|product| Form::of(cpu.kernels, arithmetic, product.weight));
        let wanted = |form: &Form| forms().any(|wanted| wanted == *form);
        let sizes = Form::ALL.map(|form| if wanted(&form) { form.lines(n, cols) } else { 0 });
        let mut rest = scratch.take(sizes.iter().sum());
        let mut lines = [&[][..]; Form::ALL.len()];
        for (form, size) in Form::ALL.into_iter().zip(sizes) {
            let (own, after) = rest.split_at_mut(size);
            rest = after;
            if size > 0 {
                match &cpu.kernels.tiles {
                    Some(tiles) if form == Form::Tiles && n >= ROWS => {
                        lay_groups(cpu, tiles, x, Side::Activations, own);
                    }
                    Some(tiles) if form == Form::Tiles => {
                        // SAFETY: `Cpu` holds only rows that are available.
                        unsafe { (tiles.lay)(&row_major(cpu, x), cols, lines_mut(own)) }
                    }
                    _ => lay_out(cpu, &row_major(cpu, x), cols, form, own),
                }
            }
            lines[form as usize] = own;
        }
        Self { lines }
    }
}

/// Vectors from one activation row to the next for rows of `steps` vectors: never a large power of two, for which many rows
/// would want the same few places of a cache.
pub(super) fn x_stride(steps: usize) -> usize {
    if steps.is_multiple_of(32) { steps + 1 } else { steps }
}

/// Writes a row through `write` and fills up with zeros.
fn padded(from: &[f32], to: &mut [Chunk<f32>], write: impl Fn(&[f32], &mut [f32])) {
    let (to, fill) = to.as_flattened_mut().split_at_mut(from.len());
    write(from, to);
    fill.fill(0.0);
}

/// Brings rows of `cols` numbers into a form, in rows of whole vectors, filled up with zeros.
fn lay_out(cpu: &Cpu, x: &[f32], cols: usize, form: Form, to: &mut [Chunk<f32>]) {
    let steps = form.steps(cols);
    let stride = x_stride(steps);
    let n = x.len() / cols;
    let to = Disjoint::new(to);
    cpu.pool.run(n, row_grain(cpu, n, cols), |_, rows| {
        for row in rows {
            let from = &x[row * cols..][..cols];
            // SAFETY: rows do not overlap, and each is done once.
            let to = unsafe { to.piece(row * stride, steps) };
            // SAFETY (of all calls): `Cpu` holds only rows that are available.
            match form {
                Form::Plain => padded(from, to, |from, to| to.copy_from_slice(from)),
                // SAFETY: as above.
                Form::Rounded => padded(from, to, |from, to| unsafe { (cpu.kernels.round_bf16)(from, to) }),
                Form::Pairs => {
                    let pairs = cpu.kernels.pairs.as_ref().expect("a form of rows with pairs");
                    // SAFETY: as above.
                    unsafe { (pairs.narrow)(from, lines_mut::<Pairs, _>(to).as_flattened_mut()) }
                }
                Form::Tiles => unreachable!("tiles are laid out strip by strip"),
                Form::Bytes => {
                    let units = cols / UNIT;
                    let (words, rest) =
                        lines_mut::<Chunk<i32>, _>(to).as_flattened_mut().split_at_mut(units * UNIT / 4);
                    let (scales, sums) = rest.split_at_mut(units);
                    // SAFETY: as above.
                    unsafe { (cpu.kernels.quantize_row)(from, words, floats_of_mut(scales), &mut sums[..2 * units]) }
                }
            }
        }
    });
}
