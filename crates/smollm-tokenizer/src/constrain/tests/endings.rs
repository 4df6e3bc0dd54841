//! Answers that are under way stay whole, whatever is forgotten or too much work meanwhile.

use std::cell::RefCell;

use serde_json::json;

use super::closing::{schema, scribbled_beside, scribbled_within};
use super::{id, tokenizer};
use crate::constrain::{Constraint, Grammar};

/// Takes tokens as they are planned until the text ends.
fn ended(mut constraint: Constraint, mut ids: Vec<u32>) -> String {
    while !constraint.has_ended() {
        let allowed = constraint.allowed().unwrap();
        let id = (0..400).find(|&id| allowed.contains(id)).unwrap();
        match constraint.accept(id).unwrap() {
            Some(taken) => ids.push(taken),
            None => break,
        }
    }
    tokenizer().decode(&ids, false)
}

/// Steps up and down, at most `steps` high, and at each a way into a part from where no search comes to an end.
fn stairs(steps: usize) -> String {
    let aside = "x[xy]*x[xy]{12}w";
    let (up, down) = (format!("({aside}|u").repeat(steps), "d)*".repeat(steps));
    format!("^{up}{down}z$")
}

#[test]
fn the_end_that_was_known_is_kept_when_states_are_forgotten() {
    let grammar = schema(json!({"type": "string", "pattern": stairs(30)}));
    let mut constraint = grammar.begin_within(60).unwrap();
    let mut ids: Vec<u32> = ["\""].into_iter().chain(["u"; 25]).map(id).collect();
    for &id in &ids {
        assert_eq!(constraint.accept(id).unwrap(), Some(id), "its end is known");
    }
    constraint.chart().forget();
    let taken = constraint.accept(id("x")).unwrap().unwrap();
    ids.push(taken);
    let text = ended(constraint, ids);
    assert!(text.ends_with("dz\"") && text.matches('u').count() == text.matches('d').count(), "{text}");
}

#[test]
fn an_answer_whose_matcher_is_of_no_use_ends_as_planned_wherever_that_shows() {
    let grammar = schema(json!({"type": "array", "items": {"type": "integer"}, "minItems": 3}));
    let started = || {
        let mut constraint = grammar.begin_within(30).unwrap();
        let ids = ["[", "1", "2"].map(id);
        ids.iter().for_each(|&id| assert_eq!(constraint.accept(id).unwrap(), Some(id)));
        constraint.break_matcher();
        (constraint, ids.to_vec())
    };
    let (constraint, ids) = started();
    let (mut asked, _) = started();
    assert!(!asked.may_end().unwrap());
    for constraint in [constraint, asked] {
        let text = ended(constraint, ids.clone());
        assert!(serde_json::from_str::<Vec<u64>>(&text).is_ok_and(|items| items.len() == 3), "{text}");
    }
}

/// A list of at least `items`, each of which is asked to begin with `wanted`; how often states were forgotten meanwhile.
#[track_caller]
fn asked_for_in_each(grammar: &Grammar, items: usize, wanted: &str) -> (String, u64) {
    let tokenizer = tokenizer();
    let mut constraint = grammar.begin_within(12 * items).unwrap();
    let (mut ids, [wanted, comma, blank, quote]) = (Vec::new(), [wanted, ",", " ", "\""].map(id));
    while !constraint.has_ended() {
        let allowed = constraint.allowed().unwrap();
        let mut ways = [wanted, comma, blank, quote].into_iter().chain(0..400);
        let id = ways.find(|&id| allowed.contains(id)).unwrap();
        ids.extend(constraint.accept(id).unwrap());
    }
    (tokenizer.decode(&ids, false), grammar.begin_within(12 * items).unwrap().chart().forgotten())
}

/// Lists of steps up and down.
fn hard() -> Grammar {
    let items = json!({"type": "string", "pattern": stairs(30)});
    schema(json!({"type": "array", "items": items, "minItems": 40}))
}

#[test]
fn searches_that_need_too_much_work_forget_nothing() {
    let (text, forgotten) = asked_for_in_each(&hard(), 40, "x");
    assert!(serde_json::from_str::<Vec<String>>(&text).is_ok_and(|items| items.len() >= 40), "{text}");
    assert_eq!(forgotten, 0);
}

#[test]
fn an_answer_that_breaks_what_is_known_does_so_once() {
    let grammar = hard();
    grammar.begin_within(400).unwrap().chart().limit_work(20_000);
    for answers in 1..4 {
        let (text, forgotten) = asked_for_in_each(&grammar, 40, "x");
        assert!(serde_json::from_str::<Vec<String>>(&text).is_ok_and(|items| items.len() >= 40), "{text}");
        assert_eq!(forgotten, answers);
    }
}

/// Takes one of the allowed tokens.
fn step(constraint: &mut Constraint, number: usize) {
    let allowed = constraint.allowed().unwrap();
    let drawable: Vec<u32> = (0..400).filter(|&id| allowed.contains(id)).collect();
    constraint.accept(drawable[number % drawable.len()]).unwrap();
}

#[test]
fn an_answer_does_not_hang_on_what_others_have_found() {
    let limit = |seed: u64| 420 + 7 * seed as usize;
    let alone: Vec<String> = (0..4).map(|seed| scribbled_within(&hard(), limit(seed), seed)).collect();
    let kept = hard();
    ["x", "u"].into_iter().for_each(|wanted| drop(asked_for_in_each(&kept, 40, wanted)));
    for (seed, alone) in (0..).zip(&alone) {
        let beside = RefCell::new(kept.begin_within(600).unwrap());
        let text = scribbled_beside(&kept, limit(seed), seed, |at, constraint| {
            let mut other = beside.borrow_mut();
            if other.has_ended() {
                *other = kept.begin_within(600).unwrap();
            }
            step(&mut other, at * 7 + 3);
            if at == 50 {
                constraint.chart().forget();
            }
        });
        assert_eq!(&text, alone, "{seed}");
    }
}

#[test]
fn an_answer_that_has_looked_for_enough_goes_on_as_it_is_planned() {
    let grammar = schema(json!({"type": "string", "pattern": stairs(60)}));
    let mut constraint = grammar.begin_within(600).unwrap();
    let (mut ids, [quote, up, aside]) = (Vec::new(), ["\"", "u", "x"].map(id));
    let mut take = |constraint: &mut Constraint, id| ids.extend(constraint.accept(id).unwrap());
    take(&mut constraint, quote);
    let looked = |constraint: &mut Constraint| constraint.allowed().unwrap().contains(aside);
    for _ in 0..100 {
        // what was looked for once is known
        take(&mut constraint, up);
        assert!(looked(&mut constraint));
        take(&mut constraint, aside); // and so it goes down again
    }
    take(&mut constraint, up);
    let mut height = 1;
    while looked(&mut constraint) {
        take(&mut constraint, aside);
        if looked(&mut constraint) {
            height += 1;
            [up, up].into_iter().for_each(|id| take(&mut constraint, id));
        }
    }
    assert!((20..59).contains(&height), "{height}");
    assert!(constraint.allowed().unwrap().only().is_some());
    let text = ended(constraint, ids);
    assert!(text.ends_with("dz\"") && text.matches('u').count() == text.matches('d').count(), "{text}");
}
