//! Patterns as JSON Schema means them (ECMA-262, flag `u`), written for the crate `regex`, which reads some signs otherwise.

/// Who reads a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Readers {
    /// ECMA-262 alone: of a name, which a schema holds for or does not.
    Ecma,
    /// Python's validators, too, which take their language's own expressions: only what both match is let through.
    All,
}

/// A class of characters: those of ECMA-262, those that are of it in Python as well, and those that are in one of them.
struct Class {
    sign: char,
    ecma: &'static str,
    everywhere: &'static str,
    somewhere: &'static str,
}

const CLASSES: [Class; 3] = [
    Class { sign: 'd', ecma: "0-9", everywhere: "0-9", somewhere: r"\p{Nd}" },
    Class { sign: 'w', ecma: "0-9A-Za-z_", everywhere: "0-9A-Za-z_", somewhere: r"\p{Alphabetic}\p{M}\p{N}\p{Pc}" },
    Class {
        sign: 's',
        ecma: "\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}",
        everywhere: "\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}",
        somewhere: "\t-\r\u{1c}-\u{1f} \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}",
    },
];

impl Class {
    /// The class of this letter, or what is not of it if the letter is large, as a class of its own: for all readers what it is everywhere,
    /// and so, where it stands in a class that is negated, what it is anywhere.
    fn written(sign: char, negated: bool, readers: Readers) -> Option<String> {
        let class = CLASSES.iter().find(|class| class.sign == sign.to_ascii_lowercase())?;
        let not = sign.is_ascii_uppercase();
        let members = match readers {
            Readers::Ecma => class.ecma,
            Readers::All if not == negated => class.everywhere,
            Readers::All => class.somewhere,
        };
        Some(format!("[{}{members}]", if not { "^" } else { "" }))
    }
}

/// What `.` is not.
const LINE_ENDS: &str = "\n\r\u{2028}\u{2029}";

/// The same pattern for the crate `regex`.
///
/// # Errors
/// What in it means something else there and cannot be written, or means nothing in ECMA-262.
pub(super) fn to_rust(pattern: &str, readers: Readers) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let (mut in_class, mut negated) = (false, false);
    // in a class: whether a member has come that may begin a range, and whether a hyphen behind one has
    let (mut begins, mut ranges) = (false, false);
    while let Some(c) = rest.next() {
        let ends_range = std::mem::take(&mut ranges);
        let may_begin = std::mem::replace(&mut begins, in_class && !ends_range);
        match c {
            '\\' => match rest.next() {
                None => return Err("it ends with a lone backslash"),
                Some('A' | 'z' | 'Z' | 'a' | 'G' | 'Q' | 'E' | '<' | '>') => {
                    return Err("an escape in it is none of ECMA-262");
                }
                Some('b') if in_class => out.push_str("\\x08"),
                Some(escaped) => match Class::written(escaped, negated, readers) {
                    // a class in a class is a part of it
                    Some(_) if ends_range => return Err("a range in it ends with a class"),
                    Some(class) => {
                        begins = false;
                        out.push_str(&class);
                    }
                    None => out.extend(['\\', escaped]),
                },
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                begins = false;
                negated = rest.next_if_eq(&'^').is_some();
                if negated {
                    out.push('^');
                }
                if rest.peek() == Some(&']') {
                    return Err("it has an empty class");
                }
            }
            ']' if in_class => {
                (in_class, negated) = (false, false);
                out.push(']');
            }
            // what opens a class in a class, or joins two, is plain text in ECMA-262
            '[' | '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && rest.peek() == Some(&'-') => return Err("it has a class with two hyphens in a row"),
            '-' if in_class && may_begin => {
                (begins, ranges) = (false, true);
                out.push('-');
            }
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

    fn to_rust(pattern: &str) -> Result<String, &'static str> {
        super::to_rust(pattern, Readers::All)
    }

    #[test]
    fn signs_mean_what_they_mean_in_ecma_262() {
        for (pattern, expected) in [
            ("^[a-z]+$", "^[a-z]+$"),
            (r"^\d{3}\.$", r"^[0-9]{3}\.$"),
            (r"[\w-.]+", "[[0-9A-Za-z_]-.]+"),
            (r"[-\d][a-z-\d][\w-\d]", "[-[0-9]][a-z-[0-9]][[0-9A-Za-z_]-[0-9]]"),
            (r"\W[^\W]", r"[^\p{Alphabetic}\p{M}\p{N}\p{Pc}][^[^0-9A-Za-z_]]"),
            (r"\D[^\d]\d", r"[^\p{Nd}][^[\p{Nd}]][0-9]"),
            ("[[a-z]", r"[\[a-z]"),
            ("[a&&b]", r"[a\&\&b]"),
            (r"[\]x]", r"[\]x]"),
            ("(?:a|(?<n>b))", "(?:a|(?<n>b))"),
        ] {
            assert_eq!(to_rust(pattern).as_deref(), Ok(expected), "{pattern}");
        }
        assert_eq!(to_rust("a.").unwrap(), format!("a[^{LINE_ENDS}]"));
        let space = &CLASSES[2];
        assert_eq!(to_rust(r"[\s-]\S").unwrap(), format!("[[{}]-][^{}]", space.everywhere, space.somewhere));
        assert_eq!(super::to_rust(r"\W[^\W]", Readers::Ecma).unwrap(), "[^0-9A-Za-z_][^[^0-9A-Za-z_]]");
        for refused in ["a\\", "[]", "[^]", "(?i)a", r"\Aa", "[a--b]", r"[+-\d]", r"[\.-\w]", r"[.-\s]"] {
            assert!(to_rust(refused).is_err(), "{refused}");
        }
    }
}
