//! Bytes on disk to validated, named, typed tensors and back: safetensors, GGUF, adapters.

#![deny(unsafe_code)]
