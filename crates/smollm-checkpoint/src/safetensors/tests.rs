//! What the parser says to files that break one rule each, and what opening and writing do on disk.

use std::fs;
use std::path::Path;

use smollm_kernels::{Bytes, Dtype};

use super::*;
use crate::{Checkpoint, CheckpointError, Progress, Tensor, TensorSpec};

/// A file with this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// What `parse_header` says about a whole file; `Ok` gives names and offsets.
#[track_caller]
fn check(bytes: &[u8], expected: Result<&[(&str, u64, u64)], &str>) {
    let found = parse_header(bytes, bytes.len() as u64);
    match (found, expected) {
        (Ok(header), Ok(tensors)) => {
            let found: Vec<_> = header.tensors.iter().map(|t| (t.name.as_str(), t.begin, t.end)).collect();
            assert_eq!(found, tensors);
        }
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (found, _) => panic!("found {found:?}, expected {expected:?}"),
    }
}

#[test]
fn tensors_come_in_the_order_of_their_data() {
    let header = r#"{"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"e":{"dtype":"BF16","shape":[0,3],"data_offsets":[8,8]}}"#;
    let start = 8 + header.len() as u64;
    let tensors = [("a", start, start + 8), ("e", start + 8, start + 8), ("b", start + 8, start + 12)];
    check(&file(header, 12), Ok(&tensors));
    check(&file("{}  ", 0), Ok(&[]));
}

