//! Panels as tiles of bf16, for products that a tile unit takes as it takes those of bf16 weights (`generic::tiles`).

use super::Group;
use crate::dtype::Dtype;
use crate::dwords::Dwords;
use crate::generic::expand::{LayTiles, Q4_0, Q4K, Q5_0, Q6K, Q8_0, Unpack};
use crate::table::{ExpandTask, Pairs};
use crate::tiles::ROWS;

/// Writes the tiles of a task: for each group its units, one after the other.
#[inline(always)]
pub(crate) fn expand<S: Dwords>(s: S, task: &ExpandTask<'_>, out: &mut [Pairs]) {
    match task.layout.dtype {
        Dtype::Q8_0 => expand_of::<S, Q8_0>(s, task, out),
        Dtype::Q4_0 => expand_of::<S, Q4_0>(s, task, out),
        Dtype::Q5_0 => expand_of::<S, Q5_0>(s, task, out),
        Dtype::Q4_K => expand_of::<S, Q4K>(s, task, out),
        Dtype::Q6_K => expand_of::<S, Q6K>(s, task, out),
        dtype => unreachable!("{dtype} has no panels"),
    }
}

#[inline(always)]
fn expand_of<S: Dwords, T: Unpack>(s: S, task: &ExpandTask<'_>, out: &mut [Pairs]) {
    let (block_len, units) = (T::UNITS * ROWS, &task.units);
    debug_assert!(units.start.is_multiple_of(T::UNITS) && units.end.is_multiple_of(T::UNITS));
    let mut at = 0;
    for index in task.groups.clone() {
        let group = Group::of(&task.layout, task.w, index);
        for block in units.start / T::UNITS..units.end / T::UNITS {
            let out = &mut out[at..][..block_len];
            group.units::<S, T, _>(s, block, &mut LayTiles { meaning: T::MEANING, out });
            at += block_len;
        }
    }
}
