//! What the parser says to files that break one rule each, what split models are, and how metadata is asked for.

use std::fs;
use std::path::Path;

use smollm_kernels::{Bytes, Dtype};

use super::*;
use crate::{Checkpoint, CheckpointError, Progress, Tensor, TensorSpec};

/// Writes the pieces of a GGUF file by hand, so that they can be wrong.
#[derive(Clone, Default)]
struct Draft {
    pairs: Vec<u8>,
    pair_count: u64,
    records: Vec<u8>,
    record_count: u64,
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

impl Draft {
    /// A metadata pair with a value given as bytes.
    fn pair(mut self, key: &str, type_number: u32, value: &[u8]) -> Self {
        self.pairs.extend([&text(key.as_bytes())[..], &type_number.to_le_bytes(), value].concat());
        self.pair_count += 1;
        self
    }

    /// A tensor record.
    fn tensor(mut self, name: &str, dimensions: &[u64], type_number: u32, offset: u64) -> Self {
        self.records.extend(text(name.as_bytes()));
        self.records.extend((dimensions.len() as u32).to_le_bytes());
        self.records.extend(dimensions.iter().flat_map(|n| n.to_le_bytes()));
        self.records.extend([&type_number.to_le_bytes()[..], &offset.to_le_bytes()].concat());
        self.record_count += 1;
        self
    }

    /// The file, with so many bytes of data after the padding.
    fn file(&self, data: usize) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend([self.record_count.to_le_bytes(), self.pair_count.to_le_bytes()].concat());
        file.extend([&self.pairs[..], &self.records].concat());
        file.resize(file.len().next_multiple_of(32) + data, 0);
        file
    }
}

#[track_caller]
fn refused(file: &[u8], expected: &str) {
    let error = parse(file).expect_err("a broken file").to_string();
    assert_eq!(error, expected);
}

const F32: u32 = 0;
const Q4_K: u32 = 12;

