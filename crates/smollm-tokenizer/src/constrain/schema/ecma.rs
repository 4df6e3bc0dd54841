//! Patterns as JSON Schema means them (ECMA-262, flag `u`), written for the crate `regex`, which reads some signs otherwise.

/// White space and ends of lines: what `\s` is in ECMA-262.
const SPACE: &str = "\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";
/// What `.` is not.
const LINE_ENDS: &str = "\n\r\u{2028}\u{2029}";

/// The same pattern for the crate `regex`.
///
/// # Errors
/// What in it means something else there and cannot be written, or means nothing in ECMA-262.
pub(super) fn to_rust(pattern: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                None => return Err("it ends with a lone backslash"),
                Some('s') if in_class => out.push_str(SPACE),
                Some('s') => out.extend(["[", SPACE, "]"]),
                // a class in a class is a part of it
                Some('S') => out.extend(["[^", SPACE, "]"]),
                Some('A' | 'z' | 'Z' | 'a' | 'G' | 'Q' | 'E' | '<' | '>') => {
                    return Err("an escape in it is none of ECMA-262");
                }
                Some('b') if in_class => out.push_str("\\x08"),
                Some(escaped) => out.extend(['\\', escaped]),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if rest.peek() == Some(&']') {
                    return Err("it has an empty class");
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // what opens a class in a class, or joins two, is plain text in ECMA-262
            '[' | '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && rest.peek() == Some(&'-') => return Err("it has a class with two hyphens in a row"),
            '.' if !in_class => out.extend(["[^", LINE_ENDS, "]"]),
            '(' if !in_class => {
                out.push('(');
                if rest.next_if_eq(&'?').is_some() {
                    out.push('?');
                    if rest.peek().is_some_and(|c| c.is_ascii_alphabetic() && *c != 'P' || *c == '-') {
                        return Err("flags inside of it are not supported");
                    }
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_mean_what_they_mean_in_ecma_262() {
        for (pattern, expected) in [
            ("^[a-z]+$", "^[a-z]+$"),
            (r"^\d{3}\.$", r"^\d{3}\.$"),
            ("[[a-z]", r"[\[a-z]"),
            ("[a&&b]", r"[a\&\&b]"),
            (r"[\]x]", r"[\]x]"),
            ("(?:a|(?<n>b))", "(?:a|(?<n>b))"),
        ] {
            assert_eq!(to_rust(pattern).as_deref(), Ok(expected), "{pattern}");
        }
        assert_eq!(to_rust("a.").unwrap(), format!("a[^{LINE_ENDS}]"));
        assert_eq!(to_rust(r"[\s-]\S").unwrap(), format!("[{SPACE}-][^{SPACE}]"));
        for refused in ["a\\", "[]", "[^]", "(?i)a", r"\Aa", "[a--b]"] {
            assert!(to_rust(refused).is_err(), "{refused}");
        }
    }
}
