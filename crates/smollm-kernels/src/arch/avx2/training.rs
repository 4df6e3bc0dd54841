//! The kernels of training on this row.

use super::Avx2;
use crate::generic::{adamw, backward, elementwise, product, softmax, transpose};
use crate::table::{AdamwTask, NormRow, ProductTask, TrainingKernels};
use std::ops::Range;

pub(super) const KERNELS: TrainingKernels = TrainingKernels {
    rms_norm_backward,
    swiglu_backward,
    max,
    exp_minus,
    sum_exp,
    multiply,
    dot,
    transpose,
    product,
    adamw,
};

#[target_feature(enable = "avx2,fma,f16c")]
fn rms_norm_backward(row: &NormRow<'_>, dy: &[f32], dx: &mut [f32], dweight: &mut [f32]) {
    backward::rms_norm_backward(Avx2(()), row, dy, dx, dweight);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn swiglu_backward(from: [&[f32]; 3], to: [&mut [f32]; 2]) {
    backward::swiglu_backward(Avx2(()), from, to);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn max(row: &[f32]) -> f32 {
    softmax::max(Avx2(()), row)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn exp_minus(row: &mut [f32], max: f32) -> f32 {
    softmax::exp_minus(Avx2(()), row, max)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn sum_exp(row: &[f32], max: f32) -> f32 {
    softmax::sum_exp(Avx2(()), row, max)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn multiply(x: &mut [f32], factor: f32) {
    elementwise::multiply(x, factor);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    backward::dot(Avx2(()), a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn transpose(rows: &[f32], width: usize, columns: Range<usize>, to: &mut [f32], stride: usize) {
    transpose::transpose(Avx2(()), rows, width, columns, to, stride);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn product(task: &mut ProductTask<'_>) {
    product::product::<_, 2, 1>(Avx2(()), task);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn adamw(task: &mut AdamwTask<'_>) {
    adamw::adamw(task);
}
