//! New checkpoints of old ones: adapters laid into a model for good, and weighted averages of models of one configuration.

mod adapters;
mod average;
mod card;

pub use adapters::merge_adapters;
pub use average::{Share, average};

use smollm_kernels::Dtype;

/// How to merge.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// The type of the result; that of the first model's matrices where absent.
    pub dtype: Option<Dtype>,
    /// Threads; what the affinity mask and the cgroup grant where absent.
    pub threads: Option<usize>,
}
