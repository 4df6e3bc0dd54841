//! Numbers brought into the order, or the type, of a product.

use super::{GRAIN, row_grain};
use crate::aligned::lines_mut;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::tiles::STEP;
use crate::lanes::Chunk;
use crate::table::{Side, TileKernels, TurnedTask};
use crate::tiles::ROWS;
use crate::view::View;
use std::borrow::Cow;

/// Rows of the output that one item makes.
const ITEM_ROWS: usize = 64;

/// The numbers of a view, row after row; copied where they lie otherwise.
pub(crate) fn row_major<'a>(cpu: &Cpu, view: View<'a>) -> Cow<'a, [f32]> {
    if let Some(numbers) = view.in_rows() {
        return Cow::Borrowed(numbers);
    }
    let mut out = vec![0.0; view.rows() * view.cols()];
    turn(cpu, view.numbers(), view.rows(), &mut out);
    Cow::Owned(out)
}

/// The rows of a view as operands of products on tiles: groups (or strips, whose last one is filled up) of sixteen, each step by step.
pub(crate) fn lay_groups(cpu: &Cpu, kernels: &TileKernels, view: View<'_>, side: Side, to: &mut [Chunk<f32>]) {
    let (rows, cols) = (view.rows(), view.cols());
    let group_len = cols.div_ceil(STEP) * ROWS;
    assert_eq!(to.len(), rows.div_ceil(ROWS) * group_len);
    let to = Disjoint::new(to);
    if let Some(numbers) = view.in_rows() {
        let grain = row_grain(cpu, rows, cols).div_ceil(ROWS);
        return cpu.pool.run(rows.div_ceil(ROWS), grain, |_, groups| {
            for group in groups {
                let from = &numbers[group * ROWS * cols..numbers.len().min((group + 1) * ROWS * cols)];
                // SAFETY: groups do not overlap, and each is done once.
                let to = unsafe { to.piece(group * group_len, group_len) };
                match side {
                    // SAFETY: `Cpu` holds only rows that are available.
                    Side::Weights => unsafe { (kernels.weave)(from, cols, to) },
                    // SAFETY: as above.
                    Side::Activations => unsafe { (kernels.lay)(from, cols, lines_mut(to)) },
                }
            }
        });
    }
    let steps = cols.div_ceil(STEP);
    cpu.pool.run(steps, row_grain(cpu, steps, STEP * rows), |_, steps| {
        // (Steps are of rows of the numbers: what is read lies in one run.)
        let task = TurnedTask { numbers: view.numbers(), width: rows, steps, side, out: &to };
        // SAFETY: `Cpu` holds only rows that are available; steps do not overlap, and each is done once.
        unsafe { (kernels.lay_turned)(&task) };
    });
}

/// `to` (C x N) becomes the transpose of `from` (N x C).
fn turn(cpu: &Cpu, from: &[f32], width: usize, to: &mut [f32]) {
    assert_eq!(from.len(), to.len());
    if from.is_empty() {
        return;
    }
    let count = from.len() / width;
    let to = Disjoint::new(to);
    cpu.pool.run(width.div_ceil(ITEM_ROWS), 1, |_, items| {
        for item in items {
            let columns = item * ITEM_ROWS..width.min((item + 1) * ITEM_ROWS);
            // SAFETY: rows of the output do not overlap, and each is written once.
            let to = unsafe { to.piece(columns.start * count, columns.len() * count) };
            // SAFETY: `Cpu` holds only rows that are available.
            unsafe { (cpu.kernels.training.transpose)(from, width, columns, to, count) };
        }
    });
}

/// Rounds to bf16, to nearest even.
pub(crate) fn narrow(cpu: &Cpu, from: &[f32], to: &mut [u16]) {
    assert_eq!(from.len(), to.len());
    let len = to.len();
    let to = Disjoint::new(to);
    cpu.pool.run(len.div_ceil(GRAIN), 1, |_, parts| {
        let (start, end) = (parts.start * GRAIN, len.min(parts.end * GRAIN));
        // SAFETY: parts do not overlap, and each is done once.
        let to = unsafe { to.piece(start, end - start) };
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.narrow_bf16)(&from[start..end], to) };
    });
}
