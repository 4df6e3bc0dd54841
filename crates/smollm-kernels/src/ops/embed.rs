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

/// Adds row i of `dout` (N x C) to row `ids[i]` of `dtable` (V x C), the rows of one id in ascending order.
///
/// # Panics
/// If `dout` is not N x C, `dtable` is not whole rows, or an id is not one of them.
pub fn embed_backward(cpu: &Cpu, ids: &[u32], dout: &[f32], width: usize, dtable: &mut [f32]) {
    assert_eq!(dout.len(), ids.len() * width, "embed_backward: dout is not N x C");
    assert!(width > 0 && dtable.len().is_multiple_of(width), "embed_backward: dtable is not V x {width}");
    let rows = dtable.len() / width;
    if let Some(id) = ids.iter().find(|id| **id as usize >= rows) {
        panic!("embed_backward: id {id} of a vocabulary of {rows}");
    }
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&i| ids[i]); // stable: so the sum of a row has one order
    let runs: Vec<&[usize]> = order.chunk_by(|&a, &b| ids[a] == ids[b]).collect();
    let dtable = Disjoint::new(dtable);
    cpu.pool.run(runs.len(), row_grain(cpu, runs.len(), width), |_, range| {
        for run in &runs[range] {
            // SAFETY: each id has one run, and each run is done once.
            let row = unsafe { dtable.piece(ids[run[0]] as usize * width, width) };
            for &i in *run {
                // SAFETY: `Cpu` holds only rows that are available.
                unsafe { (cpu.kernels.add)(row, &dout[i * width..][..width]) };
            }
        }
    });
}
