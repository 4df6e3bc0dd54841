//! A histogram with fixed bounds, as Prometheus wants it: how many observations were no larger than each.

use std::fmt::Write;

/// Counts of observations.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// Observations in each bucket alone; the last is what exceeds all bounds.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    /// Empty; `bounds` ascend.
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    pub(super) fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    /// The lines of the exposition, without those that describe it. `labels` are comma-separated pairs.
    pub(super) fn write(&self, name: &str, labels: &str, out: &mut String) {
        let mut total = 0;
        for (index, count) in self.counts.iter().enumerate() {
            total += count;
            // writing to a string cannot fail
            let _ = match self.bounds.get(index) {
                Some(bound) => writeln!(out, "{name}_bucket{{{labels},le=\"{bound:?}\"}} {total}"),
                None => writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}"),
            };
        }
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {total}", self.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn buckets_are_cumulative_and_bounds_belong_to_them() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        for value in [0.25, 0.5, 0.75, 8.0] {
            histogram.observe(value);
        }
        let mut out = String::new();
        histogram.write("x", "a=\"b\"", &mut out);
        let expected = "x_bucket{a=\"b\",le=\"0.5\"} 2\nx_bucket{a=\"b\",le=\"1.0\"} 3\nx_bucket{a=\"b\",le=\"+Inf\"} 4\n\
                        x_sum{a=\"b\"} 9.5\nx_count{a=\"b\"} 4\n";
        assert_eq!(out, expected);
    }
}
