//! Between GGUF metadata and the tokenizer's own view of a vocabulary: the tokenizer knows no files.

use crate::error::Error;
use smollm_checkpoint::gguf::{GgufArray, GgufMetadata, GgufValue};
use smollm_tokenizer::GgufVocab;

/// The vocabulary in a GGUF file's metadata; `None` where the file has none.
pub(crate) fn read_vocab(metadata: &GgufMetadata) -> Result<Option<GgufVocab>, Error> {
    let Some(model) = metadata.optional::<&str>("tokenizer.ggml.model")?.filter(|m| !["none", "no_vocab"].contains(m))
    else {
        return Ok(None);
    };
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let id = |name: &str| metadata.optional::<u32>(&key(&format!("{name}_token_id")));
    let flag = |name: &str| metadata.optional::<bool>(&key(name));
    Ok(Some(GgufVocab {
        model: model.into(),
        pre: metadata.optional::<&str>(&key("pre"))?.map(str::to_owned),
        tokens: metadata.require::<&[String]>(&key("tokens"))?.to_vec(),
        scores: metadata.optional(&key("scores"))?,
        token_types: metadata.optional(&key("token_type"))?,
        merges: metadata.optional::<&[String]>(&key("merges"))?.map(<[String]>::to_vec),
        bos: id("bos")?,
        eos: id("eos")?,
        unk: id("unknown")?,
        pad: id("padding")?,
        add_bos: flag("add_bos_token")?,
        add_eos: flag("add_eos_token")?,
        add_space_prefix: flag("add_space_prefix")?,
    }))
}

/// Writes `vocab` with llama.cpp's keys. Ids the model has and the tokenizer has not become unused tokens, because
/// llama.cpp takes the vocabulary's length for the model's.
pub(crate) fn write_vocab(vocab: GgufVocab, vocab_size: usize, metadata: &mut GgufMetadata) {
    const UNUSED: i32 = 5;
    let GgufVocab { mut tokens, mut scores, mut token_types, .. } = vocab;
    for id in tokens.len()..vocab_size {
        tokens.push(format!("[PAD{id}]"));
        scores.iter_mut().for_each(|s| s.push(0.0));
        token_types.iter_mut().for_each(|t| t.push(UNUSED));
    }
    let mut put = |name: &str, value: GgufValue| metadata.set(format!("tokenizer.ggml.{name}"), value);
    put("model", vocab.model.into());
    if let Some(pre) = vocab.pre {
        put("pre", pre.into());
    }
    put("tokens", GgufValue::Array(GgufArray::String(tokens)));
    if let Some(scores) = scores {
        put("scores", GgufValue::Array(GgufArray::F32(scores)));
    }
    if let Some(types) = token_types {
        put("token_type", GgufValue::Array(GgufArray::I32(types)));
    }
    if let Some(merges) = vocab.merges {
        put("merges", GgufValue::Array(GgufArray::String(merges)));
    }
    for (name, id) in [("bos", vocab.bos), ("eos", vocab.eos), ("unknown", vocab.unk), ("padding", vocab.pad)] {
        if let Some(id) = id {
            put(&format!("{name}_token_id"), id.into());
        }
    }
    let flags = [
        ("add_bos_token", vocab.add_bos),
        ("add_eos_token", vocab.add_eos),
        ("add_space_prefix", vocab.add_space_prefix),
    ];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            put(name, flag.into());
        }
    }
}
