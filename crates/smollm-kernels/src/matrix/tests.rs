//! Matrices from bytes: shapes, alignment, conversions.

use super::*;

#[test]
fn wrong_lengths_and_types_are_refused_with_a_reason() {
    let bytes = || Bytes::from(vec![0; 24]);
    for (dtype, rows, cols, message) in [
        (Dtype::F32, 2, 4, "a 2 x 4 matrix of type F32 takes 32 bytes, not 24"),
        (Dtype::BF16, 3, 3, "a 3 x 3 matrix of type BF16 takes 18 bytes, not 24"),
        (Dtype::Q4_K, 1, 256, "a 1 x 256 matrix of type Q4_K takes 144 bytes, not 24"),
        (Dtype::Q4_K, 1, 576, "a 1 x 576 matrix cannot be stored as Q4_K (blocks of 256)"),
        (Dtype::F16, usize::MAX, 2, &format!("a {} x 2 matrix cannot be stored as F16 (blocks of 1)", usize::MAX)),
    ] {
        let error = Matrix::new(dtype, rows, cols, bytes()).expect_err("refused");
        assert_eq!(error.to_string(), message);
    }
    assert!(Matrix::new(Dtype::F32, 0, 7, Bytes::from(vec![])).is_ok());
}

#[test]
fn misaligned_bytes_are_copied_and_read_the_same() {
    let values: Vec<f32> = (0..12).map(|i| i as f32 * 0.5 - 3.0).collect();
    for shift in 0..4 {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
            let source = Matrix::from_f32(3, 4, values.clone()).to_dtype(dtype);
            let mut bytes = vec![0; shift];
            bytes.extend_from_slice(source.bytes().as_slice());
            let len = bytes.len();
            let matrix = Matrix::new(dtype, 3, 4, Bytes::from(bytes).slice(shift..len)).expect("fits");
            let mut row = [0.0; 4];
            for r in 0..3 {
                matrix.row_to_f32(r, &mut row);
                assert_eq!(row, values[r * 4..][..4], "{dtype} shifted by {shift}");
            }
        }
    }
}

#[test]
fn conversions_round_to_nearest_even() {
    let matrix = Matrix::from_f32(1, 2, vec![1.0 + 1.0 / 256.0, -3.0e-6]);
    let mut row = [0.0; 2];
    matrix.to_dtype(Dtype::BF16).row_to_f32(0, &mut row);
    assert_eq!(row[0], 1.0);
    let f16 = matrix.to_dtype(Dtype::F16);
    assert_eq!((f16.dtype(), f16.bytes_len()), (Dtype::F16, 4));
    f16.row_to_f32(0, &mut row);
    assert_eq!(row, [1.0 + 1.0 / 256.0, -50.0 / 16_777_216.0]);
    f16.to_dtype(Dtype::F32).row_to_f32(0, &mut row);
    assert_eq!(row[0], 1.0 + 1.0 / 256.0);
}
