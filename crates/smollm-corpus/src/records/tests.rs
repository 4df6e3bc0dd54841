//! Forms of records as tables: what a row holds, and what is said of one that is wrong.

use super::row::record;
use super::*;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": text })
}

fn said(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

fn chat(messages: &[Value], trained: &[bool]) -> Record {
    Record::Chat(Chat { messages: messages.to_vec(), trained: trained.to_vec(), ..Chat::default() })
}

fn pair(prompt: &[Value], chosen: &str, rejected: &str) -> Record {
    let trained = vec![false; prompt.len()];
    let prompt = Chat { messages: prompt.to_vec(), trained, ..Chat::default() };
    Record::Pair(Pair { prompt, chosen: vec![said(chosen)], rejected: vec![said(rejected)] })
}

#[test]
fn rows_of_every_form() {
    let system = json!({ "role": "system", "content": "s" });
    let untrained = json!({ "role": "assistant", "content": "y", "train": false });
    let cases = [
        (json!({"text": "a", "other": 1}), Record::Text("a".into())),
        (json!({"messages": [user("x"), said("y")]}), chat(&[user("x"), said("y")], &[false, true])),
        (
            json!({"prompt": "p", "messages": [user("x"), untrained, user("z"), said("w")]}),
            chat(&[user("x"), said("y"), user("z"), said("w")], &[false, false, false, true]),
        ),
        (
            json!({"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}], "system": "s"}),
            chat(&[system.clone(), user("x"), said("y")], &[false, false, true]),
        ),
        (
            json!({"instruction": "i", "input": "j", "output": "o", "history": [["a", "b"]], "text": "whole"}),
            chat(&[user("a"), said("b"), user("i\nj"), said("o")], &[false, true, false, true]),
        ),
        (json!({"instruction": "i", "input": null, "output": "o"}), chat(&[user("i"), said("o")], &[false, true])),
        (json!({"prompt": "p", "completion": "c"}), Record::Completion { prompt: "p".into(), completion: "c".into() }),
        (
            json!({"prompt": [user("x"), said("a"), user("y")], "completion": [said("z")]}),
            chat(&[user("x"), said("a"), user("y"), said("z")], &[false, false, false, true]),
        ),
        (
            json!({"prompt": "p", "chosen": "a", "rejected": "b"}),
            Record::TextPair { prompt: "p".into(), chosen: "a".into(), rejected: "b".into() },
        ),
        (json!({"prompt": [user("x")], "chosen": "a", "rejected": "b"}), pair(&[user("x")], "a", "b")),
        (json!({"prompt": [user("x")], "chosen": [said("a")], "rejected": [said("b")]}), pair(&[user("x")], "a", "b")),
        // ultrafeedback_binarized
        (
            json!({"prompt": "x", "chosen": [user("x"), said("a")], "rejected": [user("x"), said("b")], "messages": []}),
            pair(&[user("x")], "a", "b"),
        ),
        (json!({"prompt": "x", "chosen": [said("a")], "rejected": [said("b")]}), pair(&[user("x")], "a", "b")),
        (
            json!({"conversations": [{"from": "human", "value": "x"}], "chosen": {"from": "gpt", "value": "a"},
                   "rejected": {"from": "gpt", "value": "b"}}),
            pair(&[user("x")], "a", "b"),
        ),
    ];
    for (row, expected) in cases {
        assert_eq!(record(row.clone(), None), Ok(expected), "{row}");
    }
    assert_eq!(record(json!({"content": "c", "text": "t"}), Some("content")), Ok(Record::Text("c".into())));
}

#[test]
fn calls_and_tools_take_the_form_of_messages() {
    let row = json!({
        "conversations": [{"from": "human", "value": "x"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"a\": 1}}"},
                          {"from": "observation", "value": "2"}, {"from": "gpt", "value": "y"}],
        "tools": "[{\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"properties\": {}}}]",
        "chat_template_kwargs": {"enable_thinking": false, "none": null},
    });
    let Ok(Record::Chat(chat)) = record(row, None) else { panic!() };
    let call = json!({"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]});
    assert_eq!(chat.messages[1..3], [call, json!({"role": "tool", "content": "2"})]);
    assert_eq!(chat.trained, [false, true, false, true]);
    assert_eq!(chat.tools.len(), 1);
    assert_eq!(Value::from(chat.variables), json!({"enable_thinking": false}));
}

#[test]
fn wrong_rows_say_what_is_wrong() {
    let cases = [
        (json!([1]), "not an object"),
        (json!({"a": 1, "b": null}), "no known form: its columns are a; known are"),
        (json!({"text": 1}), "`text` is not a string"),
        (json!({"messages": []}), "`messages` is empty"),
        (json!({"messages": "x"}), "`messages` is not a list of messages"),
        (json!({"messages": [user("x"), 3]}), "messages[1] is not an object"),
        (json!({"messages": [{"content": "x"}]}), "messages[0] has no `role`"),
        (json!({"messages": [{"role": "user"}]}), "messages[0] has no `content`"),
        (
            json!({"messages": [{"role": "user", "content": 1}]}),
            "messages[0].content is not a string or a list of parts",
        ),
        (
            json!({"messages": [{"role": "user", "content": "", "train": true}]}),
            "messages[0]: only messages of the assistant",
        ),
        (json!({"messages": [{"role": "assistant", "content": "", "train": 1}]}), "messages[0].train is neither"),
        (json!({"messages": [user("x")], "tools": "{"}), "`tools` is no JSON"),
        (json!({"messages": [user("x")], "tools": [{}]}), "tools[0].name: is missing"),
        (json!({"conversations": [{"from": "alien", "value": ""}]}), "conversations[0].from is \"alien\""),
        (json!({"conversations": [{"from": "gpt"}]}), "conversations[0] has no text in `value`"),
        (json!({"conversations": [{"from": "function_call", "value": "{}"}]}), "conversations[0].value: not a call"),
        (json!({"instruction": "i", "output": "o", "history": [["a"]]}), "history[0] is not a pair of texts"),
        (json!({"prompt": "p", "completion": [said("x")]}), "`prompt` and `completion` are neither"),
        (json!({"prompt": "p", "chosen": "a"}), "`rejected` is missing"),
        (json!({"chosen": "a", "rejected": "b"}), "`prompt` is missing"),
        (json!({"chosen": [said("a")], "rejected": [said("b")]}), "`chosen` and `rejected` have no prompt in common"),
        (json!({"prompt": [user("x")], "chosen": "a", "rejected": "a"}), "`chosen` and `rejected` are the same"),
        (
            json!({"prompt": [user("x")], "chosen": [said("a")], "rejected": [user("b")]}),
            "`rejected` does not go on with",
        ),
    ];
    for (row, expected) in cases {
        let problem = record(row.clone(), None).unwrap_err();
        assert!(problem.starts_with(expected), "{row}: {problem}");
    }
}

/// What `open` says of a file of these bytes: each record or problem with its place.
fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let records = match Records::open(&path, options) {
        Ok(records) => records,
        Err(error) => return vec![without_folder(&error.to_string(), folder.path())],
    };
    let shown = |record: Result<(Place, Record), RecordError>| match record {
        Ok((place, Record::Text(text))) => format!("{}={text}", place.number),
        Ok((place, other)) => format!("{}={other:?}", place.number),
        Err(error) => without_folder(&error.to_string(), folder.path()),
    };
    records.map(shown).collect()
}

fn without_folder(text: &str, folder: &Path) -> String {
    text.replace(&format!("{}/", folder.display()), "")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn files_are_read_by_name_and_first_byte() {
    let lines = b"\xef\xbb\xbf{\"text\":\"a\"}\r\n\n{\"text\":\"b\"}";
    let list = b" [\n{\"text\": \"a]\\\"\"},\n\n {\"text\":\n\"b\"}, {\"text\": \"c\", \"x\": [[]]}\n]\n";
    let text = b"a\nb\n\n---\n---\nc\n";
    let with = |documents| ReadOptions { documents, ..ReadOptions::default() };
    let (whole, separated) = (ReadOptions::default(), with(Documents::Separator("---".into())));
    let cases: [(&str, &[u8], &ReadOptions, &[&str]); 16] = [
        ("a.jsonl", lines, &whole, &["1=a", "3=b"]),
        ("a.json", lines, &whole, &["1=a", "3=b"]),
        ("a.JSONL", lines, &whole, &["1=a", "3=b"]),
        ("a.json", list, &whole, &["2=a]\"", "4=b", "5=c"]),
        ("a.json", b"[]", &whole, &[]),
        ("a.jsonl.gz", &gzip(lines), &whole, &["1=a", "3=b"]),
        ("a.txt", text, &whole, &["1=a\nb\n\n---\n---\nc\n"]),
        ("a.md", text, &with(Documents::Lines), &["1=a", "2=b", "4=---", "5=---", "6=c"]),
        ("a.txt", text, &separated, &["1=a\nb\n", "6=c"]),
        ("a.txt", b"a\xff", &whole, &["a.txt: line 1: no UTF-8 from byte 1 on"]),
        (
            "a.jsonl",
            b"{\"text\":\"a\"}\n{\"text\"}\n{\"text\":\"c\"}\n",
            &whole,
            &["1=a", "a.jsonl: line 2: no JSON: expected `:` (column 8)", "3=c"],
        ),
        ("a.json", b"[{\"text\":\"a\"},\n{\"text\":\"b\"", &whole, &["1=a", "a.json: line 2: the list does not end"]),
        (
            "a.json",
            b"[{\"text\":\"a\"},]",
            &whole,
            &["1=a", "a.json: line 1: no JSON: EOF while parsing a value (column 0)"],
        ),
        ("a.json", b"[{\"text\":\"a\"}] x", &whole, &["1=a", "a.json: line 1: something follows the list"]),
        (
            "a.csv",
            b"",
            &whole,
            &[
                "a.csv: the name tells of no known form (.jsonl, .ndjson, .json, .txt, .md, each with or without .gz, .parquet)",
            ],
        ),
        ("a.parquet", b"PAR1", &whole, &["a.parquet: no Parquet file: "]),
    ];
    for (name, bytes, options, expected) in cases {
        let got = read(name, bytes, options);
        assert_eq!(got.len(), expected.len(), "{name}: {got:?}");
        assert!(got.iter().zip(expected).all(|(got, expected)| got.starts_with(expected)), "{name}: {got:?}");
    }
}

fn parquet_file(folder: &Path, codec: parquet::basic::Compression) -> PathBuf {
    use parquet::column::writer::ColumnWriter;
    use parquet::data_type::ByteArray;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;
    let schema = "message m { optional group messages (LIST) { repeated group list { optional group element {
        optional binary role (UTF8); optional binary content (UTF8); } } } optional int64 score; }";
    let path = folder.join("a.parquet");
    let properties = WriterProperties::builder().set_compression(codec).build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(std::fs::File::create(&path).unwrap(), schema, Arc::new(properties)).unwrap();
    for group in 0..2 {
        let mut columns = writer.next_row_group().unwrap();
        let texts = |list: [String; 3]| list.map(|text| ByteArray::from(text.as_str()));
        let texts = [
            texts(["user".into(), "assistant".into(), "user".into()]),
            texts([format!("x{group}"), "y".into(), "z".into()]),
        ];
        let mut index = 0;
        while let Some(mut column) = columns.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(column) => {
                    column.write_batch(&texts[index], Some(&[4, 4, 4]), Some(&[0, 1, 0])).map(drop).unwrap();
                }
                ColumnWriter::Int64ColumnWriter(column) => {
                    column.write_batch(&[7], Some(&[1, 0]), None).map(drop).unwrap()
                }
                _ => panic!(),
            }
            index += 1;
            column.close().unwrap();
        }
        columns.close().unwrap();
    }
    writer.close().unwrap();
    path
}

