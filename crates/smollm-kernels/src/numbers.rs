//! Vectors of numbers in memory that is cheap to touch for the first time.
//!
//! The system hands out memory page by page when it is touched, which for the gigabytes of a training step takes longer than the step. All
//! pages of a long vector are asked for at once.

use crate::aligned::populate;

/// So many zeros, in memory that will be written to from end to end.
pub fn zeros(len: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; len];
    populate(&mut numbers);
    numbers
}

/// Makes room for so many numbers: those that are there, or zeros.
pub fn fit(numbers: &mut Vec<f32>, len: usize) {
    if numbers.capacity() < len {
        *numbers = zeros(len);
    } else {
        numbers.resize(len, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_the_length_that_was_asked_for() {
        for len in [0, 1, 5_000, (4 << 20) + 3] {
            let mut numbers = zeros(len);
            assert!(numbers.len() == len && numbers.iter().all(|x| *x == 0.0));
            numbers.fill(7.0);
            for other in [len / 2, len, 2 * len + 1] {
                fit(&mut numbers, other);
                assert_eq!(numbers.len(), other);
            }
        }
    }
}
