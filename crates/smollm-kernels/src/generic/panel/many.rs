//! Many activation rows against panels that are expanded once.

use std::ops::Range;

use super::{Group, dot, offset, write};
use crate::dwords::Dwords;
use crate::generic::expand::{CODES, Lay, Meaning, Unpack, codes};
use crate::lanes::{Chunk, LANES};
use crate::table::PanelTask;

/// Panels that a strip meets together.
const PANELS: usize = 2;

/// Lines of `block_rows` expanded rows of `units` units.
pub(super) const fn panels_len(meaning: Meaning, units: usize, block_rows: usize) -> usize {
    block_rows.div_ceil(LANES) * units * meaning.lines()
}

/// Blocks of whole rows are expanded, then met by strips of at most M activation rows.
#[inline(always)]
pub(super) fn matmul<S: Dwords, T: Unpack, const M: usize>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    let block_len = T::UNITS * T::MEANING.lines();
    let panel_len = task.layout.blocks * block_len;
    for first in task.groups.clone().step_by(task.block_groups) {
        let groups = first..task.groups.end.min(first + task.block_groups);
        for index in groups.clone() {
            let group = Group::new(task, index);
            for block in 0..task.layout.blocks {
                let out = &mut scratch[(index - first) * panel_len + block * block_len..][..block_len];
                group.units::<S, T, _>(s, block, &mut Lay { meaning: T::MEANING, out });
            }
        }
        let mut token = task.tokens.start;
        while token < task.tokens.end {
            let left = (task.tokens.end - token).min(M);
            // eight are better off as two fours than as six and two
            token += match left {
                6.. if const { M >= 6 } && task.tokens.end - token != 8 => {
                    strip::<S, T, 6>(s, task, scratch, token, &groups)
                }
                4.. if const { M >= 4 } => strip::<S, T, 4>(s, task, scratch, token, &groups),
                2.. => strip::<S, T, 2>(s, task, scratch, token, &groups),
                _ => strip::<S, T, 1>(s, task, scratch, token, &groups),
            };
        }
    }
}

/// M activation rows against the expanded groups. Returns M.
#[inline(always)]
fn strip<S: Dwords, T: Unpack, const M: usize>(
    s: S,
    task: &PanelTask<'_>,
    expanded: &[Chunk<f32>],
    token: usize,
    groups: &Range<usize>,
) -> usize {
    let panel_len = task.units * T::MEANING.lines();
    let panel = |i: usize| &expanded[i * panel_len..][..panel_len];
    let mut i = 0;
    while i + PANELS <= groups.len() {
        let sums = meet::<S, T, M, PANELS>(s, task, token, [panel(i), panel(i + 1)]);
        for p in 0..PANELS {
            for m in 0..M {
                write(s, task, groups.start + i + p, token + m, sums[m][p]);
            }
        }
        i += PANELS;
    }
    while i < groups.len() {
        let sums = meet::<S, T, M, 1>(s, task, token, [panel(i)]);
        for m in 0..M {
            write(s, task, groups.start + i, token + m, sums[m][0]);
        }
        i += 1;
    }
    M
}

/// The products of whole rows: P panels and M activation rows, from row `first`.
#[inline(always)]
fn meet<S: Dwords, T: Unpack, const M: usize, const P: usize>(
    s: S,
    task: &PanelTask<'_>,
    first: usize,
    panels: [&[Chunk<f32>]; P],
) -> [[S::F; P]; M] {
    let (lines, parts) = (T::MEANING.lines(), T::MEANING.parts());
    let units = panels[0].len() / lines;
    let row = |i: usize| task.x.row(first + i);
    let mut rows = [row(0); M];
    for i in 1..M {
        rows[i] = row(i);
    }
    let mut panels = panels;
    for p in 0..P {
        panels[p] = &panels[p][..units * lines];
    }
    let mut sums = [[s.zero(); P]; M];
    for unit in 0..units {
        for part in 0..parts {
            let mut products = [[s.splat_word(0); P]; M];
            for i in 0..M {
                products[i] = [s.splat_word(offset::<S, T>(rows[i], unit, part)); P];
            }
            for j in part * CODES / parts..(part + 1) * CODES / parts {
                let mut w = [s.splat_word(0); P];
                for p in 0..P {
                    w[p] = s.load_words(codes(&panels[p][unit * lines + j]));
                }
                for i in 0..M {
                    let x = s.splat_word(rows[i].words[unit * CODES + j]);
                    for p in 0..P {
                        products[i][p] = dot::<S, T>(s, products[i][p], w[p], x);
                    }
                }
            }
            for i in 0..M {
                let x_scale = s.splat(rows[i].scales[unit]);
                for p in 0..P {
                    let scale = s.load(&panels[p][unit * lines + CODES + part]);
                    sums[i][p] = s.mul_add(s.words_to_f32(products[i][p]), s.mul(scale, x_scale), sums[i][p]);
                }
            }
        }
        if T::MEANING.has_minimum() {
            for i in 0..M {
                let all = rows[i].sums[2 * unit] + rows[i].sums[2 * unit + 1];
                let x_sum = s.splat(rows[i].scales[unit] * all as f32);
                for p in 0..P {
                    let minimum = s.load(&panels[p][unit * lines + CODES + 1]);
                    sums[i][p] = s.mul_add(minimum, x_sum, sums[i][p]);
                }
            }
        }
    }
    sums
}
