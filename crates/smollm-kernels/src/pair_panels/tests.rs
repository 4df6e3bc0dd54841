//! Every row comes back from its tiles bit for bit, and the padding is zero.

use super::PairPanels;
use crate::Cpu;

#[test]
fn rows_come_back_as_they_were() {
    let cpu = Cpu::with_isa("scalar", 2).expect("available");
    for (rows, cols) in [(16, 32), (48, 576), (17, 64), (1, 1), (5, 31), (33, 95), (160, 33)] {
        // Any bits are numbers; one more at the start makes the rest lie off the border of words in every second case.
        let bits: Vec<u16> = (0..=(rows * cols) as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u16).collect();
        for skip in [0, 1] {
            let values = &bits[skip..][..rows * cols];
            let panels = PairPanels::new(&cpu, cols, values);
            let mut got = vec![0.0; cols];
            for (row, expected) in values.chunks_exact(cols).enumerate() {
                panels.row_to_f32(row, &mut got);
                let same = got.iter().zip(expected).all(|(got, bits)| got.to_bits() == u32::from(*bits) << 16);
                assert!(same, "{rows} x {cols}, row {row}");
            }
            let sum = |values: &[u16]| values.iter().map(|bits| u64::from(*bits)).sum::<u64>();
            assert_eq!(sum(panels.lines().as_flattened()), sum(values), "{rows} x {cols}: what is not there is zero");
            assert_eq!(panels.lines().len(), rows.div_ceil(16) * cols.div_ceil(32) * 16);
        }
    }
}
