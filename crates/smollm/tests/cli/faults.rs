//! Everything that can be wrong with a request or a file: one line, the right exit code, and what and where.

use crate::world::{World, finished, random_config};
use serde_json::{Value, json};
use smollm_testkit::gguf::{GgufValue, tiny_gguf};
use smollm_testkit::stored::{Stored, safetensors_bytes};
use smollm_testkit::tiny;

/// What is broken before the command runs.
type Breaking = fn(&World);

/// A name, the damage, the command.
type Case = (&'static str, Breaking, &'static [&'static str]);

fn nothing(_: &World) {}

fn write_tensors(world: &World, change: impl FnOnce(&mut Vec<tiny::TinyTensor>)) {
    let mut tensors = tiny::weights(&random_config());
    change(&mut tensors);
    world.write("random/model.safetensors", safetensors_bytes(&tensors, Stored::F32));
}

/// Replaces bytes of equal length in the header of the weights.
fn patch_header(world: &World, from: &str, to: &str) {
    let mut bytes = world.read("random/model.safetensors");
    let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    world.write("random/model.safetensors", bytes);
}

fn cut(world: &World, name: &str, keep: usize) {
    let bytes = world.read(name);
    world.write(name, &bytes[..keep.min(bytes.len() - 1)]);
}

fn write_gguf(world: &World, change: impl FnOnce(&mut smollm_testkit::gguf::GgufFile)) {
    let mut file = tiny_gguf(&random_config(), "m", Stored::F32);
    change(&mut file);
    world.write("m.gguf", file.to_bytes());
}

fn set_key(world: &World, key: &str, value: Value) {
    world.edit("random/config.json", |config| config[key] = value);
}

/// What the command line alone shows: exit code 2.
const USAGE: [Case; 35] = [
    ("unknown flag", nothing, &["generate", "-m", "random", "--foo"]),
    ("unknown command", nothing, &["generat"]),
    ("flag without value", nothing, &["generate", "-m"]),
    ("no model", nothing, &["score", "abc"]),
    ("empty model", nothing, &["generate", "-m", "", "abc"]),
    ("a number that is none", nothing, &["generate", "-m", "random", "-n", "many"]),
    ("a negative number", nothing, &["generate", "-m", "random", "-n", "-1", "abc"]),
    ("a number too large", nothing, &["generate", "-m", "random", "--seed", "99999999999999999999", "abc"]),
    ("temperature of words", nothing, &["generate", "-m", "random", "-t", "hot", "abc"]),
    ("a negative id", nothing, &["generate", "-m", "random", "--ids", "-1,2"]),
    ("a type that is none", nothing, &["generate", "-m", "random", "--dtype", "int4"]),
    ("required argument", nothing, &["init", "smollm2-135m"]),
    ("temperature below 0", nothing, &["generate", "-m", "random", "abc", "--temperature", "-1"]),
    ("temperature NaN", nothing, &["generate", "-m", "random", "abc", "-t", "nan"]),
    ("top_p 0", nothing, &["generate", "-m", "random", "abc", "--top-p", "0"]),
    ("min_p above 1", nothing, &["chat", "-m", "random", "abc", "--min-p", "1.5"]),
    ("penalty 0", nothing, &["generate", "-m", "random", "abc", "--repetition-penalty", "0"]),
    ("bias of nothing", nothing, &["generate", "-m", "random", "abc", "--logit-bias", "5"]),
    ("no threads", nothing, &["generate", "-m", "random", "abc", "--threads", "0"]),
    ("no context", nothing, &["generate", "-m", "random", "abc", "--ctx", "0"]),
    ("ids and text", nothing, &["generate", "-m", "random", "--ids", "1", "abc"]),
    ("ids that are none", nothing, &["generate", "-m", "random", "--ids", "1,x"]),
    ("system without chat", nothing, &["generate", "-m", "random", "--system", "Be.", "abc"]),
    ("prompt twice", nothing, &["generate", "-m", "random", "--file", "f", "abc"]),
    ("logprobs in a text", nothing, &["generate", "-m", "random", "--logprobs", "2", "abc"]),
    ("nothing to score", nothing, &["score", "-m", "random", ""]),
    ("window beyond the context", nothing, &["score", "-m", "random", "--window", "500", "abc"]),
    ("messages that are no JSON", nothing, &["template", "-m", "scripted", "[{]"]),
    ("a crowd", nothing, &["bench", "-m", "random", "--batch", "1000000000000"]),
    ("threads without end", nothing, &["generate", "-m", "random", "abc", "--threads", "1000000000"]),
    ("a flag that does nothing here", nothing, &["tokenize", "-m", "random", "abc", "--threads", "1"]),
    ("a bench beyond --ctx", nothing, &["bench", "-m", "random", "--ctx", "64", "--depth", "60"]),
    ("messages not a list", nothing, &["template", "-m", "scripted", "7"]),
    ("a message without role", nothing, &["template", "-m", "scripted", r#"[{"content":"x"}]"#]),
    ("tools that are no JSON", nothing, &["template", "-m", "scripted", "[]", "--tools", "{"]),
];

/// What goes wrong later: exit code 1.
const FAILURES: [Case; 48] = [
    ("no such path", nothing, &["generate", "-m", "./nowhere", "abc"]),
    ("no such file", nothing, &["generate", "-m", "nowhere.gguf", "abc"]),
    ("unknown short name", nothing, &["generate", "-m", "smollm2:136m", "abc"]),
    ("not in the cache", nothing, &["generate", "-m", "org/name", "abc"]),
    ("a file of another kind", |w| w.write("m.txt", "x"), &["generate", "-m", "m.txt", "abc"]),
    ("another safetensors file", |w| w.write("random/other.safetensors", "x"), &["info", "random/other.safetensors"]),
    ("directory without model", |w| w.write("empty/README.md", "x"), &["info", "empty"]),
    (
        "two GGUF files",
        |w| ["a", "b"].map(|n| w.write(&format!("two/{n}.gguf"), "x")).into_iter().collect(),
        &["info", "two"],
    ),
    ("no configuration", |w| std::fs::remove_file(w.path("random/config.json")).unwrap(), &["info", "random"]),
    (
        "generation_config.json that cannot be meant",
        |w| w.write("random/generation_config.json", r#"{"do_sample":true,"top_p":2}"#),
        &["generate", "-m", "random", "abc"],
    ),
    ("no weights", |w| std::fs::remove_file(w.path("random/model.safetensors")).unwrap(), &["info", "random"]),
    ("config.json broken", |w| w.write("random/config.json", "{\n\"hidden_size\": 32,\n}"), &["info", "random"]),
    ("config.json not UTF-8", |w| w.write("random/config.json", b"{\"\xff\": 1}"), &["info", "random"]),
    ("config.json a list", |w| w.write("random/config.json", "[]"), &["info", "random"]),
    ("key missing", |w| set_key(w, "hidden_size", Value::Null), &["info", "random"]),
    ("key of another type", |w| set_key(w, "num_hidden_layers", json!("two")), &["info", "random"]),
    ("heads that do not divide", |w| set_key(w, "num_key_value_heads", json!(3)), &["info", "random"]),
    ("a negative size", |w| set_key(w, "vocab_size", json!(-1)), &["info", "random"]),
    (
        "another architecture",
        |w| (set_key(w, "model_type", json!("gpt2")), set_key(w, "architectures", json!(["GPT2LMHeadModel"]))).1,
        &["info", "random"],
    ),
    ("another activation", |w| set_key(w, "hidden_act", json!("gelu")), &["info", "random"]),
    (
        "another rope",
        |w| set_key(w, "rope_scaling", json!({ "rope_type": "longrope", "factor": 2.0 })),
        &["info", "random"],
    ),
    ("tensor missing", |w| write_tensors(w, |t| drop(t.remove(5))), &["info", "random"]),
    ("wrong shape", |w| set_key(w, "intermediate_size", json!(47)), &["info", "random"]),
    (
        "a bias",
        |w| write_tensors(w, |t| t.push(tiny::tensor("model.layers.0.self_attn.q_proj.bias", &[32]))),
        &["info", "random"],
    ),
    ("unsupported type", |w| patch_header(w, "\"dtype\":\"F32\"", "\"dtype\":\"I32\""), &["info", "random"]),
    ("unknown type", |w| patch_header(w, "\"dtype\":\"F32\"", "\"dtype\":\"X32\""), &["info", "random"]),
    ("safetensors cut in the header", |w| cut(w, "random/model.safetensors", 100), &["info", "random"]),
    ("safetensors cut in the data", |w| cut(w, "random/model.safetensors", usize::MAX), &["info", "random"]),
    ("safetensors empty", |w| cut(w, "random/model.safetensors", 0), &["info", "random"]),
    ("GGUF cut in the header", |w| (write_gguf(w, |_| ()), cut(w, "m.gguf", 200)).1, &["info", "m.gguf"]),
    ("GGUF cut in the data", |w| (write_gguf(w, |_| ()), cut(w, "m.gguf", usize::MAX)).1, &["info", "m.gguf"]),
    ("GGUF that is none", |w| w.write("m.gguf", "GGML, an older format"), &["info", "m.gguf"]),
    (
        "GGUF without a key",
        |w| write_gguf(w, |f| f.metadata.retain(|(k, _)| k != "llama.block_count")),
        &["info", "m.gguf"],
    ),
    (
        "GGUF of another architecture",
        |w| write_gguf(w, |f| f.metadata[0].1 = GgufValue::Text("mamba".into())),
        &["info", "m.gguf"],
    ),
    ("tokenizer.json broken", |w| cut(w, "random/tokenizer.json", 300), &["tokenize", "-m", "random", "abc"]),
    (
        "tokenizer.json of another model",
        |w| w.edit("random/tokenizer.json", |t| t["model"]["type"] = "WordPiece".into()),
        &["tokenize", "-m", "random", "abc"],
    ),
    ("more tokens than rows", |w| w.edit("random/config.json", |c| c["vocab_size"] = 300.into()), &["info", "random"]),
    (
        "a template that does not parse",
        |w| w.write("scripted/chat_template.jinja", "{% for m in messages %}\n{{ m.content }}\n{% endif %}"),
        &["template", "-m", "scripted", "[]"],
    ),
    (
        "a template that refuses",
        |w| w.write("scripted/chat_template.jinja", "a\n{{ raise_exception('roles must alternate') }}"),
        &["template", "-m", "scripted", "[]"],
    ),
    ("messages malformed", nothing, &["template", "-m", "scripted", r#"[{"role":"user"}]"#]),
    ("token id out of range", nothing, &["generate", "-m", "random", "--ids", "1,320"]),
    ("biased token out of range", nothing, &["generate", "-m", "random", "abc", "--logit-bias", "320=1"]),
    ("id that detokenizes to nothing", nothing, &["detokenize", "-m", "random", "320"]),
    ("prompt longer than the context", nothing, &["generate", "-m", "random", "abc", "--ctx", "2"]),
    ("prompt empty", nothing, &["generate", "-m", "random", ""]),
    ("context beyond the model", nothing, &["generate", "-m", "random", "abc", "--ctx", "257"]),
    ("depth without end", nothing, &["bench", "-m", "random", "--depth", "18446744073709551615"]),
    ("a base model asked to chat", nothing, &["generate", "-m", "random", "--chat", "abc"]),
];

/// The lines of `cases`, for review.
fn lines(cases: &[Case], code: i32) -> String {
    let line = |(name, damage, arguments): &Case| {
        let world = World::new().with_random().with_scripted();
        damage(&world);
        let done = world.run(arguments);
        assert!(done.out.is_empty(), "{name}: {done:?}");
        let place = world.folder.path().display().to_string();
        format!("{name}\n  {}\n", done.error(code).replace(&place, "WORLD"))
    };
    cases.iter().map(line).collect()
}

#[test]
fn bad_usage_is_two() {
    insta::assert_snapshot!("usage", lines(&USAGE, 2));
}

#[test]
fn failure_is_one() {
    insta::assert_snapshot!("failures", lines(&FAILURES, 1));
}

#[test]
fn input_that_is_no_text_is_named_with_its_offset() {
    let world = World::new().with_scripted();
    world.write("bad.txt", b"ab\xff");
    for command in ["generate", "score", "tokenize", "template"] {
        let done = world.run_on(b"ab\xff", &[command, "-m", "scripted"]);
        assert_eq!(done.error(1), "error: standard input: not UTF-8 at byte 2", "{command}");
        let done = world.run(&[command, "-m", "scripted", "--file", "bad.txt"]);
        assert_eq!(done.error(1), "error: bad.txt: not UTF-8 at byte 2", "{command}");
        let done = world.run(&[command, "-m", "scripted", "--file", "nowhere.txt"]);
        assert!(done.error(1).starts_with("error: nowhere.txt: "), "{done:?}");
    }
    let done = world.run_on(b"x\n\xff\n", &["chat", "-m", "scripted"]);
    assert_eq!(done.error(1), "error: standard input, line 2: not UTF-8");
}

#[test]
fn a_broken_line_is_named_before_any_is_answered() {
    let world = World::new().with_scripted();
    let rows = [
        ("\"x\"\n{", "line 2: not JSON"),
        ("7", "line 1: expected a string or an object"),
        ("{\"prompt\":7}", "`prompt` must be a string"),
        ("{\"prompt\":\"x\",\"ids\":[1]}", "exactly one of"),
        ("{\"ids\":[-1]}", "`ids` must be a list of token ids"),
        ("{\"prompt\":\"x\",\"max_tokens\":1.5}", "`max_tokens` must be a whole number"),
        ("{\"prompt\":\"x\",\"temprature\":1}", "unknown key `temprature`"),
        ("{\"prompt\":\"x\",\"stop\":[1]}", "`stop` must be a string or a list"),
    ];
    for (lines, part) in rows {
        let done = world.run_on(lines, &["generate", "-m", "scripted", "--jsonl"]);
        assert!(done.error(2).contains(part) && done.out.is_empty(), "{lines}: {done:?}");
    }
    // a value out of its range is that line's own failure
    let done = world.run_on("{\"prompt\":\"\\n\",\"top_p\":0}\n\"\\n\"", &["generate", "-m", "scripted", "--jsonl"]);
    assert_eq!(done.error(1), "error: 1 of 2 lines failed; their output has an `error`");
    let first: Value = serde_json::from_str(done.out.lines().next().unwrap()).unwrap();
    assert_eq!(first, json!({ "error": "top_p is 0; it must be above 0 and at most 1 (off)" }));
}

#[test]
fn an_unknown_instruction_set_lists_those_there_are() {
    let world = World::new().with_random();
    let mut command = world.command(&["generate", "-m", "random", "abc"]);
    let done = finished(command.env("SMOLLM_ISA", "nonsense").spawn().unwrap(), b"");
    assert!(done.error(1).contains("`nonsense`") && done.err.contains("scalar"), "{done:?}");
}

/// Names in files are the files' own business; a terminal must not obey them.
#[test]
fn control_characters_never_reach_the_terminal() {
    let world = World::new().with_random();
    set_key(&world, "architectures", json!(["evil\u{1b}[2J\r\nerror: two"]));
    let done = world.run(&["info", "random"]);
    assert!(done.error(1).contains("evil"), "{done:?}");
    write_gguf(&world, |f| f.metadata.push(("general.license".into(), GgufValue::Text("evil\u{1b}[2J".into()))));
    let table = world.run(&["info", "m.gguf"]).text();
    assert!(table.contains("evil [2J") && !table.contains('\u{1b}'), "{table}");
    let done = world.run(&["generate", "-m", "no\u{1b}[2J\nsuch", "abc"]);
    done.error(1);
    let done = world.run(&["generate", "--no\u{1b}[2J\nsuch"]);
    done.error(2);
}
