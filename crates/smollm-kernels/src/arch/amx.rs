//! Intel AMX: the row `avx512`, but for products of many rows of activations with packed weights, which the tile unit takes.
//!
//! bf16 weights are packed as tiles, and met by tiles at any number of activation rows. Quantised weights in panels are met by
//! bytes: integers are exact, so tiles give what `avx512` gives, bit for bit, and a few rows stay with it. Or they are expanded to
//! tiles of bf16 and met as such, where the caller asks for that.

use super::avx512::{self, Avx512};
use crate::generic::{causal_tiles, lay, panel, tile_attention, tiles};
use crate::lanes::Chunk;
use crate::table::{
    AttendBackwardTask, AttendTask, BlockForm, ExpandTask, GatedTask, Kernels, MixTask, PairKernels, Pairs, PanelTask,
    ScoreTask, TileKernels, TileTask, TurnedTask,
};
use crate::tiles::Tiles;

mod emulated;
mod hardware;
mod permission;

use emulated::Emulated;
use hardware::Hardware;

pub(super) fn available() -> bool {
    avx512::available() && permission::granted()
}

pub(super) static ROW: Kernels =
    Kernels { fma_rounds, round_operations: tiles::ROUND_OPERATIONS, ..row::<Hardware>("amx") };

/// The same row on an emulation of the tile unit, for tests: never chosen unless named.
pub(super) static EMULATED_ROW: Kernels = row::<Emulated>("amx-emulated");

const fn row<T: Tiles>(name: &'static str) -> Kernels {
    Kernels {
        name,
        pairs: Some(PairKernels {
            matmul: None,
            narrow: avx512::KERNELS.narrow_bf16,
            score: score::<T>,
            mix: mix::<T>,
            gathered: true,
        }),
        tiles: Some(TileKernels {
            matmul: matmul::<T>,
            gated: gated::<T>,
            lay,
            weave,
            lay_turned,
            lay_block,
            attend: attend::<T>,
            attend_backward: attend_backward::<T>,
            expand,
        }),
        matmul_panels: matmul_panels::<T>,
        ..avx512::KERNELS
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn matmul<T: Tiles>(task: &TileTask<'_>) {
    tiles::matmul::<T>(task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn gated<T: Tiles>(task: &GatedTask<'_>) {
    // SAFETY: the instructions are enabled by this function.
    tiles::gated::<_, T>(unsafe { Avx512::new() }, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn lay(x: &[f32], cols: usize, tile: &mut [Pairs]) {
    // SAFETY: the instructions are enabled by this function.
    lay::lay(unsafe { Avx512::new() }, x, cols, tile);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn weave(x: &[f32], cols: usize, group: &mut [Chunk<f32>]) {
    // SAFETY: the instructions are enabled by this function.
    lay::weave(unsafe { Avx512::new() }, x, cols, group);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn lay_turned(task: &TurnedTask<'_>) {
    // SAFETY: the instructions are enabled by this function.
    lay::lay_turned(unsafe { Avx512::new() }, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn lay_block(block: &[Chunk<f32>], form: BlockForm, to: &mut [Chunk<f32>]) {
    // SAFETY: the instructions are enabled by this function.
    causal_tiles::lay_block(unsafe { Avx512::new() }, block, form, to);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn attend<T: Tiles>(task: &mut AttendTask<'_>) {
    // SAFETY: the instructions are enabled by this function.
    causal_tiles::forward::<_, T>(unsafe { Avx512::new() }, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn attend_backward<T: Tiles>(task: &mut AttendBackwardTask<'_>) {
    // SAFETY: the instructions are enabled by this function.
    causal_tiles::backward::<_, T>(unsafe { Avx512::new() }, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn expand(task: &ExpandTask<'_>, out: &mut [Pairs]) {
    // SAFETY: the instructions are enabled by this function.
    panel::expand(unsafe { Avx512::new() }, task, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn matmul_panels<T: Tiles>(task: &PanelTask<'_>, scratch: &mut [Chunk<f32>]) {
    // SAFETY: the instructions are enabled by this function.
    panel::matmul_tiled::<_, T>(unsafe { Avx512::new() }, task, scratch);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn score<T: Tiles>(task: &mut ScoreTask<'_, i32, Pairs>) {
    // SAFETY: the instructions are enabled by this function.
    tile_attention::score::<_, T>(unsafe { Avx512::new() }, task);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn mix<T: Tiles>(task: &mut MixTask<'_, i32, Pairs>) {
    tile_attention::mix::<T>(task);
}

/// (Not for the emulation, whose speed is nobody's roof.)
fn fma_rounds(rounds: usize) -> f32 {
    tiles::rounds::<Hardware>(rounds)
}

#[cfg(test)]
mod tests;
