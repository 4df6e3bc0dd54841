//! Of each pair the chosen answer passes and the other one does not.

use super::*;
use std::collections::HashSet;

const DRAWS: usize = 2_000;

/// What is said before the answer, and what may be called.
fn asked(item: &Item) -> String {
    format!("{:?} {:?}", item.messages, item.tools)
}

#[test]
fn answers_pass_and_worse_ones_fail() {
    for kind in KINDS {
        for split in [Split::Train, Split::HeldOut] {
            let mut draw = Draw::new(1, kind.name);
            let mut pairs = 0;
            for _ in 0..DRAWS {
                let item = (kind.item)(&mut draw, split);
                assert!(item.check.passes(&item.answer), "{}: {item:#?}", kind.name);
                if let Some(worse) = (kind.worse)(&mut draw, &item) {
                    pairs += 1;
                    assert!(!item.check.passes(&worse), "{}: {worse:#?} {item:#?}", kind.name);
                    assert_eq!(worse["role"], "assistant");
                }
            }
            assert!(pairs > DRAWS / 2, "{} {pairs}", kind.name);
        }
    }
}

#[test]
fn held_out_items_are_many_and_never_learnt() {
    for kind in KINDS {
        let mut draw = Draw::new(2, kind.name);
        let held: HashSet<String> = (0..6_000).map(|_| asked(&(kind.item)(&mut draw, Split::HeldOut))).collect();
        assert!(held.len() >= 2_000, "{} has {}", kind.name, held.len());
        for _ in 0..6_000 {
            let item = (kind.item)(&mut draw, Split::Train);
            assert!(!held.contains(&asked(&item)), "{}: {item:#?}", kind.name);
        }
    }
}

#[test]
fn a_seed_determines_what_is_drawn() {
    for kind in KINDS {
        let items = || {
            let mut draw = Draw::new(7, kind.name);
            (0..100).map(|_| (kind.item)(&mut draw, Split::Train)).collect::<Vec<_>>()
        };
        assert_eq!(items(), items());
    }
}

#[test]
fn texts_are_tidy() {
    for kind in KINDS {
        let mut draw = Draw::new(3, kind.name);
        for i in 0..DRAWS {
            let split = if i % 2 == 0 { Split::Train } else { Split::HeldOut };
            let item = (kind.item)(&mut draw, split);
            for message in item.messages.iter().chain([&item.answer]) {
                let Some(text) = message["content"].as_str() else { continue };
                let untidy = ["  ", " . ", " ,", " ?", "..", " a a", " a e", " a i", " a o", " an b", " an c", " an t"];
                if let Some(found) = untidy.iter().find(|found| text.replace("= ?", "").contains(**found)) {
                    // three dots are an ellipsis
                    assert!(*found == ".." && text.contains("..."), "{}: {found:?} in {text:?}", kind.name);
                }
                // a place that was not filled; instructions have such marks on purpose
                let marked = text.contains(['{', '}', '<', '>', '|']) && message["role"] != "tool";
                assert!(!marked || kind.name == "instructions", "{}: {text}", kind.name);
                assert_eq!(text.trim(), text, "{}", kind.name);
            }
        }
    }
}

#[test]
fn all_kinds_have_pairs() {
    let mut draw = Draw::new(4, "pairs");
    let kinds: HashSet<&str> = (0..3_000).map(|_| pair(&mut draw, Split::Train).kind).collect();
    assert_eq!(kinds.len(), KINDS.len());
}
