//! A folder is a data set when it is whole, and only then.

use super::*;
use crate::examples::{Example, Tally};
use crate::records::{Place, Unit};
use serde_json::Map;

const KIND: ShardKind = ShardKind { vocabulary: 100, pairs: false };

fn push(writer: &mut DatasetWriter, number: u64) {
    let document = Document { ids: vec![number as u32; 4], mask: vec![true; 4] };
    let place = Place { file: Path::new("a.jsonl").into(), number, unit: Unit::Line };
    writer.push(&place, number, &Example::One(document)).unwrap();
}

/// Ten documents of four tokens, three to a shard.
fn written(folder: &Path) -> Manifest {
    let mut writer = DatasetWriter::create(folder, KIND, 10).unwrap();
    (0..10).for_each(|number| push(&mut writer, number));
    writer.finish(Map::new(), Tally::default()).unwrap()
}

fn refused(folder: &Path) -> String {
    Dataset::open(folder).unwrap_err().to_string().replace(&folder.display().to_string(), "F")
}

#[test]
fn documents_are_numbered_through_all_shards() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = written(folder.path());
    assert_eq!(manifest.shards.iter().map(|shard| shard.documents).collect::<Vec<_>>(), [3, 3, 3, 1]);
    let dataset = Dataset::open(folder.path()).unwrap();
    assert_eq!((dataset.documents(), dataset.tokens(), dataset.manifest()), (10, 40, &manifest));
    for number in 0..10 {
        let mut read = Document::default();
        dataset.read(number, 1..3, &mut read).unwrap();
        assert_eq!((read.ids, dataset.origin(number).unwrap().number), (vec![number as u32; 2], number));
    }
    assert_eq!(dataset.hashes().unwrap(), (0..10).collect::<Vec<_>>());
    dataset.verify().unwrap();
    assert!(dataset.origin(10).unwrap_err().to_string().ends_with("there is no document 10"));
    let again = DatasetWriter::create(folder.path(), KIND, 10).unwrap_err().to_string();
    assert!(again.ends_with("there is a data set already"), "{again}");
}

#[test]
fn what_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut writer = DatasetWriter::create(path, KIND, 10).unwrap();
    (0..4).for_each(|number| push(&mut writer, number));
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 2);
    drop(writer);
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 0);
    assert_eq!(refused(path), "F: no dataset.json in it: no data set, or one that was not finished");
    let mut manifest = serde_json::to_value(written(path)).unwrap();
    // Another shard under the name of the first.
    std::fs::copy(path.join("00003.shard"), path.join("00000.shard")).unwrap();
    assert_eq!(refused(path), "F/00000.shard: is not the shard that dataset.json tells of");
    std::fs::remove_file(path.join("00000.shard")).unwrap();
    assert!(refused(path).starts_with("F/00000.shard: "));
    for (key, value, expected) in [
        ("version", serde_json::json!(2), "F/dataset.json: version 2 of the form, of which only 1 is known"),
        (
            "shards",
            serde_json::json!([{"file": "../a", "documents": 0, "tokens": 0, "supervised": 0, "checksum": 0}]),
            "F/dataset.json: \"../a\" is not the name of a file",
        ),
        ("more", serde_json::json!(1), "F/dataset.json: unknown field `more`"),
    ] {
        let before = manifest.clone();
        manifest[key] = value;
        std::fs::write(path.join(MANIFEST), manifest.to_string()).unwrap();
        let problem = refused(path);
        assert!(problem.starts_with(expected), "{problem}");
        manifest = before;
    }
}

#[test]
fn pairs_and_documents_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = DatasetWriter::create(folder.path(), ShardKind { pairs: true, ..KIND }, 1).unwrap();
    let place = Place { file: Path::new("a.jsonl").into(), number: 2, unit: Unit::Line };
    let problem = writer.push(&place, 0, &Example::One(Document::default())).unwrap_err().to_string();
    assert!(
        problem.ends_with("a.jsonl: line 2: preference pairs and other examples do not go into one data set"),
        "{problem}"
    );
}
