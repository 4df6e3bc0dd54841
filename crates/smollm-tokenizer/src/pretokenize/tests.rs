//! The scanners against the rules read slowly, and on the cases that are easy to get wrong.

use proptest::prelude::*;

use super::*;

fn cut(pattern: Pattern, text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    PreTokenizer::new(pattern).pieces(text, |start, end| pieces.push(&text[start..end]));
    pieces
}

#[track_caller]
fn check(pattern: Pattern, text: &str, pieces: &[&str]) {
    assert_eq!(cut(pattern, text), pieces, "{pattern:?} of {text:?}");
}

#[test]
fn gpt2_keeps_numbers_together_and_smollm_does_not() {
    check(Pattern::Gpt2, "The 2024 year", &["The", " 2024", " year"]);
    check(Pattern::Gpt2Digits, "The 2024 year", &["The", " ", "2", "0", "2", "4", " year"]);
    check(Pattern::Gpt2Digits, "a  1", &["a", "  ", "1"]);
    check(Pattern::Gpt2, "a  1", &["a", " ", " 1"]);
    check(Pattern::Gpt2Digits, "x½\u{663}", &["x", "½", "\u{663}"]);
    check(Pattern::Gpt2Digits, "-1,5", &["-", "1", ",", "5"]);
    // New in Unicode 17: a number for `Digits`, a sign for the pattern.
    check(Pattern::Gpt2Digits, "-\u{11de0}-", &["-", "\u{11de0}", "-"]);
    check(Pattern::Gpt2, "-\u{11de0}-", &["-\u{11de0}-"]);
}

#[test]
fn white_space_leaves_its_last_character_to_the_word() {
    for pattern in [Pattern::Gpt2, Pattern::Gpt2Digits, Pattern::Llama3] {
        check(pattern, "a   b", &["a", "  ", " b"]);
        check(pattern, "a   ", &["a", "   "]);
        check(pattern, " ", &[" "]);
        check(pattern, "", &[]);
        check(pattern, "a\u{a0}\u{2003}!", &["a", "\u{a0}", "\u{2003}", "!"]);
    }
    check(Pattern::Gpt2, "a\tb", &["a", "\t", "b"]);
    check(Pattern::Llama3, "a\tb", &["a", "\tb"]);
    check(Pattern::Gpt2, "a\n\n b", &["a", "\n\n", " b"]);
    check(Pattern::Llama3, "a \n \n  b", &["a", " \n \n", " ", " b"]);
    check(Pattern::Llama3, "a\n\n\u{3000}b", &["a", "\n\n", "\u{3000}b"]);
    check(Pattern::Llama3, "if:\n    x\n\n", &["if", ":\n", "   ", " x", "\n\n"]);
}

#[test]
fn contractions() {
    check(Pattern::Gpt2, "I'm we'll you've 'S'", &["I", "'m", " we", "'ll", " you", "'ve", " '", "S", "'"]);
    check(Pattern::Llama3, "I'M WE'LL 'S'", &["I", "'M", " WE", "'LL", " '", "S", "'"]);
    check(Pattern::Llama3, "it'\u{17f}o 'ro", &["it", "'\u{17f}", "o", " '", "ro"]);
    check(Pattern::Gpt2, "it'\u{17f}o", &["it", "'", "\u{17f}o"]);
    check(Pattern::Gpt2, "''s'''t", &["''", "s", "'''", "t"]);
    check(Pattern::Llama3, "''s", &["''", "s"]);
    check(Pattern::Gpt2, "'", &["'"]);
    check(Pattern::Llama3, "'r", &["'r"]);
}

#[test]
fn llama3_groups() {
    check(Pattern::Llama3, "1234567", &["123", "456", "7"]);
    check(Pattern::Llama3, "a1b22", &["a", "1", "b", "22"]);
    check(Pattern::Llama3, "=foo (bar", &["=foo", " (", "bar"]);
    check(Pattern::Llama3, "x :=\r\n\r\n y", &["x", " :=\r\n\r\n", " y"]);
    check(Pattern::Llama3, "日本語、世界", &["日本語", "、世界"]);
    check(Pattern::Llama3, "e\u{301}t", &["e", "\u{301}t"]);
    check(Pattern::Gpt2, "e\u{301}t", &["e", "\u{301}", "t"]);
}

