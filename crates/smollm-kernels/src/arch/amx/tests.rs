//! The arithmetic of the unit, in cases worked out by hand from Intel's description: for the emulation, and the machine's own unit if
//! there is one.

use super::{Emulated, Hardware, available};
use crate::half::f32_to_bf16;
use crate::lanes::LANES;
use crate::tiles::{BYTE_SLOTS, PairBlock, ROWS, Tiles};

/// One step of activations and of one weight row: what stands at which place, the rest being zero.
type Step<'a> = &'a [(usize, f32, f32)];

/// What the unit makes of some steps and what the output held.
fn output<T: Tiles>(steps: &[Step<'_>], held: Option<f32>) -> f32 {
    let mut a = vec![[0u16; 2 * LANES]; steps.len()];
    let mut b = vec![[[0u16; 2]; LANES]; steps.len() * ROWS];
    for (i, step) in steps.iter().enumerate() {
        for &(place, x, w) in *step {
            a[i][place] = f32_to_bf16(x);
            b[i * ROWS + place / 2][0][place % 2] = f32_to_bf16(w);
        }
    }
    let mut c = [[held.unwrap_or(f32::NAN); LANES]; 4];
    let block = PairBlock {
        a: [a.as_ptr().cast()],
        a_stride: 64,
        a_step: 64,
        b: [b.as_ptr().cast(); 4],
        b_stride: 64,
        b_step: 64 * ROWS,
        steps: steps.len(),
        c: [c.each_mut().map(|row| row.as_mut_ptr())],
        c_stride: 64,
        adds: usize::from(held.is_some()),
        ahead: std::ptr::null(),
        ahead_apart: 0,
        ahead_lines: 0,
        rows_ahead: std::ptr::null(),
        rows_apart: 0,
        rows_each: 0,
    };
    // SAFETY: the unit is there (the callers ask); one row, four times the same weights, and an output for each.
    unsafe { T::for_pairs(1, ROWS).pairs_1x4(&block) };
    assert!(c.iter().all(|row| row[0].to_bits() == c[0][0].to_bits()), "{c:?}");
    c[0][0]
}

fn check_pairs<T: Tiles>() {
    let big = 16_777_216.0; // 2^24: one more is lost, two more are not
    // Even and odd places are summed apart, so the two ones at odd places meet each other first.
    let step = [(0, big, 1.0), (1, 1.0, 1.0), (2, 1.0, 1.0), (3, 1.0, 1.0), (4, 1.0, 1.0)];
    assert_eq!(output::<T>(&[&step], None), big + 2.0);
    // In ascending order.
    assert_eq!(output::<T>(&[&[(0, 1.0, 1.0), (2, 1.0, 1.0), (30, big, 1.0)]], None), big + 2.0);
    assert_eq!(output::<T>(&[&[(0, 1.0, 1.0), (2, big, 1.0), (30, 1.0, 1.0)]], None), big);
    // The sum of a step begins at zero, and is added to the output as a whole.
    assert_eq!(output::<T>(&[&[(0, big, 1.0)], &[(0, 1.0, 1.0), (1, 1.0, 1.0)]], None), big + 2.0);
    assert_eq!(output::<T>(&[&[(0, 1.0, 1.0), (1, 1.0, 1.0)]], Some(big)), big + 2.0);
    // A product that is too large for an f32 is not lost where the sum is none.
    let power = |n: f32| n.exp2();
    let step = [(0, -power(127.0), 1.0), (2, power(64.0), power(64.0))];
    assert_eq!(output::<T>(&[&step], None), power(127.0));
    assert_eq!(output::<T>(&[&step[1..]], None), f32::INFINITY);
    // Subnormal numbers count as zero, in weights and in what the output held, and become zero; tiny products still count.
    assert_eq!(output::<T>(&[&[(0, power(100.0), power(-130.0))]], None), 0.0);
    assert_eq!(output::<T>(&[&[(0, 1.0, 0.0)]], Some(power(-130.0))), 0.0);
    assert_eq!(output::<T>(&[&[(0, power(-70.0), power(-70.0))]], None), 0.0);
    let step = [(0, power(-126.0), 1.0), (2, power(-70.0), power(-70.0))];
    assert_eq!(output::<T>(&[&step], None), power(-126.0) * (1.0 + power(-14.0)));
    assert!(output::<T>(&[&[(7, f32::NAN, 1.0)]], None).is_nan());
    assert!(output::<T>(&[&[(7, f32::INFINITY, 0.0)]], None).is_nan());
}

fn check_bytes<T: Tiles>() {
    for words in 1..=ROWS {
        // The largest sums of either sign, a place apart in each row.
        let a = [[-128i8; 64]; 3];
        let mut b = [[[127i8; 4]; LANES]; ROWS];
        for (line, b) in b.iter_mut().enumerate() {
            b[line] = [-128; 4];
        }
        let mut c = [[7; LANES]; BYTE_SLOTS * ROWS];
        // SAFETY: the unit is there (the callers ask); three rows and sixteen lines of weights, and room for sixteen rows of each slot.
        unsafe {
            let mut tiles = T::for_bytes(3, words);
            for slot in 0..BYTE_SLOTS {
                tiles.multiply_bytes(slot, a.as_ptr().cast(), 64, b.as_ptr().cast());
            }
            for slot in 0..BYTE_SLOTS {
                tiles.store_bytes(slot, c[slot * ROWS..][..ROWS].as_mut_ptr());
            }
        }
        for (row, sums) in c.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                let lower = if n < words { 4 * 128 * 255 } else { 0 };
                let expected = if row % ROWS < 3 { -128 * 127 * 4 * words as i32 + lower } else { 7 };
                assert_eq!(*sum, expected, "{words} words, row {row}, column {n}");
            }
        }
    }
}

#[test]
fn every_unit_computes_what_intel_describes() {
    check_pairs::<Emulated>();
    check_bytes::<Emulated>();
    if available() {
        check_pairs::<Hardware>();
        check_bytes::<Hardware>();
    }
}
