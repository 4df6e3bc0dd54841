//! The rows of the table, best first.
//!
//! To add an instruction set: write its lanes (or whole kernels where sixteen f32 lanes are not what it is good at, as with
//! tile units), its row, and list it here before the rows it beats.

use crate::table::Kernels;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512bf16;
mod scalar;

/// A row and the run-time check that says whether this machine has its instructions.
type Row = (&'static Kernels, fn() -> bool);

/// Every row compiled in, best first; `scalar` is last, always available, and the oracle.
static ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    (&amx::ROW, amx::available),
    #[cfg(target_arch = "x86_64")]
    (&avx512bf16::ROW, avx512bf16::available),
    #[cfg(target_arch = "x86_64")]
    (&avx512::ROW, avx512::available),
    #[cfg(target_arch = "x86_64")]
    (&avx2::ROW, avx2::available),
    // For tests, behind every row that it needs, so that nobody is given it unasked.
    #[cfg(target_arch = "x86_64")]
    (&amx::EMULATED_ROW, avx512::available),
    (&scalar::ROW, || true),
];

/// The rows that this machine can run, best first.
pub(crate) fn available() -> impl Iterator<Item = &'static Kernels> {
    ROWS.iter().filter(|(_, available)| available()).map(|(row, _)| *row)
}

/// The names of all rows compiled in, best first.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(row, _)| row.name)
}

/// Lanes without any instruction set, for the few small ops that are not worth a table entry.
pub(crate) use scalar::Portable;
