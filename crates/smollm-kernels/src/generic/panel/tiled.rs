//! Many activation rows against panels on a tile unit (`tiles.rs`).
//!
//! The codes of an expanded unit are a tile as they lie, if they are signed bytes, and so are the bytes of sixteen activation rows.
//! Sums of one unit leave the tiles for memory and are scaled and added up in vectors, while the tiles work on the next four.
//! The sums are exact, so all this gives the bits of `few` and `many`.

use super::{Group, write};
use crate::dwords::Dwords;
use crate::generic::expand::{CODES, Lay, Meaning, Unpack, Visit};
use crate::lanes::{Chunk, LANES};
use crate::table::PanelTask;
use crate::tiles::{BYTE_TILES, ByteBlock, ROWS, Tiles, each};

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
            let tiles = unsafe { U::for_bytes(rows, words) };
            for token in tokens.step_by(ROWS) {
                lay_columns(task, token, rows, columns);
                for (index, panel) in groups.clone().zip(panels.chunks_exact(panel_len)) {
                    let strip = Strip { task, token, panel, columns };
                    let sums = strip.meet::<S, T, U>(s, &tiles);
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
fn lay_columns(task: &PanelTask<'_>, token: usize, rows: usize, columns: &mut [Chunk<f32>]) {
    let (scales, sums) = columns.split_at_mut(task.units);
    for i in 0..rows {
        let row = task.x.row(token + i);
        for unit in 0..task.units {
            let all = row.sums[2 * unit] + row.sums[2 * unit + 1];
            scales[unit][i] = row.scales[unit];
            sums[unit][i] = row.scales[unit] * all as f32;
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

/// The sums of four products.
#[repr(C, align(64))]
struct Products([Chunk<i32>; BYTE_TILES * ROWS]);

impl Strip<'_> {
    /// The products of whole rows.
    #[inline(always)]
    fn meet<S: Dwords, T: Unpack, U: Tiles>(&self, s: S, tiles: &U) -> [S::F; ROWS] {
        let (scales, minimum_sums) = self.columns.split_at(self.task.units);
        let (lines, parts) = (T::MEANING.lines(), T::MEANING.parts());
        let count = self.task.units * parts;
        let mut products = [const { Products([[0; LANES]; BYTE_TILES * ROWS]) }; 2];
        let mut sums = [s.zero(); ROWS];
        self.multiply::<T, U>(tiles, 0, &mut products[0]);
        for first in (0..count).step_by(BYTE_TILES) {
            let turn = first / BYTE_TILES % 2;
            let next = first + BYTE_TILES;
            if next < count {
                self.multiply::<T, U>(tiles, next, &mut products[1 - turn]);
            }
            for index in first..count.min(next) {
                let unit = index / parts;
                let products = &products[turn].0[(index - first) * ROWS..][..ROWS];
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
        }
        sums
    }

    /// The codes of a unit, or of half a unit, as a tile.
    #[inline(always)]
    fn codes<T: Unpack>(&self, index: usize) -> *const u8 {
        let (parts, lines) = (T::MEANING.parts(), T::MEANING.lines());
        let words = CODES / parts;
        self.panel[index / parts * lines + index % parts * words..][..words].as_ptr().cast()
    }

    /// Four products of units, or halves of units, from number `first`; beyond the last one, it goes again.
    #[inline(always)]
    fn multiply<T: Unpack, U: Tiles>(&self, tiles: &U, first: usize, products: &mut Products) {
        let parts = T::MEANING.parts();
        let words = CODES / parts;
        let last = self.task.units * parts - 1;
        let index = [first, last.min(first + 1), last.min(first + 2), last.min(first + 3)];
        let a = self.task.x.row(self.token).words;
        let block = ByteBlock {
            a: each(index, |index| a[index * words..][..words].as_ptr().cast()),
            a_stride: self.task.x.row_bytes(),
            b: each(index, |index| self.codes::<T>(index)),
            c: products.0.as_mut_ptr(),
        };
        // SAFETY: the tiles are for as many rows as there are (each with all its words) and for `words` words; panel and products have
        // the lines that are named.
        unsafe { tiles.bytes(&block) };
    }
}