#[test]
fn rows_of_parquet_are_rows_of_json() {
    let folder = tempfile::tempdir().unwrap();
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    let (gzip, zstd) = (GzipLevel::default(), ZstdLevel::default());
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::GZIP(gzip),
        Compression::ZSTD(zstd),
    ];
    for codec in codecs {
        let path = parquet_file(folder.path(), codec);
        let records: Vec<_> = Records::open(&path, &ReadOptions::default()).unwrap().map(Result::unwrap).collect();
        let places: Vec<String> =
            records.iter().map(|(place, _)| without_folder(&place.to_string(), folder.path())).collect();
        assert_eq!(places, ["a.parquet: row 1", "a.parquet: row 2", "a.parquet: row 3", "a.parquet: row 4"]);
        let expected = [("x0", "y"), ("x1", "y")].map(|(x, y)| chat(&[user(x), said(y)], &[false, true]));
        assert_eq!([&records[0].1, &records[2].1], expected.each_ref());
        assert_eq!(records[1].1, chat(&[user("z")], &[false]));
    }
}

/// Cut or changed anywhere, a file is read or refused, and never takes the program down.
#[test]
fn damaged_parquet_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(parquet_file(folder.path(), parquet::basic::Compression::SNAPPY)).unwrap();
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        for damaged in [&bytes[..at], &changed] {
            let told = read("b.parquet", damaged, &ReadOptions::default());
            refused += usize::from(told.iter().any(|line| line.starts_with("b.parquet: ")));
            assert!(told.iter().all(|line| !line.contains('\n')), "{told:?}");
        }
    }
    assert!(refused > bytes.len() / 7, "{refused}");
}

