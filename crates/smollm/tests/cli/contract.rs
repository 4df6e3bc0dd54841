//! The machine-readable output, key by key and in order: docs/json.md is the prose of these snapshots.

use crate::world::{World, ids, list};
use serde_json::Value;
use smollm_testkit::repository;
use std::collections::BTreeSet;

/// A line of JSON with what differs between runs and machines replaced: a number with a fraction becomes 0.5, and the
/// names of architecture and instruction set and the seconds become fixed values.
fn scrubbed(mut value: Value) -> String {
    fn scrub(key: &str, value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() || key.ends_with("_s") => *value = 0.5.into(),
            Value::String(_) if key == "arch" || key == "isa" => *value = "scrubbed".into(),
            Value::Array(list) => list.iter_mut().for_each(|v| scrub(key, v)),
            Value::Object(keys) => keys.iter_mut().for_each(|(k, v)| scrub(k, v)),
            _ => {}
        }
    }
    scrub("", &mut value);
    value.to_string()
}

#[test]
fn score() {
    let world = World::new().with_random();
    insta::assert_snapshot!("score", scrubbed(world.run(&["score", "-m", "random", "--json", "abc"]).json()));
    insta::assert_snapshot!(
        "score_one",
        scrubbed(world.run(&["score", "-m", "random", "--json", "--ids", "7"]).json())
    );
}

#[test]
fn generate() {
    let world = World::new().with_scripted();
    let run = |arguments: &[&str]| {
        let base = ["generate", "-m", "scripted", "--threads", "1", "--temperature", "0"];
        scrubbed(world.run(&[&base, arguments].concat()).json())
    };
    insta::assert_snapshot!("generate", run(&["--json", "\n"]));
    insta::assert_snapshot!("generate_length", run(&["--json", "\n", "-n", "2"]));
    insta::assert_snapshot!("generate_logprobs", run(&["--json", "\n", "-n", "2", "--logprobs", "1"]));
}

