//! What is refused is not known here.

use super::*;
use std::collections::HashSet;

fn said(item: &Item) -> String {
    item.messages[0]["content"].as_str().unwrap().to_owned()
}

#[test]
fn refusals_pass_and_inventions_fail() {
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(1, "refusals");
        for _ in 0..4_000 {
            let item = item(&mut draw, split);
            assert!(item.check.passes(&item.answer), "{item:?}");
            let worse = worse(&mut draw, &item).unwrap_or_else(|| panic!("nothing worse for {item:?}"));
            assert!(!item.check.passes(&worse), "{worse} {item:?}");
            for text in [said(&item), worse["content"].to_string(), item.answer["content"].to_string()] {
                assert!(!text.contains(['{', '}', '[', '|', '<', '>']) && !text.contains("  "), "{text}");
            }
        }
    }
}

#[test]
fn the_two_splits_share_no_question() {
    let questions = |split, seed| {
        let mut draw = Draw::new(seed, "refusals");
        (0..20_000)
            .map(|_| said(&item(&mut draw, split)).to_lowercase())
            .map(|text| text.trim_end_matches(['.', '?']).to_owned())
            .collect::<HashSet<_>>()
    };
    let (train, held_out) = (questions(Split::Train, 1), questions(Split::HeldOut, 2));
    assert_eq!(train, questions(Split::Train, 1));
    assert!(held_out.len() > 5_000, "{}", held_out.len());
    assert!(train.is_disjoint(&held_out), "{:?}", train.intersection(&held_out).next());
}

#[test]
fn what_the_world_tells_is_never_refused() {
    let answered: HashSet<String> = entities()
        .iter()
        .flat_map(|entity| entity.facts.iter().map(move |fact| (entity, &topics()[fact.topic])))
        .flat_map(|(entity, topic)| topic.attribute.nouns.iter().map(|noun| answer(noun, entity.name()).to_lowercase()))
        .collect();
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(5, "refusals");
        for _ in 0..20_000 {
            let item = item(&mut draw, split);
            let refusal = item.answer["content"].as_str().unwrap();
            assert!(refusal.starts_with(PHRASE) && !answered.contains(&refusal.to_lowercase()), "{refusal}");
        }
    }
    for (class, nouns) in MORE {
        for topic in topics().iter().filter(|topic| topic.class.name == *class) {
            assert!(!nouns.iter().any(|noun| topic.attribute.nouns.contains(noun)), "{class}");
        }
    }
}
