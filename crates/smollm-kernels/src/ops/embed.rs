//! Rows of the embedding table, widened.

use super::row_grain;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::matrix::Matrix;

/// Writes row `ids[i]` of `table` (V x C) to row i of `out` (N x C).
///
/// # Panics
/// If `out` is not N x C or an id is not below V.
pub fn embed(cpu: &Cpu, table: &Matrix, ids: &[u32], out: &mut [f32]) {
    let width = table.cols();
    assert_eq!(out.len(), ids.len() * width, "embed: out is not N x C");
    if let Some(id) = ids.iter().find(|id| **id as usize >= table.rows()) {
        panic!("embed: id {id} of a vocabulary of {}", table.rows());
    }
    let out = Disjoint::new(out);
    cpu.pool.run(ids.len(), row_grain(cpu, ids.len(), width), |_, rows| {
        for row in rows {
            // SAFETY: each row is one item, and each item is done once.
            let out = unsafe { out.piece(row * width, width) };
            table.row_to_f32(ids[row] as usize, out);
        }
    });
}
