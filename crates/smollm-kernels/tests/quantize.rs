//! Quantising: no larger errors than ggml's, the same bytes everywhere, and nothing that breaks it.

mod oracle;

use oracle::{cpus, formats, numbers};
use proptest::prelude::*;
use smollm_kernels::{Cpu, Dtype, Matrix, ops};

const ROWS: usize = 64;
const COLS: usize = 512;

/// Cubes of uniform numbers: many small ones and a few large, as weights are.
fn weights() -> Matrix {
    Matrix::from_f32(ROWS, COLS, numbers(11, ROWS * COLS).iter().map(|x| x * x * x).collect())
}

fn importance() -> Vec<f32> {
    numbers(12, COLS).iter().map(|x| x * x).collect()
}

/// Root mean square error, weighted by importances in parts of their average.
fn error(from: &Matrix, blocks: &Matrix, importance: Option<&[f32]>) -> f64 {
    let average = importance.map_or(1.0, |w| w.iter().map(|w| f64::from(*w)).sum::<f64>() / w.len() as f64);
    let (mut x, mut value) = (vec![0.0; from.cols()], vec![0.0; from.cols()]);
    let mut sum = 0.0;
    for row in 0..from.rows() {
        from.row_to_f32(row, &mut x);
        blocks.row_to_f32(row, &mut value);
        for (i, (x, value)) in x.iter().zip(&value).enumerate() {
            let weight = importance.map_or(1.0, |w| f64::from(w[i]) / average);
            sum += weight * (f64::from(*x) - f64::from(*value)).powi(2);
        }
    }
    (sum / (from.rows() * from.cols()) as f64).sqrt()
}

/// What ggml reaches on the same numbers (`testdata/quant/errors.txt`): type, plain and weighted error.
fn errors_of_ggml() -> Vec<(Dtype, f64, f64)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/quant/errors.txt");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().expect("a type");
        let dtype = Dtype::ALL.into_iter().find(|dtype| dtype.name() == name).expect("a known type");
        let mut number = || words.next().expect("a number").parse().expect("a number");
        (dtype, number(), number())
    };
    text.lines().map(line).collect()
}

#[test]
fn errors_are_no_larger_than_those_of_ggml() {
    let (from, importance) = (weights(), importance());
    let cpu = Cpu::new(2).expect("a row");
    let goldens = errors_of_ggml();
    assert_eq!(goldens.len(), formats().count());
    for (dtype, plain, weighted) in goldens {
        let ours = error(&from, &ops::quantize(&cpu, &from, dtype, None), None);
        assert!(ours <= plain, "{dtype}: {ours:e}, ggml {plain:e}");
        let blocks = ops::quantize(&cpu, &from, dtype, Some(&importance));
        let ours = error(&from, &blocks, Some(&importance));
        assert!(ours <= weighted, "{dtype} weighted: {ours:e}, ggml {weighted:e}");
    }
}

/// A sum of products with the numbers themselves is kept, not made smaller as by the nearest values.
#[test]
fn blocks_reach_as_far_as_their_numbers() {
    let (from, importance) = (weights(), importance());
    let cpu = Cpu::new(2).expect("a row");
    let (mut x, mut value) = (vec![0.0; COLS], vec![0.0; COLS]);
    for dtype in formats() {
        for importance in [None, Some(&importance[..])] {
            let blocks = ops::quantize(&cpu, &from, dtype, importance);
            for row in 0..ROWS {
                from.row_to_f32(row, &mut x);
                blocks.row_to_f32(row, &mut value);
                for first in (0..COLS).step_by(dtype.block_len()) {
                    let sum = |a: &[f32]| -> f64 {
                        let weight = |i: usize| importance.map_or(1.0, |w| f64::from(w[i]));
                        (first..first + dtype.block_len()).map(|i| weight(i) * f64::from(x[i]) * f64::from(a[i])).sum()
                    };
                    // The scales have eleven bits, and a minimum takes away part of what a scale gives.
                    let reach = sum(&value) / sum(&x);
                    assert!((reach - 1.0).abs() < 2e-3, "{dtype} row {row} from {first}: {reach}");
                }
            }
        }
    }
}

