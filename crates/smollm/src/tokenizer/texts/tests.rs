//! Texts of files in both forms, read a few bytes at a time.

use super::*;

/// The texts of `bytes`, `|` where one ends; or the error.
fn read(bytes: &[u8], field: Option<&str>, step: usize) -> String {
    let file = TextFile { path: "f".into(), field: field.map(str::to_owned) };
    let mut texts = String::new();
    let mut total = 0;
    let outcome = file.read_from(BufReader::with_capacity(step, bytes), &mut |piece, read| {
        total += read;
        match piece {
            Piece::Part(text) => texts.push_str(text),
            Piece::End => texts.push('|'),
        }
        Ok(())
    });
    match outcome {
        Ok(()) => {
            assert!(total <= bytes.len() as u64);
            texts
        }
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(bytes: &[u8], field: Option<&str>, expected: &str) {
    for step in [1, 2, 3, 5, 1000] {
        assert_eq!(read(bytes, field, step), expected, "{step} bytes at a time");
    }
}

#[test]
fn plain_text_is_one_text() {
    check(b"", None, "|");
    check("a\nh\u{e9} \u{4e2d}\u{1f642}\r\n".as_bytes(), None, "a\nh\u{e9} \u{4e2d}\u{1f642}\r\n|");
    check(b"a\n\xff", None, "f: not UTF-8 at byte 2");
    check(b"abc\xe4\xb8", None, "f: not UTF-8 at byte 3");
    check(b"abc\xe4b", None, "f: not UTF-8 at byte 3");
}

#[test]
fn lines_have_a_text_each() {
    check(b"", Some("text"), "");
    check(
        b"{\"text\": \"a\\nb\", \"id\": [1, {}]}\n\n{\"x\": 1, \"text\": \"\xc3\xa9\"}",
        Some("text"),
        "a\nb|\u{e9}|",
    );
    check(b"{\"text\":\"\"}\r\n{\"text\":\"one\",\"text\":\"two\"}\n", Some("text"), "|two|");
    check(b"{\"a\\u0062\":\"x\"}", Some("ab"), "x|");
}

#[test]
fn lines_that_have_none_are_named() {
    check(b"{\"text\":\"a\"}\n{\"x\":1}\n", Some("text"), "f: line 2: there is no field `text`");
    let wanted = "column 9: invalid type: integer `1`, expected a string";
    check(b"{\"text\":1}", Some("text"), &format!("f: line 1: {wanted}"));
    check(b"\n{\"text\":", Some("text"), "f: line 2: column 8: EOF while parsing a value");
    check(b"{\"text\":\"a\"} x", Some("text"), "f: line 1: column 14: trailing characters");
    check(b"{\"text\":\"\xff\"}", Some("text"), "f: line 1: not UTF-8 at byte 9 of the line");
    let text = "column 2: invalid type: string \"a\", expected an object with a text in `text`";
    assert!(read(b"\"a\"", Some("text"), 100).starts_with("f: line 1: column "), "{text}");
    assert!(read(b"{\"text\":\"\\ud800\"}", Some("text"), 100).starts_with("f: line 1: column "));
}

#[test]
fn names_say_what_is_in_files() {
    let field = |path: &str| TextFile::named(path.into(), "body").field;
    let json = Some("body".to_owned());
    assert_eq!(
        [field("a.jsonl"), field("a.NDJSON"), field("a.txt"), field("-"), field("jsonl")],
        [json.clone(), json, None, None, None]
    );
}
