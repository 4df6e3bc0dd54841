//! The two products of a gated feed-forward layer and what is made of them, in one go.

use super::{Form, MANY, Product, matmul, part_start, tiled_item_rows, tiled_parts};
use crate::aligned::lines;
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::tiles::BLOCK;
use crate::lanes::LANES;
use crate::ops::matmul::activations::Activations;
use crate::ops::swiglu;
use crate::pool::lock;
use crate::table::{GatedTask, TileTask};

/// out = silu(x gate^T) * (x up^T): [`matmul`] and [`swiglu`], bit for bit; x is N x cols, out N x rows.
///
/// Where one kernel does both at once, the two products never reach memory; else they are left in their `out`.
///
/// # Panics
/// If shapes do not fit.
pub fn gated_matmul(cpu: &Cpu, x: &[f32], mut products: [Product<'_>; 2], out: &mut [f32]) {
    let [gate, up] = &products;
    let (rows, cols) = (gate.weight.rows(), gate.weight.cols());
    assert!(up.weight.rows() == rows && up.weight.cols() == cols, "gated_matmul: matrices of two shapes");
    assert!(x.len().is_multiple_of(cols), "gated_matmul: x of {} is not N x {cols}", x.len());
    let n = x.len() / cols;
    assert_eq!(out.len(), n * rows, "gated_matmul: out is not {n} x {rows}");
    let tiled = |product: &Product<'_>| Form::of(cpu.kernels, product.weight) == Form::Tiles;
    if n < MANY || !products.iter().all(tiled) || !fused(cpu, x, n, &products, out) {
        matmul(cpu, x, &mut products);
        swiglu(cpu, products[0].out, products[1].out, out);
    }
}

/// Both at once, if the row of the table can; whether it could.
fn fused(cpu: &Cpu, x: &[f32], n: usize, products: &[Product<'_>; 2], out: &mut [f32]) -> bool {
    let [gate, up] = products.each_ref().map(|product| product.weight);
    let (Some(kernels), Some(gate_panels), Some(up_panels)) =
        (&cpu.kernels.tiles, gate.pair_panels(), up.pair_panels())
    else {
        return false;
    };
    let rows = gate.rows();
    let mut scratch = lock(&cpu.shared_scratch);
    let x = Activations::new(cpu, x, gate.cols(), products, &mut scratch).lines[Form::Tiles as usize];
    let out = Disjoint::new(out);
    let (parts, item_rows) = (tiled_parts(cpu, n), tiled_item_rows(cpu, &products[..1]));
    let items = rows.div_ceil(item_rows);
    cpu.pool.run(parts * items, 1, |_, range| {
        for index in range {
            let (part, first) = (index / items, index % items * item_rows);
            let task = TileTask {
                x: lines(x),
                n,
                tokens: part_start(n, parts, BLOCK, part)..part_start(n, parts, BLOCK, part + 1),
                w: gate_panels.lines(),
                steps: gate_panels.steps,
                groups: first / LANES..rows.min(first + item_rows).div_ceil(LANES),
                out: &out,
                out_stride: rows,
            };
            // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
            unsafe { (kernels.gated)(&GatedTask { gate: task, up: up_panels.lines() }) };
        }
    });
    true
}
