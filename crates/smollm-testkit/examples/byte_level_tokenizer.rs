//! Writes the files of a synthetic byte-level tokenizer: `byte_level_tokenizer SIZE DIR`, for models that have no vocabulary of their own.

use std::path::Path;
use std::{env, io};

use smollm_testkit::byte_level::write_tokenizer;

/// The special tokens, the bytes, and the least number of merges.
const SMALLEST: usize = 3 + 256 + 8;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some(size), Some(directory), None) =
        (arguments.first().and_then(|size| size.parse().ok()), arguments.get(1), arguments.get(2))
    else {
        return Err(io::Error::other("usage: byte_level_tokenizer SIZE DIR"));
    };
    if size < SMALLEST {
        return Err(io::Error::other(format!("a vocabulary of bytes and merges has at least {SMALLEST} tokens")));
    }
    write_tokenizer(Path::new(directory), size, false)
}
