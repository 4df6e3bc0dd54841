//! Every op on every available row, against plain f64 arithmetic.

mod oracle;

use oracle::{Close, cpus, numbers};
use proptest::prelude::*;
use smollm_kernels::{Dtype, KvBuffer, KvDtype, KvRole, KvSlot, Matrix, half, ops};

const DTYPES: [Dtype; 3] = [Dtype::F32, Dtype::F16, Dtype::BF16];

fn check_matmul(n: usize, cols: usize, rows: &[usize], dtype: Dtype) {
    let plain = |(i, r): (usize, &usize)| Matrix::from_f32(*r, cols, numbers(2 + i as u64, r * cols)).to_dtype(dtype);
    check_products(n, cols, &rows.iter().enumerate().map(plain).collect::<Vec<_>>());
}

fn check_products(n: usize, cols: usize, weights: &[Matrix]) {
    let x = numbers(1, n * cols);
    let dtype = weights[0].dtype();
    for cpu in cpus() {
        let mut outs: Vec<Vec<f32>> = weights.iter().map(|w| vec![f32::NAN; n * w.rows()]).collect();
        let mut products: Vec<_> =
            weights.iter().zip(&mut outs).map(|(weight, out)| ops::Product { weight, out }).collect();
        ops::matmul(&cpu, &x, &mut products);
        for (weight, out) in weights.iter().zip(&outs) {
            let expected = oracle::matmul(&x, weight);
            let what = format!("{cpu:?} {dtype} {n} x {cols} -> {}", weight.rows());
            let of = (cols as f64).sqrt() * oracle::largest(weight);
            Close { relative: 1e-6, of }.check(&what, out, &expected);
        }
    }
}

#[test]
fn matmul_agrees_for_every_block_format() {
    for dtype in oracle::formats() {
        for (n, blocks, rows) in [(1, 1, 3), (1, 3, 130), (5, 2, 67), (70, 2, 9)] {
            let cols = blocks * dtype.block_len();
            let company = Matrix::from_f32(4, cols, numbers(9, 4 * cols));
            check_products(n, cols, &[oracle::quantized(rows, cols, dtype), company.to_dtype(Dtype::BF16), company]);
        }
    }
}

