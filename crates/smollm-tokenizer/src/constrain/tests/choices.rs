//! Answers that are one of a list of texts, under every limit.

use super::{compiled, tokenizer};
use crate::Tokenizer;
use crate::constrain::{GrammarError, GrammarSource};

/// Texts whose order by bytes is not the one by tokens: two letters, the first of which is `A` or `B`, may be one token.
const TEXTS: [&str; 9] = ["xy", "AbBb", "Az", "AzAz", "AzAzAzB", "xyBcBdBe", "Azé", "x", "xyBcq"];

fn texts(texts: &[&str]) -> GrammarSource {
    GrammarSource::Choice(texts.iter().map(|&text| text.to_owned()).collect())
}

/// The fewest tokens of a text, by trying all.
fn fewest(tokenizer: &Tokenizer, text: &[u8]) -> usize {
    let words = (0..400).filter(|&id| !tokenizer.is_special(id)).filter_map(|id| tokenizer.token_bytes(id));
    let rest: Vec<&[u8]> = words.filter_map(|word| text.strip_prefix(word.as_ref())).collect();
    let rest = rest.into_iter().filter(|rest| rest.len() < text.len());
    if text.is_empty() { 0 } else { 1 + rest.map(|rest| fewest(tokenizer, rest)).min().unwrap() }
}

/// The fewest tokens with which one of the texts goes on after what was said; `None` if none does.
fn fewest_after(said: &[u8], texts: &[&str]) -> Option<usize> {
    let rests = texts.iter().filter_map(|text| text.as_bytes().strip_prefix(said));
    rests.map(|rest| fewest(&tokenizer(), rest)).min()
}

#[test]
fn the_least_limit_of_a_choice_is_the_fewest_tokens() {
    let grammar = compiled(&texts(&["xy", "sad", "AzA", "Bb"])).unwrap();
    assert_eq!(grammar.shortest(), Some(1), "`Bb` is one token");
    assert_eq!(grammar.begin_within(0).unwrap_err(), GrammarError::TooShort { limit: 0, shortest: 1 });
    let mut constraint = grammar.begin_within(1).unwrap();
    let bytes = |id| tokenizer().token_bytes(id).unwrap().to_vec();
    let x = super::id("x");
    assert!(constraint.allowed().unwrap().contains(x));
    assert_eq!(bytes(constraint.accept(x).unwrap().unwrap()), b"Bb");
    assert!(constraint.has_ended());
    for from in 0..TEXTS.len() {
        let grammar = compiled(&texts(&TEXTS[from..])).unwrap();
        assert_eq!(grammar.shortest(), fewest_after(b"", &TEXTS[from..]), "{from}");
    }
}

#[test]
fn a_token_of_a_choice_is_taken_if_and_only_if_a_text_still_fits() {
    let (tokenizer, grammar) = (tokenizer(), compiled(&texts(&TEXTS[..7])).unwrap());
    let mut replaced = 0;
    for (limit, seed) in (1..8).flat_map(|limit| (0..12).map(move |seed| (limit, seed))) {
        let mut constraint = grammar.begin_within(limit).unwrap();
        let (mut said, mut left, mut state) = (Vec::new(), limit, seed);
        while left > 0 && !constraint.has_ended() {
            let allowed = constraint.allowed().unwrap();
            let drawable: Vec<u32> = (0..400).filter(|&id| allowed.contains(id)).collect();
            state = state * 7 + 3;
            let Some(&drawn) = drawable.get(state % drawable.len().max(1)) else { break };
            let with = [said.as_slice(), &tokenizer.token_bytes(drawn).unwrap()].concat();
            let fits = fewest_after(&with, &TEXTS[..7]).is_some_and(|rest| rest < left);
            let taken = constraint.accept(drawn).unwrap();
            assert_eq!(taken == Some(drawn), fits, "{:?} with {left}", String::from_utf8_lossy(&with));
            replaced += usize::from(!fits);
            let Some(taken) = taken else { break };
            said.extend_from_slice(&tokenizer.token_bytes(taken).unwrap());
            left -= 1;
        }
        let said = String::from_utf8(said).unwrap();
        assert!(TEXTS.contains(&said.as_str()), "{said} in {limit}");
    }
    assert!(replaced > 20, "{replaced}");
}

#[test]
fn a_long_list_takes_no_time_to_begin_with() {
    let many: Vec<String> = (0..12_000).map(|i| format!("text {i}")).collect();
    let grammar = compiled(&GrammarSource::Choice(many.clone())).unwrap();
    let text = super::closing::scribbled_within(&grammar, grammar.shortest().unwrap() + 1, 3);
    assert!(many.contains(&text), "{text}");
}