#[test]
fn generate_lines() {
    let world = World::new().with_scripted();
    let lines = format!(
        "\"\\n\"\n\n{}\n{}\n{}\n{}\n",
        r#"{"id":"p","prompt":"\n","max_tokens":1}"#,
        r#"{"id":7,"messages":[{"role":"user","content":"x"}],"stop":"!"}"#,
        format_args!(r#"{{"id":null,"ids":[{}],"temperature":0}}"#, list(&ids("\n"))),
        r#"{"id":"bad","ids":[99999]}"#,
    );
    let done = world.run_on(lines, &["generate", "-m", "scripted", "--jsonl", "--temperature", "0"]);
    assert_eq!(done.error(1), "error: 1 of 5 lines failed; their output has an `error`");
    let scrubbed: Vec<_> = done.out.lines().map(|line| scrubbed(serde_json::from_str(line).unwrap())).collect();
    insta::assert_snapshot!("generate_jsonl", scrubbed.join("\n"));
}

#[test]
fn tokenize() {
    let world = World::new().with_random();
    let done = world.run_on("Hi €<|im_end|>\n", &["tokenize", "-m", "random", "--json"]);
    insta::assert_snapshot!("tokenize", done.json().to_string());
}

#[test]
fn template() {
    let world = World::new().with_scripted();
    let messages = r#"[{"role":"user","content":"Hi"}]"#;
    let prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(world.run_on(messages, &["template", "-m", "scripted"]).text(), prompt);
}

#[test]
fn bench() {
    let world = World::new().with_random();
    let sizes = ["--prefill", "4,6", "--decode", "2", "--depth", "0,3", "--batch", "1,2", "--repeats", "2"];
    let common = ["bench", "-m", "random", "--threads", "1", "--json"];
    let report = world.run(&[&common[..], &sizes].concat()).json();
    for result in report["results"].as_array().unwrap() {
        let speed = |key: &str| result["tokens_per_s"][key].as_f64().unwrap();
        assert!(0.0 < speed("min") && speed("min") <= speed("median") && speed("median") <= speed("max"), "{result}");
    }
    insta::assert_snapshot!("bench", scrubbed(report).replace("{\"kind\"", "\n{\"kind\""));
}

#[test]
fn eval_quant() {
    let world = World::new().with_random();
    let run = world.run(&["eval-quant", "random", "random", "--json", "--ids", "5,6,7"]);
    insta::assert_snapshot!("eval_quant", scrubbed(run.json()));
}

#[test]
fn info() {
    let world = World::new().with_scripted();
    insta::assert_snapshot!(
        "info",
        scrubbed(world.run(&["info", "scripted", "--threads", "1", "--json", "--check"]).json())
    );
}

#[test]
fn downloaded_models() {
    assert_eq!(World::new().run(&["list", "--json"]).text(), "[]\n");
    insta::assert_snapshot!("list", World::new().with_cached().run(&["list", "--json"]).json().to_string());
}

/// The keys of an output as docs/json.md writes them: `timings.prefill_s`, `results[].kind`, `dtypes.TYPE.bytes`.
fn keys(value: &Value) -> BTreeSet<String> {
    fn collect(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            // those of arguments are the tool's
            Value::Object(keys) if !path.ends_with(".arguments") => {
                for (key, value) in keys {
                    let key = if path == "dtypes" { "TYPE" } else { key };
                    let dot = if path.is_empty() { "" } else { "." };
                    collect(&format!("{path}{dot}{key}"), value, found);
                }
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                list.iter().for_each(|value| collect(&format!("{path}[]"), value, found));
            }
            _ => {
                found.insert(path.to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    collect("", value, &mut found);
    found
}

/// The keys in the table of a section of docs/json.md.
fn documented(document: &str, section: &str) -> BTreeSet<String> {
    let section = document
        .split("\n## ")
        .find(|s| s.starts_with(&format!("`smollm {section}`\n")))
        .unwrap_or_else(|| panic!("{section}"));
    section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
}

#[test]
fn the_document_has_every_key_and_no_other() {
    let document = std::fs::read_to_string(repository().join("docs/json.md")).unwrap();
    let world = World::new().with_random().with_scripted().with_caller(&crate::agent::CALLS);
    world.write("words.txt", "abc");
    let run = |line: &str| world.run(&line.split(' ').collect::<Vec<_>>()).json();
    let rows = [
        ("score --json", run("score -m random --json abc")),
        ("generate --json", run("generate -m random --json abc -n 1 --ignore-eos --logprobs 1")),
        ("agent --json", run("agent -m caller --json --temperature 0 --max-steps 1 x")),
        ("tokenize --json", run("tokenize -m random --json abc")),
        ("train tokenize --json", run("train tokenize -m random --json words.txt -o data")),
        ("bench --json", run("bench -m random --json --prefill 2 --decode 1 --repeats 1")),
        ("info --json", run("info random --json --plan --check")),
        ("eval-quant --json", run("eval-quant random random --json --ids 5,6,7")),
        ("tokenizer eval --json", run("tokenizer eval random words.txt --json")),
        ("list --json", World::new().with_cached().run(&["list", "--json"]).json()),
        ("world --json", run("world w --scale 0.01 --json -q")),
    ];
    for (section, output) in rows {
        assert_eq!(documented(&document, section), keys(&output), "{section}");
    }
    let (rows, outcomes) = verified(&world);
    assert_eq!(documented(&document, "verify --json"), rows);
    assert_eq!(documented(&document, "verify --output"), outcomes);
    let lines = world.run_on(r#"{"id":1,"ids":[999]}"#, &["generate", "-m", "random", "--jsonl"]);
    assert_eq!(documented(&document, "generate --jsonl"), keys(&serde_json::from_str(&lines.out).unwrap()));
}

/// The keys of the rows and of the outcomes of every kind of item, one of which cannot be tried.
fn verified(world: &World) -> (BTreeSet<String>, BTreeSet<String>) {
    let asked = r#"[{"role": "user", "content": "a"}]"#;
    let of = |text: &str| asked.replace('a', text);
    world.write("asked.jsonl", format!(r#"{{"messages": {asked}, "check": {{"check": "answers"}}}}"#));
    world
        .write("long.jsonl", format!(r#"{{"messages": {}, "check": {{"check": "answers"}}}}"#, of(&"ab ".repeat(600))));
    world.write("texts.jsonl", r#"{"prompt": "a", "completion": "bc", "nats": 1.5}"#);
    let pair = r#""chosen": {"role": "assistant", "content": "b"}, "rejected": {"role": "assistant", "content": "c"}"#;
    world.write("pairs.jsonl", format!(r#"{{"prompt": {asked}, {pair}}}"#));
    let files = ["asked.jsonl", "long.jsonl", "texts.jsonl", "pairs.jsonl"];
    let line = ["verify", "-m", "scripted", "--json", "--output", "o.jsonl", "-q"];
    let rows = world.run(&[&line[..], &files].concat()).text();
    let outcomes = String::from_utf8(world.read("o.jsonl")).unwrap();
    assert_eq!((rows.lines().count(), outcomes.lines().count()), (4, 4), "{rows}{outcomes}");
    let all = |lines: &str| lines.lines().flat_map(|line| keys(&serde_json::from_str(line).unwrap())).collect();
    (all(&rows), all(&outcomes))
}