#[test]
fn dimensions_are_reversed_and_offsets_become_those_of_the_file() {
    let draft = Draft::default().tensor("b", &[2, 3], F32, 32).tensor("a", &[], F32, 0).tensor("e", &[5, 0], 16, 64);
    // 16 is IQ2_XXS with blocks of 256: an empty tensor still needs whole rows.
    refused(&draft.file(64), r#"tensor "e" of type IQ2_XXS has rows of 5 elements, not a multiple of 256"#);
    let draft = Draft::default().tensor("b", &[2, 3], F32, 32).tensor("a", &[], F32, 0).tensor("e", &[256, 0], 16, 64);
    let file = draft.file(64);
    let gguf = parse(&file).expect("valid");
    let found: Vec<_> = gguf.tensors.iter().map(|t| (t.name.as_str(), &t.shape[..], t.begin, t.end)).collect();
    let start = file.len() - 64;
    assert_eq!(
        found,
        [
            ("b", &[3, 2][..], start + 32, start + 56),
            ("a", &[], start, start + 4),
            ("e", &[0, 256], start + 64, start + 64)
        ]
    );
    assert_eq!((gguf.version, gguf.alignment, gguf.data_start), (3, 32, start));
}

#[test]
fn headers_that_are_something_else_are_named() {
    let empty = Draft::default().file(0);
    assert!(parse(&empty).is_ok());
    let with = |at: usize, bytes: &[u8]| {
        let mut file = empty.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    refused(b"", "ends at byte 0, inside the header (byte 0); it was cut short, fetch it again");
    refused(&with(0, b"GGML"), r#"is not a GGUF file: its first bytes are "GGML", not "GGUF""#);
    refused(
        &with(0, b"tjgg"),
        "is not a GGUF file: it is a ggml file from before GGUF; convert it with an older llama.cpp",
    );
    refused(b"\x10\0\0\0\0\0\0\0{\"a\":{}}", "is not a GGUF file: it looks like a safetensors file");
    refused(
        b"version https://git-lfs.github.com/spec/v1",
        "is not a GGUF file: a Git LFS pointer; run `git lfs pull`, or fetch the file itself",
    );
    refused(&with(4, &[1]), "is GGUF version 1; versions 2 and 3 are read, convert it again");
    refused(&with(4, &[4]), "is GGUF version 4; versions 2 and 3 are read, convert it again");
    refused(&with(4, &[0, 0, 0, 3]), "is a big-endian GGUF file; only little-endian ones are read, convert it again");
    assert_eq!(parse(&with(4, &[2])).expect("valid").version, 2);
}

#[test]
fn counts_that_the_file_cannot_hold_are_refused_before_memory_is_reserved() {
    let empty = Draft::default().file(0);
    for (at, what) in [(8, "tensors"), (16, "metadata pairs")] {
        for count in [100, u64::from(u32::MAX), u64::MAX] {
            let mut file = empty.clone();
            file[at..at + 8].copy_from_slice(&count.to_le_bytes());
            let left = file.len() - at - 8;
            let expected =
                format!("the header declares {count} {what} at byte {at}, more than the {left} bytes left can hold");
            refused(&file, &expected);
        }
    }
    // Arrays of every type, and strings: at most what is left, by the smallest element.
    let array = |element: u32, count: u64| [&element.to_le_bytes()[..], &count.to_le_bytes()].concat();
    for (element, bytes) in [(0, 1), (2, 2), (6, 4), (7, 1), (8, 8), (9, 12), (12, 8)] {
        for count in [1 << 20, (u64::MAX / bytes).saturating_add(1), u64::MAX] {
            let file = Draft::default().pair("k", 9, &array(element, count)).file(1000);
            let left = file.len() - 24 - 9 - 4 - 12;
            let expected = format!(
                "the value of metadata key \"k\" declares {count} array elements at byte 41, more than the {left} bytes left can hold"
            );
            refused(&file, &expected);
        }
    }
    let file = Draft::default().pair("k", 8, &u64::MAX.to_le_bytes()).file(0);
    refused(
        &file,
        "the value of metadata key \"k\" declares 18446744073709551615 bytes of text at byte 37, more than the 19 bytes left can hold",
    );
}

#[test]
fn broken_metadata_is_named_with_key_and_offset() {
    let draft = Draft::default;
    refused(
        &draft().pair("k", 13, &[0; 8]).file(0),
        "the value of metadata key \"k\" has the unknown value type 13 at byte 33",
    );
    let array =
        |element: u32, count: u64, items: &[u8]| [&element.to_le_bytes()[..], &count.to_le_bytes(), items].concat();
    refused(
        &draft().pair("k", 9, &array(13, 1, &[0; 8])).file(0),
        "the value of metadata key \"k\" has the unknown value type 13 at byte 37",
    );
    refused(
        &draft().pair("k", 7, &[2]).file(0),
        "the value of metadata key \"k\" holds the bool 2 at byte 37, which is neither 0 nor 1",
    );
    refused(
        &draft().pair("k", 9, &array(7, 2, &[1, 255])).file(0),
        "the value of metadata key \"k\" holds the bool 255 at byte 50, which is neither 0 nor 1",
    );
    refused(&draft().pair("k", 8, &text(b"ab\xff")).file(0), "the value of metadata key \"k\" is not UTF-8 at byte 47");
    let nested = (0..9).fold(array(0, 0, &[]), |inner, _| array(9, 1, &inner));
    refused(
        &draft().pair("k", 9, &nested).file(0),
        "the value of metadata key \"k\" nests arrays more than 8 deep at byte 133",
    );
    refused(
        &draft().pair("k", 0, &[1]).pair("k", 0, &[2]).file(0),
        "metadata key \"k\" appears twice, again at byte 38",
    );
    let mut file = draft().pair("k", 0, &[1]).file(0);
    file[32] = 0xff;
    refused(&file, "the name of metadata key number 0 is not UTF-8 at byte 32");
    for (type_number, value, found) in [
        (4, &48_u32.to_le_bytes()[..], "the u32 48"),
        (4, &0_u32.to_le_bytes(), "the u32 0"),
        (10, &64_u64.to_le_bytes(), "the u64 64"),
    ] {
        refused(
            &draft().pair("general.alignment", type_number, value).file(0),
            &format!("general.alignment is {found}; it must be a u32 that is a power of two"),
        );
    }
}

#[test]
fn broken_tensors_are_named_with_their_numbers() {
    let draft = Draft::default;
    let cases: Vec<(Draft, usize, &str)> = vec![
        (
            draft().tensor("w", &[2], F32, 0),
            7,
            r#"tensor "w" needs 8 bytes at data offset 0, but the data has 7; cut short, fetch it again"#,
        ),
        (
            draft().tensor("w", &[2], F32, u64::MAX - 31),
            8,
            r#"tensor "w" needs 8 bytes at data offset 18446744073709551584, but the data has 8; cut short, fetch it again"#,
        ),
        (draft().tensor("w", &[2], F32, 8), 16, r#"tensor "w" has data offset 8, not a multiple of the alignment 32"#),
        (
            draft().tensor("w", &[1 << 32, 1 << 32], F32, 0),
            8,
            r#"tensor "w" of type F32 and dimensions [4294967296, 4294967296] has an impossible size"#,
        ),
        (
            draft().tensor("w", &[1 << 63, 1], F32, 0),
            8,
            r#"tensor "w" of type F32 and dimensions [9223372036854775808, 1] has an impossible size"#,
        ),
        (
            draft().tensor("w", &[128, 2], Q4_K, 0),
            144,
            r#"tensor "w" of type Q4_K has rows of 128 elements, not a multiple of 256"#,
        ),
        (draft().tensor("w", &[2], 4, 0), 8, r#"tensor "w" has the unknown type number 4 at byte 45"#),
        (draft().tensor("w", &[2], 1000, 0), 8, r#"tensor "w" has the unknown type number 1000 at byte 45"#),
        (draft().tensor("w", &[1; 5], F32, 0), 8, r#"tensor "w" has 5 dimensions at byte 33; at most 4 are possible"#),
        (
            draft().tensor("w", &[9], F32, 0).tensor("v", &[1], F32, 32),
            64,
            r#"tensors "w" and "v" overlap at byte 128"#,
        ),
        (
            draft().tensor("w", &[2], F32, 32).tensor("v", &[2], F32, 32),
            64,
            r#"tensors "w" and "v" overlap at byte 128"#,
        ),
        (
            draft().tensor("w", &[1], F32, 0).tensor("w", &[1], F32, 32),
            64,
            r#"tensor "w" appears twice, again at byte 57"#,
        ),
    ];
    for (draft, data, expected) in cases {
        refused(&draft.file(data), expected);
    }
    let mut file = draft().tensor("w", &[], F32, 0).file(0);
    file.truncate(60);
    refused(
        &file,
        "ends at byte 60, inside the padding before the tensor data (byte 49); it was cut short, fetch it again",
    );
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let mut metadata = GgufMetadata::new();
    metadata.set("general.architecture", "llama");
    metadata.set("tokenizer.ggml.tokens", vec!["a".to_owned(), "b".to_owned()]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.gguf");
    write_tensors(&path, &metadata, &[&tensor("w", 8)]).expect("written");
    let whole = fs::read(&path).expect("read");
    assert_eq!(whole.len() % 32, 0);
    let needed = parse(&whole).expect("valid").tensors[0].end;
    for len in 0..needed {
        let error = parse(&whole[..len]).expect_err("a shorter file").to_string();
        assert!(!error.contains('\n'), "{error}");
    }
    parse(&whole[..needed]).expect("only padding is missing");
}

#[test]
fn metadata_is_asked_for_by_type() {
    let mut metadata = GgufMetadata::new();
    metadata.set("layers", 24_u32);
    metadata.set("wide", 1_u64 << 40);
    metadata.set("negative", -1_i32);
    metadata.set("eps", 1e-5_f32);
    metadata.set("theta", 0.5_f64);
    metadata.set("name", "SmolLM");
    metadata.set("flag", true);
    metadata.set("tokens", vec!["a".to_owned(), "b".to_owned()]);
    metadata.set("types", vec![1_i32, 3]);
    metadata.set("scores", vec![0.0_f32, -1.0]);
    metadata.set("flags", vec![true, false]);

    assert_eq!(metadata.require::<u32>("layers").unwrap(), 24);
    assert_eq!(metadata.require::<usize>("layers").unwrap(), 24);
    assert_eq!(metadata.require::<u64>("wide").unwrap(), 1 << 40);
    assert_eq!(metadata.require::<i32>("negative").unwrap(), -1);
    assert_eq!(metadata.require::<f32>("eps").unwrap(), 1e-5);
    assert_eq!(metadata.require::<f32>("theta").unwrap(), 0.5);
    assert_eq!(metadata.require::<&str>("name").unwrap(), "SmolLM");
    assert!(metadata.require::<bool>("flag").unwrap());
    assert_eq!(metadata.require::<&[String]>("tokens").unwrap(), ["a", "b"]);
    assert_eq!(metadata.require::<Vec<i32>>("types").unwrap(), [1, 3]);
    assert_eq!(metadata.require::<Vec<u32>>("types").unwrap(), [1, 3]);
    assert_eq!(metadata.require::<Vec<f32>>("scores").unwrap(), [0.0, -1.0]);
    assert_eq!(metadata.require::<Vec<bool>>("flags").unwrap(), [true, false]);
    assert_eq!(metadata.optional::<u32>("absent").unwrap(), None);

    let said = |result: Result<(), CheckpointError>| result.expect_err("refused").to_string();
    for (found, expected) in [
        (
            said(metadata.require::<u32>("absent").map(drop)),
            "metadata key \"absent\" is missing; it should hold an integer of the u32 range",
        ),
        (
            said(metadata.require::<u32>("wide").map(drop)),
            "metadata key \"wide\" holds the u64 1099511627776, not an integer of the u32 range",
        ),
        (
            said(metadata.optional::<u32>("negative").map(drop)),
            "metadata key \"negative\" holds the i32 -1, not an integer of the u32 range",
        ),
        (
            said(metadata.require::<f32>("name").map(drop)),
            "metadata key \"name\" holds the string \"SmolLM\", not a float",
        ),
        (
            said(metadata.require::<Vec<f32>>("tokens").map(drop)),
            "metadata key \"tokens\" holds an array of 2 string, not an array of floats",
        ),
        (
            said(metadata.require::<&[String]>("flag").map(drop)),
            "metadata key \"flag\" holds the bool true, not an array of strings",
        ),
    ] {
        assert_eq!(found, format!("(GGUF metadata): {expected}"));
    }
    metadata.set("layers", 3_u32);
    assert_eq!(metadata.iter().next(), Some(("layers", &GgufValue::U32(3))), "a key that is set again keeps its place");
}

fn tensor(name: &str, len: usize) -> Tensor {
    Tensor { name: name.to_owned(), dtype: Dtype::F32, shape: vec![len / 4], data: Bytes::from(vec![7; len]) }
}

/// Writes part `number` (from 1) of `count` with these tensors.
fn part(folder: &Path, (number, count): (u16, u16), says: (u16, u16), total: i32, tensors: &[&str]) {
    let mut metadata = GgufMetadata::new();
    metadata.set("name", format!("part {number}"));
    metadata.set("split.no", says.0);
    metadata.set("split.count", says.1);
    metadata.set("split.tensors.count", total);
    let tensors: Vec<Tensor> = tensors.iter().map(|name| tensor(name, 8)).collect();
    let path = folder.join(format!("m-{number:05}-of-{count:05}.gguf"));
    write_tensors(&path, &metadata, &tensors.iter().collect::<Vec<_>>()).expect("written");
}

#[test]
fn a_split_model_is_all_of_its_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let file = |number: u16| path.join(format!("m-{number:05}-of-00003.gguf"));
    let opened = |file: &Path| Checkpoint::open_gguf(file).map_err(|error| error.to_string());
    part(path, (1, 3), (0, 3), 3, &["a", "b"]);
    part(path, (3, 3), (2, 3), 3, &["c"]);
    let (first, second, third) = (file(1), file(2), file(3));
    assert_eq!(
        opened(&first).expect_err("part 2"),
        format!("{}: part 2 of 3 is missing: {}; fetch it", first.display(), second.display())
    );
    part(path, (2, 3), (1, 3), 3, &[]);
    for file in [&first, &second, &third] {
        let checkpoint = opened(file).expect("a model");
        assert_eq!(checkpoint.tensors().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(checkpoint.files(), [first.clone(), second.clone(), third.clone()]);
        assert_eq!(checkpoint.gguf_metadata().unwrap().require::<&str>("name").unwrap(), "part 1");
    }
    part(path, (2, 3), (0, 3), 3, &[]);
    assert_eq!(
        opened(&first).expect_err("two firsts"),
        format!("{}: should be part 2 of 3 by its name, but says part 1 of 3", second.display())
    );
    part(path, (2, 3), (1, 3), 3, &["x"]);
    assert_eq!(
        opened(&first).expect_err("one too many"),
        format!("{}: split.tensors.count is 3, but the 3 parts have 4 tensors", first.display())
    );
    part(path, (2, 3), (1, 3), 3, &["c"]);
    assert_eq!(
        opened(&first).expect_err("c twice"),
        format!("tensor \"c\" is in both {} and {}", second.display(), third.display())
    );
    let renamed = path.join("m.gguf");
    fs::rename(&first, &renamed).expect("renamed");
    assert_eq!(
        opened(&renamed).expect_err("no parts by this name"),
        format!("{}: is one of 3 parts, so its name must end in -00001-of-00003.gguf", renamed.display())
    );
    assert_eq!(opened(path).expect_err("a folder"), format!("{}: is a folder; name the .gguf file", path.display()));
}

#[test]
fn a_file_in_memory_is_as_good_as_one_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    part(folder.path(), (1, 1), (0, 1), 2, &["a", "b"]);
    part(folder.path(), (1, 2), (0, 2), 2, &["a", "b"]);
    let [whole, one_of_two] = ["m-00001-of-00001.gguf", "m-00001-of-00002.gguf"].map(|name| folder.path().join(name));
    let bytes = fs::read(&whole).expect("a file");
    let (inside, outside) = (
        Checkpoint::read_gguf("inside", bytes.clone().into()).expect("a model"),
        Checkpoint::open_gguf(&whole).expect("a model"),
    );
    let tensors = |checkpoint: &Checkpoint| -> Vec<_> {
        checkpoint.tensors().map(|t| (t.name.clone(), t.shape.clone(), t.data.as_slice().to_vec())).collect()
    };
    assert_eq!(tensors(&inside), tensors(&outside));
    assert_eq!(inside.gguf_metadata().unwrap().require::<&str>("name").unwrap(), "part 1");
    assert!(inside.files().is_empty() && inside.still_intact().is_ok());
    assert!(inside.tensor("c").expect_err("none").to_string().starts_with("inside: "));
    assert_eq!((inside.name(), outside.name()), (Path::new("inside"), whole.as_path()));
    let refused = |bytes: Vec<u8>| Checkpoint::read_gguf("inside", bytes.into()).expect_err("refused").to_string();
    assert!(refused(bytes[..20].to_vec()).starts_with("inside: "));
    assert_eq!(
        refused(fs::read(&one_of_two).expect("a file")),
        "inside: is one of several parts, which only files have"
    );
}

/// A file that is a part of the program is used where it lies: as aligned as it would be in a mapping, and nowhere copied to.
#[test]
fn static_bytes_are_not_copied() {
    #[repr(align(64))]
    struct Aligned([u8; 1024]);
    let file = Draft::default().tensor("a", &[2], F32, 0).file(8);
    let room: &'static mut Aligned = Box::leak(Box::new(Aligned([0; 1024])));
    room.0[..file.len()].copy_from_slice(&file);
    let bytes: &'static [u8] = &room.0[..file.len()];
    let checkpoint = Checkpoint::read_gguf("inside", Bytes::new(bytes)).expect("a model");
    let data = checkpoint.tensor("a").expect("a tensor").data.as_slice();
    assert_eq!((data.as_ptr() as usize - bytes.as_ptr() as usize, data.len()), (64, 8));
    assert_eq!(data.as_ptr() as usize % 32, 0);
}

#[test]
fn a_writer_refuses_what_the_format_cannot_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.gguf");
    let spec = |name: &str, dtype, shape: &[usize]| TensorSpec { name: name.to_owned(), dtype, shape: shape.to_vec() };
    let attempt = |specs: &[TensorSpec], metadata: &GgufMetadata| -> String {
        let data = |_: &TensorSpec| Ok::<_, CheckpointError>(Bytes::from(vec![0; 8]));
        write(&path, metadata, specs, data, |_| Ok(())).expect_err("refused").to_string()
    };
    let empty = GgufMetadata::new();
    let mut alignment = GgufMetadata::new();
    alignment.set("general.alignment", 24_u32);
    let long = "x".repeat(64);
    for (found, expected) in [
        (
            attempt(&[spec("a", Dtype::F32, &[1, 1, 1, 1, 2])], &empty),
            "cannot write tensor \"a\": it has more than 4 dimensions",
        ),
        (
            attempt(&[spec("a", Dtype::F32, &[2]), spec("a", Dtype::F32, &[2])], &empty),
            "cannot write tensor \"a\": it is given twice",
        ),
        (
            attempt(&[spec(&long, Dtype::F32, &[2])], &empty),
            &format!("cannot write tensor {long:?}: llama.cpp reads names of at most 63 bytes"),
        ),
        (
            attempt(&[spec("a", Dtype::Q4_K, &[128])], &empty),
            "tensor \"a\" of type Q4_K and shape [128] is too large, or its rows are not whole blocks of 256 elements",
        ),
        (
            attempt(&[spec("a", Dtype::F32, &[3])], &empty),
            "tensor \"a\" of type F32 and shape [3] needs 12 bytes, but 8 are given",
        ),
        (
            attempt(&[], &alignment),
            "cannot write metadata key \"general.alignment\": it is the u32 24, but must be a u32 that is a power of two",
        ),
    ] {
        assert_eq!(found, format!("{}: {expected}", path.display()));
    }
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0, "nothing stays");

    let mut seen = Vec::new();
    let specs = [spec("a", Dtype::F32, &[2]), spec("b", Dtype::F32, &[2])];
    let data = |_: &TensorSpec| Ok::<_, CheckpointError>(Bytes::from(vec![0; 8]));
    write(&path, &empty, &specs, data, |progress: Progress| {
        seen.push((progress.written, progress.total));
        Ok(())
    })
    .expect("written");
    assert_eq!(seen, [(128, 160), (160, 160), (160, 160)]);
    assert_eq!(fs::metadata(&path).expect("there").len(), 160);
}
