//! Any text as a recipe of a training run, and texts behind NUL bytes as changes to it: refused in one line, or a recipe that survives being
//! written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;

// The module itself and not the facade, whose terminal, server and client would be built for it.
#[path = "../../crates/smollm/src/train"]
#[allow(dead_code, unused_imports, reason = "the facade uses more of it")]
mod train {
    pub mod recipe;
}
#[path = "../../crates/smollm/src/built_in/name.rs"]
mod built_in;
use train::recipe::Recipe;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split('\0');
    let recipe = parts.next().unwrap_or_default();
    let changes: Vec<String> = parts.map(str::to_owned).collect();
    let read = |text: &str, changes: &[String]| Recipe::read(text, "r.yaml", Path::new("/r"), changes, &|_| false);
    match read(recipe, &changes) {
        Ok(recipe) => {
            let again = read(&recipe.to_yaml(), &[]).expect("it is our own");
            assert_eq!(again, recipe);
            assert!(recipe.steps(1000) > 0);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control) && message.len() < 2000, "{message}");
        }
    }
});
