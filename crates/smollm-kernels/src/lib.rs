//! Every inner loop, slices in and slices out, for every instruction set; home of nearly all `unsafe`.
//!
//! - [`Cpu`] is the chosen instruction set and the threads; every op takes it.
//! - [`Matrix`] holds weights in any supported type; [`KvBuffer`] holds keys or values in blocks.
//! - [`ops`] are the safe entries: they check shapes, split work over threads and call the row of the table
//!   (`table.rs`, `arch/`), whose algorithms are written once over sixteen lanes (`generic/`, `lanes.rs`).
//!
//! Determinism: for each weight type and row there is one arithmetic; packed quantised weights have two where there is a tile unit, and
//! the caller says which (`ops::matmul_expanded`). How many rows are computed together, how a
//! sequence is cut into blocks or chunks and how many threads work never change a bit of a result.

#[cfg(target_endian = "big")]
compile_error!("weight files are little-endian and are used in place; big-endian targets are not supported");

mod aligned;
mod arch;
mod bytes;
mod cpu;
mod disjoint;
mod dtype;
mod dwords;
mod generic;
pub mod half;
mod kv;
mod lanes;
mod matrix;
pub mod numbers;
pub mod ops;
mod pair_panels;
mod panels;
mod pool;
pub mod quant;
pub mod roof;
mod table;
mod threads;
mod tiles;
mod view;

pub use bytes::Bytes;
pub use cpu::{Cpu, IsaError};
pub use dtype::Dtype;
pub use kv::{KvBuffer, KvDtype, KvRole, KvSlot};
pub use matrix::{Matrix, MatrixError};
pub use threads::granted_threads;
pub use view::View;
