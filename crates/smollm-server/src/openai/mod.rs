//! OpenAI's API.

pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod logprobs;
mod messages;
pub(crate) mod models;
pub(crate) mod thinking;
pub(crate) mod tools;
mod usage;
