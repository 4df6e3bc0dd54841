//! How well a tokenizer suits texts.
