//! The facade over the whole system, and the `smollm` binary.

#![forbid(unsafe_code)]
