//! The safe entries: check shapes, split the work over threads, call the row of the table.
//!
//! Shapes are the caller's own doing, so a wrong one panics. Zero tokens are fine everywhere.

mod add;
mod attention;
mod each;
mod embed;
mod kv_write;
mod matmul;
mod quantize;
mod rms_norm;
mod rope;
mod softmax;
mod swiglu;

pub use add::add;
pub use attention::{AttentionPlan, AttentionSpan, attention};
pub use each::for_each;
pub use embed::embed;
pub use kv_write::kv_write;
pub use matmul::{Product, gated_matmul, gated_matmul_expanded, matmul, matmul_expanded};
pub use quantize::{count_not_finite, quantize};
pub use rms_norm::rms_norm;
pub use rope::rope;
pub use softmax::{argmax, exp_minus, log_sum_exp, softmax, sum_exp};
pub use swiglu::swiglu;

use crate::cpu::Cpu;

/// Numbers that one thread should have at least before an elementwise op is worth a fork.
const GRAIN: usize = 8 * 1024;

/// Rows of `width` numbers that make an item worth handing out.
fn row_grain(cpu: &Cpu, rows: usize, width: usize) -> usize {
    (GRAIN / width.max(1)).max(1).max(rows / (4 * cpu.threads()))
}
