//! Blocks against the values that the Python package gguf and ggml give for them (`testdata/quant`).

use proptest::prelude::*;

use super::*;
use crate::aligned::bytes_of;

/// The block formats.
fn formats() -> impl Iterator<Item = Dtype> {
    Dtype::ALL.into_iter().filter(|dtype| dtype.is_quantized())
}

/// Blocks of a golden file and their values.
fn golden(dtype: Dtype) -> (Vec<u8>, Vec<f32>) {
    let path = format!("{}/../../testdata/quant/{dtype}.bin", env!("CARGO_MANIFEST_DIR"));
    let mut blocks = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let per_block = dtype.block_bytes() + 4 * dtype.block_len();
    assert!(!blocks.is_empty() && blocks.len().is_multiple_of(per_block), "{path}: {} bytes", blocks.len());
    let values = blocks.split_off(blocks.len() / per_block * dtype.block_bytes());
    (blocks, values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

#[test]
fn values_have_the_bits_of_the_reference() {
    for dtype in formats() {
        let (blocks, expected) = golden(dtype);
        let mut values = vec![0.0; expected.len()];
        dequantize(dtype, &blocks, &mut values);
        for (i, (value, expected)) in values.iter().zip(&expected).enumerate() {
            let same = value.to_bits() == expected.to_bits() || (value.is_nan() && expected.is_nan());
            assert!(
                same,
                "{dtype}: element {} of block {} is {value}, not {expected}",
                i % dtype.block_len(),
                i / dtype.block_len()
            );
        }
    }
}

#[test]
#[should_panic(expected = "17 bytes are not whole Q4_0 blocks")]
fn part_of_a_block_is_refused() {
    dequantize(Dtype::Q4_0, &[0; 17], &mut [0.0; 32]);
}

#[test]
#[should_panic(expected = "values of 1 Q4_0 blocks")]
fn room_for_other_than_the_elements_is_refused() {
    dequantize(Dtype::Q4_0, &[0; 18], &mut [0.0; 31]);
}

#[test]
#[should_panic(expected = "BF16 is not a block format")]
fn plain_types_are_refused() {
    dequantize(Dtype::BF16, &[0; 2], &mut [0.0; 1]);
}

proptest! {
    #[test]
    fn any_bytes_have_values_wherever_they_lie(bytes in prop::collection::vec(any::<u8>(), 1024), shift in 0usize..8) {
        for dtype in formats() {
            let bytes = &bytes[shift..];
            let count = bytes.len() / dtype.block_bytes();
            let blocks = &bytes[..count * dtype.block_bytes()];
            let mut values = vec![0.0; count * dtype.block_len()];
            dequantize(dtype, blocks, &mut values);
            // One at a time gives the same.
            let mut one = vec![0.0; dtype.block_len()];
            for i in 0..count {
                dequantize(dtype, &blocks[i * dtype.block_bytes()..][..dtype.block_bytes()], &mut one);
                prop_assert_eq!(bytes_of(&one), bytes_of(&values[i * one.len()..][..one.len()]));
            }
        }
    }
}
