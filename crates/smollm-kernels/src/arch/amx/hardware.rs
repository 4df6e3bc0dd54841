//! Intel AMX: the tile unit as instructions. Tile registers live and die inside one `asm!` block, but for products of bytes, which last
//! from one to another, and the shapes of all.
//!
//! Intel gives for Sapphire Rapids (throughput in cycles): TDP* 16, TILELOADD 8 where the lines lie in the first-level cache and
//! start on borders, TILELOADDT1 33, TILESTORED 16, LDTILECFG 204. So a block of 2 x 2 products loads as many tiles as it
//! multiplies, in half the time; shapes are set once for many blocks; and the hint T1 is never worth it.

use std::arch::asm;
use std::mem::offset_of;

use crate::lanes::Chunk;
use crate::tiles::{BYTE_SLOTS, PairBlock, ROWS, STREAM_AHEAD, Tiles};

/// The shapes are set on this thread; dropping it gives the registers back, so that the system need not save them.
pub(super) struct Hardware(());

/// What LDTILECFG takes: palette 1 and, for each of eight registers, bytes per row and rows.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

const _: () =
    assert!(size_of::<Shapes>() == 64 && offset_of!(Shapes, row_bytes) == 16 && offset_of!(Shapes, rows) == 48);

impl Shapes {
    /// Registers 0 to 3 take outputs. `a` of the others, from register 4 on, take activations and the rest weights, whose
    /// lines are as many as there are words in a row of activations.
    fn new(rows: usize, words: usize, a: usize) -> Self {
        assert!((1..=ROWS).contains(&rows) && (1..=ROWS).contains(&words), "tiles of {rows} rows of {words} words");
        let mut shapes = Self { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        shapes.row_bytes[..8].fill(64);
        shapes.row_bytes[4..4 + a].fill(4 * words as u16);
        shapes.rows[..4 + a].fill(rows as u8);
        shapes.rows[4 + a..8].fill(words as u8);
        shapes
    }

    /// # Safety
    /// The machine has the unit and the process may use it.
    unsafe fn set(&self) -> Hardware {
        // SAFETY: 64 bytes are read, a valid set of shapes; this function's contract.
        unsafe { asm!("ldtilecfg [{}]", in(reg) self, options(nostack, readonly, preserves_flags)) };
        Hardware(())
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        // SAFETY: the value was made where the unit may be used, and no tile holds anything between blocks.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// A block of pairs: its field offsets come first, then what is given. All eight registers are used.
macro_rules! pair_block {
    ($block:ident: $type:ty, $($line:expr),* ; $($operand:tt)*) => {
        asm!(
            $($line,)*
            a = const offset_of!($type, a),
            a_stride = const offset_of!($type, a_stride),
            a_step = const offset_of!($type, a_step),
            b = const offset_of!($type, b),
            b_stride = const offset_of!($type, b_stride),
            b_step = const offset_of!($type, b_step),
            steps = const offset_of!($type, steps),
            c = const offset_of!($type, c),
            c_stride = const offset_of!($type, c_stride),
            adds = const offset_of!($type, adds),
            block = in(reg) $block,
            $($operand)*
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        )
    };
}

/// One strip of activations and four of weights; beside each tile of weights stands what is given for it.
macro_rules! block_1x4 {
    ($block:ident, $beside0:expr, $beside1:expr, $beside2:expr, $beside3:expr; $($operand:tt)*) => {
        pair_block!(
            $block: PairBlock<1, 4>,
            "mov {stride}, [{block} + {c_stride}]",
            "cmp qword ptr [{block} + {adds}], 0",
            "jne 2f",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "jmp 3f",
            "2:",
            "mov {b0}, [{block} + {c}]",
            "mov {b1}, [{block} + {c} + 8]",
            "mov {b2}, [{block} + {c} + 16]",
            "mov {b3}, [{block} + {c} + 24]",
            "tileloadd tmm0, [{b0} + {stride}*1]",
            "tileloadd tmm1, [{b1} + {stride}*1]",
            "tileloadd tmm2, [{b2} + {stride}*1]",
            "tileloadd tmm3, [{b3} + {stride}*1]",
            "3:",
            "mov {x}, [{block} + {a}]",
            "mov {x_stride}, [{block} + {a_stride}]",
            "mov {b0}, [{block} + {b}]",
            "mov {b1}, [{block} + {b} + 8]",
            "mov {b2}, [{block} + {b} + 16]",
            "mov {b3}, [{block} + {b} + 24]",
            "mov {stride}, [{block} + {b_stride}]",
            "mov {step}, [{block} + {b_step}]",
            "mov {left}, [{block} + {steps}]",
            "4:",
            "tileloadd tmm4, [{x} + {x_stride}*1]",
            "add {x}, [{block} + {a_step}]",
            "tileloadd tmm5, [{b0} + {stride}*1]",
            "tdpbf16ps tmm0, tmm4, tmm5",
            $beside0,
            "add {b0}, {step}",
            "tileloadd tmm6, [{b1} + {stride}*1]",
            "tdpbf16ps tmm1, tmm4, tmm6",
            $beside1,
            "add {b1}, {step}",
            "tileloadd tmm7, [{b2} + {stride}*1]",
            "tdpbf16ps tmm2, tmm4, tmm7",
            $beside2,
            "add {b2}, {step}",
            "tileloadd tmm5, [{b3} + {stride}*1]",
            "tdpbf16ps tmm3, tmm4, tmm5",
            $beside3,
            "add {b3}, {step}",
            "dec {left}",
            "jnz 4b",
            "mov {stride}, [{block} + {c_stride}]",
            "mov {b0}, [{block} + {c}]",
            "mov {b1}, [{block} + {c} + 8]",
            "mov {b2}, [{block} + {c} + 16]",
            "mov {b3}, [{block} + {c} + 24]",
            "tilestored [{b0} + {stride}*1], tmm0",
            "tilestored [{b1} + {stride}*1], tmm1",
            "tilestored [{b2} + {stride}*1], tmm2",
            "tilestored [{b3} + {stride}*1], tmm3";
            x = out(reg) _, x_stride = out(reg) _, b0 = out(reg) _, b1 = out(reg) _, b2 = out(reg) _, b3 = out(reg) _,
            stride = out(reg) _, step = out(reg) _, left = out(reg) _,
            $($operand)*
        )
    };
}

/// Asks for the sixteen lines of the tile that lies `ahead` bytes on. (Into the second-level cache: the first-level one has too few
/// miss buffers to keep memory busy.)
macro_rules! ask {
    ($strip:literal) => {
        concat!(
            "prefetcht1 [{",
            $strip,
            "} + {ahead}]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 64]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 128]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 192]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 256]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 320]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 384]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 448]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 512]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 576]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 640]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 704]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 768]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 832]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 896]\n",
            "prefetcht1 [{",
            $strip,
            "} + {ahead} + 960]",
        )
    };
}

/// One product of bytes. (The registers are no operands, since what they hold is to outlive the block: the compiler itself never
/// uses them.)
macro_rules! multiply_bytes {
    ($c:literal, $a:literal, $b:literal; $from:ident, $stride:ident, $weights:ident) => {
        asm!(
            concat!("tilezero ", $c),
            concat!("tileloadd ", $a, ", [{a} + {a_stride}*1]"),
            concat!("tileloadd ", $b, ", [{b} + {line}*1]"),
            concat!("tdpbssd ", $c, ", ", $a, ", ", $b),
            a = in(reg) $from,
            a_stride = in(reg) $stride,
            b = in(reg) $weights,
            line = in(reg) 64usize,
            options(nostack, readonly, preserves_flags)
        )
    };
}

macro_rules! store_bytes {
    ($c:literal; $to:ident) => {
        asm!(
            concat!("tilestored [{c} + {line}*1], ", $c),
            c = in(reg) $to,
            line = in(reg) 64usize,
            options(nostack, preserves_flags)
        )
    };
}

// SAFETY (of every block below): a `Hardware` exists only where the unit may be used and its shapes are set (contracts of `for_pairs` and
// `for_bytes`); the callers vouch for what is read and written.
impl Tiles for Hardware {
    unsafe fn for_pairs(rows: usize, words: usize) -> Self {
        // One register takes activations, or two (2 x 2), which then have as many rows as there are lines of weights.
        // SAFETY: this function's contract.
        unsafe { Shapes::new(rows, words, 1).set() }
    }

    unsafe fn for_bytes(rows: usize, words: usize) -> Self {
        // SAFETY: this function's contract.
        unsafe { Shapes::new(rows, words, 2).set() }
    }

    unsafe fn pairs_2x2(&self, block: &PairBlock<2, 2>) {
        // SAFETY: as above.
        unsafe {
            pair_block!(
                block: PairBlock<2, 2>,
                "mov {stride}, [{block} + {c_stride}]",
                "cmp qword ptr [{block} + {adds}], 0",
                "jne 2f",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "jmp 3f",
                "2:",
                "mov {a0}, [{block} + {c}]",
                "mov {a1}, [{block} + {c} + 8]",
                "mov {b0}, [{block} + {c} + 16]",
                "mov {b1}, [{block} + {c} + 24]",
                "tileloadd tmm0, [{a0} + {stride}*1]",
                "tileloadd tmm1, [{a1} + {stride}*1]",
                "tileloadd tmm2, [{b0} + {stride}*1]",
                "tileloadd tmm3, [{b1} + {stride}*1]",
                "3:",
                "mov {a0}, [{block} + {a}]",
                "mov {a1}, [{block} + {a} + 8]",
                "mov {b0}, [{block} + {b}]",
                "mov {b1}, [{block} + {b} + 8]",
                "mov {x_stride}, [{block} + {a_stride}]",
                "mov {stride}, [{block} + {b_stride}]",
                "mov {next}, [{block} + {ahead}]",
                "mov {apart}, [{block} + {ahead_apart}]",
                "mov {row}, [{block} + {rows_ahead}]",
                "mov {left}, [{block} + {steps}]",
                "4:",
                "tileloadd tmm4, [{a0} + {x_stride}*1]",
                "tileloadd tmm6, [{b0} + {stride}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b1} + {stride}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a1} + {x_stride}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "mov {line}, [{block} + {ahead_lines}]",
                "test {line}, {line}",
                "jz 6f",
                "5:",
                "prefetcht1 [{next}]",
                "prefetcht1 [{next} + {apart}*1]",
                "add {next}, 64",
                "dec {line}",
                "jnz 5b",
                "6:",
                "mov {line}, [{block} + {rows_each}]",
                "test {line}, {line}",
                "jz 8f",
                "7:",
                "prefetchw [{row}]",
                "prefetchw [{row} + 64]",
                "prefetchw [{row} + 127]",
                "add {row}, [{block} + {rows_apart}]",
                "dec {line}",
                "jnz 7b",
                "8:",
                "mov {line}, [{block} + {a_step}]",
                "add {a0}, {line}",
                "add {a1}, {line}",
                "mov {line}, [{block} + {b_step}]",
                "add {b0}, {line}",
                "add {b1}, {line}",
                "dec {left}",
                "jnz 4b",
                "mov {stride}, [{block} + {c_stride}]",
                "mov {a0}, [{block} + {c}]",
                "mov {a1}, [{block} + {c} + 8]",
                "mov {b0}, [{block} + {c} + 16]",
                "mov {b1}, [{block} + {c} + 24]",
                "tilestored [{a0} + {stride}*1], tmm0",
                "tilestored [{a1} + {stride}*1], tmm1",
                "tilestored [{b0} + {stride}*1], tmm2",
                "tilestored [{b1} + {stride}*1], tmm3";
                ahead = const offset_of!(PairBlock<2, 2>, ahead),
                ahead_apart = const offset_of!(PairBlock<2, 2>, ahead_apart),
                ahead_lines = const offset_of!(PairBlock<2, 2>, ahead_lines),
                rows_ahead = const offset_of!(PairBlock<2, 2>, rows_ahead),
                rows_apart = const offset_of!(PairBlock<2, 2>, rows_apart),
                rows_each = const offset_of!(PairBlock<2, 2>, rows_each),
                a0 = out(reg) _, a1 = out(reg) _, b0 = out(reg) _, b1 = out(reg) _, x_stride = out(reg) _, stride = out(reg) _,
                next = out(reg) _, apart = out(reg) _, row = out(reg) _, line = out(reg) _, left = out(reg) _,
            );
        }
    }

    unsafe fn pairs_1x4(&self, block: &PairBlock<1, 4>) {
        // SAFETY: as above.
        unsafe { block_1x4!(block, "", "", "", "";) }
    }

    unsafe fn stream_1x4(&self, block: &PairBlock<1, 4>) {
        // SAFETY: as above; a prefetch of any address is harmless.
        unsafe { block_1x4!(block, ask!("b0"), ask!("b1"), ask!("b2"), ask!("b3"); ahead = const STREAM_AHEAD,) }
    }

    #[inline(always)]
    unsafe fn multiply_bytes(&mut self, slot: usize, a: *const u8, a_stride: usize, b: *const u8) {
        // SAFETY: as above.
        unsafe {
            match slot {
                0 => multiply_bytes!("tmm0", "tmm4", "tmm6"; a, a_stride, b),
                1 => multiply_bytes!("tmm1", "tmm5", "tmm7"; a, a_stride, b),
                2 => multiply_bytes!("tmm2", "tmm4", "tmm6"; a, a_stride, b),
                3 => multiply_bytes!("tmm3", "tmm5", "tmm7"; a, a_stride, b),
                _ => unreachable!("slot {slot} of {BYTE_SLOTS}"),
            }
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(&self, slot: usize, c: *mut Chunk<i32>) {
        // SAFETY: as above.
        unsafe {
            match slot {
                0 => store_bytes!("tmm0"; c),
                1 => store_bytes!("tmm1"; c),
                2 => store_bytes!("tmm2"; c),
                3 => store_bytes!("tmm3"; c),
                _ => unreachable!("slot {slot} of {BYTE_SLOTS}"),
            }
        }
    }
}
