//! Key files: what is read, what is refused, and what happens when they change.

use super::*;
use std::time::Duration;

fn sha256(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keys_are_found_by_their_hash_and_follow_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    std::fs::write(&path, format!("# keys\n\n{}  anna\n{}  -\n", sha256("one"), sha256("two"))).expect("written");
    let keys = Keys::open(&path).expect("keys");
    assert_eq!(keys.name("one").as_deref(), Some("anna"));
    assert_eq!(keys.name("two").as_deref(), Some(&sha256("two")[..8]));
    assert_eq!(keys.name("three"), None);

    let change = |text: &str, seconds| {
        std::fs::write(&path, text).expect("written");
        let file = std::fs::File::options().append(true).open(&path).expect("opened");
        file.set_modified(SystemTime::now() + Duration::from_secs(seconds)).expect("a time");
    };
    change(&sha256("three"), 10);
    keys.refresh().expect("good keys");
    assert_eq!((keys.name("one"), keys.name("three").is_some()), (None, true));
    change("nonsense", 20);
    assert!(keys.refresh().is_err());
    assert!(keys.name("three").is_some(), "a broken file locks nobody out");
    assert!(keys.refresh().is_ok(), "a change is reported once");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let error = |text: &str| {
        std::fs::write(&path, text).expect("written");
        Keys::open(&path).expect_err("refused").to_string().replace(&path.display().to_string(), "KEYS")
    };
    assert_eq!(error("# none\n"), "the key file KEYS has no keys");
    for wrong in ["abc", &"g".repeat(64), &"ä".repeat(32), &format!("{}0 name", sha256("x"))] {
        assert!(error(&format!("{}\n{wrong}", sha256("one"))).starts_with("KEYS:2: expected the SHA-256"), "{wrong}");
    }
    // what `printf %s "$KEY" | sha256sum` says where KEY is not set
    assert!(error(&sha256("")).starts_with("KEYS:1: this is the SHA-256 of nothing"));
}

#[test]
fn keys_come_in_two_headers() {
    let headers = |pairs: &[(&'static str, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, axum::http::HeaderValue::from_static(value));
        }
        given_key(&map).map(str::to_owned)
    };
    assert_eq!(headers(&[("authorization", "Bearer abc")]).as_deref(), Some("abc"));
    assert_eq!(headers(&[("authorization", "bearer  abc ")]).as_deref(), Some("abc"));
    assert_eq!(headers(&[("x-api-key", "abc")]).as_deref(), Some("abc"));
    assert_eq!(headers(&[("authorization", "Basic abc")]), None);
    assert_eq!(headers(&[("x-api-key", "")]), None);
    assert_eq!(headers(&[("authorization", "Bearer "), ("x-api-key", "abc")]).as_deref(), Some("abc"));
    assert_eq!(headers(&[]), None);
}
