//! What is wrong with a recipe, in one line.

/// What is wrong with a recipe: one line with the file, the line and the column (or the flag), the key and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct RecipeError {
    place: String,
    problem: String,
}

impl RecipeError {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// Text of a recipe as a message shows it: on one line, and not all of it if it is long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let escaped = text.escape_debug();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", text[..end].escape_debug()),
        None => escaped.to_string(),
    }
}
