//! Text and tokens of an answer, with stop strings and characters in several tokens.

use super::*;

/// A tokenizer whose tokens are bytes, with ids as `smollm-testkit` gives them.
fn tokenizer() -> Arc<Tokenizer> {
    let json = smollm_testkit::byte_level::tokenizer_json(320).to_string();
    Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").expect("a tokenizer"))
}

fn token(id: u32) -> Token {
    Token { id, logprob: None, top: Vec::new() }
}

/// All deltas of a text that is pushed byte by byte, and what was kept.
fn tell(text: &str, stops: &[&str], reason: FinishReason) -> (Vec<(String, usize)>, Transcript) {
    tell_with(text, stops, reason, None)
}

/// The same where there may be calls, if a splitter finds the thoughts.
fn tell_with(
    text: &str,
    stops: &[&str],
    reason: FinishReason,
    calls: Option<Splitter>,
) -> (Vec<(String, usize)>, Transcript) {
    let tokenizer = tokenizer();
    let mut transcript = Transcript::new(tokenizer.clone(), &StopStrings::new(stops), true);
    if let Some(splitter) = calls {
        transcript.expect_calls(splitter);
    }
    let mut deltas = Vec::new();
    let mut note = |delta: Delta| deltas.push((delta.text, delta.tokens.len()));
    for byte in text.bytes() {
        let id = (0..320).find(|&id| tokenizer.token_bytes(id).is_some_and(|bytes| *bytes == [byte])).expect("a byte");
        note(transcript.push(token(id)));
    }
    note(transcript.finish(reason));
    (deltas, transcript)
}

#[test]
fn characters_stay_whole_and_tokens_come_with_their_text() {
    let (deltas, transcript) = tell("aé", &[], FinishReason::Length);
    let expected = [("a", 1), ("", 1), ("é", 1), ("", 0)];
    assert_eq!(deltas, expected.map(|(text, tokens)| (text.to_owned(), tokens)));
    assert_eq!((transcript.end(), transcript.tokens()), (Some("length"), 3));
}

#[test]
fn what_may_become_a_stop_string_is_held_back_with_its_tokens() {
    let (deltas, transcript) = tell("a<|b", &["<|x"], FinishReason::Stop(2));
    let expected = [("a", 1), ("", 0), ("", 0), ("<|b", 3), ("", 0)];
    assert_eq!(deltas, expected.map(|(text, tokens)| (text.to_owned(), tokens)));
    assert_eq!(transcript.end(), Some("stop"));
    let (deltas, _) = tell("a<", &["<|x"], FinishReason::Length);
    assert_eq!(deltas.last(), Some(&("<".to_owned(), 1)), "nothing follows, so it is shown");
}

#[test]
fn a_stop_string_ends_the_answer_and_takes_its_tokens_along() {
    let (deltas, transcript) = tell("ab<|xcd", &["<|x"], FinishReason::Length);
    let shown: (String, usize) = deltas.into_iter().fold(Default::default(), |(t, n), (text, m)| (t + &text, n + m));
    assert_eq!(shown, ("ab".to_owned(), 2));
    assert_eq!((transcript.end(), transcript.tokens()), (Some("stop"), 5), "what came after it is not counted");
}

/// The text that is shown of an answer with calls, and why it ended.
#[track_caller]
fn check_calls(text: &str, stops: &[&str], shown: &str, end: Option<End>) {
    let (deltas, transcript) = tell_with(text, stops, FinishReason::Complete, Some(Splitter::new("", "", true)));
    let (told, tokens): (String, usize) =
        deltas.into_iter().fold(Default::default(), |(t, n), (text, m)| (t + &text, n + m));
    assert_eq!((told.as_str(), transcript.ending()), (shown, Some(&end.unwrap_or(End::Token))), "{text}");
    assert_eq!(tokens, shown.len(), "{text}");
}

#[test]
fn no_stop_string_ends_a_call_nor_cuts_its_tag() {
    let word = |word: &str| Some(End::Word(word.into()));
    let call = "a <tool_call>[{\"name\": \"f\"}]</tool_call>";
    check_calls(call, &["\"}", "call>[", "tool", "l>"], call, None);
    check_calls(call, &["a "], "", word("a "));
    check_calls("ab <tool_call", &["_call"], "ab <tool", word("_call"));
    check_calls("ab <tool_call", &["x"], "ab <tool_call", None);
    // the tag among thoughts is text
    let thought = "<think>a <tool_call> b</think>";
    check_calls(&format!("{thought}{call}"), &["ll> b"], "<think>a <tool_ca", word("ll> b"));
    check_calls(&format!("{thought}{call}"), &["\"f\""], &format!("{thought}{call}"), None);
}
