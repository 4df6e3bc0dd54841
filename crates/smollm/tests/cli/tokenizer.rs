//! `smollm tokenizer train` and `eval`.

use crate::world::{Done, World};
use serde_json::{Value, json};
use smollm_tokenizer::{Specials, Tokenizer};

const TEXT: &str =
    "The quick brown fox jumps over the lazy dog. The fox is quick, and the dog is lazy; it was so in 1984.\n";

impl World {
    /// Trains and gives what was said on standard error.
    fn train(&self, arguments: &str, input: &str) -> String {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let done = self.run_on(input, &[&["tokenizer", "train"], &words[..]].concat());
        assert_eq!((done.code, done.out.as_str()), (Some(0), ""), "{done:?}");
        done.err
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.read(path)).unwrap()
    }
}

#[test]
fn a_tokenizer_is_trained_and_used() {
    let world = World::new();
    world.write("text.txt", TEXT.repeat(3));
    let said = world.train("text.txt -o out --vocab-size 300", "");
    assert_eq!(said, "wrote out (300 tokens from 1 text of 309 bytes with 25 different words)\n");
    let names = |folder: &str| {
        let mut names: Vec<_> =
            std::fs::read_dir(world.path(folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("out"), ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]);
    let tokenizer = Tokenizer::from_file(world.path("out")).unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.unk(), tokenizer.pad()), (Some(0), Some(0), Some(0), None));
    assert_eq!((tokenizer.vocab_size(), tokenizer.id_of("<empty_output>")), (300, Some(16)));
    let ids = world.run(&["tokenize", "-m", "out", "--json", "the fox\u{4}<|im_end|>"]).json();
    assert_eq!(ids["ids"].as_array().unwrap().last().unwrap(), 2);
    let ids = ids["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect::<Vec<_>>();
    assert_eq!(tokenizer.decode(&ids, false), "the fox\u{4}<|im_end|>");
}

/// Plain text, standard input and JSON lines of one text each are the same, whatever the threads and the memory.
#[test]
fn texts_come_in_several_ways() {
    let world = World::new();
    world.write("text.txt", TEXT);
    world.write("lines.jsonl", format!("{}\n\n", json!({"id": 7, "text": TEXT})));
    world.write("body.json", json!({"text": 1, "body": TEXT}).to_string());
    world.train("text.txt -o plain --vocab-size 310", "");
    for (arguments, input) in [
        ("-o out", TEXT),
        ("- -o out", TEXT),
        ("lines.jsonl -o out", ""),
        ("--jsonl --field body body.json -o out", ""),
        ("--jsonl -o out", &json!({"text": TEXT}).to_string()),
        ("text.txt -o out --threads 3 --memory 60K", ""),
    ] {
        world.train(&format!("{arguments} --vocab-size 310"), input);
        assert_eq!(world.json("out/tokenizer.json"), world.json("plain/tokenizer.json"), "{arguments}");
    }
}

