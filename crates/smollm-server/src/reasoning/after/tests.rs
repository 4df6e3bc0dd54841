//! Thoughts that are free, and what follows them by a rule: JSON of a schema, or calls.

use super::*;
use serde_json::json;
use smollm_tokenizer::constrain::{GrammarSource, Grammars};
use smollm_tokenizer::tools::{CallForm, CallRule, Tool};

const VOCAB: u32 = 333;

fn tokenizer() -> Arc<Tokenizer> {
    let json = smollm_testkit::byte_level::tokenizer_json(VOCAB as usize).to_string();
    Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").expect("a tokenizer"))
}

/// The same with tokens that are one piece of text each, the last of the vocabulary.
fn tokenizer_with(pieces: &[&str]) -> Arc<Tokenizer> {
    let mut json = smollm_testkit::byte_level::tokenizer_json(VOCAB as usize - pieces.len());
    let added = json["added_tokens"].as_array_mut().expect("a list");
    for (i, piece) in pieces.iter().enumerate() {
        added.push(
            json!({"id": VOCAB as usize - pieces.len() + i, "content": piece, "single_word": false, "lstrip": false,
                          "rstrip": false, "normalized": false, "special": false}),
        );
    }
    Arc::new(Tokenizer::from_json(json.to_string().as_bytes(), "tokenizer.json").expect("a tokenizer"))
}

fn yes_or_no(tokenizer: &Arc<Tokenizer>) -> Rule {
    let source = GrammarSource::JsonSchema(json!({"enum": ["yes", "no"]}));
    Rule { grammar: Grammars::new(tokenizer.clone()).compile(&source).expect("a grammar"), free: false }
}

fn calls(tokenizer: &Arc<Tokenizer>, must_call: bool) -> Rule {
    let tools = [Tool::of("f", "", json!({})).expect("a tool")];
    let rule = CallRule { form: CallForm::Blocks, tools: &tools, must_call, several: false };
    let grammar: Grammar = rule.compile(&Grammars::new(tokenizer.clone())).expect("a grammar");
    Rule { grammar, free: !must_call }
}

/// Says the bytes of `text`, or the tokens that are pieces of it, as long as it may, and what it must; what was said in the end.
fn say(
    tokenizer: &Arc<Tokenizer>,
    rule: Rule,
    prompt: &str,
    text: &[u8],
    limit: usize,
    thoughts: Option<usize>,
) -> String {
    say_after(tokenizer, Splitter::new(prompt, "", true), rule, text, limit, thoughts)
}

/// The same for thoughts that this splitter finds.
fn say_after(
    tokenizer: &Arc<Tokenizer>,
    splitter: Splitter,
    rule: Rule,
    text: &[u8],
    limit: usize,
    thoughts: Option<usize>,
) -> String {
    let after = AfterThoughts::of(tokenizer, VOCAB as usize, splitter, Some(rule));
    let mut mask: Box<dyn TokenMask> = Box::new(after.within(limit, thoughts, &[2]).expect("room"));
    let (mut said, mut wanted) = (Vec::new(), text);
    while mask.ending().expect("no error") != Ending::Here && said.len() < limit {
        let mut allowed = TokenSet::none(VOCAB as usize);
        mask = mask.fork();
        mask.allow(&mut allowed).expect("no error");
        let begins = |id: &u32| tokenizer.token_bytes(*id).is_some_and(|b| !b.is_empty() && wanted.starts_with(&b));
        let longest = |id: &u32| tokenizer.token_bytes(*id).map_or(0, |bytes| bytes.len());
        let next = (3..VOCAB).filter(begins).max_by_key(longest);
        let id = match next.filter(|&id| allowed.contains(id)) {
            Some(id) => {
                wanted = &wanted[longest(&id)..];
                id
            }
            None if wanted.is_empty() && allowed.contains(2) => break,
            None => (3..VOCAB).find(|&id| allowed.contains(id)).expect("something"),
        };
        let Some(taken) = mask.accept(id).expect("no error") else { break };
        said.push(taken);
    }
    assert!(said.len() <= limit);
    tokenizer.decode(&said, false)
}

#[test]
fn the_answer_is_bound_and_the_thoughts_are_not() {
    let tokenizer = tokenizer();
    let say = |prompt: &str, text: &str, limit: usize, thoughts| {
        say(&tokenizer, yes_or_no(&tokenizer), prompt, text.as_bytes(), limit, thoughts)
    };
    assert_eq!(say("<think>\n", "hm, no</think>\"yes\"", 100, None), "hm, no</think>\"yes\"");
    assert!(say("<think>\n", "hm, and so on", 20, None).ends_with("</think>\"no\""), "what is left is for the answer");
    assert_eq!(say("<think>\n", "hm, and so on", 100, Some(3)), "hm,</think>\"no\"");
    assert_eq!(say("", "\"yes\"", 100, None), "\"yes\"");
}

