//! The `smollm` binary: parse arguments, call one function, print.

#![forbid(unsafe_code)]

fn main() {}
