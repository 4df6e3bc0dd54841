//! Every row comes back from its panel bit for bit.

use super::{turned_back, turned_bits};
use crate::{Bytes, Cpu, Dtype, Matrix};

#[test]
fn rows_come_back_as_they_were() {
    let cpu = Cpu::with_isa("scalar", 2).expect("available");
    for dtype in [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q5_0, Dtype::Q4_K, Dtype::Q6_K] {
        let (rows, cols) = (48, 3 * dtype.block_len());
        let len = dtype.bytes_for(rows * cols).expect("whole blocks");
        // Any bytes are blocks; those that make a scale NaN or infinite are among them.
        let bytes: Vec<u8> = (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let plain = Matrix::new(dtype, rows, cols, Bytes::from(bytes)).expect("fits");
        let packed = plain.pack(&cpu);
        assert!(packed.is_packed() && packed.bytes_len() == plain.bytes_len(), "{dtype}");
        let (mut expected, mut got) = (vec![0.0; cols], vec![0.0; cols]);
        for row in 0..rows {
            plain.row_to_f32(row, &mut expected);
            packed.row_to_f32(row, &mut got);
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got), bits(&expected), "{dtype} row {row}");
        }
    }
}

#[test]
fn what_has_no_panels_stays_as_it_is() {
    let cpu = Cpu::with_isa("scalar", 1).expect("available");
    for (dtype, rows, cols) in [(Dtype::F32, 32, 32), (Dtype::Q8_0, 24, 32), (Dtype::Q2_K, 16, 256)] {
        let bytes = vec![1; dtype.bytes_for(rows * cols).expect("whole blocks")];
        let matrix = Matrix::new(dtype, rows, cols, Bytes::from(bytes)).expect("fits");
        assert!(!matrix.pack(&cpu).is_packed(), "{dtype} {rows} x {cols}");
    }
}

#[test]
fn fifth_bits_turn_and_turn_back() {
    for bits in [0u32, 1, 0x8000_0000, 0x1234_5678, 0xdead_beef, u32::MAX] {
        assert_eq!(turned_back(turned_bits(bits)), bits);
        let bytes = bits.to_le_bytes().map(|byte| super::TURNED[usize::from(byte)]);
        assert_eq!(bytes[0] | bytes[1] << 2 | bytes[2] << 4 | bytes[3] << 6, turned_bits(bits));
    }
}
