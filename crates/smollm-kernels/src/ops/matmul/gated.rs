//! The two products of a gated feed-forward layer and what is made of them, in one go.

use super::expanded::{Walk, expand, lines_of};
use super::{
    Arithmetic, Form, MANY, Product, even_item_rows, expanded_parts, matmul_rows, part_start, tiled_parts,
    walked_item_rows,
};
use crate::aligned::{Scratch, lines};
use crate::cpu::Cpu;
use crate::disjoint::Disjoint;
use crate::generic::tiles::BLOCK;
use crate::lanes::{Chunk, LANES};
use crate::matrix::Matrix;
use crate::ops::matmul::activations::Activations;
use crate::ops::swiglu;
use crate::pair_panels::PairPanels;
use crate::panels::Panels;
use crate::pool::lock;
use crate::table::{Ahead, GatedTask, Pairs, TileKernels, TileTask};
use crate::view::View;
use std::ops::Range;

/// out = silu(x gate^T) * (x up^T): [`matmul`](super::matmul) and [`swiglu`], bit for bit; x is N x cols, out N x rows.
///
/// Where one kernel does both at once, the two products never reach memory; else they are left in their `out`.
///
/// # Panics
/// If shapes do not fit.
pub fn gated_matmul(cpu: &Cpu, x: &[f32], products: [Product<'_>; 2], out: &mut [f32]) {
    gated_by(cpu, Arithmetic::Usual, x, products, out);
}

/// [`gated_matmul`] with the products of [`matmul_expanded`](super::matmul_expanded).
///
/// # Panics
/// If shapes do not fit.
pub fn gated_matmul_expanded(cpu: &Cpu, x: &[f32], products: [Product<'_>; 2], out: &mut [f32]) {
    gated_by(cpu, Arithmetic::Expanded, x, products, out);
}

fn gated_by(cpu: &Cpu, arithmetic: Arithmetic, x: &[f32], mut products: [Product<'_>; 2], out: &mut [f32]) {
    let [gate, up] = &products;
    let (rows, cols) = (gate.weight.rows(), gate.weight.cols());
    assert!(up.weight.rows() == rows && up.weight.cols() == cols, "gated_matmul: matrices of two shapes");
    assert!(x.len().is_multiple_of(cols), "gated_matmul: x of {} is not N x {cols}", x.len());
    let n = x.len() / cols;
    assert_eq!(out.len(), n * rows, "gated_matmul: out is not {n} x {rows}");
    let tiled = |product: &Product<'_>| Form::of(cpu.kernels, arithmetic, product.weight) == Form::Tiles;
    if n < MANY || !products.iter().all(tiled) || !fused(cpu, arithmetic, x, n, &products, out) {
        matmul_rows(cpu, arithmetic, x, &mut products);
        swiglu(cpu, products[0].out, products[1].out, out);
    }
}

/// Both at once, if the row of the table can; whether it could.
fn fused(cpu: &Cpu, arithmetic: Arithmetic, x: &[f32], n: usize, products: &[Product<'_>; 2], out: &mut [f32]) -> bool {
    let [gate, up] = products.each_ref().map(|product| product.weight);
    let (Some(kernels), Some(weights)) = (&cpu.kernels.tiles, Weights::of(gate, up)) else { return false };
    let rows = gate.rows();
    let mut scratch = lock(&cpu.shared_scratch);
    let x = View::new(x, gate.cols());
    let x = Activations::new(cpu, arithmetic, x, products, &mut scratch).lines[Form::Tiles as usize];
    let out = Disjoint::new(out);
    let (parts, item_rows) = if weights.are_expanded() {
        (expanded_parts(n), even_item_rows(cpu, &products[..1]))
    } else {
        let parts = tiled_parts(cpu, n, true);
        // Two matrices share the cache.
        (parts, walked_item_rows(cpu, parts, rows, rows, 2 * Form::Tiles.steps(gate.cols())))
    };
    let items = rows.div_ceil(item_rows);
    cpu.pool.run(parts * items, 1, |thread, range| {
        for index in range {
            let (part, first) = (index / items, index % items * item_rows);
            let tokens = part_start(n, parts, BLOCK, part)..part_start(n, parts, BLOCK, part + 1);
            let groups = first / LANES..rows.min(first + item_rows).div_ceil(LANES);
            let item = Item { x, n, tokens, groups, out: &out, rows };
            weights.compute(kernels, &item, &mut lock(&cpu.scratch[thread]));
        }
    });
    true
}

/// Two matrices of one shape and one kind.
enum Weights<'a> {
    Tiles([&'a PairPanels; 2]),
    Panels([&'a Panels; 2]),
}

/// Some activation rows and some groups of weight rows.
struct Item<'a> {
    x: &'a [Chunk<f32>],
    n: usize,
    tokens: Range<usize>,
    groups: Range<usize>,
    out: &'a Disjoint<'a, f32>,
    /// Weight rows in all.
    rows: usize,
}

impl<'a> Weights<'a> {
    fn of(gate: &'a Matrix, up: &'a Matrix) -> Option<Self> {
        match (gate.panels(), up.panels()) {
            (Some(gate), Some(up)) => (gate.layout == up.layout).then_some(Self::Panels([gate, up])),
            _ => Some(Self::Tiles([gate.pair_panels()?, up.pair_panels()?])),
        }
    }

    fn are_expanded(&self) -> bool {
        matches!(self, Self::Panels(_))
    }

    fn compute(&self, kernels: &TileKernels, item: &Item<'_>, scratch: &mut Scratch) {
        match self {
            Self::Tiles([gate, up]) => {
                let task = item.task(gate.steps, gate.lines(), 0, item.groups.clone(), None);
                // SAFETY: `Cpu` holds only rows that are available; items do not overlap, and each is done once.
                unsafe { (kernels.gated)(&GatedTask { gate: task, up: up.lines() }) };
            }
            Self::Panels(matrices) => {
                let walk = Walk::gated(&matrices[0].layout);
                let (gate, up) = scratch.take(2 * walk.lines()).split_at_mut(walk.lines());
                let all = 0..walk.steps;
                for first in item.groups.clone().step_by(walk.groups) {
                    let groups = first..item.groups.end.min(first + walk.groups);
                    expand(kernels, matrices[0], &groups, &all, gate);
                    expand(kernels, matrices[1], &groups, &all, up);
                    let next = matrices.map(|panels| lines_of(panels, &all, groups.end));
                    let ahead = Ahead { lines: next.map(|(lines, _)| lines), run: next[0].1, apart: next[0].1 };
                    let task = item.task(walk.steps, lines(gate), first, groups, Some(ahead));
                    // SAFETY: as above.
                    unsafe { (kernels.gated)(&GatedTask { gate: task, up: lines(up) }) };
                }
            }
        }
    }
}

impl Item<'_> {
    /// The products of whole rows with groups of weights of which `w` has those from `first_group` on.
    fn task<'t>(
        &'t self,
        steps: usize,
        w: &'t [Pairs],
        first_group: usize,
        groups: Range<usize>,
        ahead: Option<Ahead<'t>>,
    ) -> TileTask<'t> {
        TileTask {
            x: lines(self.x),
            n: self.n,
            tokens: self.tokens.clone(),
            steps,
            piece: 0..steps,
            w,
            first_group,
            groups,
            adds: false,
            ahead,
            out: self.out,
            out_stride: self.rows,
        }
    }
}
