//! Which text an added token takes, flag by flag.

use super::*;

/// A token with one flag set by its name; its id is its place.
fn tokens(list: &[(&str, &str)]) -> AddedTokens {
    let token = |(id, &(content, flags)): (u32, &(&str, &str))| AddedToken {
        special: flags.contains("special"),
        single_word: flags.contains("single_word"),
        lstrip: flags.contains("lstrip"),
        rstrip: flags.contains("rstrip"),
        normalized: flags.contains("normalized"),
        ..AddedToken::plain(id, content.to_owned(), false)
    };
    AddedTokens::new((0..).zip(list).map(token).collect()).unwrap()
}

/// Parts as text, tokens in brackets.
#[track_caller]
fn check(tokens: &AddedTokens, text: &str, specials: Specials, expected: &[&str]) {
    let mut parts = Vec::new();
    tokens.split(text, specials, &mut |part| {
        parts.push(match part {
            Part::Text(text) => text.to_owned(),
            Part::Token(id) => format!("[{id}]"),
        });
    });
    assert_eq!(parts, expected, "{text:?}");
}

#[test]
fn the_longest_of_the_leftmost() {
    let tokens = tokens(&[("<a>", ""), ("<a><b>", ""), ("b", "")]);
    check(&tokens, "x<a><b>b", Specials::Parse, &["x", "[1]", "[2]"]);
    check(&tokens, "<a><a><b><b>", Specials::Parse, &["[0]", "[1]", "<", "[2]", ">"]);
    check(&tokens, "", Specials::Parse, &[]);
    check(&tokens, "nothing", Specials::Parse, &["nothing"]);
}

#[test]
fn special_tokens_can_be_text() {
    let tokens = tokens(&[("<s>", "special"), ("<t>", ""), ("<s><t>x", "special")]);
    check(&tokens, "<s><t>", Specials::Parse, &["[0]", "[1]"]);
    check(&tokens, "<s><t>", Specials::AsText, &["<s>", "[1]"]);
    // What was found and refused is not looked through again.
    check(&tokens, "<s><t>x<t>", Specials::AsText, &["<s><t>x", "[1]"]);
}

#[test]
fn strips_take_white_space() {
    let tokens = tokens(&[("<l>", "lstrip"), ("<r>", "rstrip"), ("<b>", "lstrip rstrip")]);
    check(&tokens, "a \t<l> b", Specials::Parse, &["a", "[0]", " b"]);
    check(&tokens, "a <r> \u{3000}\nb", Specials::Parse, &["a ", "[1]", "b"]);
    check(&tokens, " <b> <b> ", Specials::Parse, &["[2]", "[2]"]);
    check(&tokens, "<r> <l>", Specials::Parse, &["[1]", "[0]"]);
    check(&tokens, "<r>\u{200b}<l>", Specials::Parse, &["[1]", "\u{200b}", "[0]"]);
}

#[test]
fn a_swallowed_beginning_still_counts() {
    let tokens = tokens(&[("<r>", "rstrip"), (" x", ""), ("  ", "")]);
    check(&tokens, "<r> xy", Specials::Parse, &["[0]", "[1]", "y"]);
    check(&tokens, "<r>   y", Specials::Parse, &["[0]", "[2]", " y"]);
}

#[test]
fn single_words_stand_alone() {
    let tokens = tokens(&[("cat", "single_word")]);
    check(&tokens, "cat cats 'cat' _cat écat cat", Specials::Parse, &["[0]", " cats '", "[0]", "' _cat écat ", "[0]"]);
    check(&tokens, "½cat-cat", Specials::Parse, &["½", "[0]", "-", "[0]"]);
}

#[test]
fn normalized_tokens_take_what_is_left() {
    let tokens = tokens(&[("ab", "normalized"), ("bc", ""), ("cat", "normalized single_word")]);
    check(&tokens, "abc ab", Specials::Parse, &["a", "[1]", " ", "[0]"]);
    // The part that was left over is all that a word border sees.
    check(&tokens, "bccat", Specials::Parse, &["[1]", "[2]"]);
}

#[test]
fn overlaps_between_the_passes() {
    let check = |first: &str, second: &str, expected: bool| {
        let tokens = tokens(&[("<|im_end|>", ""), (first, ""), (second, "normalized"), ("<x>", "normalized")]);
        assert_eq!(tokens.overlap_of_passes(), expected.then_some((first, second)), "{first} {second}");
    };
    check("<a>", "<b>", false);
    check("ab", "ba", true);
    check("ab", "bc", true);
    check("bc", "ab", true);
    check("abc", "b", true);
    check("b", "abc", true);
    check("é", "aé", true);
    check("ab", "ac", false);
}
