//! Products of small matrices in f32, outputs in lanes: each number of the first matrix meets a vector of the second, so there is nothing to fold
//! and the first may lie turned.

use crate::lanes::{LANES, Lanes};
use crate::table::{ProductTask, Reach};
use std::ops::Range;

/// The task in tiles of M rows by R vectors.
#[inline(always)]
pub(crate) fn product<S: Lanes, const M: usize, const R: usize>(s: S, task: &mut ProductTask<'_>) {
    let (rows, steps, [row_stride, stride]) = (task.rows.next_multiple_of(M), task.steps, task.strides);
    if rows == 0 {
        return;
    }
    assert!(rows * steps <= task.out.len() && task.inner * steps <= task.b.len(), "product: out or b is too short");
    let last = (rows - 1) * row_stride + task.inner.saturating_sub(1) * stride;
    assert!(last < task.a.len(), "product: a is too short");
    for row in (0..rows).step_by(M) {
        let (inner, columns) = match task.reach {
            Reach::All => (0..task.inner, steps),
            Reach::Below => (0..task.inner, steps.min((row + M).div_ceil(LANES))),
            Reach::Before => (0..task.inner.min(row + M), steps),
            Reach::After => (row.min(task.inner)..task.inner, steps),
        };
        let mut column = 0;
        while column + R <= columns {
            tile::<S, M, R>(s, task, row, column, inner.clone());
            column += R;
        }
        while column < columns {
            tile::<S, M, 1>(s, task, row, column, inner.clone());
            column += 1;
        }
        if !task.adds {
            for row in row..row + M {
                task.out[row * steps + columns..(row + 1) * steps].fill([0.0; LANES]);
            }
        }
    }
}

/// M rows from `row` by R vectors from `column`; indices were checked by [`product`].
#[inline(always)]
fn tile<S: Lanes, const M: usize, const R: usize>(
    s: S,
    task: &mut ProductTask<'_>,
    row: usize,
    column: usize,
    inner: Range<usize>,
) {
    // two chains of sums, of even and odd numbers: half as long, they lose half as much
    let mut chains = [[[s.zero(); R]; M]; 2];
    let [even, odd] = &mut chains;
    let mut k = inner.start;
    while k + 2 <= inner.end {
        add_products(s, task, [row, column, k], even);
        add_products(s, task, [row, column, k + 1], odd);
        k += 2;
    }
    if k < inner.end {
        add_products(s, task, [row, column, k], even);
    }
    for i in 0..M {
        for j in 0..R {
            let out = &mut task.out[(row + i) * task.steps + column + j];
            let mut sum = s.add(chains[0][i][j], chains[1][i][j]);
            if task.adds {
                sum = s.add(s.load(out), sum);
            }
            s.store(sum, out);
        }
    }
}

/// What number k of each of M rows adds to their sums.
#[inline(always)]
fn add_products<S: Lanes, const M: usize, const R: usize>(
    s: S,
    task: &ProductTask<'_>,
    [row, column, k]: [usize; 3],
    sums: &mut [[S::F; R]; M],
) {
    let [row_stride, stride] = task.strides;
    let mut b = [s.zero(); R];
    for j in 0..R {
        // SAFETY: `product` has seen that b has all rows up to `inner`.
        b[j] = s.load(unsafe { task.b.get_unchecked(k * task.steps + column + j) });
    }
    for i in 0..M {
        // SAFETY: `product` has seen that a has the last number of the last row.
        let a = s.splat(unsafe { *task.a.get_unchecked((row + i) * row_stride + k * stride) });
        for j in 0..R {
            sums[i][j] = s.mul_add(a, b[j], sums[i][j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch;

    /// What a reach leaves out is zero in the first matrix, or not looked at in the product.
    #[test]
    fn every_row_of_instructions_multiplies_as_a_sum_does() {
        let number = |i: usize, n: usize| ((i * 37 + n * 101) % 23) as f32 / 8.0 - 1.25;
        for row in arch::available() {
            for (rows, inner, steps, turned) in
                [(1, 1, 1, false), (9, 5, 3, true), (64, 64, 4, false), (61, 17, 2, true)]
            {
                for reach in [Reach::All, Reach::Below, Reach::Before, Reach::After] {
                    let there = |i: usize, k: usize| match reach {
                        Reach::Before => k <= i,
                        Reach::After => k >= i,
                        Reach::All | Reach::Below => true,
                    };
                    let strides = if turned { [1, 64] } else { [64, 1] };
                    let mut a = vec![0.0; 64 * 64];
                    for (i, k) in (0..64).flat_map(|i| (0..64).map(move |k| (i, k))) {
                        a[i * strides[0] + k * strides[1]] = if there(i, k) { number(i, k) } else { 0.0 };
                    }
                    let b: Vec<_> = (0..inner * steps).map(|i| std::array::from_fn(|j| number(j, i))).collect();
                    for adds in [false, true] {
                        let mut out = vec![[0.5; LANES]; 64 * steps];
                        let a = &a;
                        let mut task =
                            ProductTask { a, strides, b: &b, steps, out: &mut out, rows, inner, reach, adds };
                        // SAFETY: the row is one of this machine.
                        unsafe { (row.training.product)(&mut task) };
                        for (i, j) in (0..rows).flat_map(|i| (0..steps * LANES).map(move |j| (i, j))) {
                            let product =
                                |k: usize| a[i * strides[0] + k * strides[1]] * b[k * steps + j / LANES][j % LANES];
                            let sum = (0..inner).map(product).sum::<f32>() + if adds { 0.5 } else { 0.0 };
                            let found = out[i * steps + j / LANES][j % LANES];
                            assert!(
                                (reach == Reach::Below && j > i) || (found - sum).abs() < 1e-4,
                                "{}: {found} {sum} at {i} {j} of {rows} x {inner} x {steps}, {reach:?}",
                                row.name
                            );
                        }
                    }
                }
            }
        }
    }
}
