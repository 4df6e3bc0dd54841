//! The chat on a pseudo-terminal: this test binary runs itself as the program in it.

use std::io::Write;
use std::time::Duration;

use smollm::terminal::{ChatOptions, run};

use crate::pty::Session;
use crate::scripted::Scripted;

/// Set in the program that runs in the pseudo-terminal: what it does.
const PART: &str = "SMOLLM_TEST_PART";

const MARKDOWN: &str = "# Title

Some **bold** and `code`.

- one
- two

| a | b |
|---|---|
| 1 | 2 |

\x1b[2J\x1b]0;owned\x07done";

/// The program inside: not a test, and nothing unless it is started by one.
#[test]
fn inside() {
    let Ok(part) = std::env::var(PART) else { return };
    let mut conversation = match part.as_str() {
        "brief" => Scripted::new(&[&"tick ".repeat(50), "**short**"]).every(Duration::from_millis(30)),
        "slow" => Scripted::new(&[&"tick ".repeat(2000), "**short**"]).every(Duration::from_millis(30)),
        "think" => Scripted::new(&["<think>\nLet me see.\n</think>\n\nSeven."]).thinking(),
        "short" => Scripted::new(&["short"]),
        "broken" => Scripted::new(&["FAIL model.safetensors was truncated", "fine"]),
        _ => Scripted::new(&[MARKDOWN, "second answer"]).every(Duration::from_millis(2)),
    };
    let mut options = ChatOptions { user: Some("ann".to_owned()), ..ChatOptions::default() };
    options.question = std::env::var("SMOLLM_TEST_QUESTION").ok();
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    let ended = match run(&mut conversation, &options) {
        Ok(()) => format!("left: {:?}", conversation.transcript()),
        Err(error) => format!("failed: {error}"),
    };
    writeln!(out, "{ended}").unwrap();
    std::process::exit(0);
}

fn start(part: &str) -> Session {
    Session::start(&[(PART, part)], 24, 60)
}

#[test]
fn a_turn_with_markdown() {
    let mut session = start("markdown");
    session.wait_for_rows(&[
        "(Scripted-1; /help lists the commands, Ctrl-D leaves)",
        "",
        "ann",
        "Send a message, or /help",
    ]);
    session.prompt("hi\r");
    session.wait_for_rows(&[
        "ann",
        "hi",
        "",
        "Scripted-1",
        "Title",
        "",
        "Some bold and code.",
        "",
        "• one",
        "• two",
        "",
    ]);
    session.wait_for_rows(&["a │ b", "──┼──", "1 │ 2", "", "␛[2J␛]0;owned␇done", "", "ann"]);
    session.prompt("\x04");
    session.wait_for("left: [\"user: hi\"");
}

#[test]
fn ctrl_c_stops_the_answer_and_not_the_program() {
    let mut session = start("slow");
    session.prompt("go\r");
    session.wait_for("tick tick tick");
    session.send("\x03");
    session.wait_for("(stopped; /continue goes on)");
    session.prompt("again\r");
    session.wait_for_rows(&["short", "", "ann"]);
    session.prompt("\x04");
    session.wait_for("left: ");
    session.wait_for("assistant: tick");
}

#[test]
fn what_is_typed_during_an_answer_waits_at_the_next_prompt() {
    let mut session = start("brief");
    session.prompt("go\r");
    session.wait_for("tick tick");
    session.send("nexx\x7ft\r");
    session.prompt("");
    session.wait_for_rows(&["ann", "next"]);
    session.send("\r");
    session.prompt("\x04");
    session.wait_for_unwrapped("\"user: next\"");
}

#[test]
fn ctrl_c_at_the_prompt_clears_and_twice_leaves() {
    let mut session = start("markdown");
    session.prompt("half a line");
    session.wait_for("half a line");
    session.send("\x03");
    session.prompt("\x03");
    session.wait_for("left: []");
}

