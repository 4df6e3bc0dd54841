//! `tokenize`, `detokenize` and `template`.

use crate::world::{World, ids, list, numbers, tokenizer};
use serde_json::json;
use smollm_tokenizer::Specials;

#[test]
fn text_to_ids_and_back() {
    let world = World::new().with_random();
    world.write("text.txt", "Hi €\n");
    let text = "Hi €\n";
    let expected = list(&ids(text)) + "\n";
    let tokenize = |input: &str, arguments: &[&str]| {
        world.run_on(input, &[&["tokenize", "-m", "random"], arguments].concat()).text()
    };
    assert_eq!(tokenize("", &[text]), expected);
    assert_eq!(tokenize(text, &[]), expected);
    assert_eq!(tokenize(text, &["-"]), expected);
    assert_eq!(tokenize("", &["--file", "text.txt"]), expected);
    assert_eq!(tokenize("", &[""]), "\n");
    let detokenize = |input: &str, arguments: &[&str]| {
        world.run_on(input, &[&["detokenize", "-m", "random"], arguments].concat()).text()
    };
    assert_eq!(detokenize("", &[expected.trim()]), format!("{text}\n"));
    assert_eq!(detokenize(&expected, &[]), format!("{text}\n"));
    assert_eq!(detokenize(&format!("[{}]", expected.trim().replace(',', ", ")), &[]), format!("{text}\n"));
}

#[test]
fn special_tokens_on_and_off() {
    let world = World::new().with_random();
    let text = "a<|im_end|>b";
    let parsed = world.run(&["tokenize", "-m", "random", "--json", text]).json();
    assert_eq!(parsed["tokens"], json!(["a", "<|im_end|>", "b"]));
    let plain = world.run(&["tokenize", "-m", "random", "--json", "--no-special", text]).json();
    assert_eq!(numbers(&plain["ids"]), tokenizer().encode(text, Specials::AsText));
    assert_eq!(plain["tokens"].as_array().unwrap().concat_text(), text);
    let ids = list(&ids(text));
    assert_eq!(world.run(&["detokenize", "-m", "random", &ids]).text(), format!("{text}\n"));
    assert_eq!(world.run(&["detokenize", "-m", "random", "--no-special", &ids]).text(), "ab\n");
}

trait ConcatText {
    fn concat_text(&self) -> String;
}

impl ConcatText for Vec<serde_json::Value> {
    fn concat_text(&self) -> String {
        self.iter().filter_map(|v| v.as_str()).collect()
    }
}

/// The tokenizer's files are enough: weights may be damaged or absent.
#[test]
fn text_commands_touch_no_weights() {
    let world = World::new().with_scripted();
    std::fs::remove_file(world.path("scripted/model.safetensors")).unwrap();
    std::fs::remove_file(world.path("scripted/config.json")).unwrap();
    assert_eq!(world.run(&["tokenize", "-m", "scripted", "!"]).text(), list(&ids("!")) + "\n");
    assert_eq!(world.run(&["template", "-m", "scripted", "--no-generation-prompt", "[]"]).text(), "");
}

#[test]
fn a_template_takes_messages_and_variables() {
    let world = World::new().with_scripted();
    let messages = r#"[{"role":"system","content":"Be."},{"role":"user","content":"Hi"}]"#;
    world.write("messages.json", messages);
    let turns = "<|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n";
    let rows: [(&str, &[&str], String); 6] = [
        ("", &[messages], format!("{turns}<|im_start|>assistant\n")),
        (messages, &[], format!("{turns}<|im_start|>assistant\n")),
        ("", &["--file", "messages.json"], format!("{turns}<|im_start|>assistant\n")),
        (messages, &["--no-generation-prompt"], turns.into()),
        (messages, &["--no-generation-prompt", "--set", "mood=\"gay\""], format!("[gay]{turns}")),
        (messages, &["--no-generation-prompt", "--set", "mood=false"], turns.into()),
    ];
    for (input, arguments, prompt) in rows {
        let run = [&["template", "-m", "scripted"], arguments].concat();
        assert_eq!(world.run_on(input, &run).text(), prompt, "{arguments:?}");
    }
}