#[test]
fn broken_rules_are_named_with_tensor_and_offset() {
    let f32 = |name: &str, shape: &str, offsets: &str| {
        format!(r#"{{"{name}":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let two = |a: &str, b: &str| {
        format!(
            r#"{{"a":{{"dtype":"U8","shape":[4],"data_offsets":{a}}},"b":{{"dtype":"U8","shape":[4],"data_offsets":{b}}}}}"#
        )
    };
    let cases: &[(String, usize, &str)] = &[
        (f32("w", "[2,2]", "[0,16]"), 15, r#"tensor "w" ends at byte 81, but the file has 80; it was cut short, fetch it again"#),
        (f32("w", "[2,2]", "[0,16]"), 17, "bytes 81 to 82 belong to no tensor"),
        (f32("w", "[2,2]", "[4,20]"), 20, "bytes 65 to 69 belong to no tensor"),
        (f32("w", "[2,2]", "[16,0]"), 16, r#"tensor "w" has data_offsets [16, 0], which run backwards"#),
        (
            f32("w", "[2,2]", "[0,12]"),
            12,
            r#"tensor "w" of dtype F32 and shape [2, 2] needs 16 bytes, its data_offsets give 12"#,
        ),
        (
            f32("w", "[4294967296,4294967296,4]", "[0,0]"),
            0,
            r#"tensor "w" of dtype F32 and shape [4294967296, 4294967296, 4] has an impossible size"#,
        ),
        (
            f32("w", "[0,4294967296,4294967296]", "[0,0]"),
            0,
            r#"tensor "w" of dtype F32 and shape [0, 4294967296, 4294967296] has an impossible size"#,
        ),
        (
            f32("w", "[1]", "[18446744073709551611,18446744073709551615]"),
            0,
            r#"tensor "w" ends at byte 18446744073709551615, but the file has 100; it was cut short, fetch it again"#,
        ),
        (two("[0,4]", "[2,6]"), 6, r#"tensors "a" and "b" overlap at byte 115"#),
        (two("[0,4]", "[0,4]"), 4, r#"tensors "a" and "b" overlap at byte 113"#),
        (two("[0,4]", "[6,10]"), 10, "bytes 118 to 120 belong to no tensor"),
        (
            r#"{"w":{"dtype":"F7","shape":[],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            r#"tensor "w" has the unknown dtype "F7""#,
        ),
        (
            r#"{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#.to_owned(),
            2,
            r#"tensor "w" of dtype F4 and shape [3] has an impossible size"#,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            r#"the entry of tensor "w" is not valid at byte 38: invalid value: integer `-1`, expected u64"#,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            r#"the entry of tensor "w" is not valid at byte 39: invalid type: floating point `1.0`, expected u64"#,
        ),
        (
            r#"{"w":{"dtype":"F32","data_offsets":[0,4]}}"#.to_owned(),
            4,
            r#"the entry of tensor "w" is not valid at byte 48: missing field `shape`"#,
        ),
        (
            r#"{"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            r#"the entry of tensor "w" is not valid at byte 34: duplicate field `dtype`"#,
        ),
        (
            r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
                .to_owned(),
            8,
            r#"the header is not valid at byte 64: the key "w" appears twice"#,
        ),
        (
            r#"{"__metadata__":{"format":"pt"},"__metadata__":{"format":"np"}}"#.to_owned(),
            0,
            r#"the header is not valid at byte 53: the key "__metadata__" appears twice"#,
        ),
        (
            r#"{"__metadata__":{"format":3}}"#.to_owned(),
            0,
            r#"the header is not valid at byte 34: __metadata__: invalid type: integer `3`, expected a string"#,
        ),
        (
            r#"{"__metadata__":{"a":"1","a":"2"}}"#.to_owned(),
            0,
            r#"the header is not valid at byte 35: __metadata__: the key "a" appears twice"#,
        ),
        (r#"{"w":NaN}"#.to_owned(), 0, "the header is not valid at byte 13: expected value"),
        (r#"{"w":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}"#.to_owned(), 4, "the header is not valid at byte 37: expected value"),
        ("[]".to_owned(), 0, "the header is not valid at byte 8: invalid type: sequence, expected a JSON object"),
        ("{} x".to_owned(), 0, "the header is not valid at byte 11: trailing characters"),
        (String::new(), 0, "the header is not valid at byte 8: EOF while parsing a value"),
    ];
    for (header, data, expected) in cases {
        check(&file(header, *data), Err(expected));
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_read() {
    check(b"", Err("has only 0 bytes, too few for a safetensors file; it was cut short, fetch it again"));
    check(b"1234567", Err("has only 7 bytes, too few for a safetensors file; it was cut short, fetch it again"));
    let length = |n: u64| [&n.to_le_bytes()[..], b"{}"].concat();
    check(&length(3), Err("declares a header of 3 bytes, but only 2 follow; cut short or not a safetensors file"));
    check(
        &length(u64::MAX),
        Err("declares a header of 18446744073709551615 bytes, more than the 100000000 allowed; not a safetensors file"),
    );
    check(&[&2_u64.to_le_bytes()[..], b"{\xff"].concat(), Err("the header is not UTF-8 at byte 9"));
}

#[test]
fn the_wrong_kind_of_file_is_recognised() {
    for (bytes, expected) in [
        (&b"GGUF\x03\0\0\0\0\0"[..], "it is a GGUF file; name it *.gguf"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:...",
            "a Git LFS pointer; run `git lfs pull`, or fetch the file itself",
        ),
        (b"PK\x03\x04archive", "it looks like a PyTorch pickle or ZIP archive; save the model as safetensors first"),
        (b"<!DOCTYPE html><html>", "it looks like a web page; fetch the file itself (the download link, not the page)"),
    ] {
        check(bytes, Err(&format!("is not a safetensors file: {expected}")));
    }
}

#[test]
fn a_length_that_looks_like_another_format_is_a_length() {
    // 0x280 bytes of header begin like a pickle.
    let header = format!("{{}}{}", " ".repeat(0x280 - 2));
    check(&file(&header, 0), Ok(&[]));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let whole = file(header, 8);
    assert!(parse_header(&whole, whole.len() as u64).is_ok());
    for len in 0..whole.len() {
        let error = parse_header(&whole[..len], len as u64).expect_err("a shorter file").to_string();
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn names_out_of_files_cannot_break_the_message() {
    let header = format!(r#"{{"bad\n{}":{{"dtype":"F7","shape":[],"data_offsets":[0,4]}}}}"#, "x".repeat(5000));
    let error = parse_header(&file(&header, 4), 4000).expect_err("shorter than its header");
    assert!(error.to_string().len() < 300);
    let error = parse_header(&file(&header, 4), header.len() as u64 + 12).expect_err("an unknown type").to_string();
    assert!(!error.contains('\n') && error.len() < 300, "{error}");
    assert!(error.ends_with(r#""... (5004 bytes) has the unknown dtype "F7""#), "{error}");
}

#[test]
fn a_reason_does_not_quote_the_whole_file() {
    let header = format!(r#"{{"w":"{}"}}"#, "x".repeat(5000));
    let error = parse_header(&file(&header, 0), header.len() as u64 + 8).expect_err("a string").to_string();
    assert!(error.starts_with(r#"the entry of tensor "w" is not valid at byte "#) && error.len() < 300, "{error}");
}

#[track_caller]
fn check_index(json: &str, expected: Result<&[(&str, &str)], &str>) {
    match (parse_index(json.as_bytes()), expected) {
        (Ok(found), Ok(expected)) => {
            assert_eq!(found.iter().map(|(t, s)| (t.as_str(), s.as_str())).collect::<Vec<_>>(), expected);
        }
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (found, _) => panic!("found {found:?}, expected {expected:?}"),
    }
}

#[test]
fn an_index_names_files_beside_it_and_every_tensor_once() {
    check_index(
        r#"{"metadata":{"total_size":1},"weight_map":{"b":"1.st","a":"0.st"}}"#,
        Ok(&[("b", "1.st"), ("a", "0.st")]),
    );
    for shard in ["../x", "/etc/passwd", "a/b", r"a\\b", "C:x", "", ".", ".."] {
        let shown = shard.replace(r"\\", r"\");
        let expected =
            format!("weight_map places tensor \"a\" in {shown:?}, which is not the name of a file beside the index");
        check_index(&format!(r#"{{"weight_map":{{"a":"{shard}"}}}}"#), Err(&expected));
    }
    check_index(r#"{"weight_map":{}}"#, Err("the index has an empty weight_map"));
    check_index(r#"{}"#, Err("the index is not valid at byte 1: missing field `weight_map`"));
    check_index(
        r#"{"weight_map":{"a":"0.st","a":"1.st"}}"#,
        Err(r#"the index is not valid at byte 28: the key "a" appears twice"#),
    );
    check_index(
        r#"{"weight_map":{"a":1}}"#,
        Err("the index is not valid at byte 19: invalid type: integer `1`, expected a string"),
    );
}

fn tensor(name: &str, dtype: Dtype, shape: &[usize], fill: u8) -> Tensor {
    let len = dtype.bytes_for(shape.iter().product()).expect("whole blocks");
    Tensor { name: name.to_owned(), dtype, shape: shape.to_vec(), data: Bytes::from(vec![fill; len]) }
}

fn opened(path: &Path) -> Result<Checkpoint, String> {
    Checkpoint::open_safetensors(path).map_err(|error| error.to_string())
}

/// Writes `folder/name` with the given tensors of four bytes each.
fn shard(folder: &Path, name: &str, tensors: &[&str]) {
    let tensors: Vec<Tensor> = tensors.iter().map(|name| tensor(name, Dtype::F32, &[1], 1)).collect();
    write_tensors(&folder.join(name), &tensors.iter().collect::<Vec<_>>(), &[]).expect("written");
}

#[test]
fn a_folder_is_one_file_or_an_index_with_its_shards() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let shown = path.display();
    assert_eq!(
        opened(path).expect_err("empty"),
        format!("{shown}: holds neither model.safetensors nor model.safetensors.index.json")
    );
    fs::write(path.join("pytorch_model.bin"), "x").expect("written");
    assert!(
        opened(path)
            .expect_err("a pickle")
            .ends_with("; it holds a PyTorch pickle, save the model as safetensors first")
    );

    let index = path.join("model.safetensors.index.json");
    fs::write(&index, r#"{"weight_map":{"a":"0.st","b":"1.st"}}"#).expect("written");
    shard(path, "0.st", &["a"]);
    let at = index.display();
    assert_eq!(
        opened(path).expect_err("1.st"),
        format!("{at}: shard \"1.st\", which weight_map names, is missing; fetch it")
    );
    shard(path, "1.st", &["c"]);
    assert_eq!(
        opened(path).expect_err("b"),
        format!("{at}: weight_map places tensor \"b\" in shard \"1.st\", but it is in none")
    );
    shard(path, "1.st", &["a"]);
    assert_eq!(opened(path).expect_err("a twice"), format!("tensor \"a\" is in both {shown}/0.st and {shown}/1.st"));
    shard(path, "0.st", &["b"]);
    assert_eq!(
        opened(path).expect_err("swapped"),
        format!("{at}: weight_map places tensor \"a\" in shard \"0.st\", but it is in \"1.st\"")
    );
    shard(path, "0.st", &["a"]);
    shard(path, "1.st", &["b", "unlisted"]);
    for path in [path, &index] {
        let checkpoint = opened(path).expect("a model");
        assert_eq!(checkpoint.tensors().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["a", "b", "unlisted"]);
        assert_eq!(checkpoint.files().len(), 2);
        assert_eq!(checkpoint.file_of("b"), Some(folder.path().join("1.st").as_path()));
    }
    shard(path, "model.safetensors", &["single"]);
    assert!(opened(path).expect("a model").contains("single"));
}

#[test]
fn what_is_not_a_file_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    assert!(opened(&path).expect_err("absent").starts_with(&format!("{}: cannot open: ", path.display())));
    fs::write(&path, "").expect("written");
    assert_eq!(
        opened(&path).expect_err("empty"),
        format!("{}: is empty; the download may have failed", path.display())
    );
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("created");
    assert!(opened(&path).expect_err("a folder").contains("holds neither"));
    assert!(opened(folder.path()).expect_err("a folder inside").contains("holds neither"));
}

#[test]
fn a_writer_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    shard(folder.path(), "m.safetensors", &["old"]);
    let before = fs::read(&path).expect("read");
    let spec = |name: &str, dtype, shape: &[usize]| TensorSpec { name: name.to_owned(), dtype, shape: shape.to_vec() };
    let attempt = |specs: Vec<TensorSpec>, metadata: &[(String, String)], len: usize| -> String {
        let data = |_: &TensorSpec| Ok::<_, CheckpointError>(Bytes::from(vec![0; len]));
        write(&path, specs, metadata, data, |_| Ok(())).expect_err("refused").to_string()
    };
    let twice = [("k".to_owned(), "1".to_owned()), ("k".to_owned(), "2".to_owned())];
    let at = path.display();
    for (found, expected) in [
        (
            attempt(vec![spec("a", Dtype::F32, &[2])], &[], 7),
            "tensor \"a\" of type F32 and shape [2] needs 8 bytes, but 7 are given",
        ),
        (
            attempt(vec![spec("a", Dtype::F32, &[2]), spec("a", Dtype::F16, &[2])], &[], 8),
            "cannot write tensor \"a\": it is given twice",
        ),
        (
            attempt(vec![spec("a", Dtype::Q8_0, &[32])], &[], 34),
            "cannot write tensor \"a\": safetensors has no type Q8_0; write F32, F16 or BF16",
        ),
        (
            attempt(vec![spec("__metadata__", Dtype::F32, &[2])], &[], 8),
            "cannot write tensor \"__metadata__\": the format keeps this name for itself",
        ),
        (attempt(vec![], &twice, 0), "cannot write metadata key \"k\": it is given twice"),
        (
            attempt(vec![spec("a", Dtype::F32, &[usize::MAX, 2])], &[], 8),
            "tensor \"a\" of type F32 and shape [18446744073709551615, 2] is too large, or its rows are not whole blocks of 1 elements",
        ),
    ] {
        assert_eq!(found, format!("{at}: {expected}"));
    }
    // The last word is the caller's: refused when everything but the name is there.
    let mut seen = Vec::new();
    let refused = write(
        &path,
        vec![spec("a", Dtype::F32, &[2])],
        &[],
        |_| Ok(Bytes::from(vec![0; 8])),
        |progress: Progress| {
            seen.push(progress);
            if progress.written < progress.total { Ok(()) } else { Err(CheckpointError::not_a_checkpoint(&path, "no")) }
        },
    );
    assert!(refused.is_err());
    assert_eq!(seen.last(), Some(&Progress { written: 72, total: 72 }));
    assert_eq!(fs::read(&path).expect("read"), before);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "no temporary file stays");
}
