//! A whole data set of a few files, and nothing at all of ones that fail.

use super::*;
use crate::dataset::Dataset;
use crate::examples::{Document, OnLost};
use smollm_tokenizer::Specials;
use smollm_tokenizer::template::DateTime;

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                      {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// What is said of files with these texts, and what is left in the folder.
fn prepared(files: &[(&str, &str)], loss: Loss, stop: bool) -> (Result<Manifest, String>, Option<Dataset>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let json = smollm_testkit::byte_level::tokenizer_json(400);
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json").unwrap();
    let template = ChatTemplate::new(CHATML, &[]).unwrap();
    let write = |(name, text): &(&str, &str)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files: Vec<PathBuf> = files.iter().map(write).collect();
    let examples = ExampleOptions {
        loss,
        max_tokens: None,
        max_prompt: None,
        end_token: Some(0),
        specials: Specials::Parse,
        on_lost: OnLost::Stop,
        variables: Map::new(),
        now: DateTime::constant(2025, 1, 1, 0, 0, 0, 0),
    };
    let read = ReadOptions::default();
    let job = Job { files: &files, read, tokenizer: &tokenizer, template: Some(&template), examples, shard_tokens: 20 };
    let out = folder.path().join("out");
    let mut last = None;
    let made = prepare(&job, &out, &mut |progress| {
        last = Some(progress);
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if made.is_ok() {
        assert!(last.is_some_and(|last| last.read == last.total));
    }
    let problem = |error: PrepareError| error.to_string().replace(&folder.path().display().to_string(), "F");
    (made.map_err(problem), Dataset::open(&out).ok(), out.exists())
}

#[test]
fn files_become_one_data_set() {
    let chats = r#"{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}"#;
    let (made, dataset, _) =
        prepared(&[("a.jsonl", &[chats; 3].join("\n")), ("b.json", &format!("[{chats}]"))], Loss::Answers, false);
    let (made, dataset) = (made.unwrap(), dataset.unwrap());
    assert_eq!((made.tally.examples, made.tally.supervised), (4, 8));
    assert!(made.shards.len() > 1 && made.made_with["loss"] == "answers");
    let origin = dataset.origin(3).unwrap();
    assert!(origin.file.ends_with("b.json") && origin.number == 1, "{origin:?}");
    let mut read = Document::default();
    dataset.read(0, 0..dataset.length(0), &mut read).unwrap();
    assert_eq!(read.supervised(), 2);
}

#[test]
fn what_fails_leaves_nothing() {
    let text = r#"{"text": "some words that are long enough for a shard"}"#;
    let good = [text; 3].join("\n");
    let cases = [
        (vec![("a.jsonl", format!("{good}\n{{}}"))], Loss::All, false, "F/a.jsonl: line 4: no known form"),
        (vec![("a.jsonl", good.clone())], Loss::Answers, false, "F/a.jsonl: line 1: a plain text has no answers"),
        (vec![("a.jsonl", good.clone())], Loss::All, true, "interrupted"),
        (vec![("a.jsonl", String::new())], Loss::All, false, "not one example comes of these files"),
        (
            vec![("a.jsonl", good.clone()), ("b.jsonl", r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#.into())],
            Loss::All,
            false,
            "F/out: F/b.jsonl: line 1: preference pairs and other examples",
        ),
    ];
    for (files, loss, stop, expected) in cases {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let (made, _, left) = prepared(&files, loss, stop);
        let problem = made.unwrap_err();
        assert!(problem.starts_with(expected), "{problem}");
        assert!(!left, "{problem}");
    }
}
