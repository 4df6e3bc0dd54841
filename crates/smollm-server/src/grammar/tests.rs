//! Masks of grammars over a small vocabulary, as the engine asks for them.

mod timing;

use super::*;
use smollm_engine::EngineError;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::constrain::{GrammarSource, Grammars};

/// No multiple of 32.
const VOCAB: usize = 333;

fn tokenizer() -> Arc<Tokenizer> {
    let json = smollm_testkit::byte_level::tokenizer_json(VOCAB).to_string();
    Arc::new(Tokenizer::from_json(json.as_bytes(), "tokenizer.json").expect("a tokenizer"))
}

fn rule(regex: &str, free: bool) -> Rule {
    let grammars = Grammars::new(tokenizer());
    let grammar = match free {
        true => grammars.compile_closing(&format!("start: TEXT\nTEXT: /{regex}/")),
        false => grammars.compile(&GrammarSource::Choice(regex.split('|').map(str::to_owned).collect())),
    };
    Rule { grammar: grammar.expect("a grammar"), free }
}

fn id(text: &str) -> u32 {
    let tokenizer = tokenizer();
    (3..VOCAB as u32).find(|&id| *tokenizer.token_bytes(id).expect("bytes") == *text.as_bytes()).expect("a token")
}

fn allowed(mask: &mut dyn TokenMask) -> Vec<u32> {
    let mut set = TokenSet::none(VOCAB);
    mask.allow(&mut set).expect("something");
    (0..VOCAB as u32).filter(|&id| set.contains(id)).collect()
}

#[test]
fn an_answer_ends_where_its_grammar_lets_it() {
    let mut mask = rule("ab|abc", false).begin(9, &[2, id("b")]).expect("room");
    assert!(allowed(&mut mask).contains(&id("a")));
    mask.accept(id("a")).expect("allowed");
    let mut alone = TokenSet::none(VOCAB);
    let refused = mask.fork().allow(&mut alone).expect_err("`b` would end the answer before its end");
    assert!(refused.to_string().contains("tokens that end it"), "{refused}");
    let refused = ApiError::from(EngineError::from(refused));
    assert_eq!((refused.status.as_u16(), refused.code), (400, Some("invalid_grammar")), "the client named them");
    let mut mask = rule("ab|abc", false).begin(9, &[2]).expect("room");
    assert_eq!(mask.accept(id("a")), Ok(Some(id("a"))));
    assert!(!allowed(&mut mask).contains(&2), "it is not whole");
    mask.accept(id("b")).expect("allowed");
    assert_eq!(mask.ending(), Ok(Ending::Possible));
    assert_eq!(allowed(&mut mask), [2, id("c")]);
    mask.accept(id("c")).expect("allowed");
    assert_eq!(mask.ending(), Ok(Ending::Here));
}

/// Where nobody looked for an end, a limit cuts off what could go on, also where it may end.
#[test]
fn a_regular_expression_is_whole_where_nothing_may_follow() {
    let grammar = Grammars::new(tokenizer()).compile(&GrammarSource::Regex("ab|abc".into())).expect("a grammar");
    let mut mask = Rule { grammar, free: false }.begin(9, &[2]).expect("room");
    for (letter, ending) in [("a", Ending::Later), ("b", Ending::Later), ("c", Ending::Here)] {
        mask.accept(id(letter)).expect("allowed");
        assert_eq!(mask.ending(), Ok(ending), "after {letter}");
    }
}

#[test]
fn a_grammar_that_breaks_down_is_no_fault_of_the_client() {
    let mut mask = rule("ab|abc", false).begin(9, &[2]).expect("room");
    // as if the mask had let it through
    let broken = mask.accept(id("z")).expect_err("it follows nothing");
    let told = ApiError::from(EngineError::from(broken));
    let body = serde_json::to_value(told.body()).expect("JSON");
    assert_eq!(told.status.as_u16(), 500);
    assert_eq!((&body["error"]["type"], &body["error"]["code"]), (&"server_error".into(), &serde_json::Value::Null));
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("the constraint on the answer failed: the grammar cannot be followed: "), "{message}");
}

#[test]
fn what_the_model_does_not_have_is_no_fault_of_the_client() {
    let mut mask = rule("ab|abc", false).begin(9, &[2, id("b")]).expect("room");
    // a model with fewer tokens than its tokenizer
    let refused = mask.allow(&mut TokenSet::none(4)).expect_err("`a` is not among them");
    assert!(refused.to_string().contains("does not have"), "{refused}");
    assert_eq!(ApiError::from(EngineError::from(refused)).status.as_u16(), 500);
}

#[test]
fn a_grammar_that_is_too_much_work_is_one_of_the_client() {
    // behind the first letter, every further one is a step in each of these
    let letters = || ('A'..='Z').chain('a'..='w').chain('0'..='9').chain("!%,:;=@_".chars());
    let pairs = letters().flat_map(|one| letters().map(move |other| format!("[^{one}]*{one}{other}[^{other}]*y")));
    let regex = GrammarSource::Regex(format!("x({})", pairs.collect::<Vec<_>>().join("|")));
    let rule = Rule { grammar: Grammars::new(tokenizer()).compile(&regex).expect("a grammar"), free: false };
    let mut mask = rule.begin(200, &[2]).expect("room");
    assert_eq!(allowed(&mut mask), [id("x")]);
    mask.accept(id("x")).expect("allowed");
    let stopped = mask.allow(&mut TokenSet::none(VOCAB)).expect_err("too much");
    let told = ApiError::from(EngineError::from(stopped));
    assert_eq!((told.status.as_u16(), told.code), (400, Some("grammar_too_costly")));
    let body = serde_json::to_value(told.body()).expect("JSON");
    assert_eq!(body["error"]["type"], "invalid_request_error");
}

#[test]
fn every_token_of_a_vocabulary_is_seen_also_the_last() {
    let mut mask = rule("(?s:.*)", true).begin(9, &[2]).expect("room");
    let tokenizer = tokenizer();
    let words: Vec<u32> = (0..VOCAB as u32)
        .filter(|&id| {
            !tokenizer.is_special(id) && tokenizer.token_bytes(id).is_some_and(|b| std::str::from_utf8(&b).is_ok())
        })
        .collect();
    assert_eq!(words.last(), Some(&(VOCAB as u32 - 1)));
    let allowed = allowed(&mut mask);
    assert!(words.iter().all(|id| allowed.contains(id)) && allowed.contains(&2));
}

#[test]
fn free_text_that_its_limit_stops_is_cut_off() {
    let text = "((?s:.*)\"x\")|(?s:.*)";
    let mut mask = rule(text, true).begin(3, &[2]).expect("room");
    mask.accept(id("a")).expect("allowed");
    assert_eq!(mask.ending(), Ok(Ending::Later), "it may end, and is not whole for that");
    // the last token may not begin a character
    mask.accept(id("b")).expect("allowed");
    let half = (3..VOCAB as u32).find(|&id| tokenizer().token_bytes(id).is_some_and(|b| *b == [0xc3])).expect("a byte");
    assert_eq!(mask.accept(half), Ok(None));
    assert_eq!(mask.ending(), Ok(Ending::Later));
}
