//! Products of bytes: quantised activations against panels of sixteen weight rows.
//!
//! `out[i][r] = sum over the units of row r, ascending, of scale * x_scale * sum(code * x)`, the inner sum exact in integers and
//! the outer one in f32, one multiply-add for each unit (two where a unit has two scales, or a minimum). One vector of a panel
//! meets one word of an activation row, repeated, so each lane is an output and nothing is folded.
//!
//! A few activation rows take the panels a segment at a time, straight from the first-level cache: each weight is read
//! once out of memory. More of them take blocks of whole rows, expanded once and met by strip after strip of activation
//! rows. None of this changes what is computed.

use std::ops::Range;

use crate::aligned::halves_of;
use crate::dwords::Dwords;
use crate::generic::expand::{CODES, Meaning, UNIT, codes, expand, half_vectors};
use crate::lanes::{Chunk, LANES};
use crate::table::{ByteRows, PanelTask};

/// Activation rows up to which weights are met a segment at a time.
pub(crate) const FEW: usize = 8;
/// Units of a segment: a block of the largest type.
const SEGMENT: usize = 8;
/// Groups of rows that are walked side by side where activation rows are few: memory is read faster in several streams.
const STREAMS: usize = 4;
/// Bytes that the panels are asked for ahead of their use.
const AHEAD: usize = 4096;
/// Panels that a strip meets together.
const PANELS: usize = 2;

/// Lines of scratch memory that a task takes: `block_rows` expanded rows of `units` units, or a segment and the sums of
/// a few activation rows.
pub(crate) const fn scratch_len(meaning: Meaning, units: usize, block_rows: usize, few: bool) -> usize {
    if few { SEGMENT * meaning.lines() + STREAMS * FEW } else { block_rows.div_ceil(LANES) * units * meaning.lines() }
}

/// All outputs of a task; M rows of activations at most go together.
#[inline(always)]
pub(crate) fn matmul<S: Dwords, const M: usize>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    match Meaning::of(task.layout.dtype) {
        Meaning::Signed => with_kind::<S, 1, true, false, M>(s, S::BIAS, task, scratch),
        Meaning::Offset(offset) => with_kind::<S, 1, false, false, M>(s, offset, task, scratch),
        Meaning::Halves(offset) => with_kind::<S, 2, false, false, M>(s, offset, task, scratch),
        Meaning::Affine => with_kind::<S, 1, false, true, M>(s, 0, task, scratch),
    }
}

/// For units of PARTS scales, WIDE or narrow codes, with a MINIMUM or without.
#[inline(always)]
fn with_kind<S: Dwords, const PARTS: usize, const WIDE: bool, const MINIMUM: bool, const M: usize>(
    s: S,
    offset: i32,
    task: &PanelTask<'_>,
    scratch: &mut [Chunk<f32>],
) {
    let kind = Kind::<PARTS, WIDE, MINIMUM> { offset };
    if task.tokens.len() <= FEW {
        by_segment(s, kind, task, scratch);
    } else {
        by_block::<S, PARTS, WIDE, MINIMUM, M>(s, kind, task, scratch);
    }
}

#[derive(Clone, Copy)]
struct Kind<const PARTS: usize, const WIDE: bool, const MINIMUM: bool> {
    /// What is subtracted from a code.
    offset: i32,
}

/// Expands some units, whole blocks, of a group of sixteen rows.
#[inline(always)]
fn expand_units<S: Dwords>(s: S, task: &PanelTask<'_>, group: usize, units: &Range<usize>, out: &mut [Chunk<f32>]) {
    let layout = &task.layout;
    let units_per_block = task.units / layout.blocks;
    let blocks = units.start / units_per_block..units.end / units_per_block;
    let lines = &task.w[group * layout.group_lines()..][..layout.group_lines()];
    let (words, halves) = lines.split_at(layout.blocks * layout.words);
    let halves = half_vectors(halves_of(halves));
    let block_lines = units_per_block * Meaning::of(layout.dtype).lines();
    let mut rest = out;
    for b in blocks {
        let (out, after) = rest.split_at_mut(block_lines);
        rest = after;
        let words = &words[b * layout.words..][..layout.words];
        // Groups follow each other in memory, so what lies ahead may be the next.
        for line in 0..layout.words {
            s.prefetch(words.as_ptr().wrapping_add(line).cast::<u8>().wrapping_add(AHEAD));
        }
        let halves = &halves[b * layout.halves..][..layout.halves];
        s.prefetch(halves.as_ptr().wrapping_add(layout.group_lines() * 2).cast());
        expand(s, layout.dtype, words, halves, out);
    }
}

/// Few activation rows: each group of rows is read once.
#[inline(always)]
fn by_segment<S: Dwords, const PARTS: usize, const WIDE: bool, const MINIMUM: bool>(
    s: S,
    kind: Kind<PARTS, WIDE, MINIMUM>,
    task: &PanelTask<'_>,
    scratch: &mut [Chunk<f32>],
) {
    let run = task.groups.len() / STREAMS;
    for first in task.groups.start..task.groups.start + run {
        walk::<S, STREAMS, PARTS, WIDE, MINIMUM>(s, kind, task, scratch, first, run);
    }
    for group in task.groups.start + STREAMS * run..task.groups.end {
        walk::<S, 1, PARTS, WIDE, MINIMUM>(s, kind, task, scratch, group, 0);
    }
}

