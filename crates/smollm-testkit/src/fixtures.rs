//! Where the shared fixtures and the committed golden files are, and what a test says when fixtures are absent.

use std::path::{Path, PathBuf};

/// The repository root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/<name> is two levels deep").to_path_buf()
}

/// The committed golden files, `testdata/`.
pub fn testdata() -> PathBuf {
    repository().join("testdata")
}

/// The shared fixtures beside the repository, or `None` (said aloud) where they are absent.
///
/// # Panics
/// With `CI=true` an absent folder is a failure: a green run there means that nothing was skipped.
pub fn fixtures() -> Option<PathBuf> {
    let path = repository().join("../shared/fixtures");
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true, but {} is absent", path.display());
    eprintln!("SKIP: {} is absent, so this test checks nothing", path.display());
    None
}
