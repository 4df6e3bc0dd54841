//! The row order of q and k in GGUF files: adjacent pairs there, halves in the Hugging Face layout.
//!
//! Rotary embedding turns pairs of elements of a head. The Hugging Face layout pairs element i with i + D/2; llama.cpp's
//! `llama` and `smollm3` architectures pair 2i with 2i + 1, so its converter reorders the rows of `attn_q` and `attn_k`
//! inside each head. Rows move whole, so this works on the bytes of any weight type.

/// Row order from halves (Hugging Face) to adjacent pairs (GGUF).
pub fn to_pairs(data: &[u8], heads: usize, rows: usize) -> Vec<u8> {
    // GGUF row 2i + s of a head is half-split row i + s * D/2
    reorder(data, heads, rows, |row, half| (row / 2) + (row % 2) * half)
}

/// Row order from adjacent pairs (GGUF) to halves (Hugging Face); the inverse of [`to_pairs`].
pub fn to_halves(data: &[u8], heads: usize, rows: usize) -> Vec<u8> {
    reorder(data, heads, rows, |row, half| 2 * (row % half) + row / half)
}

/// Row `r` of each head of the result is row `source(r, D/2)` of the same head of `data`.
///
/// # Panics
/// `rows` must be a multiple of twice `heads`, and `data` a whole number of rows.
fn reorder(data: &[u8], heads: usize, rows: usize, source: impl Fn(usize, usize) -> usize) -> Vec<u8> {
    let head_dim = rows / heads;
    assert!(rows.is_multiple_of(heads) && head_dim.is_multiple_of(2), "{rows} rows cannot hold {heads} even heads");
    assert!(data.len().is_multiple_of(rows), "{} bytes are not {rows} whole rows", data.len());
    let row_bytes = data.len() / rows;
    let mut reordered = Vec::with_capacity(data.len());
    for head in 0..heads {
        for row in 0..head_dim {
            let from = (head * head_dim + source(row, head_dim / 2)) * row_bytes;
            reordered.extend_from_slice(&data[from..from + row_bytes]);
        }
    }
    reordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_head_of_six_rows() {
        assert_eq!(to_pairs(&[0, 1, 2, 3, 4, 5], 1, 6), [0, 3, 1, 4, 2, 5]);
        assert_eq!(to_halves(&[0, 3, 1, 4, 2, 5], 1, 6), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn each_undoes_the_other() {
        let data: Vec<u8> = (0..3 * 8 * 5).collect();
        assert_eq!(to_halves(&to_pairs(&data, 3, 24), 3, 24), data);
        assert_eq!(to_pairs(&to_halves(&data, 3, 24), 3, 24), data);
    }
}
