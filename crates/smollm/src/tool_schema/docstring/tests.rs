//! The rules of docstrings, one by one; the table of transformers' answers has them together.

use super::{Docstring, choices, clean};

#[test]
fn indentation_is_that_of_all_lines_but_the_first() {
    assert_eq!(clean("  One.\n\n      two\n\t  three\n    "), "One.\n\ntwo\n    three");
    assert_eq!(clean("\n    \n    a\n"), "a");
    assert_eq!(clean(""), "");
    assert_eq!(clean(" \n "), " ");
    assert_eq!(clean("a\n\u{3000}b\n c"), "a\nb\nc");
}

#[test]
fn sections_begin_on_lines_of_their_own_and_end_anywhere() {
    let read =
        Docstring::read("Does it.\n\nArgs:\n    x: one\n        more\n    y (int): two\n\nReturns:\n    it\n    all")
            .unwrap();
    assert_eq!(read.description, "Does it.");
    assert_eq!(read.argument("x"), Some("one more"));
    assert_eq!(read.argument("y"), Some("two"));
    assert_eq!(read.argument("z"), None);
    assert_eq!(read.returns.as_deref(), Some("it\n    all"));
    let cut = Docstring::read("See Args: there.\n\nArgs:\n    x: before Returns: behind").unwrap();
    assert_eq!((cut.description.as_str(), cut.argument("x")), ("See", Some("before")));
    let none = Docstring::read("Args:\n    x: nothing stands before it").unwrap();
    assert_eq!((none.description.as_str(), none.argument("x")), ("", None));
    assert_eq!(Docstring::read(" \n\t"), None);
}

#[test]
fn an_entry_with_an_empty_line_takes_the_next_one() {
    let read = Docstring::read("D.\n\nArgs:\n    x:\n    y: two\n    z: three").unwrap();
    assert_eq!((read.argument("x"), read.argument("y"), read.argument("z")), (Some("y: two"), None, Some("three")));
    let twice = Docstring::read("D.\n\nArgs:\n  x: one\n  x: two").unwrap();
    assert_eq!(twice.argument("x"), Some("two"));
}

#[test]
fn choices_stand_at_the_end() {
    assert_eq!(choices("A drink (choices: [\"tea\"])"), Some(("A drink", "[\"tea\"]")));
    assert_eq!(choices("A (CHOICES:[1]) "), Some(("A", "[1]")));
    assert_eq!(choices("A (choices: [1]) or not"), None);
    assert_eq!(choices("A (choice: [1])"), None);
    assert_eq!(choices("é (choices: )"), Some(("é", "")));
}