#[test]
fn every_row_of_the_table_and_any_threads_make_the_same_bytes() {
    let (from, importance) = (weights(), importance());
    for dtype in formats() {
        for importance in [None, Some(&importance[..])] {
            let expected = ops::quantize(&Cpu::with_isa("scalar", 1).expect("is there"), &from, dtype, importance);
            for cpu in cpus() {
                let blocks = ops::quantize(&cpu, &from, dtype, importance);
                assert!(blocks.bytes().as_slice() == expected.bytes().as_slice(), "{cpu:?} {dtype}");
            }
        }
    }
}

/// Columns without importance still come out near what they were, and importances of any size are the same in parts.
#[test]
fn only_the_proportions_of_importances_count() {
    let (from, cpu) = (weights(), Cpu::new(1).expect("a row"));
    for dtype in formats() {
        let with = |importance: &[f32]| ops::quantize(&cpu, &from, dtype, Some(importance));
        let plain = ops::quantize(&cpu, &from, dtype, None);
        for scale in [0.0, 1e-30, 1.0, 1e30] {
            assert!(with(&[scale; COLS]).bytes().as_slice() == plain.bytes().as_slice(), "{dtype} {scale}");
        }
        let half: Vec<f32> = (0..COLS).map(|i| (i % 2) as f32).collect();
        assert!(error(&from, &with(&half), None) < 4.0 * error(&from, &plain, None), "{dtype}");
    }
}

#[test]
fn zeros_stay_zero_and_equal_numbers_equal() {
    let cpu = Cpu::new(1).expect("a row");
    for dtype in formats() {
        let values = |from: f32| {
            let matrix = Matrix::from_f32(1, 256, vec![from; 256]);
            let mut row = vec![f32::NAN; 256];
            ops::quantize(&cpu, &matrix, dtype, None).row_to_f32(0, &mut row);
            row
        };
        assert!(values(0.0).iter().all(|x| *x == 0.0), "{dtype}");
        for number in [1.0, -0.37, 3e-2, -900.0] {
            // The scales are f16, so that is how exact a number can be, but for a sum of two of them. (With 4 bits and whole
            // scales up to 63 the common scale of smaller numbers is subnormal and coarser.)
            assert!(values(number).iter().all(|x| (x - number).abs() <= 2e-3 * number.abs()), "{dtype} {number}");
        }
        // What is beyond f16 saturates instead of becoming infinite.
        assert!(values(3e30).iter().all(|x| x.is_finite() && *x > 1e4), "{dtype}: {:?}", values(3e30)[0]);
        assert!(values(1e-30).iter().all(|x| x.abs() <= 1e-5), "{dtype}");
    }
}

#[test]
fn elements_that_are_not_finite_are_counted() {
    for cpu in cpus() {
        let mut values = numbers(13, 5 * 96);
        assert_eq!(ops::count_not_finite(&cpu, &Matrix::from_f32(5, 96, values.clone())), 0);
        (values[3], values[100], values[479]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(ops::count_not_finite(&cpu, &Matrix::from_f32(5, 96, values)), 3);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_numbers_can_be_quantised(bits in prop::collection::vec(any::<u32>(), 256), weights in any::<bool>()) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        let importance = weights.then(|| values.iter().map(|x| if x.is_finite() { x.abs() } else { 0.0 }).collect::<Vec<_>>());
        let matrix = Matrix::from_f32(1, 256, values);
        for dtype in formats() {
            let blocks = ops::quantize(&cpus()[0], &matrix, dtype, importance.as_deref());
            prop_assert_eq!(blocks.bytes_len(), dtype.bytes_for(256).expect("whole blocks"));
        }
    }
}
