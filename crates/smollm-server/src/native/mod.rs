//! What llama-server and vLLM offer besides OpenAI's API, under their paths.

pub(crate) mod completion;
pub(crate) mod health;
pub(crate) mod lora;
mod parameters;
pub(crate) mod prometheus;
pub(crate) mod state;
pub(crate) mod template;
pub(crate) mod timings;
pub(crate) mod tokenizer_info;
pub(crate) mod tokens;