#[test]
fn the_hash_is_of_what_is_learnt_not_of_where_it_stands() {
    let hash = |row: Value| record(row, None).unwrap().hash();
    assert_eq!(hash(json!({"text": "a"})), hash(json!({"text": "a", "id": 7})));
    assert_ne!(hash(json!({"text": "a"})), hash(json!({"text": "b"})));
    assert_ne!(hash(json!({"prompt": "a", "completion": "bc"})), hash(json!({"prompt": "ab", "completion": "c"})));
    let pair = |chosen: &str| hash(json!({"prompt": [user("x")], "chosen": chosen, "rejected": "b"}));
    assert_eq!(pair("a"), pair("c"));
    // Written down, since the split of validation data must never change.
    assert_eq!(hash(json!({"text": "a"})), 7_957_640_168_362_646_597);
}

#[test]
fn a_name_tells_the_form() {
    let known = ["a.jsonl", "b.JSON", "c.txt.gz", "d/e.parquet", "f.ndjson.gz", "g.md"];
    assert!(known.iter().all(|name| Records::knows(Path::new(name))));
    let unknown = ["a", "b.csv", "c.parquet.gz", ".jsonl", "d.gz", "jsonl"];
    assert!(!unknown.iter().any(|name| Records::knows(Path::new(name))));
}
