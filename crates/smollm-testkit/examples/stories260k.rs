//! Writes stories260K as a GGUF file in F32, with ChatML as its chat template and a long context: `stories260k FILE.gguf`.

use std::{env, fs, io};

use smollm_testkit::gguf::GgufValue;
use smollm_testkit::stored::Stored;
use smollm_testkit::stories260k::Stories260k;

/// What llama-server takes where a file has none.
const CHATML: &str = "{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' -}}\
    {%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}";

/// Servers are asked for longer contexts than the 512 that the model was trained for.
const CONTEXT: u32 = 8192;

fn main() -> io::Result<()> {
    let Some(path) = env::args().nth(1) else { return Err(io::Error::other("usage: stories260k FILE.gguf")) };
    let model = Stories260k::from_fixtures();
    let mut model = model.ok_or_else(|| io::Error::other("the fixtures with stories260K are not here"))?;
    model.config["max_position_embeddings"] = CONTEXT.into();
    let mut file = model.gguf(Stored::F32);
    file.metadata.push(("tokenizer.chat_template".to_owned(), GgufValue::Text(CHATML.to_owned())));
    fs::write(path, file.to_bytes())
}
