//! Weights of products in training where there is no tile unit: sixteen rows side by side, number by number.
//!
//! Line k of a group holds number k of each of its sixteen rows, so groups are `cols` lines each and follow each other. Rows that are not there
//! are zero. The transpose of a matrix whose numbers lie row after row is laid by copying, without turning anything.

use crate::aligned::{Lines, halves_mut, halves_of, lines, lines_mut};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::dtype::Dtype;
use crate::half;
use crate::lanes::{Chunk, LANES};
use crate::table::ColumnWeights;
use crate::view::View;
use std::ops::Range;
use std::sync::Arc;

/// A matrix of f32 or bf16 in such groups.
#[derive(Debug)]
pub(crate) struct ColumnPanels {
    cols: usize,
    is_bf16: bool,
    lines: Arc<Lines>,
    /// Which groups are its own.
    own: Range<usize>,
}

/// Numbers of a row that are turned at a time where they are rounded, so that they stay in the first-level cache.
const TURNED: usize = 64;

impl ColumnPanels {
    /// The panels of a view, of f32 or rounded to bf16, to nearest even, in the memory of `before` if it has a place for them.
    pub(crate) fn of(cpu: &Cpu, view: View<'_>, dtype: Dtype, before: Lines) -> Self {
        let (cols, groups, is_bf16) = (view.cols(), view.rows().div_ceil(LANES), dtype == Dtype::BF16);
        let len = groups * cols;
        let mut lines = before.resized(if is_bf16 { len.div_ceil(2) } else { len });
        if is_bf16 {
            fill(cpu, view, &mut halves_mut(lines.as_mut_slice())[..len * LANES], |from, to| {
                // SAFETY: `Cpu` holds only rows that are available.
                unsafe { (cpu.kernels.narrow_bf16)(from, to) }
            });
        } else {
            let lines = lines_mut::<Chunk<f32>, _>(lines.as_mut_slice());
            fill(cpu, view, lines.as_flattened_mut(), |from, to| to.copy_from_slice(from));
        }
        Self { cols, is_bf16, lines: Arc::new(lines), own: 0..groups }
    }

    /// Some groups of sixteen rows, in the same memory.
    pub(crate) fn part(&self, groups: Range<usize>) -> Self {
        let own = self.own.start + groups.start..self.own.start + groups.end;
        assert!(own.end <= self.own.end, "groups {groups:?}");
        Self { lines: Arc::clone(&self.lines), own, ..*self }
    }

    /// The memory, to be used again if nobody else has it.
    pub(crate) fn into_lines(self) -> Lines {
        Arc::try_unwrap(self.lines).unwrap_or_default()
    }

    /// All groups.
    pub(crate) fn weights(&self) -> ColumnWeights<'_> {
        let own = self.own.start * self.cols..self.own.end * self.cols;
        if self.is_bf16 {
            ColumnWeights::Bf16(&halves_of(self.lines.as_slice()).as_chunks().0[own])
        } else {
            ColumnWeights::F32(&lines(self.lines.as_slice())[own])
        }
    }

    /// Writes one row, widened to f32.
    pub(crate) fn row_to_f32(&self, row: usize, out: &mut [f32]) {
        let (group, lane) = (row / LANES * self.cols, row % LANES);
        match self.weights() {
            ColumnWeights::F32(lines) => {
                out.iter_mut().zip(&lines[group..]).for_each(|(out, line)| *out = line[lane]);
            }
            ColumnWeights::Bf16(lines) => {
                out.iter_mut().zip(&lines[group..]).for_each(|(out, line)| *out = half::bf16_to_f32(line[lane]));
            }
        }
    }
}

/// Writes all groups, each number through `write`.
fn fill<T: Copy + Default + Send + Sync>(
    cpu: &Cpu,
    view: View<'_>,
    to: &mut [T],
    write: impl Fn(&[f32], &mut [T]) + Sync,
) {
    let (rows, cols) = (view.rows(), view.cols());
    let to = Disjoint::new(to);
    cpu.pool.run(rows.div_ceil(LANES), 1, |_, groups| {
        for group in groups {
            // SAFETY: groups do not overlap, and each is done once.
            let to = unsafe { to.piece(group * cols * LANES, cols * LANES) };
            let own = group * LANES..rows.min((group + 1) * LANES);
            if let Some(numbers) = view.in_rows() {
                turn(cpu, &numbers[own.start * cols..own.end * cols], cols, to, &write);
                continue;
            }
            for (from, to) in view.numbers().chunks_exact(rows).zip(to.as_chunks_mut::<LANES>().0) {
                let (to, rest) = to.split_at_mut(own.len());
                write(&from[own.clone()], to);
                rest.fill(T::default());
            }
        }
    });
}

/// At most sixteen rows to the lines of a group.
fn turn<T: Copy + Default>(cpu: &Cpu, rows: &[f32], cols: usize, to: &mut [T], write: &impl Fn(&[f32], &mut [T])) {
    let mut turned = [0.0; TURNED * LANES];
    for (start, to) in (0..cols).step_by(TURNED).zip(to.chunks_mut(TURNED * LANES)) {
        let turned = &mut turned[..to.len()];
        // SAFETY: `Cpu` holds only rows that are available.
        unsafe { (cpu.kernels.training.transpose)(rows, cols, start..start + to.len() / LANES, turned, LANES) };
        write(turned, to);
    }
}
