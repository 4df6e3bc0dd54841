//! Writes the tiny model of a golden configuration as a Hugging Face directory: `tiny_model NAME PARENT` makes `PARENT/NAME`, in F32.

use std::path::Path;
use std::{env, io};

use smollm_testkit::byte_level::write_golden_model;
use smollm_testkit::stored::Stored;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, parent] = arguments.as_slice() else {
        return Err(io::Error::other("usage: tiny_model NAME PARENT"));
    };
    write_golden_model(Path::new(parent), name, Stored::F32).map(|_| ())
}
