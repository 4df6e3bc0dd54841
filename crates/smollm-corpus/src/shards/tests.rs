//! Shards come back as they were written, and anything else is refused.

use super::*;
use crate::examples::Document;
use crate::records::Place;
use proptest::prelude::*;
use std::path::Path;

const KIND: ShardKind = ShardKind { vocabulary: 49_152, pairs: false };

fn place(file: &str, number: u64) -> Place {
    Place { file: Path::new(file).into(), number, unit: Unit::Line }
}

/// The bytes of a shard, and its checksum.
fn written(kind: ShardKind, documents: &[(Place, u64, Document)]) -> (Vec<u8>, u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.shard");
    let mut writer = ShardWriter::create(&path, kind).unwrap();
    for (place, hash, document) in documents {
        writer.push(place, *hash, document).unwrap();
    }
    let checksum = writer.finish().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    (std::fs::read(&path).unwrap(), checksum)
}

fn opened(bytes: Vec<u8>) -> Result<Shard, ShardError> {
    Shard::from_bytes(Path::new("a.shard"), bytes)
}

fn document(ids: &[u32], learnt: &[usize]) -> Document {
    Document { ids: ids.to_vec(), mask: (0..ids.len()).map(|at| learnt.contains(&at)).collect() }
}

/// Three documents from two files, of which one is empty.
fn small() -> Vec<(Place, u64, Document)> {
    vec![
        (place("a.jsonl", 1), 7, document(&[1, 2, 49_151], &[1, 2])),
        (place("b/é.jsonl", 9), u64::MAX, document(&[], &[])),
        (place("a.jsonl", 3), 8, document(&[5, 6], &[])),
    ]
}

proptest! {
    // Each case writes files.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(
        documents in prop::collection::vec((0u8..4, 1u64..1 << 40, any::<u64>(), prop::collection::vec((0u32..70_000, any::<bool>()), 0..3000)), 0..12),
        all: bool, wide: bool,
    ) {
        let kind = ShardKind { vocabulary: if wide { 70_000 } else { 1 << 16 }, pairs: false };
        let documents: Vec<(Place, u64, Document)> = documents.into_iter().map(|(file, number, hash, tokens)| {
            let (ids, mask) = tokens.into_iter().map(|(id, learnt)| (id % kind.vocabulary, learnt || all)).unzip();
            (place(&format!("{file}"), number), hash, Document { ids, mask })
        }).collect();
        let (bytes, checksum) = written(kind, &documents);
        let shard = opened(bytes).unwrap();
        shard.verify().unwrap();
        prop_assert_eq!((shard.kind(), shard.checksum(), shard.documents()), (kind, checksum, documents.len() as u64));
        prop_assert_eq!(shard.hashes().unwrap(), documents.iter().map(|(_, hash, _)| *hash).collect::<Vec<_>>());
        for (number, (place, hash, document)) in (0..).zip(&documents) {
            let mut read = Document::default();
            let length = shard.length(number);
            shard.read(number, 0..length / 3, &mut read).unwrap();
            shard.read(number, length / 3..length, &mut read).unwrap();
            prop_assert_eq!(&read, document);
            let origin = shard.origin(number).unwrap();
            prop_assert_eq!((origin.file.as_str(), origin.number, origin.hash), (&*place.file.to_string_lossy(), place.number, *hash));
        }
        let mut read = Document::default();
        prop_assert!(shard.read(documents.len() as u64, 0..0, &mut read).is_err() && shard.origin(documents.len() as u64).is_err());
    }
}