/// The alternatives of a pattern tried one after the other on every prefix: slow, and as plain as the pattern.
fn slowly(pattern: Pattern, text: &str) -> Vec<&str> {
    let classes = Classes::new(pattern == Pattern::Gpt2Digits);
    let segments: Vec<&str> = match pattern {
        Pattern::Gpt2Digits => {
            let number = |c: char| classes.of(c) == Class::Number;
            let mut parts: Vec<&str> = text.split_inclusive(number).collect();
            parts = parts
                .into_iter()
                .flat_map(|part| match part.chars().next_back().filter(|&c| number(c)) {
                    Some(c) => part.split_at(part.len() - c.len_utf8()).into(),
                    None => [part, ""],
                })
                .collect();
            parts
        }
        _ => vec![text],
    };
    let mut pieces = Vec::new();
    for mut rest in segments {
        while !rest.is_empty() {
            let chars: Vec<char> = rest.chars().collect();
            let class = |i: usize| chars.get(i).map(|&c| classes.of(c));
            let run = |from: usize, wanted: Class| (from..).take_while(|&i| class(i) == Some(wanted)).count();
            let newline = |i: usize| matches!(chars.get(i), Some('\r' | '\n'));
            let short = |ignore_case: bool| {
                let fold = |i: usize| match chars.get(i) {
                    Some('\u{17f}') if ignore_case => 's',
                    Some(c) if ignore_case => c.to_ascii_lowercase(),
                    Some(&c) => c,
                    None => ' ',
                };
                match (fold(0), fold(1), fold(2)) {
                    ('\'', 's' | 't' | 'm' | 'd', _) => 2,
                    ('\'', 'r' | 'v', 'e') | ('\'', 'l', 'l') => 3,
                    _ => 0,
                }
            };
            let space = usize::from(chars[0] == ' ');
            let optional = |wanted: Class| Some(run(space, wanted)).filter(|&n| n > 0).map_or(0, |n| n + space);
            let all_space = run(0, Class::Space);
            let but_last = if all_space == chars.len() { all_space } else { all_space.saturating_sub(1) };
            let alternatives = match pattern {
                Pattern::Gpt2 | Pattern::Gpt2Digits => vec![
                    short(false),
                    optional(Class::Letter),
                    optional(Class::Number),
                    optional(Class::Other),
                    but_last,
                    all_space,
                ],
                Pattern::Llama3 => {
                    let lead = usize::from(!newline(0) && matches!(class(0), Some(Class::Space | Class::Other)));
                    let letters = run(lead, Class::Letter);
                    let signs = optional(Class::Other);
                    let last_newline = (0..all_space).rev().find(|&i| newline(i));
                    vec![
                        short(true),
                        if letters > 0 { lead + letters } else { 0 },
                        run(0, Class::Number).min(3),
                        if signs > 0 { signs + (signs..).take_while(|&i| newline(i)).count() } else { 0 },
                        last_newline.map_or(0, |i| i + 1),
                        but_last,
                        all_space,
                    ]
                }
            };
            let count = alternatives.into_iter().find(|&n| n > 0).expect("some alternative matches");
            let (piece, after) = rest.split_at(chars[..count].iter().map(|c| c.len_utf8()).sum());
            pieces.push(piece);
            rest = after;
        }
    }
    pieces
}

proptest! {
    #[test]
    fn the_scanners_read_the_patterns(
        text in prop_oneof![
            "[ \t\r\n'a-eA-Elrstv0-9.!ſé中½\u{a0}\u{301}🙂]{0,40}",
            any::<String>(),
        ],
    ) {
        for pattern in [Pattern::Gpt2, Pattern::Gpt2Digits, Pattern::Llama3] {
            prop_assert_eq!(cut(pattern, &text), slowly(pattern, &text));
        }
    }
}
