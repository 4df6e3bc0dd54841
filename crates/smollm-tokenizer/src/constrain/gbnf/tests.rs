//! Grammars of llama.cpp, and texts of them.

use super::super::GrammarSource;
use super::super::tests::{accepts, compiled};

fn gbnf(text: &str) -> GrammarSource {
    GrammarSource::Gbnf(text.to_owned())
}

#[track_caller]
fn check(grammar: &str, texts: &[(&str, bool)]) {
    let compiled = compiled(&gbnf(grammar)).unwrap_or_else(|e| panic!("{grammar}: {e}"));
    for &(text, valid) in texts {
        assert_eq!(accepts(&compiled, text), valid, "{text:?} under {grammar}");
    }
}

#[test]
fn every_form_is_read() {
    check("root ::= \"a\" | \"bc\"+ # or\n", &[("a", true), ("bcbc", true), ("", false), ("abc", false)]);
    check("root ::= [a-c^\\]\\n-] [^a]", &[("b\n", true), ("-b", true), ("]b", true), ("aa", false), ("^é", true)]);
    check(
        "root ::= x{2} y{1,} z{0,2}\nx ::= \"x\"\ny ::= \"y\"\nz ::= \"\\x7a\"",
        &[("xxy", true), ("xxyyzz", true), ("xy", false), ("xxyzzz", false)],
    );
    check("root ::= (\"a\"\n  | \"b\" )* .", &[("aba", true), ("/", true), ("", false), ("ab/", true)]);
    check("root ::= \"\\u00e9\" \"/\\\\\\\"\"", &[("é/\\\"", true)]);
}

#[test]
fn rules_may_recurse() {
    let sums =
        "root ::= sum\nsum ::= term (ws [-+] ws term)*\nterm ::= [0-9]+ | \"(\" ws sum ws \")\"\nws ::= [ \\n]*\n";
    check(sums, &[("1", true), ("1 + (2 -3)", true), ("((1))", true), ("1 +", false), ("(1", false), ("12+34", true)]);
    check("root ::= \"(\" root \")\" | \"\"", &[("", true), ("(())", true), ("(()", false)]);
}

#[test]
fn the_grammars_of_llama_cpp_compile() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let mut read = 0;
    for entry in std::fs::read_dir(fixtures.join("grammars/llama.cpp")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        compiled(&gbnf(&text)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        read += 1;
    }
    assert!(read >= 9);
    let json = std::fs::read_to_string(fixtures.join("grammars/llama.cpp/json.gbnf")).unwrap();
    check(
        &json,
        &[("{\"a\": [1, -2.5e3, true, null, \"x\\n\"]}", true), ("{}", true), ("{\"a\"}", false), ("[1]", false)],
    );
    let arithmetic = std::fs::read_to_string(fixtures.join("grammars/llama.cpp/arithmetic.gbnf")).unwrap();
    check(&arithmetic, &[("x=1+(y*2)\n", false), ("1+2=3\n", true), ("1+2\n", false)]);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    for (grammar, message) in [
        ("a ::= \"x\"", "GBNF grammar: there is no rule `root`"),
        ("root ::= b", "GBNF grammar: there is no rule `b`"),
        ("root ::= \"x\n", "GBNF grammar: line 2: a text is not closed"),
        ("root = \"x\"", "GBNF grammar: line 1: `::=` must follow `root`"),
        ("root ::= (\"x\"", "GBNF grammar: line 1: the grammar ends where `)` should stand"),
        ("\n\nroot ::= [b-a]", "GBNF grammar: line 3: 'b' to 'a' has no characters"),
        ("root ::= \"x\"{3,2}", "GBNF grammar: line 1: `{3,2}`: the second number is below the first"),
        ("root ::= \"x\"{9999}", "GBNF grammar: line 1: `{9999}`: numbers of repetitions go up to 2000"),
        ("root ::= <[5]>", "GBNF grammar: line 1: tokens (`<...>`) are not supported"),
        ("root ::= \"\\q\"", "GBNF grammar: line 1: `\\q` is no escape that is known"),
        ("root ::= \"x\" )", "GBNF grammar: line 1: ')' stands where the end of the rule should"),
    ] {
        assert_eq!(compiled(&gbnf(grammar)).unwrap_err().to_string(), message);
    }
    let deep = format!("root ::= {}\"x\"{}", "(".repeat(200), ")".repeat(200));
    assert!(compiled(&gbnf(&deep)).unwrap_err().to_string().contains("nested more than"));
    assert!(compiled(&gbnf("root ::= \"x\" root")).is_err(), "it never ends");
}
