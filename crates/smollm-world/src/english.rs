//! What English does to words: articles, capitals, lists.

/// "a" or "an" before this.
pub(crate) fn article(word: &str) -> &'static str {
    // by how it sounds: an hour, a unit
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| word.starts_with(beginning));
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) && !starts(&["uni", "Uni"]);
    if vowel || starts(&["hour"]) { "an" } else { "a" }
}

/// The text with a capital at its start.
pub(crate) fn with_capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// "a, b and c"
pub(crate) fn listed(parts: &[String]) -> String {
    match parts {
        [start @ .., last] if !start.is_empty() => format!("{} and {last}", start.join(", ")),
        _ => parts.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_go_by_sound() {
        let cases = [
            ("hour", "an"),
            ("apple", "an"),
            ("Irish", "an"),
            ("unit", "a"),
            ("umbrella", "an"),
            ("house", "a"),
            ("", "a"),
        ];
        for (word, expected) in cases {
            assert_eq!(article(word), expected, "{word}");
        }
    }

    #[test]
    fn lists_and_capitals() {
        let parts = |n: usize| ["x", "y", "z"][..n].iter().map(|&part| part.to_owned()).collect::<Vec<_>>();
        assert_eq!([0, 1, 2, 3].map(|n| listed(&parts(n))), ["", "x", "x and y", "x, y and z"]);
        assert_eq!(["", "éa", "b c"].map(with_capital), ["", "Éa", "B c"]);
    }
}
