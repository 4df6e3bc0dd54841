//! How many threads this process may really use.

use std::num::NonZero;

/// The number of CPUs granted to this process, at least 1.
///
/// On Linux the standard library takes the affinity mask (`sched_getaffinity`) and the CPU quota of the cgroup, version 1
/// or 2, including those of its parents, and returns the smaller; elsewhere it asks the system. A quota of two and a half
/// CPUs counts as two: a third thread would only be throttled.
pub fn granted_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    #[test]
    fn at_least_one_thread() {
        assert!(super::granted_threads() >= 1);
    }
}