#[test]
fn an_empty_prompt_explains_ctrl_c_before_it_leaves() {
    let mut session = start("markdown");
    session.prompt("\x03");
    session.wait_for("(Ctrl-C again or Ctrl-D leaves)");
    session.prompt("\x03");
    session.wait_for("left: []");
}

#[test]
fn several_lines() {
    let mut session = start("short");
    session.prompt("one\x1b\rtwo\\\rthree\r");
    session.prompt("\"\"\"\rx\r\ry\r\"\"\"\r");
    session.prompt("\x1b[200~pasted\nlines\x1b[201~");
    session.wait_for_rows(&["ann", "pasted", "lines"]);
    session.send("\r");
    session.prompt("\x04");
    for text in ["one\\ntwo\\nthree", "x\\n\\ny", "pasted\\nlines"] {
        session.wait_for_unwrapped(&format!("user: {text}"));
    }
}

#[test]
fn completion_hints_and_history() {
    let mut session = start("short");
    session.prompt("/rege");
    session.wait_for_rows(&["", "ann", "/regenerate"]);
    session.send("\x03");
    session.prompt("/exa\t");
    session.wait_for("/example");
    session.send("soc\t\r");
    session.prompt("\x1b[A");
    session.wait_for_times("/example socks", 2);
    session.send("\x15\x04");
    session.wait_for("left: ");
}

#[test]
fn an_error_is_one_line_and_the_chat_goes_on() {
    let mut session = start("broken");
    session.prompt("q\r");
    session.wait_for_rows(&["Scripted-1", "error: model.safetensors was truncated", "", "ann"]);
    session.prompt("/nothing\r");
    session.wait_for("error: unknown command /nothing");
    session.prompt("q2\r");
    session.wait_for("fine");
    session.prompt("\x04");
    session.wait_for_unwrapped("left: [\"user: q2\", \"assistant: fine\"]");
}

#[test]
fn an_existing_chat_is_replaced_only_when_the_user_says_so() {
    let mut session = start("short");
    session.prompt("/save trip\r");
    session.wait_for("chat_history/trip.json)");
    session.prompt("/save trip\r");
    session.wait_for_unwrapped("trip.json exists. Replace it? [y/N]");
    session.prompt("n\r");
    session.wait_for_unwrapped("chat_history/trip-2.json)");
    session.prompt("\x04");
    session.wait_for("left: ");
}

#[test]
fn a_thought_is_dim() {
    let mut session = start("think");
    session.prompt("q\r");
    session.wait_for_rows(&["Scripted-1", "Let me see.", "", "Seven."]);
    assert!(session.is_dim("Let me see.") && !session.is_dim("Seven."));
}

#[test]
fn a_smaller_window_does_not_break_it() {
    let mut session = start("slow");
    session.prompt("go\r");
    session.wait_for("tick tick");
    session.resize(20, 31);
    session.wait_for_rows(&["tick tick tick tick tick tick"; 3]);
    session.send("\x03");
    session.wait_for("(stopped");
}

#[test]
fn one_question_is_styled_and_has_no_prompt() {
    let mut session = Session::start(&[(PART, "markdown"), ("SMOLLM_TEST_QUESTION", "what")], 24, 60);
    session.wait_for("left: ");
    session.wait_for_rows(&["Title", "", "Some bold and code."]);
    assert!(!session.screen().contains("ann"));
}

#[test]
fn no_color_keeps_bold() {
    let mut session = Session::start(&[(PART, "markdown"), ("NO_COLOR", "1")], 24, 60);
    session.prompt("hi\r");
    session.wait_for("Some bold and `code`.");
    assert!(!session.has_colours() && session.bytes().windows(4).any(|bytes| bytes == b"\x1b[1m"));
}

#[test]
fn a_dumb_terminal_gets_plain_text() {
    let mut session = Session::start(&[(PART, "markdown"), ("TERM", "dumb")], 24, 60);
    session.wait_for("running 1 test");
    session.send("hi\n");
    session.wait_for("Some **bold** and `code`.");
    assert!(!session.bytes().contains(&0x1b));
}