/// Every byte as docs/shards.md has it.
#[test]
fn the_bytes_are_those_of_the_page() {
    let (bytes, _) = written(KIND, &small());
    let mut expected = b"smolshrd".to_vec();
    let u32s = |out: &mut Vec<u8>, numbers: &[u32]| numbers.iter().for_each(|n| out.extend(n.to_le_bytes()));
    let u64s = |out: &mut Vec<u8>, numbers: &[u64]| numbers.iter().for_each(|n| out.extend(n.to_le_bytes()));
    u32s(&mut expected, &[1, 1, 2, 49_152]);
    u64s(&mut expected, &[3, 5, 2, 2, 4 + 7 + 4 + 10]);
    let mut body = Vec::new();
    for id in [1u16, 2, 49_151, 5, 6] {
        body.extend(id.to_le_bytes());
    }
    body.resize(16, 0);
    body.extend([0b110, 0, 0, 0, 0, 0, 0, 0]);
    u64s(&mut body, &[0, 3, 3, 5]);
    for (hash, line, source) in [(7, 1, 0), (u64::MAX, 9, 1), (8, 3, 0)] {
        u64s(&mut body, &[hash, line]);
        u32s(&mut body, &[source, 0]);
    }
    for name in ["a.jsonl", "b/é.jsonl"] {
        u32s(&mut body, &[name.len() as u32]);
        body.extend(name.as_bytes());
    }
    body.resize(body.len().next_multiple_of(8), 0);
    let table = crc32fast::hash(&body).to_le_bytes();
    u32s(&mut expected, &[crc32fast::hash(&table)]);
    let header = crc32fast::hash(&expected);
    u32s(&mut expected, &[header]);
    expected.extend(body);
    expected.extend(table);
    assert_eq!(bytes, expected);
}

#[test]
fn a_file_cut_or_changed_anywhere_is_refused() {
    let (bytes, _) = written(KIND, &small());
    for end in 0..bytes.len() {
        let problem = opened(bytes[..end].to_vec()).unwrap_err().to_string();
        assert!(problem.starts_with("a.shard: byte ") && !problem.contains('\n'), "{end}: {problem}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let told = opened(changed).and_then(|shard| shard.verify());
        let problem = told.expect_err(&format!("byte {at} may be anything")).to_string();
        assert!(problem.starts_with("a.shard: byte "), "{at}: {problem}");
    }
    assert!(opened([bytes, vec![0]].concat()).is_err());
}

/// A header that is right in itself but tells of what is not there.
#[test]
fn headers_that_lie_are_refused() {
    let (bytes, _) = written(KIND, &small());
    let cases: [(usize, u64, &str); 7] = [
        (8, 1 << 32 | 2, "byte 8: version 2 of the format"),
        (12, 2 << 32 | 9, "byte 12: unknown flags 0x9"),
        (12, 4 << 32 | 1, "byte 16: tokens of 4 bytes for 49152 ids"),
        (24, u64::MAX, "byte 24: larger than any file"),
        (32, 1 << 40, "the file has"),
        (32, 6, "byte 96: the documents do not begin at 0 and end at the last token"),
        (40, 6, "byte 40: 6 of 5 tokens count"),
    ];
    for (at, number, expected) in cases {
        let mut lying = bytes.clone();
        lying[at..at + 8].copy_from_slice(&number.to_le_bytes());
        let checksum = crc32fast::hash(&lying[..68]);
        lying[68..72].copy_from_slice(&checksum.to_le_bytes());
        let problem = opened(lying).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn what_cannot_be_a_shard_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.shard");
    let mut writer = ShardWriter::create(&path, ShardKind { pairs: true, ..KIND }).unwrap();
    let beyond = writer.push(&place("a.jsonl", 4), 0, &document(&[49_152], &[])).unwrap_err().to_string();
    assert!(beyond.ends_with("a.jsonl: line 4: token 49152 is beyond the vocabulary of 49152"), "{beyond}");
    writer.push(&place("a.jsonl", 4), 0, &document(&[1], &[])).unwrap();
    assert!(writer.finish().unwrap_err().to_string().ends_with("half a pair is left over"));
    drop(ShardWriter::create(&path, KIND).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let missing = ShardWriter::create(&folder.path().join("no/a.shard"), KIND).unwrap_err().to_string();
    assert!(missing.contains("cannot be written"), "{missing}");
    assert!(Shard::open(&path).is_err());
}
