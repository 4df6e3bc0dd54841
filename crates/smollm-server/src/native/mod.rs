//! What llama-server and vLLM offer besides OpenAI's API, under their paths.

pub(crate) mod health;
pub(crate) mod lora;
pub(crate) mod prometheus;
pub(crate) mod state;
pub(crate) mod template;
pub(crate) mod tokens;
