//! Many activation rows against panels on a tile unit (`tiles.rs`).
//!
//! The codes of an expanded unit are a tile as they lie, if they are signed bytes, and so are the bytes of sixteen activation rows.
//! Sums of one unit leave the tiles for memory and are scaled and added up in vectors, while the tiles work on the next ones.
//! The sums are exact, so all this gives the bits of `few` and `many`.
//!
//! One panel at a time is expanded and met by all strips of activations: it and a strip then stay in the first-level cache, where tiles
//! come from at a third of the cost. The panels ahead are asked for turn by turn meanwhile.

use super::{Group, write};
use crate::dwords::Dwords;
use crate::generic::expand::{AHEAD, CODES, Lay, Meaning, Unpack, Visit};
use crate::lanes::{Chunk, LANES};
use crate::table::PanelTask;
use crate::tiles::{BYTE_SLOTS, ROWS, Tiles};

/// Strips of activations beside which their columns stay.
const KEPT_STRIPS: usize = 16;

/// Lines of what stands beside the panels: for strips of `tokens` activation rows scales, and what minimums are multiplied by.
pub(super) const fn columns_len(tokens: usize, units: usize) -> usize {
    if tokens <= KEPT_STRIPS * ROWS { tokens.div_ceil(ROWS) * strip_columns(units) } else { strip_columns(units) }
}

/// Lines of a strip's columns.
const fn strip_columns(units: usize) -> usize {
    2 * units
}

/// Each panel is expanded, then met by strips of sixteen activation rows.
#[inline(always)]
pub(super) fn matmul<S: Dwords, T: Unpack, U: Tiles>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    let block_len = T::UNITS * T::MEANING.lines();
    let (panel, columns) = scratch.split_at_mut(task.layout.blocks * block_len);
    let (columns_len, words) = (strip_columns(task.units), CODES / T::MEANING.parts());
    let strips = task.tokens.clone().step_by(ROWS);
    let rows_from = |token: usize| ROWS.min(task.tokens.end - token);
    let kept = strips.len() <= KEPT_STRIPS;
    if kept {
        for (token, columns) in strips.clone().zip(columns.chunks_exact_mut(columns_len)) {
            lay_columns::<T>(task, token, rows_from(token), columns);
        }
    }
    let (group_lines, turns) = (task.layout.group_lines(), task.units * T::MEANING.parts());
    let asked_each = group_lines.div_ceil(strips.len() * turns);
    let mut shaped: Option<(usize, U)> = None;
    for index in task.groups.clone() {
        let group = Group::new(task, index);
        for block in 0..task.layout.blocks {
            let out = &mut panel[block * block_len..][..block_len];
            group.units::<S, T, _>(s, block, &mut LaySigned(Lay { meaning: T::MEANING, out }));
        }
        for (strip, token) in strips.clone().enumerate() {
            let rows = rows_from(token);
            let columns = &mut columns[if kept { strip } else { 0 } * columns_len..][..columns_len];
            if !kept {
                lay_columns::<T>(task, token, rows, columns);
            }
            if shaped.as_ref().is_none_or(|(shaped_for, _)| *shaped_for != rows) {
                drop(shaped.take()); // first, since that gives the registers back
            }
            // SAFETY: the row of the table is available (contract of its entries).
            let (_, tiles) = shaped.get_or_insert_with(|| (rows, unsafe { U::for_bytes(rows, words) }));
            let ahead = group.words.as_ptr().wrapping_add(AHEAD + strip * turns * asked_each);
            let strip = Strip { task, token, panel, columns, ahead, asked_each };
            if rows <= HALF {
                strip.meet::<S, T, U, HALF>(s, tiles, index, rows);
            } else {
                strip.meet::<S, T, U, ROWS>(s, tiles, index, rows);
            }
        }
    }
}

/// Writes units to memory with codes that are signed bytes, less what they are too large by.
struct LaySigned<'a>(Lay<'a>);

impl<S: Dwords> Visit<S> for LaySigned<'_> {
    /// So much at once would keep it waiting for places in the queue to memory.
    const ASKS: bool = false;

    #[inline(always)]
    fn unit(&mut self, s: S, unit: usize, codes: [S::I; CODES], scales: [S::F; 2]) {
        let in_each = |byte: i32| s.splat_word(i32::from_le_bytes([byte as u8; 4]));
        let mut signed = codes;
        match self.0.meaning {
            Meaning::Signed => {
                for j in 0..CODES {
                    signed[j] = s.xor(codes[j], in_each(S::BIAS));
                }
            }
            Meaning::Offset(offset) | Meaning::Halves(offset) => {
                for j in 0..CODES {
                    signed[j] = s.sub_bytes(codes[j], in_each(offset));
                }
            }
            Meaning::Affine => {}
        }
        self.0.unit(s, unit, signed, scales);
    }
}