/// Few activation rows against R groups, `apart` from each other, a segment of each in turn.
#[inline(always)]
fn walk<S: Dwords, const R: usize, const PARTS: usize, const WIDE: bool, const MINIMUM: bool>(
    s: S,
    kind: Kind<PARTS, WIDE, MINIMUM>,
    task: &PanelTask<'_>,
    scratch: &mut [Chunk<f32>],
    first: usize,
    apart: usize,
) {
    let n = task.tokens.len();
    let lines = Meaning::of(task.layout.dtype).lines();
    let (panel, sums) = scratch.split_at_mut(SEGMENT * lines);
    for r in 0..R {
        sums[r * FEW..][..n].fill([0.0; LANES]);
    }
    let mut begin = 0;
    while begin < task.units {
        let units = begin..task.units.min(begin + SEGMENT);
        for r in 0..R {
            expand_units(s, task, first + r * apart, &units, panel);
            let panel = &panel[..units.len() * lines];
            let mut done = 0;
            while done < n {
                let (token, kept) = (task.tokens.start + done, &mut sums[r * FEW + done..]);
                done += match n - done {
                    1 => kind.segment_strip::<S, 1>(s, task.x, token, &units, panel, kept),
                    2 => kind.segment_strip::<S, 2>(s, task.x, token, &units, panel, kept),
                    3 => kind.segment_strip::<S, 3>(s, task.x, token, &units, panel, kept),
                    _ => kind.segment_strip::<S, 4>(s, task.x, token, &units, panel, kept),
                };
            }
        }
        begin += SEGMENT;
    }
    for r in 0..R {
        for i in 0..n {
            write(s, task, first + r * apart, task.tokens.start + i, s.load(&sums[r * FEW + i]));
        }
    }
}

/// Many activation rows: blocks of whole rows are expanded, then met by strips.
#[inline(always)]
fn by_block<S: Dwords, const PARTS: usize, const WIDE: bool, const MINIMUM: bool, const M: usize>(
    s: S,
    kind: Kind<PARTS, WIDE, MINIMUM>,
    task: &PanelTask<'_>,
    scratch: &mut [Chunk<f32>],
) {
    let panel_len = task.units * Meaning::of(task.layout.dtype).lines();
    for first in task.groups.clone().step_by(task.block_groups) {
        let groups = first..task.groups.end.min(first + task.block_groups);
        for (group, panel) in groups.clone().zip(scratch.chunks_exact_mut(panel_len)) {
            expand_units(s, task, group, &(0..task.units), panel);
        }
        let mut token = task.tokens.start;
        while token < task.tokens.end {
            let left = (task.tokens.end - token).min(M);
            token += match left {
                6.. => kind.strip::<S, 6>(s, task, scratch, token, &groups),
                4..6 => kind.strip::<S, 4>(s, task, scratch, token, &groups),
                2..4 => kind.strip::<S, 2>(s, task, scratch, token, &groups),
                _ => kind.strip::<S, 1>(s, task, scratch, token, &groups),
            };
        }
    }
}

/// Writes sixteen outputs of one activation row.
#[inline(always)]
fn write<S: Dwords>(s: S, task: &PanelTask<'_>, group: usize, token: usize, sums: S::F) {
    // SAFETY: the elements of a task are its own (contract of `PanelTask`), and each is written once.
    let out = unsafe { task.out.piece(token * task.out_stride + group * LANES, LANES) };
    s.store(sums, &mut out.as_chunks_mut().0[0]);
}

impl<const PARTS: usize, const WIDE: bool, const MINIMUM: bool> Kind<PARTS, WIDE, MINIMUM> {
    /// Lines of a unit.
    const LINES: usize = CODES + PARTS + MINIMUM as usize;

    /// M activation rows against one segment; their sums are kept in memory. Returns M.
    #[inline(always)]
    fn segment_strip<S: Dwords, const M: usize>(
        self,
        s: S,
        x: ByteRows<'_>,
        token: usize,
        units: &Range<usize>,
        panel: &[Chunk<f32>],
        kept: &mut [Chunk<f32>],
    ) -> usize {
        let mut sums = [[s.zero(); 1]; M];
        for i in 0..M {
            sums[i][0] = s.load(&kept[i]);
        }
        let sums = self.meet::<S, M, 1>(s, x, token, units.start, [panel], sums);
        for i in 0..M {
            s.store(sums[i][0], &mut kept[i]);
        }
        M
    }

