//! Names from users and servers: what is accepted stays inside the cache.

use std::path::{Component, Path};

use proptest::prelude::*;

use super::*;

#[test]
fn repository_ids() {
    for good in ["HuggingFaceTB/SmolLM2-135M-Instruct", "a/b", "a.b/c_d-e.f", "0/1"] {
        let id = RepoId::new(good).expect(good);
        assert_eq!(RepoId::from_folder(&id.folder()), Some(id));
    }
    for bad in [
        "", "gpt2", "a/b/c", "/a", "a/", "../a", "a/..", "a/b..c", "a--b/c", "-a/b", "a/b-", "a/.b", "a/b.", "a/b.git",
        "a b/c", "a/b\n", "ä/b", "a\\b/c", "a/b%2f", "a/b?x", "a/\0",
    ] {
        assert!(RepoId::new(bad).is_err(), "{bad:?}");
    }
    assert!(RepoId::new(&format!("a/{}", "b".repeat(97))).is_err());
    for folder in ["models--a", "datasets--a--b", "models--a--b--c", "models----b", "models--..--x", ".locks", "blobs"]
    {
        assert_eq!(RepoId::from_folder(folder), None, "{folder}");
    }
}

#[test]
fn revisions() {
    for good in ["main", "v0.1", "refs/pr/1", "feature/x_y-z", &"a".repeat(40)] {
        assert!(Revision::new(good).is_ok(), "{good}");
    }
    for bad in [
        "", "..", "a/..", "../main", "/main", "main/", "a//b", "-x", "a b", "a\tb", "a\0", "a\\b", "a:b", "a@{1}", ".x",
    ] {
        assert!(Revision::new(bad).is_err(), "{bad:?}");
    }
    assert!(Revision::new(&"a".repeat(40)).expect("hash").is_commit());
    for not_a_commit in ["main", &"a".repeat(39), &"A".repeat(40), &"g".repeat(40)] {
        assert!(!Revision::new(not_a_commit).expect("a name").is_commit(), "{not_a_commit}");
    }
}

#[test]
fn file_paths() {
    for good in ["config.json", "onnx/model.onnx", "a b.gguf", "Q4_K_M/x-00001-of-00002.gguf", "..a", "ü.gguf"] {
        assert!(RepoPath::new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "C:/x",
        "c:x",
        "a/d:x",
        "a\\..\\b",
        "\\\\host\\x",
        "a\nb",
        "a\u{1b}[2J",
        "\0",
    ] {
        assert!(RepoPath::new(bad).is_err(), "{bad:?}");
    }
    assert!(RepoPath::new(&"a".repeat(256)).is_err());
}

#[test]
fn messages_are_one_line_without_control_characters() {
    let text = "a/\u{1b}[31m\nb";
    let messages = [
        RepoId::new(text).expect_err("bad").to_string(),
        Revision::new(text).expect_err("bad").to_string(),
        RepoPath::new(text).expect_err("bad").to_string(),
    ];
    for message in messages {
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
}

proptest! {
    #[test]
    fn accepted_paths_stay_inside(text in "[a-z./\\\\:~\u{0}-\u{1f} -]{0,24}") {
        if let Ok(path) = RepoPath::new(&text) {
            let inside = Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_)));
            prop_assert!(inside, "{text:?}");
        }
        if let Ok(revision) = Revision::new(&text) {
            let inside = Path::new(revision.as_str()).components().all(|part| matches!(part, Component::Normal(_)));
            prop_assert!(inside, "{text:?}");
        }
    }

    #[test]
    fn accepted_ids_have_a_folder_of_their_own(text in "[a-c./-]{0,12}") {
        if let Ok(id) = RepoId::new(&text) {
            prop_assert_eq!(id.folder().matches("--").count(), 2);
            prop_assert_eq!(RepoId::from_folder(&id.folder()), Some(id));
        }
    }
}