#[test]
fn a_model_may_open_thoughts_itself_and_then_call() {
    const CALL: &str = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>";
    let with_tags = tokenizer_with(&["<think>", "</think>"]);
    for must_call in [true, false] {
        let said = |text: &str, limit: usize, thoughts| {
            say(&with_tags, calls(&with_tags, must_call), "", text.as_bytes(), limit, thoughts)
        };
        let thought = format!("\n<think>Should I <tool_call>?</think>\n{CALL}");
        assert_eq!(said(&thought, 200, None), thought);
        assert_eq!(said(CALL, 200, None), CALL);
        let cut = said("<think>hm, and so on", 200, Some(2));
        assert!(cut.starts_with("<think>h</think>") && cut.ends_with("</tool_call>") == must_call, "{cut}");
    }
    // tags in several tokens, where the grammar does not forbid them
    let plain = tokenizer();
    let thought = format!("<think>A <tool_call>?</think>{CALL}");
    assert_eq!(say(&plain, calls(&plain, false), "", thought.as_bytes(), 200, None), thought);
}

#[test]
fn thoughts_that_are_cut_inside_of_a_character_still_end() {
    let tokenizer = tokenizer();
    let said = say(&tokenizer, calls(&tokenizer, true), "<think>\n", &[b'a', 0xc3], 200, Some(2));
    assert!(said.starts_with("a\u{fffd}</think>") && said.ends_with("</tool_call>"), "{said}");
}

#[test]
fn a_token_that_goes_on_past_the_tag_does_not_begin_the_answer() {
    let tokenizer = tokenizer_with(&[">\"y"]);
    let said = say(&tokenizer, yes_or_no(&tokenizer), "<think>\n", b"hm</think>\"yes\"", 60, None);
    let (thoughts, answer) = said.split_once("</think>").expect("the tag");
    assert!(thoughts == "hm" && ["\"yes\"", "\"no\""].contains(&answer), "{said}");
}

#[test]
fn space_behind_the_tag_is_not_in_its_last_token_where_space_counts() {
    let tokenizer = tokenizer_with(&[">\n"]);
    let splitter = Splitter::new("<think>\n", "", true).keeping_space();
    let said = say_after(&tokenizer, splitter, yes_or_no(&tokenizer), b"hm</think>\n\"yes\"", 60, None);
    let (thoughts, answer) = said.split_once("</think>").expect("the tag");
    assert!(thoughts == "hm" && ["\"yes\"", "\"no\""].contains(&answer), "{said}");
}

#[test]
fn calls_are_whole_whatever_is_thought() {
    let tokenizer = tokenizer();
    let least = calls(&tokenizer, true).shortest() + tokenizer.encode(CLOSE, Specials::Parse).len();
    let after = |limit| {
        let splitter = Splitter::new("<think>\n", "", true);
        AfterThoughts::of(&tokenizer, VOCAB as usize, splitter, Some(calls(&tokenizer, true))).within(limit, None, &[2])
    };
    assert!(matches!(after(least - 1), Err(GrammarError::TooShort { .. })));
    for limit in least..least + 20 {
        let said = say(&tokenizer, calls(&tokenizer, true), "<think>\n", "never ".repeat(99).as_bytes(), limit, None);
        assert!(said.ends_with("</tool_call>"), "{limit}: {said}");
    }
}

/// Says `text` byte by byte in an answer that is free but for the length of its thoughts; what was said in the end.
fn say_freely(prompt: &str, text: &str, tokens: usize) -> String {
    say_on(prompt, "", text, tokens)
}

/// The same where the prompt ends with the beginning of the answer.
fn say_on(prompt: &str, begun: &str, text: &str, tokens: usize) -> String {
    let json = smollm_testkit::byte_level::tokenizer_json(320).to_string();
    let tokenizer = Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").expect("a tokenizer"));
    let splitter = Splitter::new(&format!("{prompt}{begun}"), begun, true);
    let mut mask: Box<dyn TokenMask> =
        Box::new(AfterThoughts::of(&tokenizer, 320, splitter, None).thinking_for(tokens));
    let mut said = Vec::new();
    for byte in text.bytes() {
        let wanted = (0..320).find(|&id| tokenizer.token_bytes(id).is_some_and(|b| *b == [byte])).expect("a byte");
        loop {
            let mut allowed = TokenSet::none(320);
            mask = mask.fork(); // a fork is in the same state
            mask.allow(&mut allowed).expect("no error");
            let ids: Vec<u32> = (0..320).filter(|&id| allowed.contains(id)).collect();
            let id = if allowed.contains(wanted) { wanted } else { ids[0] };
            assert!(ids.len() == 320 || ids.len() == 1);
            mask.accept(id).expect("no error");
            said.push(id);
            if ids.len() == 320 || id == wanted {
                break;
            }
        }
    }
    tokenizer.decode(&said, false)
}

#[test]
fn thoughts_end_when_the_budget_is_spent() {
    assert_eq!(say_freely("<think>\n", "abcdefg", 3), "abc</think>defg");
    assert_eq!(say_freely("", "<think>abcdefg", 4), "<think>abc</think>defg", "the tag's end is inside");
    assert_eq!(say_freely("<think>\n", "ab</think>defg", 20), "ab</think>defg");
    assert_eq!(say_on("", "<think>ab", "cdefg", 3), "cde</think>fg");
}

#[test]
fn an_answer_without_thoughts_is_not_limited() {
    assert_eq!(say_freely("", "abcdefg", 3), "abcdefg");
}