    /// M activation rows against the expanded groups. Returns M.
    #[inline(always)]
    fn strip<S: Dwords, const M: usize>(
        self,
        s: S,
        task: &PanelTask<'_>,
        expanded: &[Chunk<f32>],
        token: usize,
        groups: &Range<usize>,
    ) -> usize {
        let panel_len = task.units * Self::LINES;
        let panel = |i: usize| &expanded[i * panel_len..][..panel_len];
        let mut i = 0;
        while i + PANELS <= groups.len() {
            let sums = [[s.zero(); PANELS]; M];
            let sums = self.meet(s, task.x, token, 0, [panel(i), panel(i + 1)], sums);
            for p in 0..PANELS {
                for m in 0..M {
                    write(s, task, groups.start + i + p, token + m, sums[m][p]);
                }
            }
            i += PANELS;
        }
        while i < groups.len() {
            let sums = self.meet(s, task.x, token, 0, [panel(i)], [[s.zero(); 1]; M]);
            for m in 0..M {
                write(s, task, groups.start + i, token + m, sums[m][0]);
            }
            i += 1;
        }
        M
    }

    /// Adds the products of the units of P panels, the first of which is number `first_unit` of its row, and M activation
    /// rows, from row `first`.
    #[inline(always)]
    fn meet<S: Dwords, const M: usize, const P: usize>(
        self,
        s: S,
        x: ByteRows<'_>,
        first: usize,
        first_unit: usize,
        panels: [&[Chunk<f32>]; P],
        mut sums: [[S::F; P]; M],
    ) -> [[S::F; P]; M] {
        let units = panels[0].len() / Self::LINES;
        let row = |i: usize| x.row(first + i, first_unit, units);
        let mut rows = [row(0); M];
        for i in 1..M {
            rows[i] = row(i);
        }
        let mut panels = panels;
        for p in 0..P {
            panels[p] = &panels[p][..units * Self::LINES];
        }
        for unit in 0..units {
            for part in 0..PARTS {
                let mut products = [[s.splat_word(0); P]; M];
                if !MINIMUM {
                    // The offset of every code at once.
                    for i in 0..M {
                        let all: i32 = if PARTS == 2 {
                            rows[i].sums[2 * unit + part]
                        } else {
                            rows[i].sums[2 * unit] + rows[i].sums[2 * unit + 1]
                        };
                        products[i] = [s.splat_word(-self.offset * all); P];
                    }
                }
                for j in part * CODES / PARTS..(part + 1) * CODES / PARTS {
                    let mut w = [s.splat_word(0); P];
                    for p in 0..P {
                        w[p] = s.load_words(codes(&panels[p][unit * Self::LINES + j]));
                    }
                    for i in 0..M {
                        let x = s.splat_word(rows[i].words[unit * CODES + j]);
                        for p in 0..P {
                            products[i][p] = s.dot::<WIDE>(products[i][p], w[p], x);
                        }
                    }
                }
                for i in 0..M {
                    let x_scale = s.splat(rows[i].scales[unit]);
                    for p in 0..P {
                        let scale = s.load(&panels[p][unit * Self::LINES + CODES + part]);
                        sums[i][p] = s.mul_add(s.words_to_f32(products[i][p]), s.mul(scale, x_scale), sums[i][p]);
                    }
                }
            }
            if MINIMUM {
                for i in 0..M {
                    let all = rows[i].sums[2 * unit] + rows[i].sums[2 * unit + 1];
                    let x_sum = s.splat(rows[i].scales[unit] * all as f32);
                    for p in 0..P {
                        let minimum = s.load(&panels[p][unit * Self::LINES + CODES + 1]);
                        sums[i][p] = s.mul_add(minimum, x_sum, sums[i][p]);
                    }
                }
            }
        }
        sums
    }
}

/// Rounds a row of activations to bytes: for each unit `scale = max |x| / 127` and `x / scale` to the nearest whole number,
/// ties to even; and the sums of these over each half of a unit. Where a number of a unit is NaN or infinite, so is its scale.
#[inline(always)]
pub(crate) fn quantize_row<S: Dwords>(s: S, x: &[f32], words: &mut [i32], scales: &mut [f32], sums: &mut [i32]) {
    let units = x.as_chunks::<UNIT>().0.iter().zip(words.as_chunks_mut::<CODES>().0);
    for (((x, words), scale), sums) in units.zip(scales).zip(sums.as_chunks_mut::<2>().0) {
        let halves = x.as_chunks::<LANES>().0;
        let (a, b) = (s.load(&halves[0]), s.load(&halves[1]));
        let magnitude = |v: S::F| s.max(v, s.sub(s.zero(), v));
        let most = s.max_lane(s.max(magnitude(a), magnitude(b)));
        let nothing = s.sum(s.mul(s.add(s.mul(a, s.zero()), b), s.zero()));
        *scale = most / 127.0 + nothing;
        let inverse = s.splat(if most > 0.0 { 127.0 / most } else { 0.0 });
        for (half, v) in [a, b].into_iter().enumerate() {
            let v = s.round(s.mul(v, inverse));
            words[half * 4..][..4].copy_from_slice(&s.to_bytes(v));
            sums[half] = s.sum(v) as i32;
        }
    }
}
