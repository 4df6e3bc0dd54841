//! Everything about the repository that is not the product.

#![forbid(unsafe_code)]

fn main() {}
