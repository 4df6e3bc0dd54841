//! Writes small models under the names of released ones: `stand_in_models PARENT` makes `PARENT/org/name`.

use std::path::Path;
use std::{env, io};

use smollm_testkit::byte_level::write_stand_ins;

fn main() -> io::Result<()> {
    let Some(parent) = env::args().nth(1) else { return Err(io::Error::other("usage: stand_in_models PARENT")) };
    write_stand_ins(Path::new(&parent))
}
