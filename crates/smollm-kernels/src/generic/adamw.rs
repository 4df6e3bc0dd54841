//! One step of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), in the order of operations of `torch.optim.AdamW`.

use crate::table::AdamwTask;

/// All weights of a task.
#[inline(always)]
pub(crate) fn adamw(task: &mut AdamwTask<'_>) {
    let AdamwTask { weights, first, second, gradient, by } = task;
    let len = weights.len();
    assert!(first.len() == len && second.len() == len && gradient.len() == len);
    for i in 0..len {
        let g = gradient[i] * by.gradient_scale;
        let m = first[i] + (g - first[i]) * by.first_rate;
        let v = second[i] * by.second_keep + g * g * by.second_rate;
        (first[i], second[i]) = (m, v);
        weights[i] = weights[i] * by.weight_keep - by.step_size * (m / (v.sqrt() / by.root_correction + by.eps));
    }
}
