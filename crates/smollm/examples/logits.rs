//! The raw logits after every token of a prompt: `logits MODEL IDS [TYPE]` prints one JSON array per token.
//!
//! IDS are token ids such as 504,3575,282; TYPE (f32, f16, bf16) converts the weights while loading.
#![allow(clippy::print_stdout, reason = "printing is what an example is for")]

use smollm::{Model, OpenOptions, Storage};
use smollm_kernels::Dtype;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, ids, storage) = match arguments.as_slice() {
        [name, ids] => (name, ids, None),
        [name, ids, storage] => (name, ids, Some(storage.as_str())),
        _ => return Err("usage: logits MODEL IDS [TYPE]".into()),
    };
    let storage = match storage {
        None => Storage::AsInFile,
        Some("f32") => Storage::Plain(Dtype::F32),
        Some("f16") => Storage::Plain(Dtype::F16),
        Some("bf16") => Storage::Plain(Dtype::BF16),
        Some(other) => return Err(format!("unknown type {other}").into()),
    };
    let ids: Vec<u32> = ids.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let model = Model::open_with(name, &OpenOptions { storage, ..OpenOptions::default() }, &smollm_hub::Silent)?;
    let logits = model.session().logits(&ids)?;
    for row in logits.chunks(model.decoder().config.vocab_size) {
        println!("{}", serde_json::to_string(row)?);
    }
    Ok(())
}
