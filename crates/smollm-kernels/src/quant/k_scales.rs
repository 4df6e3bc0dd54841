//! The 12 bytes in which Q4_K and Q5_K keep eight scales and eight minimums of six bits each.
//!
//! Bytes 0 to 3 hold scales 0 to 3, bytes 4 to 7 minimums 0 to 3, six bits each. Bytes 8 to 11 hold the four lower bits of
//! scales 4 to 7 (lower half) and minimums 4 to 7 (upper half); their two upper bits are the free ones of bytes 0 to 7.

/// Scale and minimum of each group.
#[inline(always)]
pub(crate) fn unpack(packed: &[u8; 12]) -> [(u8, u8); 8] {
    let mut out = [(0, 0); 8];
    for i in 0..4 {
        out[i] = (packed[i] & 63, packed[i + 4] & 63);
        let low = packed[i + 8];
        out[i + 4] = (low & 15 | packed[i] >> 6 << 4, low >> 4 | packed[i + 4] >> 6 << 4);
    }
    out
}

/// The bytes of eight scales and minimums, the first of those given.
#[inline(always)]
pub(crate) fn pack(scales: &[(u8, u8)]) -> [u8; 12] {
    let mut packed = [0; 12];
    for i in 0..4 {
        let ((scale, min), (later_scale, later_min)) = (scales[i], scales[i + 4]);
        packed[i] = scale | (later_scale >> 4) << 6;
        packed[i + 4] = min | (later_min >> 4) << 6;
        packed[i + 8] = later_scale & 15 | (later_min & 15) << 4;
    }
    packed
}
