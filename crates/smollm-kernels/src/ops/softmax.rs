//! What is asked of a row of logits: its softmax, its denominator, its largest entry.

use crate::arch::Portable;
use crate::generic::softmax as generic;

/// ln(sum exp(x)), computed about the maximum; -inf for an empty row, NaN if the row has a NaN.
pub fn log_sum_exp(row: &[f32]) -> f32 {
    let max = generic::max(Portable, row);
    if max.is_infinite() && !row.iter().any(|x| x.is_nan()) {
        return max; // nothing but -inf, or an infinite entry that outweighs all
    }
    // Read only: the exponentials are summed and dropped.
    max + generic::sum_exp(Portable, row, max).ln()
}

/// The sum of exp(x - max); `max` is the largest entry, or what lies above it.
pub fn sum_exp(row: &[f32], max: f32) -> f32 {
    generic::sum_exp(Portable, row, max)
}

/// Replaces x by exp(x - max), the softmax but for a factor; `max` is the largest entry.
pub fn exp_minus(row: &mut [f32], max: f32) {
    generic::exp_minus(Portable, row, max);
}

/// Replaces x by exp(x) / sum exp(x); all NaN where the row has a NaN, or no finite maximum.
pub fn softmax(row: &mut [f32]) {
    let max = generic::max(Portable, row);
    let scale = 1.0 / generic::exp_minus(Portable, row, max);
    row.iter_mut().for_each(|x| *x *= scale);
}

/// The index of the largest entry, the first of equals; NaN entries are passed over. 0 where there is none.
pub fn argmax(row: &[f32]) -> usize {
    let max = generic::max(Portable, row);
    row.iter().position(|x| *x == max).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(row: &[f32]) {
        let max = row.iter().fold(f64::NEG_INFINITY, |max, &x| max.max(f64::from(x)));
        let sum: f64 = row.iter().map(|&x| (f64::from(x) - max).exp()).sum();
        let expected = max + sum.ln();
        let got = f64::from(log_sum_exp(row));
        assert!((got - expected).abs() <= 2e-7 * expected.abs().max(1.0), "log_sum_exp {got}, not {expected}");
        let above = row.iter().fold(f32::NEG_INFINITY, |max, &x| max.max(x));
        let mut weights = row.to_vec();
        exp_minus(&mut weights, above);
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        assert!((total - sum).abs() <= 2e-6 * sum && (f64::from(sum_exp(row, above)) - sum).abs() <= 2e-6 * sum);
        let mut probabilities = row.to_vec();
        softmax(&mut probabilities);
        for (p, &x) in probabilities.iter().zip(row) {
            let expected = (f64::from(x) - max).exp() / sum;
            // x - max is rounded in f32, which the exponential turns into a relative error.
            let bound = 4e-7 * (1.0 + (f64::from(x) - max).abs()) * expected + 1e-44;
            assert!((f64::from(*p) - expected).abs() <= bound, "softmax {p}, not {expected}");
        }
        assert_eq!(f64::from(row[argmax(row)]), max);
    }

    #[test]
    fn rows_of_all_lengths_agree_with_f64() {
        for len in (1..70).chain([257, 1_000, 49_152]) {
            check(&(0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.3).collect::<Vec<_>>());
        }
        check(&[-1e4, -1e4 + 1.0]);
        check(&[88.0; 3]);
    }

    #[test]
    fn odd_rows_do_not_panic() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        assert_eq!((argmax(&[]), argmax(&[nan; 5]), argmax(&[nan, 1.0, 2.0, 2.0])), (0, 0, 2));
        assert_eq!((argmax(&[-inf; 3]), argmax(&[0.0, inf, nan])), (0, 1));
        assert_eq!((log_sum_exp(&[]), log_sum_exp(&[-inf; 20])), (-inf, -inf));
        assert_eq!(log_sum_exp(&[1.0, inf]), inf);
        assert_eq!(log_sum_exp(&[-inf, 3.0]), 3.0);
        assert!(log_sum_exp(&[1.0, nan]).is_nan() && log_sum_exp(&[-inf, nan]).is_nan());
        let mut row = [0.0, -inf];
        softmax(&mut row);
        assert_eq!(row, [1.0, 0.0]);
        softmax(&mut []);
    }
}
