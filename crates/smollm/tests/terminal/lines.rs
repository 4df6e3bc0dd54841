//! The chat over streams: what goes to standard output and standard error, and how it ends.

use std::fs;

use smollm::terminal::{ChatOptions, Finish, run_lines};

use crate::scripted::Scripted;

struct Ran {
    out: String,
    err: String,
    ended: Result<(), String>,
}

fn chat_with(conversation: &mut Scripted, options: &ChatOptions, input: &str) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = run_lines(conversation, options, &mut input.as_bytes(), &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { out: text(out), err: text(err), ended: ended.map_err(|error| error.to_string()) }
}

fn chat(conversation: &mut Scripted, input: &str) -> Ran {
    chat_with(conversation, &ChatOptions::default(), input)
}

#[test]
fn every_line_is_a_turn_and_answers_are_plain() {
    let mut conversation = Scripted::new(&["**Hi** there.\n\n- a\n", "Bye\x1b[31m."]);
    let ran = chat(&mut conversation, "hello\n\nhelp\\\nme\n");
    assert_eq!(ran.out, "**Hi** there.\n\n- a\nBye␛[31m.\n");
    assert_eq!((ran.err.as_str(), ran.ended), ("", Ok(())));
    assert_eq!(conversation.transcript()[2], "user: help\nme");
    assert_eq!(conversation.transcript().len(), 4);
}

#[test]
fn an_empty_input_is_no_error() {
    let ran = chat(&mut Scripted::new(&["x"]), "");
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.ended), ("", "", Ok(())));
}

#[test]
fn one_question() {
    let mut conversation = Scripted::new(&["Yes."]);
    let options = ChatOptions {
        question: Some("/is this a question".to_owned()),
        prefill: Some("So: ".to_owned()),
        ..ChatOptions::default()
    };
    let ran = chat_with(&mut conversation, &options, "never read\n");
    assert_eq!((ran.out.as_str(), ran.ended), ("So: Yes.\n", Ok(())));
    assert_eq!(conversation.transcript(), ["user: /is this a question", "assistant: So: Yes."]);
}

#[test]
fn the_first_error_ends_a_stream() {
    for (input, out, error) in [
        ("a\nb\n", "one\n", "standard input, line 2: model.safetensors was truncated"),
        (
            "/x\x1b[2J\n",
            "",
            "standard input, line 1: unknown command /x␛[2J: /help lists them; a message that begins with / is written //",
        ),
        ("/hlep\na\n", "", "standard input, line 1: unknown command /hlep: did you mean /help?"),
        ("a\n/set temperature=3\n", "one\n", "standard input, line 2: /set: temperature takes 0 to 2, but got \"3\""),
        ("/set temprature=1\n", "", "standard input, line 1: /set: no setting temprature (did you mean temperature?)"),
        ("/think on\n", "", "standard input, line 1: /think: Scripted-1 has no thinking mode"),
        ("/regenerate\n", "", "standard input, line 1: /regenerate: nothing was asked yet"),
        ("/continue\n", "", "standard input, line 1: /continue: there is no answer yet"),
        ("/undo\n", "", "standard input, line 1: /undo: nothing was asked yet"),
        (
            "/example x\n",
            "",
            "standard input, line 1: /example: no example x (there are llama, code, helicopter, numbers, birds, socks)",
        ),
    ] {
        let mut conversation = Scripted::new(&["one", "FAIL model.safetensors was truncated"]);
        let ran = chat(&mut conversation, input);
        assert_eq!((ran.out.as_str(), ran.ended), (out, Err(error.to_owned())), "{input:?}");
        assert!(conversation.transcript().len() <= 2, "a failed question is forgotten");
    }
}

#[test]
fn commands() {
    let mut conversation = Scripted::new(&["one", "two", "three"]).thinking();
    let ran = chat(
        &mut conversation,
        "/system Be brief.\n/system\n/set temperature=0.7; think=off\n/think\n/set\nq1\n/regenerate\n/undo\n/prefill He\n//q2\n/stats\n/exit\nnever\n",
    );
    assert_eq!(ran.ended, Ok(()));
    assert_eq!(
        ran.out,
        "Be brief.\nthink=off\ntemperature=0.7  0 to 2; 0 is greedy\nthink=off        on or off\none\ntwo\nHethree\n\
         37 prompt tokens (12 cached), 1 generated, first token after 0.25 s, then 20.0 tokens/s\n\
         19 of 8192 tokens of the context in use\n"
    );
    assert_eq!(
        ran.err,
        "system prompt set\ntemperature=0.7; think=off\nforgotten: q1\nthe next answer begins with: He\n"
    );
    assert_eq!(conversation.transcript(), ["system: Be brief.", "user: /q2", "assistant: Hethree"]);
}

