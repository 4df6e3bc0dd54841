//! The safe entries: check shapes, split the work over threads, call the row of the table.
//!
//! Shapes are the caller's own doing, so a wrong one panics. Zero tokens are fine everywhere.

mod adamw;
mod add;
mod attention;
mod causal;
mod copy;
mod each;
mod embed;
mod kv_write;
mod log_probs;
mod logits;
mod matmul;
mod quantize;
mod rms_norm;
mod rope;
mod softmax;
mod sums;
mod swiglu;
mod turn;

pub use adamw::{AdamW, Moments, adamw};
pub use add::add;
pub use attention::{AttentionPlan, AttentionSpan, attention};
pub use causal::{AttentionGradients, CausalPlan, Qkv, causal_attention, causal_attention_backward};
pub use copy::copy;
pub use each::{beside, for_each};
pub use embed::{embed, embed_backward};
pub use kv_write::kv_write;
pub use log_probs::{LogProb, RowWeight, log_probs, log_probs_backward};
pub use logits::{Denominator, LogitRow, add_logits, logit_gradients};
pub use matmul::{Product, gated_matmul, gated_matmul_expanded, matmul, matmul_added, matmul_expanded};
pub use quantize::{count_not_finite, quantize};
pub use rms_norm::{rms_norm, rms_norm_backward};
pub use rope::{rope, rope_backward};
pub use softmax::{argmax, exp_minus, log_sum_exp, softmax, sum_exp};
pub use sums::sum_of_squares;
pub use swiglu::{swiglu, swiglu_backward};

pub(crate) use turn::{lay_groups, narrow, row_major};

use crate::cpu::Cpu;
use sums::{ROWS_PER_SUM, sum_of_parts};

/// Numbers that one thread should have at least before an elementwise op is worth a fork.
const GRAIN: usize = 8 * 1024;

/// Rows of `width` numbers that make an item worth handing out.
fn row_grain(cpu: &Cpu, rows: usize, width: usize) -> usize {
    (GRAIN / width.max(1)).max(1).max(rows / (4 * cpu.threads()))
}
