//! Importance matrices there and back, one that llama.cpp wrote, and what is refused.

use super::*;

fn example() -> Imatrix {
    let inputs = |scale: f32| Inputs { sums: (0..5).map(|i| scale * i as f32).collect(), tokens: 1024.0 };
    let entries = [("blk.0.attn_q.weight".to_owned(), inputs(1.5)), ("blk.0.ffn_down.weight".to_owned(), inputs(0.25))];
    Imatrix { datasets: vec!["a.txt".into(), "b.txt".into()], chunks: 2, chunk_tokens: 512, entries: entries.into() }
}

fn written(imatrix: &Imatrix) -> Vec<u8> {
    let folder = std::env::temp_dir().join(format!("smollm-imatrix-{}-{:p}", std::process::id(), imatrix));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("i.gguf");
    imatrix.write(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(&Imatrix::open(&path).unwrap(), imatrix);
    fs::remove_dir_all(folder).unwrap();
    bytes
}

/// The error after `change` of the bytes of the example.
fn refused(change: impl Fn(&mut Vec<u8>)) -> String {
    let mut bytes = written(&example());
    change(&mut bytes);
    Imatrix::parse(&bytes).expect_err("refused").to_string()
}

/// Replaces text of the same length.
fn replace(bytes: &mut [u8], from: &str, to: &str) {
    let at = bytes.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(Imatrix::parse(&written(&example())).unwrap(), example());
}

#[test]
fn mean_squares_are_sums_by_tokens() {
    let inputs = &example().entries["blk.0.attn_q.weight"];
    assert_eq!(inputs.mean_squares().unwrap()[4], 6.0 / 1024.0);
    assert_eq!(Inputs { tokens: 0.0, ..inputs.clone() }.mean_squares(), None);
}

/// Made by llama-imatrix (`reference/imatrix_golden.py`).
#[test]
fn a_file_of_llama_cpp_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/quant/imatrix.gguf");
    let imatrix = Imatrix::open(Path::new(path)).unwrap();
    assert_eq!((imatrix.chunks, imatrix.chunk_tokens, imatrix.datasets.len()), (3, 64, 1));
    // Seven matrices in each layer.
    assert_eq!(imatrix.entries.len() % 7, 0);
    for (name, inputs) in &imatrix.entries {
        assert_eq!(inputs.tokens, 192.0, "{name}");
        assert!(inputs.sums.iter().all(|x| *x > 0.0), "{name}");
    }
}

#[test]
fn other_files_are_refused_with_a_reason() {
    for (change, message) in [
        (
            (|bytes| bytes[0] = 5) as fn(&mut Vec<u8>),
            "is not a GGUF file: its first bytes are \"\\x05GUF\", not \"GGUF\" (an importance matrix in the older .dat \
             form is not read: `llama-imatrix --in-file OLD -o NEW.gguf` converts it)",
        ),
        (
            |bytes| replace(bytes, "imatrix\u{10}", "another\u{10}"),
            "is not an importance matrix: general.type is \"another\", not \"imatrix\"",
        ),
        (
            |bytes| replace(bytes, "down.weight.counts", "down.weight.cuonts"),
            "tensor \"blk.0.ffn_down.weight.counts\" is missing",
        ),
        (
            |bytes| {
                let end = bytes.len();
                bytes[end - 32..end - 28].copy_from_slice(&f32::NAN.to_le_bytes());
            },
            "tensor \"blk.0.ffn_down.weight.counts\" has a value that is negative or not a number",
        ),
    ] {
        assert_eq!(refused(change), message);
    }
    let empty = Imatrix { entries: BTreeMap::new(), ..example() };
    let folder = std::env::temp_dir().join(format!("smollm-imatrix-empty-{}", std::process::id()));
    empty.write(&folder).unwrap();
    let error = Imatrix::open(&folder).expect_err("refused").to_string();
    fs::remove_file(&folder).unwrap();
    assert!(error.ends_with("is an importance matrix of nothing: no tensor ends in .in_sum2"), "{error}");
}
