//! Inputs and what they mean.

use super::*;

fn message(text: &str) -> Result<Line, String> {
    Ok(Line::Message(text.to_owned()))
}

fn set(pairs: &[(&str, &str)]) -> Result<Line, String> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Ok(Line::Command(Command::Set(pairs.collect())))
}

#[test]
fn lines() {
    let some = |text: &str| Some(text.to_owned());
    for (input, meaning) in [
        ("", Ok(Line::Empty)),
        (" \n ", Ok(Line::Empty)),
        ("hello", message("hello")),
        ("\n    indented\n ", message("    indented")),
        ("help", message("help")),
        ("//etc/passwd", message("/etc/passwd")),
        ("one\\\ntwo\\\\\nthree", message("one\ntwo\\\\\nthree")),
        ("\"\"\"\n  a\\\nb\n\"\"\"", message("  a\\\nb")),
        ("\"\"\"one\"\"\"", message("one")),
        ("/help", Ok(Line::Command(Command::Help))),
        ("/?", Ok(Line::Command(Command::Help))),
        ("  /exit  ", Ok(Line::Command(Command::Exit))),
        ("/bye", Ok(Line::Command(Command::Exit))),
        ("/retry", Ok(Line::Command(Command::Regenerate))),
        ("/save", Ok(Line::Command(Command::Save(None)))),
        ("/save my chat", Ok(Line::Command(Command::Save(some("my chat"))))),
        ("/system \"\"", Ok(Line::Command(Command::System(some(""))))),
        (
            "/system \"\"\"\nBe brief.\nBe kind.\n\"\"\"",
            Ok(Line::Command(Command::System(some("Be brief.\nBe kind.")))),
        ),
        ("/think on", Ok(Line::Command(Command::Think(Some(true))))),
        ("/stats", Ok(Line::Command(Command::Stats(None)))),
        ("/set", set(&[])),
        ("/set a=1", set(&[("a", "1")])),
        ("/set a = 1 ;b=x y;", set(&[("a", "1"), ("b", "x y")])),
        ("/set a 1", set(&[("a", "1")])),
        (r#"/set stop="a;\"b\n"; c=d=e"#, set(&[("stop", "a;\"b\n"), ("c", "d=e")])),
    ] {
        assert_eq!(read(input), meaning, "{input:?}");
    }
}

#[test]
fn mistakes_are_named() {
    for (input, problem) in [
        ("/hepl", "unknown command /hepl: did you mean /help?"),
        ("/regen", "unknown command /regen: did you mean /regenerate?"),
        ("/usr/bin/env", "unknown command /usr/bin/env: /help lists them; a message that begins with / is written //"),
        ("/clear all", "/clear: takes no argument, but got \"all\""),
        ("/think maybe", "/think: takes on or off, but got \"maybe\""),
        ("/set temperature", "/set: expected NAME=VALUE, but got \"temperature\""),
        ("/set =1", "/set: no name before = in \"=1\""),
        ("/set stop=\"a", "/set: a quote is not closed"),
        ("/set stop=\"a\"b", "/set: stop: not a string in quotes: \"a\"b"),
    ] {
        let found = read(input).unwrap_err();
        assert!(found.starts_with(problem), "{found:?}");
    }
}

#[test]
fn open_inputs() {
    for (input, open) in [
        ("line", false),
        ("line\\", true),
        ("path\\\\", false),
        ("one\\\ntwo", false),
        ("\"\"\"", true),
        ("\"\"\" text", true),
        ("\"\"\" text\n\"\"\"", false),
        ("\"\"\"\"\"\"", false),
        ("/system \"\"\"Be", true),
        ("/system \"\"\"Be\nkind\"\"\" ", false),
        ("say \"\"\" inside", false),
    ] {
        assert_eq!(is_open(input), open, "{input:?}");
    }
}
