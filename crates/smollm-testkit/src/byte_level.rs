//! A synthetic byte-level vocabulary of any size, as SmolLM2 has a large one: for models whose vocabulary is tiny.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::golden::logits_golden;
use crate::stored::{Stored, write_model};
use crate::tiny::weights;

/// Ids 0, 1 and 2: unknown, BOS, and EOS which also pads.
pub const SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// The template of SmolLM2 without its default system message.
const TEMPLATE: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}\
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// `size` tokens: [`SPECIALS`], the bytes (as many as fit), then at least 8 that merges make; and those merges.
pub fn tokens_and_merges(size: usize) -> (Vec<String>, Vec<String>) {
    let plain = (0..256u32).filter(|b| matches!(b, 33..=126 | 161..=172 | 174..=255));
    let mut alphabet: Vec<char> = plain.filter_map(char::from_u32).collect();
    alphabet.extend((256..).filter_map(char::from_u32).take(256 - alphabet.len()));
    alphabet.truncate(size - 11);
    let mut tokens: Vec<String> = SPECIALS.map(str::to_owned).to_vec();
    tokens.extend(alphabet.iter().map(char::to_string));
    let letters: Vec<char> = alphabet.into_iter().filter(char::is_ascii_alphabetic).collect();
    let mut pool: Vec<String> = letters.iter().map(char::to_string).collect();
    let mut merges = Vec::new();
    for i in 0..size - tokens.len() {
        let (left, right) = (pool[i / letters.len()].clone(), letters[i % letters.len()]);
        merges.push(format!("{left} {right}"));
        pool.push(format!("{left}{right}"));
        tokens.push(format!("{left}{right}"));
    }
    (tokens, merges)
}

/// The vocabulary as `tokenizer.json`, with the pre-tokenizer of SmolLM2.
pub fn tokenizer_json(size: usize) -> Value {
    let (tokens, merges) = tokens_and_merges(size);
    let added = SPECIALS.iter().enumerate().map(|(id, token)| {
        json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    });
    let vocabulary: Map<String, Value> = tokens.into_iter().zip(0..).map(|(t, id): (_, u32)| (t, id.into())).collect();
    let bytes =
        |prefix| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added.collect::<Value>(), "normalizer": null,
        "pre_tokenizer": {
            "type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, bytes(false)]
        },
        "post_processor": null, "decoder": bytes(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": merges
        }
    })
}

/// Writes `tokenizer.json` and, with roles and (for an instruct model) a template, `tokenizer_config.json`.
///
/// # Errors
/// Whatever the file system says.
pub fn write_tokenizer(dir: &Path, size: usize, instruct: bool) -> io::Result<()> {
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIALS[1], "eos_token": SPECIALS[2],
        "pad_token": SPECIALS[2], "unk_token": SPECIALS[0], "clean_up_tokenization_spaces": false
    });
    if instruct {
        config["chat_template"] = TEMPLATE.into();
    }
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("tokenizer.json"), tokenizer_json(size).to_string())?;
    std::fs::write(dir.join("tokenizer_config.json"), config.to_string())
}

/// The model of the golden configuration `name` as a Hugging Face directory of that name in `parent`, with this tokenizer.
///
/// # Errors
/// Whatever the file system says.
pub fn write_golden_model(parent: &Path, name: &str, stored: Stored) -> io::Result<PathBuf> {
    let config = logits_golden(name).config;
    let directory = parent.join(name);
    write_model(&directory, &config, &weights(&config), stored)?;
    write_tokenizer(&directory, vocab_size(&config), false)?;
    Ok(directory)
}

/// Small models under the names of released ones, as `parent/org/name`: bf16, with tokenizer and (instruct) template.
///
/// # Errors
/// Whatever the file system says.
pub fn write_stand_ins(parent: &Path) -> io::Result<()> {
    for (model, layers, instruct) in
        [("HuggingFaceTB/SmolLM2-135M", 2, false), ("HuggingFaceTB/SmolLM2-135M-Instruct", 3, true)]
    {
        let mut config = logits_golden("gqa-9-3").config;
        config["num_hidden_layers"] = layers.into();
        config["vocab_size"] = 320.into();
        let directory = parent.join(model);
        write_model(&directory, &config, &weights(&config), Stored::Bf16)?;
        write_tokenizer(&directory, vocab_size(&config), instruct)?;
    }
    Ok(())
}

fn vocab_size(config: &Value) -> usize {
    config["vocab_size"].as_u64().expect("a vocab_size") as usize
}
