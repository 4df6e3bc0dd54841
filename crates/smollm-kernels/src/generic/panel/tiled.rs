//! Many activation rows against panels on a tile unit (`tiles.rs`).
//!
//! The codes of an expanded unit are a tile as they lie, if they are signed bytes, and so are the bytes of sixteen activation rows.
//! Sums of one unit leave the tiles for memory and are scaled and added up in vectors, while the tiles work on the next ones.
//! The sums are exact, so all this gives the bits of `few` and `many`.

use super::{Group, write};
use crate::dwords::Dwords;
use crate::generic::expand::{CODES, Lay, Meaning, Unpack, Visit};
use crate::lanes::{Chunk, LANES};
use crate::table::PanelTask;
use crate::tiles::{BYTE_SLOTS, ROWS, Tiles};

/// Lines of what stands beside the panels: scales of a strip of activations and what its minimums are multiplied by.
pub(super) const fn columns_len(units: usize) -> usize {
    2 * units
}

/// Blocks of whole rows are expanded, then met by strips of sixteen activation rows.
#[inline(always)]
pub(super) fn matmul<S: Dwords, T: Unpack, U: Tiles>(s: S, task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    let block_len = T::UNITS * T::MEANING.lines();
    let panel_len = task.layout.blocks * block_len;
    let (panels, columns) = scratch.split_at_mut(task.block_groups * panel_len);
    let columns = &mut columns[..columns_len(task.units)];
    let words = CODES / T::MEANING.parts();
    let whole = task.tokens.start + task.tokens.len() / ROWS * ROWS;
    for first in task.groups.clone().step_by(task.block_groups) {
        let groups = first..task.groups.end.min(first + task.block_groups);
        for index in groups.clone() {
            let group = Group::new(task, index);
            for block in 0..task.layout.blocks {
                let out = &mut panels[(index - first) * panel_len + block * block_len..][..block_len];
                group.units::<S, T, _>(s, block, &mut LaySigned(Lay { meaning: T::MEANING, out }));
            }
        }
        for (tokens, rows) in [(task.tokens.start..whole, ROWS), (whole..task.tokens.end, task.tokens.end - whole)] {
            if tokens.is_empty() {
                continue;
            }
            // SAFETY: the row of the table is available (contract of its entries).
            let mut tiles = unsafe { U::for_bytes(rows, words) };
            for token in tokens.step_by(ROWS) {
                lay_columns::<T>(task, token, rows, columns);
                for (index, panel) in groups.clone().zip(panels.chunks_exact(panel_len)) {
                    let strip = Strip { task, token, panel, columns };
                    let sums = strip.meet::<S, T, U>(s, &mut tiles);
                    for row in 0..rows {
                        write(s, task, index, token + row, sums[row]);
                    }
                }
            }
        }
    }
}

/// Writes units to memory with codes that are signed bytes, less what they are too large by.
struct LaySigned<'a>(Lay<'a>);

impl<S: Dwords> Visit<S> for LaySigned<'_> {
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
                // With the upper bit set no byte borrows from the next.
                for j in 0..CODES {
                    let above = s.sub_words(s.or(codes[j], in_each(0x80)), in_each(offset));
                    signed[j] = s.xor(above, in_each(0x80));
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

/// Up to sixteen activation rows and an expanded panel.
struct Strip<'a> {
    task: &'a PanelTask<'a>,
    token: usize,
    panel: &'a [Chunk<f32>],
    columns: &'a [Chunk<f32>],
}

/// The sums of a product.
#[repr(C, align(64))]
struct Products([Chunk<i32>; ROWS]);

impl Strip<'_> {
    /// The products of whole rows. Each unit (or half a unit) is multiplied two turns, and its sums written one turn, before they are
    /// scaled and added up: so a turn waits for nothing that began in it.
    #[inline(always)]
    fn meet<S: Dwords, T: Unpack, U: Tiles>(&self, s: S, tiles: &mut U) -> [S::F; ROWS] {
        let (scales, minimum_sums) = self.columns.split_at(self.task.units);
        let (lines, parts) = (T::MEANING.lines(), T::MEANING.parts());
        let count = self.task.units * parts;
        let mut products = [const { Products([[0; LANES]; ROWS]) }; 2];
        let mut sums = [s.zero(); ROWS];
        for index in 0..count.min(2) {
            self.multiply::<T, U>(tiles, index);
        }
        self.store(tiles, 0, &mut products);
        for index in 0..count {
            if index + 2 < count {
                self.multiply::<T, U>(tiles, index + 2);
            }
            if index + 1 < count {
                self.store(tiles, index + 1, &mut products);
            }
            let (unit, products) = (index / parts, &products[index % 2].0);
            let scale = s.load(&self.panel[unit * lines + CODES + index % parts]);
            for i in 0..ROWS {
                let product = s.words_to_f32(s.load_words(&products[i]));
                sums[i] = s.mul_add(product, s.mul(scale, s.splat(scales[unit][i])), sums[i]);
            }
            if T::MEANING.has_minimum() {
                let minimum = s.load(&self.panel[unit * lines + CODES + 1]);
                for i in 0..ROWS {
                    sums[i] = s.mul_add(minimum, s.splat(minimum_sums[unit][i]), sums[i]);
                }
            }
        }
        sums
    }

    /// The sums of a unit, or of half a unit, which was multiplied, to where they are scaled.
    #[inline(always)]
    fn store<U: Tiles>(&self, tiles: &U, index: usize, products: &mut [Products; 2]) {
        // SAFETY: the tiles are for at most sixteen rows, and the slot was multiplied into.
        unsafe { tiles.store_bytes(index % BYTE_SLOTS, products[index % 2].0.as_mut_ptr()) };
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
