//! A model name and revision to verified local files: the Hugging Face hub and its cache.

#![forbid(unsafe_code)]