#[test]
fn clear_keeps_settings_and_reset_does_not() {
    let mut conversation = Scripted::new(&["one"]);
    let ran = chat(&mut conversation, "/system S\n/set temperature=1\nq\n/clear\n/set\n/reset\n/set\n/system\n");
    assert_eq!(ran.out, "one\ntemperature=1  0 to 2; 0 is greedy\ntemperature=0.2  0 to 2; 0 is greedy\n");
}

#[test]
fn settings_change_together_or_not_at_all() {
    let mut conversation = Scripted::new(&["one"]);
    let ran = chat(&mut conversation, "/set temperature=1; no=2\n");
    assert_eq!(ran.ended, Err("standard input, line 1: /set: no setting no; /set lists them".to_owned()));
    assert_eq!(chat(&mut conversation, "/set\n").out, "temperature=0.2  0 to 2; 0 is greedy\n");
}

#[test]
fn continue_lets_the_answer_go_on() {
    let mut conversation = Scripted::new(&["one ", "two"]);
    let ran = chat(&mut conversation, "q\n/continue\n");
    assert_eq!(ran.out, "one \none two\n");
    assert_eq!(conversation.transcript(), ["user: q", "assistant: one two"]);
}

#[test]
fn an_example_starts_a_new_chat() {
    let mut conversation = Scripted::new(&["one", "two"]);
    let ran = chat(&mut conversation, "q\n/example helicopter\n");
    assert_eq!(ran.out, "one\ntwo\n");
    assert_eq!(conversation.transcript().len(), 2);
    assert!(conversation.transcript()[0].contains("helicopters"));
    assert!(chat(&mut conversation, "/example\n").out.contains("socks"));
}

#[test]
fn what_is_not_in_the_answer_goes_to_standard_error() {
    let mut conversation = Scripted::new(&["one"]);
    (conversation.finish, conversation.dropped) = (Finish::Length { limit: 1 }, 2);
    let ran = chat(&mut conversation, "q\n");
    assert_eq!(ran.out, "one\n");
    assert_eq!(
        ran.err,
        "context of 8192 tokens full: the model no longer sees the 2 oldest messages\nstopped at the limit of 1 tokens; /continue goes on\n"
    );
    let quiet = ChatOptions { quiet: true, ..ChatOptions::default() };
    let ran = chat_with(&mut conversation, &quiet, "q\n");
    assert_eq!(ran.err, "context of 8192 tokens full: the model no longer sees the 2 oldest messages\n");
    let ran = chat_with(&mut conversation, &quiet, "q\nq\nq\n");
    assert_eq!(ran.err.lines().count(), 1, "said once: {}", ran.err);
}

#[test]
fn saved_chats_are_never_overwritten_and_load_with_their_settings() {
    let folder = tempfile::tempdir().unwrap();
    let options = ChatOptions { save_folder: Some(folder.path().to_owned()), ..ChatOptions::default() };
    let mut conversation = Scripted::new(&["one"]);
    let ran = chat_with(
        &mut conversation,
        &options,
        "/set temperature=0.9\nq\n/save my chat\n/clear\n/save my chat\n/save\n/load\n",
    );
    assert_eq!(ran.ended, Ok(()));
    let mut files: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files.len(), 3);
    assert!(files[0].starts_with("Scripted-1_20"), "{files:?}");
    assert_eq!(files[1..], ["my chat-2.json", "my chat.json"]);
    assert!(ran.out.contains("my chat-2\n"));

    let mut other = Scripted::new(&["one"]);
    let ran = chat_with(&mut other, &options, "/load my chat\n/set\n/history\n");
    assert_eq!(ran.out, "temperature=0.9  0 to 2; 0 is greedy\nuser\nq\n\nassistant\none\n");
    assert_eq!(other.transcript(), ["user: q", "assistant: one"]);

    let path = folder.path().join("other.json");
    fs::write(&path, r#"{"settings": {"top_k": 50}, "chat_history": [{"role": "user", "content": "hi"}]}"#).unwrap();
    let ran = chat_with(&mut other, &options, &format!("/load {}\n", path.display()));
    assert_eq!(ran.err, "setting left as it is: no setting top_k\nloaded 1 messages; /history shows them\n");
    let ran = chat_with(&mut other, &options, "/load absent\n");
    let nowhere = format!("no saved chat absent in {}; /load lists them", folder.path().display());
    assert_eq!(ran.ended, Err(format!("standard input, line 1: /load: {nowhere}")));
    let error = chat_with(&mut other, &options, "/load ./absent.json\n").ended.unwrap_err();
    assert!(error.starts_with("standard input, line 1: ./absent.json: "), "{error}");
}

#[test]
fn a_reader_that_left_ends_the_chat() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut conversation = Scripted::new(&["one two three"]);
    let ended = run_lines(&mut conversation, &ChatOptions::default(), &mut "q\n".as_bytes(), &mut Gone, &mut Gone);
    assert!(ended.unwrap_err().to_string().starts_with("standard output: "));
}
