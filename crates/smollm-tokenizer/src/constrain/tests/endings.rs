//! Answers that are under way stay whole, whatever is forgotten or too much work meanwhile.

use serde_json::json;

use super::closing::schema;
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
    (tokenizer.decode(&ids, false), constraint.chart().forgotten())
}

#[test]
fn searches_that_need_too_much_work_forget_nothing() {
    let items = json!({"type": "string", "pattern": stairs(30)});
    let grammar = schema(json!({"type": "array", "items": items, "minItems": 40}));
    let (text, forgotten) = asked_for_in_each(&grammar, 40, "x");
    assert!(serde_json::from_str::<Vec<String>>(&text).is_ok_and(|items| items.len() >= 40), "{text}");
    assert_eq!(forgotten, 0);
}

#[test]
fn searches_that_break_what_is_known_grow_shorter() {
    let items = json!({"type": "string", "pattern": stairs(30)});
    let grammar = schema(json!({"type": "array", "items": items, "minItems": 40}));
    // as if every search ended in one step that is too much
    grammar.begin_within(400).unwrap().chart().search_without_reserve();
    let (text, forgotten) = asked_for_in_each(&grammar, 40, "x");
    assert!(serde_json::from_str::<Vec<String>>(&text).is_ok_and(|items| items.len() >= 40), "{text}");
    assert!((1..=8).contains(&forgotten), "{forgotten}");
}
