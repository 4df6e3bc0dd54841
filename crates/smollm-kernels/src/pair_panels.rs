//! bf16 rows as a tile unit takes them: sixteen side by side, pair by pair.
//!
//! Line i of a group of sixteen rows holds pair i of each of them, so sixteen lines are one tile and the steps of a group follow each
//! other. Rows and numbers that are not there are zero: a matrix takes as much memory as in its file where its shape is in whole
//! tiles.

use crate::aligned::{Lines, bytes_of, lines, lines_mut, vectors_of, view};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::tiles::STEP;
use crate::half;
use crate::lanes::Chunk;
use crate::ops::lay_groups;
use crate::table::{Pairs, Side, TileKernels};
use crate::tiles::ROWS;
use crate::view::View;
use std::ops::Range;
use std::sync::Arc;

/// A bf16 matrix in tiles.
#[derive(Debug)]
pub(crate) struct PairPanels {
    /// Steps of 32 numbers of a row.
    pub(crate) steps: usize,
    lines: Arc<Lines>,
    /// Which lines are its own.
    own: Range<usize>,
}

impl PairPanels {
    /// Weaves the rows of a matrix of `cols` numbers a row, which lie row after row.
    pub(crate) fn new(cpu: &Cpu, cols: usize, rows: &[u16]) -> Self {
        let steps = cols.div_ceil(STEP);
        let groups = rows.len().div_ceil(ROWS * cols);
        let mut lines = Lines::zeroed(groups * steps * ROWS);
        let out = Disjoint::new(lines.as_mut_slice());
        cpu.pool.run(groups, 1, |_, range| {
            for group in range {
                let rows = &rows[group * ROWS * cols..][..(ROWS * cols).min(rows.len() - group * ROWS * cols)];
                // SAFETY: groups do not overlap, and each is done once.
                let out = unsafe { out.piece(group * steps * ROWS, steps * ROWS) };
                weave(cpu, cols, rows, out);
            }
        });
        Self::whole(steps, lines)
    }

    fn whole(steps: usize, lines: Lines) -> Self {
        let own = 0..lines.as_slice().len();
        Self { steps, lines: Arc::new(lines), own }
    }

    /// Some groups of sixteen rows, in the same memory.
    pub(crate) fn part(&self, groups: Range<usize>) -> Self {
        let group = self.steps * ROWS;
        let own = self.own.start + groups.start * group..self.own.start + groups.end * group;
        assert!(own.end <= self.own.end, "groups {groups:?}");
        Self { steps: self.steps, lines: Arc::clone(&self.lines), own }
    }

    /// The panels of a view, rounded to nearest even, in the memory of `before` if it has a place for them.
    pub(crate) fn of(cpu: &Cpu, kernels: &TileKernels, view: View<'_>, before: Lines) -> Self {
        let (steps, groups) = (view.cols().div_ceil(STEP), view.rows().div_ceil(ROWS));
        let mut lines = before.resized(groups * steps * ROWS);
        lay_groups(cpu, kernels, view, Side::Weights, lines_mut(lines.as_mut_slice()));
        Self::whole(steps, lines)
    }

    /// The memory, to be used again if nobody else has it.
    pub(crate) fn into_lines(self) -> Lines {
        Arc::try_unwrap(self.lines).unwrap_or_default()
    }

    /// All groups of sixteen rows, sixteen lines for each step.
    pub(crate) fn lines(&self) -> &[Pairs] {
        lines(&self.lines.as_slice()[self.own.clone()])
    }

    /// Writes one row, widened to f32.
    pub(crate) fn row_to_f32(&self, row: usize, out: &mut [f32]) {
        let group = &self.lines()[row / ROWS * self.steps * ROWS..][..self.steps * ROWS];
        for (pair, line) in out.chunks_mut(2).zip(group) {
            half::bf16s_to_f32s(&line[2 * (row % ROWS)..][..pair.len()], pair);
        }
    }
}

/// Up to sixteen rows to a group, which is zero before.
fn weave(cpu: &Cpu, cols: usize, rows: &[u16], group: &mut [Chunk<i32>]) {
    // Pairs can be turned as numbers are, whatever their bits.
    let whole = rows.len() == ROWS * cols && cols.is_multiple_of(STEP);
    if let Some(numbers) = view::<f32>(bytes_of(rows)).filter(|_| whole) {
        // SAFETY: `Cpu` holds only rows that are available.
        return unsafe { (cpu.kernels.turn_f32)(vectors_of(numbers), lines_mut(group)) };
    }
    for (i, row) in rows.chunks(cols).enumerate() {
        for (pair, line) in row.chunks(2).zip(lines_mut::<Pairs, _>(group)) {
            line[2 * i..][..pair.len()].copy_from_slice(pair);
        }
    }
}

#[cfg(test)]
mod tests;
