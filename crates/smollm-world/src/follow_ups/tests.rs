//! Follow-ups ask about what was spoken of.

use super::*;
use std::collections::HashSet;

fn said(item: &Item) -> String {
    let text = |message: &Value| message["content"].as_str().unwrap().to_lowercase();
    item.messages
        .iter()
        .map(|message| text(message).trim_end_matches(['.', '?']).to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn right_answers_pass_and_worse_ones_fail() {
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(1, "follow-ups");
        for _ in 0..4_000 {
            let item = item(&mut draw, split);
            assert!(item.check.passes(&item.answer), "{item:?}");
            let worse = worse(&mut draw, &item).unwrap_or_else(|| panic!("nothing worse for {item:?}"));
            assert!(!item.check.passes(&worse), "{worse} {item:?}");
            assert!(matches!(item.messages.len(), 3 | 5));
            for message in &item.messages {
                let text = message["content"].as_str().unwrap();
                assert!(!text.contains(['{', '}', '[', '|']) && !text.contains("  "), "{text}");
            }
        }
    }
}

#[test]
fn the_two_splits_share_no_conversation() {
    let conversations = |split, seed| {
        let mut draw = Draw::new(seed, "follow-ups");
        (0..10_000).map(|_| said(&item(&mut draw, split))).collect::<HashSet<_>>()
    };
    let (train, held_out) = (conversations(Split::Train, 1), conversations(Split::HeldOut, 2));
    assert!(held_out.len() > 9_000, "{}", held_out.len());
    assert!(train.is_disjoint(&held_out));
    let mut draw = Draw::new(1, "follow-ups");
    assert_eq!(said(&item(&mut draw, Split::Train)), said(&item(&mut Draw::new(1, "follow-ups"), Split::Train)));
}
