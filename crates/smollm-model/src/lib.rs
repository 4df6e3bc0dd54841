//! The decoder: configuration, one parameter table, one forward pass and KV memory.

#![forbid(unsafe_code)]
