//! What can be told about a text without a model: words, numbers, phrases.

/// The text in lower case, with `'` for `’` and one space for each stretch of white space, none at its ends.
pub fn normalized(text: &str) -> String {
    one_spaced(&text.replace(['’', '‘'], "'").to_lowercase())
}

/// One space for each stretch of white space, none at the ends.
fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Are the two the same but for case, white space, the form of apostrophes, and a final full stop?
pub fn matches(a: &str, b: &str) -> bool {
    let without_stop = |text: &str| {
        let text = normalized(text);
        text.strip_suffix('.').unwrap_or(&text).trim_end().to_owned()
    };
    without_stop(a) == without_stop(b)
}

/// Is `phrase` in the text as whole words, whatever the case, white space and form of apostrophes? An empty phrase is in no text.
pub fn has_phrase(text: &str, phrase: &str) -> bool {
    has_words(&normalized(text), &normalized(phrase))
}

/// Is `phrase` in the text as whole words, letter by letter (white space aside)? An empty phrase is in no text.
pub fn has_exact_phrase(text: &str, phrase: &str) -> bool {
    has_words(&one_spaced(text), &one_spaced(phrase))
}

/// A letter of a word in the sense of `\w`, nearly: letters and digits of any script, and `_`. (Marks that combine are not counted.)
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A place of `phrase` in `text` at which neither end cuts a word in two.
fn has_words(text: &str, phrase: &str) -> bool {
    let (Some(first), Some(last)) = (phrase.chars().next(), phrase.chars().next_back()) else { return false };
    let mut from = 0;
    while let Some(at) = text[from..].find(phrase).map(|at| from + at) {
        let cut_before = is_word(first) && text[..at].chars().next_back().is_some_and(is_word);
        let cut_after = is_word(last) && text[at + phrase.len()..].chars().next().is_some_and(is_word);
        if !cut_before && !cut_after {
            return true;
        }
        from = at + first.len_utf8();
    }
    false
}

/// How many words there are: stretches of letters, digits and `_` (Python's `\w+`), so that "don't" is two.
pub fn word_count(text: &str) -> usize {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).count()
}

/// The numbers of a text in their order, in one form: no commas between thousands, no zeros that say nothing, `-` before a negative one
/// (a sign that follows a letter or digit is a dash, as in `10-20`). `1,200.50` gives `1200.5`, `3:05` gives `3` and `5`.
pub fn numbers(text: &str) -> Vec<String> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut whole = String::new();
        at = digits(bytes, at, &mut whole);
        // thousands: one to three digits, then groups of three
        if at - start <= 3 {
            while bytes.get(at) == Some(&b',') {
                let mut group = String::new();
                let end = digits(bytes, at + 1, &mut group);
                if group.len() != 3 {
                    break;
                }
                whole.push_str(&group);
                at = end;
            }
        }
        let mut fraction = String::new();
        if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            at = digits(bytes, at + 1, &mut fraction);
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let mut number = String::new();
        if is_negative(&text[..start]) && !(whole.is_empty() && fraction.is_empty()) {
            number.push('-');
        }
        number.push_str(if whole.is_empty() { "0" } else { whole });
        if !fraction.is_empty() {
            number.push('.');
            number.push_str(fraction);
        }
        found.push(number);
    }
    found
}

/// Copies the digits that begin at `at`, and says where they end.
fn digits(bytes: &[u8], at: usize, out: &mut String) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let run = rest.iter().take_while(|byte| byte.is_ascii_digit());
    out.extend(run.map(|&byte| char::from(byte)));
    at + out.len()
}

/// Is the number that follows `before` a negative one?
fn is_negative(before: &str) -> bool {
    let mut chars = before.chars().rev();
    matches!(chars.next(), Some('-' | '−')) && !chars.next().is_some_and(|c| is_word(c) || matches!(c, '-' | '−'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for (text, expected) in [
            ("It is 12.", vec!["12"]),
            ("1,234,567 and 1,2,3 and 12,3456", vec!["1234567", "1", "2", "3", "12", "3456"]),
            ("1,200.50 + 0.0 - 007", vec!["1200.5", "0", "7"]),
            ("-5 or −6, 10-20, --3", vec!["-5", "-6", "10", "20", "3"]),
            ("3rd at 3:05 on 2024-05-06", vec!["3", "3", "5", "2024", "5", "6"]),
            ("1,", vec!["1"]),
            ("1.", vec!["1"]),
            ("v1.2.3", vec!["1.2", "3"]),
            ("1,234,5", vec!["1234", "5"]),
            ("none", vec![]),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
    }

    #[test]
    fn phrases_are_whole_words() {
        for (text, phrase, found) in [
            ("The capital is Paris.", "paris", true),
            ("Parisian cafés", "paris", false),
            ("a category of cat", "cat", true),
            ("New\n  York", "new york", true),
            ("don’t", "don't", true),
            ("C++ is fine", "c++", true),
            ("x", "", false),
            ("aaa", "aa", false),
        ] {
            assert_eq!(has_phrase(text, phrase), found, "{text} {phrase}");
        }
        assert!(!has_exact_phrase("paris", "Paris") && has_exact_phrase("in Paris\n", "in  Paris"));
    }

    #[test]
    fn words_are_counted_as_python_does() {
        assert_eq!(word_count("I don't know_it, 3.5 naïve—words"), 8);
        assert_eq!(word_count(" \n"), 0);
    }
}
