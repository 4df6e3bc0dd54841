//! Rows to columns.

use crate::lanes::{LANES, Lanes};
use std::ops::Range;

/// Some columns of `rows` (rows of `width` numbers, at most `stride` of them) become rows, `stride` numbers apart: number i of row r goes to
/// `to[(i - columns.start) * stride + r]`; sixteen by sixteen where there are so many.
#[inline(always)]
pub(crate) fn transpose<S: Lanes>(
    s: S,
    rows: &[f32],
    width: usize,
    columns: Range<usize>,
    to: &mut [f32],
    stride: usize,
) {
    let count = rows.len() / width;
    assert!(columns.end <= width && count <= stride && to.len() + stride >= columns.len() * stride + count);
    let whole_rows = count / LANES * LANES;
    let whole_end = columns.start + columns.len() / LANES * LANES;
    for r in (0..whole_rows).step_by(LANES) {
        for c in (columns.start..whole_end).step_by(LANES) {
            let mut block = [s.zero(); LANES];
            for i in 0..LANES {
                block[i] = s.load(rows[(r + i) * width + c..].first_chunk().expect("sixteen numbers"));
            }
            let turned = s.transpose(block);
            for i in 0..LANES {
                let place = (c - columns.start + i) * stride + r;
                s.store(turned[i], to[place..].first_chunk_mut().expect("sixteen numbers"));
            }
        }
    }
    for r in 0..count {
        let start = if r < whole_rows { whole_end } else { columns.start };
        for c in start..columns.end {
            to[(c - columns.start) * stride + r] = rows[r * width + c];
        }
    }
}