#[test]
fn special_tokens_roles_and_a_template() {
    let world = World::new();
    world.write("text.txt", TEXT);
    world.write("chat.jinja", "{{ bos_token }}{{ messages[0].content }}");
    world.train("text.txt -o chat --vocab-size 300 --chat-template chat.jinja -q", "");
    let map = world.json("chat/special_tokens_map.json");
    let roles = ["bos_token", "eos_token", "unk_token", "pad_token"].map(|role| map[role].as_str().unwrap().to_owned());
    assert_eq!(roles, ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_end|>"]);
    assert_eq!(map["additional_special_tokens"].as_array().unwrap().len(), 14);
    let prompt = world.run(&["template", "-m", "chat", r#"[{"role":"user","content":"Hi"}]"#]).text();
    assert_eq!(prompt, "<|im_start|>Hi");
    world.train(
        "text.txt -o own --vocab-size 300 --special <s> --special </s> --special <x> --bos <s> --eos </s> -q",
        "",
    );
    let tokenizer = Tokenizer::from_file(world.path("own")).unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.unk()), (Some(0), Some(1), None));
    assert_eq!(world.json("own/special_tokens_map.json")["additional_special_tokens"], json!(["<x>"]));
    assert_eq!(tokenizer.encode("a<s>", Specials::Parse).last(), Some(&0));
}

/// What is not as was asked is said.
#[test]
fn notes() {
    let world = World::new();
    let said = world.train("-o out --vocab-size 1000 --special <s>", "ab ab");
    let note = "note: the texts have no more pairs to merge: 259 tokens instead of 1000\n";
    assert_eq!(said, format!("{note}wrote out (259 tokens from 1 text of 5 bytes with 2 different words)\n"));
    let some = (0..4000).map(|i| words(i).repeat(1 + 2000 / (i + 1))).collect::<String>();
    let said = world.train("-o out --vocab-size 276 --memory 40K", &some);
    let (note, rest) = said.split_once('\n').unwrap();
    assert!(note.starts_with("note: the ") && note.contains(" words that occur less than "), "{said}");
    assert!(
        note.ends_with(" had no place in --memory and were left out") && rest.starts_with("wrote out (276 "),
        "{said}"
    );
}

/// Some word that is spelled by `i`.
fn words(i: usize) -> String {
    format!(" {i:b}").replace('0', "x").replace('1', "y")
}

#[test]
fn tokenizers_side_by_side() {
    let world = World::new().with_random();
    world.write("a.txt", TEXT);
    world.write("b.jsonl", "{\"text\":\"The fox.\"}\n{\"text\":\"caf\u{e9} 12\"}\n");
    world.train("a.txt -o small --vocab-size 290 -q", "");
    world.train("a.txt -o large --vocab-size 400 -q", "");
    let files =
        ["tokenizer", "eval", "small", "a.txt", "b.jsonl", "--with", "large/tokenizer.json", "--with", "random"];
    let lines = world.run(&[&files[..], &["--json"]].concat()).text();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let number = |row: usize, key: &str| rows[row][key].as_f64().unwrap();
    assert_eq!(
        [0, 1, 2].map(|row| rows[row]["tokenizer"].as_str().unwrap()),
        ["small", "large/tokenizer.json", "random"]
    );
    for row in 0..3 {
        assert_eq!([number(row, "texts"), number(row, "exact_texts")], [3.0, 3.0]);
        assert_eq!((number(row, "words"), number(row, "bytes")), (22.0 + 2.0 + 1.0, 103.0 + 8.0 + 8.0));
        assert!((number(row, "bytes_per_token") - number(row, "bytes") / number(row, "tokens")).abs() < 1e-12);
    }
    assert!(
        number(0, "tokens") > number(1, "tokens") && number(0, "whole_words") < number(1, "whole_words"),
        "{lines}"
    );
    assert_eq!(number(1, "tokens_per_word"), number(1, "word_tokens") / 25.0);
    let table = world.run(&files).text();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!((lines.len(), lines[0]), (6, "3 texts, 119 bytes"), "{table}");
    let firsts: Vec<_> = lines[2..].iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(firsts, ["tokenizer", "small", "large", "random"]);
    assert!(lines[3..].iter().all(|line| line.contains(" 3/3 ") && line.contains(" % ")), "{table}");
    let nothing = world.run_on("", &["tokenizer", "eval", "small"]).text();
    assert!(nothing.contains("\nsmall") && nothing.contains(" 1/1 "), "{nothing}");
}

#[track_caller]
fn refused(world: &World, done: &Done, code: i32, message: &str) {
    assert_eq!(done.error(code), format!("error: {message}"));
    assert!(!world.path("out").exists());
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let world = World::new();
    world.write("text.txt", TEXT);
    world.write("latin.txt", b"caf\xe9 au lait");
    world.write("cut.txt", b"caf\xc3");
    world.write("some.jsonl", "{\"text\":\"a\"}\n{\"body\":\"b\"}\n");
    world.write("bad.jsonl", "{\"text\":\"a\"}\n\n{\"text\":}\n");
    world.write("template.jinja", "{% if %}");
    world.write("taken/chat_template.jinja", "x");
    for (arguments, code, message) in [
        ("text.txt", 2, "the following required arguments were not provided: --output <DIR> (--help explains)"),
        ("none.txt -o out", 1, "none.txt: No such file or directory (os error 2)"),
        (". -o out", 1, ".: is a directory"),
        ("latin.txt -o out", 1, "latin.txt: not UTF-8 at byte 3"),
        ("text.txt cut.txt -o out", 1, "cut.txt: not UTF-8 at byte 3"),
        ("some.jsonl -o out", 1, "some.jsonl: line 2: there is no field `text`"),
        ("bad.jsonl -o out", 1, "bad.jsonl: line 3: column 9: expected value"),
        ("text.txt --jsonl -o out", 1, "text.txt: line 1: column 1: expected value"),
        ("- - -o out", 2, "standard input can be read once only"),
        ("- -o out", 1, "there is no text to train on"),
        (
            "text.txt -o out --vocab-size 272",
            1,
            "a vocabulary of 272 tokens has no place for 256 bytes and 17 special tokens",
        ),
        (
            "text.txt -o out --special a",
            1,
            "the special token \"a\" is how a byte is spelled, which is a token of its own",
        ),
        ("text.txt -o out --special <s> --eos </s>", 1, "\"</s>\", the eos_token, is not among the special tokens"),
        (
            "text.txt -o out --memory 100",
            1,
            "100 bytes of memory have no place for the most frequent words alone, which need ",
        ),
        ("text.txt -o out --threads 0", 2, "--threads must be between 1 and 4096"),
        ("text.txt -o text.txt", 1, "text.txt: cannot write: not a directory"),
        ("text.txt -o out --chat-template none.jinja", 1, "none.jinja: No such file or directory (os error 2)"),
        (
            "text.txt -o taken",
            1,
            "taken holds a chat_template.jinja, which the new tokenizer would be read with; give another directory",
        ),
    ] {
        let done = world.run(&[&["tokenizer", "train"], &arguments.split(' ').collect::<Vec<_>>()[..]].concat());
        if message.ends_with(' ') {
            assert!(done.error(code).starts_with(&format!("error: {message}")), "{done:?}");
        } else {
            refused(&world, &done, code, message);
        }
    }
    let done = world.run(&["tokenizer", "train", "text.txt", "-o", "out", "--chat-template", "template.jinja"]);
    assert!(done.error(1).contains("line 1"), "{done:?}");
    refused(
        &world,
        &world.run(&["tokenizer", "eval", "none.json", "text.txt"]),
        1,
        "none.json: No such file or directory (os error 2)",
    );
    assert!(world.run(&["tokenizer", "eval", "."]).error(1).ends_with("has neither config.json nor a .gguf file"));
}
