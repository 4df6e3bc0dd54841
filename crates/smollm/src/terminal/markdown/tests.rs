//! The renderer against a terminal emulator: what is on the screen, however the text arrives.

use proptest::prelude::*;

use super::*;
use crate::terminal::style::PLAIN;

const WIDTH: u16 = 40;

fn emulator(rows: u16, width: u16) -> vt100::Parser {
    let size = |n| std::num::NonZeroU16::new(n).unwrap();
    vt100::Parser::new(size(rows), size(width), 0)
}

/// Renders `text` in the given pieces on an emulated terminal.
fn screen(pieces: &[&str], width: u16, colours: bool) -> vt100::Parser {
    let mut terminal = emulator(120, width);
    let mut markdown = Markdown::new(width.into(), colours);
    for piece in pieces {
        terminal.process(markdown.push(piece).as_bytes());
    }
    terminal.process(markdown.finish().as_bytes());
    terminal
}

/// The rows of the screen, without trailing blanks.
fn rows(terminal: &vt100::Parser) -> Vec<String> {
    let (_, width) = terminal.screen().size();
    let mut rows: Vec<String> = terminal.screen().rows(0, width.get()).map(|row| row.trim_end().to_owned()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let whole = rows(&screen(&[text], WIDTH, true));
    assert_eq!(whole.join("\n"), expected, "{text:?}");
    let letters: Vec<String> = text.chars().map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    assert_eq!(rows(&screen(&letters, WIDTH, true)).join("\n"), expected, "{text:?}, letter by letter");
}

#[test]
fn blocks() {
    for (text, expected) in [
        ("", ""),
        ("plain", "plain"),
        ("one\ntwo\n\n\n\n\n\nthree\n\n", "one\ntwo\n\n\nthree"),
        ("\n\n  \nafter leading blanks", "after leading blanks"),
        ("# Title\ntext\n### Small ###", "Title\ntext\nSmall ###"),
        ("a\n---\nb", "a\n───────────────────────────────────────\nb"),
        ("- a\n- b\n  - c\n    - d\n- e", "• a\n• b\n  ◦ c\n    ‣ d\n• e"),
        ("1. one\n   - in\n   more\n2. two\n10) ten", "1. one\n   ◦ in\n   more\n2. two\n10) ten"),
        ("* [ ] open\n* [x] done\n* [link](http://a)", "• ☐ open\n• ☑ done\n• link (http://a)"),
        ("> quoted\n> > deeper\n>\n> end\nout", "│ quoted\n│ │ deeper\n│\n│ end\nout"),
        ("> - item\n> ```\n> code\n> ```", "│ • item\n│ ```\n│ code\n│ ```"),
        ("> ```\n> code\nout *again*", "│ ```\n│ code\nout again"),
        ("```rust\nfn main() {\n    *x* # - |\n}\n```\n*after*", "```rust\nfn main() {\n    *x* # - |\n}\n```\nafter"),
        ("~~~\n```\n~~~\nout", "~~~\n```\n~~~\nout"),
        ("1. step\n   ```sh\n   ls\n   ```\n   then", "1. step\n   ```sh\n   ls\n   ```\n   then"),
        ("- ```sh\n  ls\n  ```\nout", "• ```sh\n  ls\n  ```\nout"),
        ("```\nnever closed\n  code", "```\nnever closed\n  code"),
        ("```", "```"),
        ("- ", "•"),
        ("**", "**"),
        ("    indented", "    indented"),
        (" one space\n indents nothing", "one space\nindents nothing"),
        ("| not a table |", "| not a table |"),
        ("| not | a |\ntable", "| not | a |\ntable"),
    ] {
        check(text, expected);
    }
}

#[test]
fn inline_text() {
    for (text, expected) in [
        ("a *b* c **d** e ***f*** ~~g~~ `h`", "a b c d e f g h"),
        ("**a *b* c** *a **b** c* **a *b***", "a b c a b c a b"),
        ("2*3*4 and a * b * c, snake_case_name", "2*3*4 and a * b * c, snake_case_name"),
        ("*args and **kwargs", "*args and **kwargs"),
        ("中文**粗体**中文 __init__ _x_", "中文粗体中文 init x"),
        ("`**not bold**` ``a`b`` `open", "**not bold** a`b `open"),
        ("[text](http://x.y) ![pic](p.png)", "text (http://x.y) image: pic (p.png)"),
        ("[http://x.y](http://x.y) <https://z>", "http://x.y https://z"),
        ("[1] cite [a, b) [x](y", "[1] cite [a, b) [x](y"),
        ("[a [b] *c*](u_(v)) f(x)[i](", "a [b] c (u_(v)) f(x)[i]("),
        (r"\*stars\* \# C:\dir 5 \$", r"*stars* # C:\dir 5 $"),
        (r"\(a_1 * b_2 * c\) and $$x*y*z$$ $5*2*3", r"\(a_1 * b_2 * c\) and $$x*y*z$$ $5*2*3"),
        ("&lt;b&gt; AT&T &amp;&nbsp;co &unknown;", "<b> AT&T &\u{a0}co &unknown;"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("a < b and <b>x</b>", "a < b and <b>x</b>"),
        ("a! [x] wow!", "a! [x] wow!"),
    ] {
        check(text, expected);
    }
}

#[test]
fn words_wrap_with_their_indent() {
    check(
        "- a list item that is longer than one row of the screen\n> and a quote which is longer than it too",
        "• a list item that is longer than one\n  row of the screen\n│ and a quote which is longer than it\n│ too",
    );
    check("12345678901234567890123456789012345678 x", "12345678901234567890123456789012345678\nx");
    check("1234567890123456789012345678901234567 x", "1234567890123456789012345678901234567 x");
    check(
        "see https://example.org/a/very/long/address/that/does/not/fit end",
        "see\nhttps://example.org/a/very/long/address/\nthat/does/not/fit end",
    );
}

#[test]
fn wide_characters_fill_two_columns() {
    check(
        "漢字仮名交じり文は空白を使わずに書かれます。次の行（括弧）です。",
        "漢字仮名交じり文は空白を使わずに書かれ\nます。次の行（括弧）です。",
    );
    check("🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂", "🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂\n🙂");
    check("cafe\u{301} e\u{301}te\u{301}", "cafe\u{301} e\u{301}te\u{301}");
}

#[test]
fn tables() {
    check(
        "| Name | Age |\n|:-----|----:|\n| **Ann** | 7 |\n| `a|b` | 12 |\nafter",
        "Name │ Age\n─────┼────\nAnn  │   7\na|b  │  12\nafter",
    );
    check(
        "|a|b|c|\n|-|:-:|-|\n|1|a \\| b|漢字|\n|2|",
        "a │   b   │ c\n──┼───────┼─────\n1 │ a | b │ 漢字\n2 │       │",
    );
    check(
        "| Key | What it does |\n|---|---|\n| `temperature` | how surprising the next word may be, from 0 |\n",
        "Key         │ What it does\n────────────┼──────────────────────────\ntemperature │ how surprising the next\n            │ word may be, from 0",
    );
    check(
        "| a1234 | b1234 | c1234 | d1234 | e1234 | f1234 |\n|-|-|-|-|-|-|\n| 1 | 2 | 3 | 4 | 5 | 6 |",
        "a1234: 1\nb1234: 2\nc1234: 3\nd1234: 4\ne1234: 5\nf1234: 6",
    );
    check(
        "| Model | Parameters | Notes about it |\n|-|-|-|\n| SmolLM2-1.7B | 1,711,376,384 | trained on many words |",
        &[
            "Model        │ Parameters    │ Notes",
            "             │               │ about it",
            "─────────────┼───────────────┼─────────",
            "SmolLM2-1.7B │ 1,711,376,384 │ trained",
            "             │               │ on many",
            "             │               │ words",
        ]
        .join("\n"),
    );
    check("> | a | b |\n> |---|---|\n> | 1 | 2 |", "│ a │ b\n│ ──┼──\n│ 1 │ 2");
}

#[test]
fn a_growing_table_shows_that_it_grows() {
    let mut markdown = Markdown::new(40, true);
    let mut terminal = emulator(20, 40);
    terminal.process(markdown.push("| a |\n|---|\n| 1 |\n| 2 |\n").as_bytes());
    assert_eq!(rows(&terminal), ["table, 2 rows…"]);
    terminal.process(markdown.finish().as_bytes());
    assert_eq!(rows(&terminal), ["a", "─", "1", "2"]);
}

#[test]
fn thinking_is_dim_and_its_tags_are_gone() {
    let text = "<think>\nLet me *see*.\n\n```\nx\n</think>\n\nThe answer.";
    check(text, "Let me see.\n\n```\nx\n\nThe answer.");
    check("<think>one line</think>Answer", "one line\n\nAnswer");
    check("<think>a [label **x</think>](y) z**", "a [label **x\n\n](y) z**");
    check("<think>\n\n</think>\n\nAnswer", "Answer");
    check("no </think> tag and `<think>`", "no </think> tag and <think>");
    let terminal = screen(&[text], WIDTH, true);
    assert!(terminal.screen().cell(0, 0).unwrap().dim());
    assert!(!terminal.screen().cell(5, 0).unwrap().dim());
}

#[test]
fn attributes() {
    let terminal = screen(&["# H\n**b** *i* [u](u) `c`\n"], WIDTH, true);
    let cell = |row, column| terminal.screen().cell(row, column).unwrap();
    assert!(cell(0, 0).bold() && cell(0, 0).underline());
    assert!(cell(1, 0).bold() && !cell(1, 1).bold());
    assert!(cell(1, 2).italic() && cell(1, 4).underline());
    assert_eq!(cell(1, 6).fgcolor(), vt100::Color::Idx(6));
    let plain = screen(&["# H\n`c`\n"], WIDTH, false);
    assert_eq!(plain.screen().cell(1, 1).unwrap().fgcolor(), vt100::Color::Default);
    assert_eq!(rows(&plain), ["H", "`c`"]);
}

#[test]
fn hostile_text_cannot_drive_the_terminal() {
    let text = "\x1b]0;owned\x07\x1b[2J\x1b[Hgone\x1b[31m\u{9b}5A\x08\x7f\r\n`\x1b[0m`\n| \x1b[1m |\n|-|\n```\x1b]52;c;aGk=\x07\n\x1bc\n```\n";
    let mut markdown = Markdown::new(40, true);
    let out = markdown.push(text) + &markdown.finish();
    let mut rest = out.as_str();
    while let Some(at) = rest.find('\x1b') {
        let after = &rest[at + 1..];
        let end = after.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        let code = &after[..=end];
        let ours =
            code == "[K" || (code.ends_with('m') && code[1..end].chars().all(|c| c.is_ascii_digit() || c == ';'));
        assert!(code.starts_with('[') && ours, "{code:?}");
        rest = &after[end + 1..];
    }
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\x1b');
    assert!(out.chars().all(printable), "{out:?}");
    assert!(rows(&screen(&[text], WIDTH, true))[0].starts_with("␛]0;owned␇␛[2J␛[Hgone"));
}

#[test]
fn the_terminal_is_plain_after_every_piece() {
    let mut markdown = Markdown::new(40, true);
    for piece in ["<think>deep", " thought\n", "more **bold te", "xt** x `code", "` ", "y\n```\ncode", "\nx"] {
        let out = markdown.push(piece);
        let last = out.rfind("\x1b[").map(|at| &out[at..]);
        assert!(last.is_none_or(|code| code.starts_with(PLAIN)), "{out:?}");
    }
}

#[test]
fn emphasis_that_stays_open_is_shown_before_the_line_ends() {
    let mut markdown = Markdown::new(4000, true);
    let shown = markdown.push(&format!("a **never {}", "closed ".repeat(40)));
    assert!(shown.contains("**never closed"), "{shown:?}");
    let shown = Markdown::new(4000, true).push(&"*".repeat(1000));
    assert!(shown.is_empty() || shown.contains("***"));
}

#[test]
fn a_new_width_holds_from_the_next_row() {
    let mut markdown = Markdown::new(40, true);
    let mut out = markdown.push("aaaa bbbb cccc dddd eeee ");
    markdown.set_width(20);
    out += &markdown.push("ffff gggg\nhhhh iiii jjjj kkkk llll\n");
    assert_eq!(out, "aaaa bbbb cccc dddd eeee\r\nffff gggg\r\nhhhh iiii jjjj kkkk\r\nllll\r\n");
}

/// Fragments that meet in unlucky ways.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "word ",
        "x",
        " ",
        "  ",
        "\n",
        "\n\n",
        "*",
        "**",
        "***",
        "_",
        "`",
        "``",
        "```",
        "```rust\n",
        "~~",
        "~~~",
        "# ",
        "- ",
        "1. ",
        "> ",
        "|",
        "| a | b |\n",
        "|---|:-:|\n",
        "---",
        "<",
        "<think>",
        "</think>",
        "<br>",
        "<https://a>",
        "[",
        "](",
        ")",
        "]",
        "!",
        "\\",
        "&",
        "&amp;",
        "$$",
        "\\(",
        "漢字",
        "🙂",
        "e\u{301}",
        "\r\n",
        "\r",
        "\t",
        "\x1b[31m",
        "    ",
        "[ ] ",
        "[x] ",
        "一二三四五六七八九十",
        "averyverylongwordthatdoesnotfitinonerowatall",
    ]);
    prop::collection::vec(fragment, 0..60).prop_map(|fragments| fragments.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same_screen(
        text in fragments(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        width in 10u16..60,
    ) {
        let mut ends: Vec<usize> = cuts
            .iter()
            .map(|cut| text.floor_char_boundary(cut.index(text.len() + 1)))
            .collect();
        ends.extend([0, text.len()]);
        ends.sort_unstable();
        let pieces: Vec<&str> = ends.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let whole = screen(&[&text], width, true);
        let cut = screen(&pieces, width, true);
        prop_assert_eq!(whole.screen().contents_formatted(), cut.screen().contents_formatted());
    }

    #[test]
    fn no_letter_is_lost(text in "[a-z \\n*_`>|#.-]{0,300}") {
        let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
        let mut markdown = Markdown::new(4000, true);
        let out = markdown.push(&text) + &markdown.finish();
        let (first, codes) = out.split_once('\x1b').unwrap_or((&out, ""));
        let shown = codes.split('\x1b').map(|code| code.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |c| c.1));
        // The counter of a growing table is the only text that is erased.
        let shown: String = std::iter::once(first).chain(shown).filter(|text| !text.starts_with("table, ")).collect();
        prop_assert_eq!(letters(&shown), letters(&text));
    }
}
