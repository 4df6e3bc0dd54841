//! Any bytes as blocks of every format, which have values whatever they are; and any numbers into blocks.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use smollm_kernels::{Cpu, Dtype, Matrix, ops, quant};

static CPU: LazyLock<Cpu> = LazyLock::new(|| Cpu::new(1).expect("one thread"));

fuzz_target!(|bytes: &[u8]| {
    for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_quantized()) {
        let blocks = &bytes[..bytes.len() / dtype.block_bytes() * dtype.block_bytes()];
        let mut values = vec![f32::NAN; blocks.len() / dtype.block_bytes() * dtype.block_len()];
        quant::dequantize(dtype, blocks, &mut values);
        // What comes out goes back in, finite or not.
        let cols = dtype.block_len();
        let matrix = Matrix::from_f32(values.len() / cols, cols, values);
        let again = ops::quantize(&CPU, &matrix, dtype, None);
        assert_eq!(again.bytes().len(), blocks.len());
    }
    let numbers: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).take(256).collect();
    if numbers.len() == 256 {
        let importance: Vec<f32> = numbers.iter().map(|x| if x.is_finite() { x.abs() } else { 1.0 }).collect();
        for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_quantized()) {
            ops::quantize(&CPU, &Matrix::from_f32(1, 256, numbers.clone()), dtype, Some(&importance));
        }
    }
});
