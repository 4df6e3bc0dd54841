//! Text to ids and back, and messages to prompt.

#![forbid(unsafe_code)]
