//! Products with weights whose rows lie side by side (`column_panels.rs`): those of training where there is no tile unit.

use super::{Product, part_start};
use crate::column_panels::ColumnPanels;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::columns::scratch_len;
use crate::lanes::LANES;
use crate::pool::lock;
use crate::table::{ColumnTask, ColumnWeights};
use crate::view::View;

/// Groups of an item at most: a piece of them, 1 MiB, stays in the second-level cache.
const GROUPS: usize = 64;

/// Items for each thread.
const ITEMS_PER_THREAD: usize = 2;
/// Strips of rows of an item at least, where there are so many: bf16 is widened anew for each item.
const STRIPS: usize = 8;

/// The product of x with these panels.
pub(super) fn matmul(cpu: &Cpu, adds: bool, x: View<'_>, panels: &ColumnPanels, product: &mut Product<'_>) {
    let outputs = product.weight.rows();
    let (count, groups) = (x.rows(), outputs.div_ceil(LANES));
    if count == 0 || outputs == 0 {
        return;
    }
    let (grain, weights) = (cpu.kernels.training.column_rows, panels.weights());
    let wanted = ITEMS_PER_THREAD * cpu.threads();
    let row_parts = (count / (STRIPS * grain)).clamp(1, wanted);
    let group_parts = wanted.div_ceil(row_parts).max(groups.div_ceil(GROUPS)).min(groups);
    let out = Disjoint::new(&mut *product.out);
    cpu.pool.run(row_parts * group_parts, 1, |thread, items| {
        let mut scratch = lock(&cpu.scratch[thread]);
        for item in items {
            let (part, group_part) = (item % row_parts, item / row_parts);
            let groups = group_part * groups / group_parts..(group_part + 1) * groups / group_parts;
            let scratch = scratch.take(scratch_len(groups.len(), matches!(weights, ColumnWeights::Bf16(_))));
            let task = ColumnTask {
                x: x.numbers(),
                is_turned: x.in_rows().is_none(),
                count,
                cols: x.cols(),
                rows: part_start(count, row_parts, grain, part)..part_start(count, row_parts, grain, part + 1),
                weights,
                groups,
                adds,
                out: &out,
                outputs,
            };
            // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
            unsafe { (cpu.kernels.training.matmul_columns)(&task, scratch) };
        }
    });
}