#[test]
fn matmul_agrees_at_odd_and_even_sizes() {
    for dtype in DTYPES {
        for (n, cols, rows) in [
            (0, 5, vec![3]),
            (1, 1, vec![1]),
            (1, 576, vec![192, 64, 3]),
            (2, 17, vec![9]),
            (3, 64, vec![0, 5]),
            (5, 172, vec![64]),
            (6, 48, vec![4]),
            (7, 31, vec![70]),
            (13, 576, vec![67]),
            (64, 96, vec![130]),
            (200, 40, vec![33, 1]),
        ] {
            check_matmul(n, cols, &rows, dtype);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn matmul_agrees_at_any_size(n in 0usize..20, cols in 1usize..150, rows in 0usize..90, dtype in 0usize..3) {
        check_matmul(n, cols, &[rows], DTYPES[dtype]);
    }

    #[test]
    fn elementwise_ops_agree_at_any_size(n in 0usize..9, width in 1usize..200) {
        check_elementwise(n, width);
    }
}

fn check_elementwise(n: usize, width: usize) {
    let (x, y, weight) = (numbers(1, n * width), numbers(2, n * width), numbers(3, width));
    for cpu in cpus() {
        let mut out = vec![f32::NAN; n * width];
        ops::rms_norm(&cpu, &x, &weight, 1e-5, &mut out);
        Close { relative: 1e-6, of: 1.0 }.check("rms_norm", &out, &oracle::rms_norm(&x, &weight, 1e-5));

        ops::swiglu(&cpu, &x, &y, &mut out);
        Close { relative: 1e-6, of: 0.1 }.check("swiglu", &out, &oracle::swiglu(&x, &y));

        let mut sum = x.clone();
        ops::add(&cpu, &mut sum, &y);
        assert!(sum.iter().zip(x.iter().zip(&y)).all(|(sum, (x, y))| *sum == x + y), "add");
    }
}

#[test]
fn elementwise_ops_agree_where_threads_share_the_work() {
    check_elementwise(97, 576);
}

#[test]
fn swiglu_saturates_and_passes_nan_on() {
    for cpu in cpus() {
        let gate = [-1e4, -90.0, -0.0, 90.0, 1e4, f32::NAN, f32::INFINITY];
        let mut out = [7.0; 7];
        ops::swiglu(&cpu, &gate, &[1.0; 7], &mut out);
        assert_eq!(out[..5], [0.0, 0.0, 0.0, 90.0, 1e4], "{cpu:?}");
        assert!(out[1].abs() < 1e-30 && out[5].is_nan() && out[6] == f32::INFINITY);
    }
}

#[test]
fn rope_rotates_half_split_pairs() {
    for (tokens, heads, dim) in [(0, 3, 8), (1, 1, 2), (3, 2, 6), (5, 9, 64), (70, 4, 34)] {
        let angles = numbers(4, tokens * dim / 2);
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
        let x = numbers(5, tokens * heads * dim);
        let expected = oracle::rope(&x, heads, dim, &cos, &sin);
        for cpu in cpus() {
            let mut got = x.clone();
            ops::rope(&cpu, &mut got, dim, &cos, &sin);
            Close { relative: 1e-6, of: 1.0 }.check("rope", &got, &expected);
        }
    }
}

#[test]
fn embed_copies_rows_widened() {
    for dtype in DTYPES {
        let table = Matrix::from_f32(11, 37, numbers(6, 11 * 37)).to_dtype(dtype);
        let ids: Vec<u32> = (0..500).map(|i| i * 7 % 11).collect();
        for cpu in cpus() {
            let mut out = vec![f32::NAN; ids.len() * 37];
            ops::embed(&cpu, &table, &ids, &mut out);
            let mut row = [0.0; 37];
            for (id, out) in ids.iter().zip(out.chunks_exact(37)) {
                table.row_to_f32(*id as usize, &mut row);
                assert_eq!(out, row);
            }
        }
    }
}

#[test]
fn embed_widens_rows_of_blocks() {
    for dtype in oracle::formats() {
        let cols = 2 * dtype.block_len();
        let table = oracle::quantized(5, cols, dtype);
        for cpu in cpus() {
            let mut out = vec![f32::NAN; 3 * cols];
            ops::embed(&cpu, &table, &[4, 0, 3], &mut out);
            let mut row = vec![0.0; cols];
            for (id, out) in [4, 0, 3].into_iter().zip(out.chunks_exact(cols)) {
                table.row_to_f32(id, &mut row);
                assert_eq!(out, row, "{cpu:?} {dtype}");
            }
            assert!(out.iter().any(|x| *x != 0.0));
        }
    }
}

#[test]
#[should_panic(expected = "embed: id 11 of a vocabulary of 11")]
fn embed_refuses_ids_outside_of_the_vocabulary() {
    let table = Matrix::from_f32(11, 1, vec![0.0; 11]);
    ops::embed(&cpus()[0], &table, &[3, 11], &mut [0.0; 2]);
}

#[test]
fn kv_write_rounds_to_the_type_of_the_buffer() {
    for (dim, dtypes) in [(21, &[KvDtype::F32, KvDtype::F16, KvDtype::BF16][..]), (64, &[KvDtype::Q8_0])] {
        check_kv_write(dim, dtypes);
    }
}

fn check_kv_write(dim: usize, dtypes: &[KvDtype]) {
    let heads = 3;
    let slots: Vec<KvSlot> = (0..60).map(|i| KvSlot { block: i * 5 % 7, offset: i * 3 % 16 }).collect();
    let rows = numbers(7, slots.len() * heads * dim);
    for cpu in cpus() {
        for (&dtype, role) in dtypes.iter().flat_map(|dtype| [(dtype, KvRole::Keys), (dtype, KvRole::Values)]) {
            let mut buffer = KvBuffer::new(role, dtype, 7, 16, heads, dim);
            ops::kv_write(&cpu, &rows, &slots, &mut buffer);
            for (i, slot) in slots.iter().enumerate() {
                let last = slots.iter().rposition(|other| other == slot).expect("is there");
                for head in 0..heads {
                    let mut got = vec![0.0; dim];
                    buffer.read(*slot, head, &mut got);
                    let row = &rows[(last * heads + head) * dim..][..dim];
                    let expected: Vec<f32> = match dtype {
                        KvDtype::F16 => row.iter().map(|x| half::f16_to_f32(half::f32_to_f16(*x))).collect(),
                        KvDtype::BF16 => row.iter().map(|x| half::round_to_bf16(*x)).collect(),
                        KvDtype::Q8_0 => row.chunks(32).flat_map(oracle::round_q8_0).collect(),
                        _ => row.to_vec(),
                    };
                    assert_eq!(got, expected, "{cpu:?} {dtype:?} slot {i}");
                }
            }
        }
    }
}