/// For each unit the scales of up to sixteen activation rows side by side; then of each unit what minimums are multiplied by.
#[inline(always)]
fn lay_columns<T: Unpack>(task: &PanelTask<'_>, token: usize, rows: usize, columns: &mut [Chunk<f32>]) {
    let (scales, sums) = columns.split_at_mut(task.units);
    // Whatever lay there before is multiplied for rows that are not: numbers below 2^-126 would take a hundred times as long as others.
    scales.fill([0.0; LANES]);
    if T::MEANING.has_minimum() {
        sums.fill([0.0; LANES]);
    }
    for i in 0..rows {
        let row = task.x.row(token + i);
        for (scales, scale) in scales.iter_mut().zip(row.scales) {
            scales[i] = *scale;
        }
        if T::MEANING.has_minimum() {
            for unit in 0..task.units {
                let all = row.sums[2 * unit] + row.sums[2 * unit + 1];
                sums[unit][i] = row.scales[unit] * all as f32;
            }
        }
    }
}

/// Rows up to which only the upper half of a tile is looked at.
const HALF: usize = ROWS / 2;
/// Turns that a unit is multiplied before its sums are added up.
const MULTIPLIED_AHEAD: usize = BYTE_SLOTS;
/// Turns that its sums are written before they are added up.
const STORED_AHEAD: usize = 2;
/// Places in memory for the sums of units that are under way.
const PLACES: usize = 4;

/// Up to sixteen activation rows and an expanded panel.
struct Strip<'a> {
    task: &'a PanelTask<'a>,
    token: usize,
    panel: &'a [Chunk<f32>],
    columns: &'a [Chunk<f32>],
    /// What is asked for beside the products: so many lines of panels each turn, from here on.
    ahead: *const Chunk<i32>,
    asked_each: usize,
}

/// The sums of a product.
#[repr(C, align(64))]
struct Products([Chunk<i32>; ROWS]);

impl Strip<'_> {
    /// The products of whole rows, of which R at most there are and `rows` are written. Each unit (or half a unit) is multiplied some
    /// turns, and its sums written fewer turns, before they are scaled and added up: so a turn waits for nothing that began in it.
    #[inline(always)]
    fn meet<S: Dwords, T: Unpack, U: Tiles, const R: usize>(&self, s: S, tiles: &mut U, group: usize, rows: usize) {
        let (scales, minimum_sums) = self.columns.split_at(self.task.units);
        let (lines, parts) = (T::MEANING.lines(), T::MEANING.parts());
        let count = self.task.units * parts;
        let mut products = [const { Products([[0; LANES]; ROWS]) }; PLACES];
        let mut sums = [s.zero(); R];
        for index in 0..count.min(MULTIPLIED_AHEAD) {
            self.multiply::<T, U>(tiles, index);
        }
        for index in 0..count.min(STORED_AHEAD) {
            self.store(tiles, index, &mut products);
        }
        for index in 0..count {
            for line in 0..self.asked_each {
                s.prefetch(self.ahead.wrapping_add(index * self.asked_each + line).cast());
            }
            if index + STORED_AHEAD < count {
                self.store(tiles, index + STORED_AHEAD, &mut products);
            }
            if index + MULTIPLIED_AHEAD < count {
                self.multiply::<T, U>(tiles, index + MULTIPLIED_AHEAD);
            }
            let (unit, products) = (index / parts, &products[index % PLACES].0);
            let scale = s.load(&self.panel[unit * lines + CODES + index % parts]);
            for i in 0..R {
                let product = s.words_to_f32(s.load_words(&products[i]));
                sums[i] = s.mul_add(product, s.mul(scale, s.splat(scales[unit][i])), sums[i]);
            }
            if T::MEANING.has_minimum() {
                let minimum = s.load(&self.panel[unit * lines + CODES + 1]);
                for i in 0..R {
                    sums[i] = s.mul_add(minimum, s.splat(minimum_sums[unit][i]), sums[i]);
                }
            }
        }
        // (By way of memory of its own: sums that are asked for by a number would never stay in registers.)
        let mut done = [[0.0; LANES]; R];
        for i in 0..R {
            s.store(sums[i], &mut done[i]);
        }
        for row in 0..rows {
            write(s, self.task, group, self.token + row, s.load(&done[row]));
        }
    }

    /// The sums of a unit, or of half a unit, which was multiplied, to where they are scaled.
    #[inline(always)]
    fn store<U: Tiles>(&self, tiles: &U, index: usize, products: &mut [Products; PLACES]) {
        // SAFETY: the tiles are for at most sixteen rows, and the slot was multiplied into.
        unsafe { tiles.store_bytes(index % BYTE_SLOTS, products[index % PLACES].0.as_mut_ptr()) };
    }

    /// The product of a unit, or of half a unit, into its slot.
    #[inline(always)]
    fn multiply<T: Unpack, U: Tiles>(&self, tiles: &mut U, index: usize) {
        let (parts, lines) = (T::MEANING.parts(), T::MEANING.lines());
        let words = CODES / parts;
        let a = self.task.x.row(self.token).words[index * words..][..words].as_ptr();
        let b = self.panel[index / parts * lines + index % parts * words..][..words].as_ptr();
        // SAFETY: the tiles are for as many rows as there are (each with all its words) and for `words` words; the panel has the lines that
        // are named.
        unsafe { tiles.multiply_bytes(index % BYTE_SLOTS, a.cast(), self.task.x.row_bytes(), b.cast()) };
    }
}
