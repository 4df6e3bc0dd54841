//! The kernels of training on this row.

use super::Portable;
use crate::generic::{adamw, backward, elementwise, product, softmax, transpose};
use crate::table::TrainingKernels;

pub(super) const KERNELS: TrainingKernels = TrainingKernels {
    rms_norm_backward: |row, dy, dx, dweight| backward::rms_norm_backward(Portable, row, dy, dx, dweight),
    swiglu_backward: |from, to| backward::swiglu_backward(Portable, from, to),
    max: |row| softmax::max(Portable, row),
    exp_minus: |row, max| softmax::exp_minus(Portable, row, max),
    sum_exp: |row, max| softmax::sum_exp(Portable, row, max),
    multiply: |x, factor| elementwise::multiply(x, factor),
    dot: |a, b| backward::dot(Portable, a, b),
    transpose: |rows, width, columns, to, stride| transpose::transpose(Portable, rows, width, columns, to, stride),
    product: |task| product::product::<_, 2, 1>(Portable, task),
    adamw: |task| adamw::adamw(task),
};
