//! A small load generator: chats over HTTP against any server with OpenAI's completions, one blocking thread each.
//!
//! It shares the machine with what it measures, so it sleeps in the kernel between the pieces of an answer and does next to nothing
//! with them.

mod client;
mod crowd;
mod prompt;
mod server;

pub(crate) use client::{Asked, ask};
pub(crate) use crowd::{Wave, arrivals, wave};
pub(crate) use prompt::Shape;
pub(crate) use server::Server;

/// The value below which so many per cent of the sorted `values` lie (nearest rank); `None` of nothing.
pub(crate) fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&values, 50.0), percentile(&values, 99.0)), (Some(100.0), Some(198.0)));
        assert_eq!(
            (percentile(&[7.0], 99.0), percentile(&[7.0], 0.0), percentile(&[], 50.0)),
            (Some(7.0), Some(7.0), None)
        );
    }
}
