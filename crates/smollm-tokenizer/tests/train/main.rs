//! Training: the merges of Hugging Face's trainer on the same texts, whatever the threads, the parts and the memory.

mod corpus;
mod invariance;
mod oracle;

use smollm_tokenizer::train::{Feed, TrainError, TrainOptions, Trained, train};

/// What tests may fail with.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(#[from] TrainError);

/// Trains on what is fed.
fn trained_on(options: &TrainOptions, feed: impl FnOnce(&mut Feed<'_>)) -> Result<Trained, TrainError> {
    let texts = |to: &mut Feed<'_>| {
        feed(to);
        Ok(())
    };
    train(options, &tempfile::tempfile, texts, |_, _| Ok(())).map_err(|Failed(error)| error)
}

/// Trains on whole texts.
fn trained(options: &TrainOptions, texts: &[&str]) -> Trained {
    trained_on(options, |feed| texts.iter().for_each(|text| feed.text(text))).unwrap()
}

/// The tokens in the order of their ids, and the merges in theirs.
#[derive(Debug, PartialEq)]
struct Learnt {
    tokens: Vec<String>,
    merges: Vec<String>,
}

impl Learnt {
    /// From a `tokenizer.json`.
    fn of(json: &serde_json::Value) -> Self {
        let model = &json["model"];
        let mut tokens: Vec<(u64, String)> = model["vocab"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(token, id)| (id.as_u64().unwrap(), token.clone()))
            .collect();
        tokens.sort_unstable();
        let merge =
            |merge: &serde_json::Value| format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap());
        Self {
            tokens: tokens.into_iter().map(|(_, token)| token).collect(),
            merges: model["merges"].as_array().unwrap().iter().map(merge).collect(),
        }
    }

    /// Of what we train.
    fn ours(options: &TrainOptions, texts: &[&str]) -> Self {
        Self::of(&trained(options, texts).tokenizer.to_json().unwrap())
    }
}

/// Some special tokens, no more merges than a small text has.
fn options(vocab_size: usize) -> TrainOptions {
    let specials = ["<|endoftext|>", "<|im_start|>"].map(str::to_owned).to_vec();
    TrainOptions { vocab_size, specials, threads: 2, ..TrainOptions::default() }
}
