//! Rounding to half precision and to bf16.

use super::*;

#[test]
fn half_precision_rounds_to_nearest_even() {
    let cases: &[(f32, u16)] = &[
        (0.0, 0x0000),
        (-0.0, 0x8000),
        (1.0, 0x3C00),
        (-2.0, 0xC000),
        (65504.0, 0x7BFF),
        (65519.9, 0x7BFF),
        (65520.0, 0x7C00),
        (5.960_464_5e-8, 0x0001), // the smallest subnormal
        (2.980_232_2e-8, 0x0000), // half of it: a tie, to even
        (2.980_232_6e-8, 0x0001),
        (6.103_515_6e-5, 0x0400), // the smallest normal
        (6.100_535e-5, 0x03FF),   // the largest subnormal
        (1.000_488_3, 0x3C00),    // a tie between 1 and its successor
        (1.001_464_8, 0x3C02),    // a tie that goes up to even
        (0.333_333_34, 0x3555),
    ];
    for &(x, bits) in cases {
        assert_eq!(f16_bits(x), bits, "{x:e}");
    }
    for bits in (0..0x7C00).chain(0x8000..0xFC00) {
        assert_eq!(f16_bits(f16_value(bits)), bits);
    }
    assert_eq!(bf16_bits(1.003_906_2), 0x3F80);
    assert_eq!(bf16_bits(1.011_718_8), 0x3F82);
    assert_eq!(Stored::Bf16.round(&[-0.1]), [-0.100_097_656]);
}
