//! Rewrites keep what matters.

use super::*;
use smollm_verify::text::has_exact_phrase;
use std::collections::BTreeSet;

fn message_of(item: &Item) -> &str {
    item.messages.last().and_then(|message| message["content"].as_str()).expect("a text")
}

#[test]
fn rewrites_pass_and_worse_ones_fail() {
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(7, "rewriting");
        for _ in 0..4_000 {
            let item = item(&mut draw, split);
            assert!(item.check.passes(&item.answer), "{item:#?}");
            let worse = worse(&mut draw, &item).expect("something to change");
            assert!(!item.check.passes(&worse), "{item:#?} {worse}");
            let answer = item.answer["content"].as_str().expect("a text");
            for text in [answer, message_of(&item)] {
                assert!(!text.contains("  ") && !text.contains(['{', '}']) && text.is_ascii(), "{text}");
            }
            assert!(answer.chars().next().is_some_and(char::is_uppercase), "{answer}");
        }
    }
}

#[test]
fn nobody_has_the_name_of_somebody_else() {
    let mut draw = Draw::new(9, "rewriting");
    for _ in 0..4_000 {
        let item = item(&mut draw, Split::Train);
        let Check::All { checks } = &item.check else { panic!("{:?}", item.check) };
        let [Check::Keeps { terms, .. }, _] = checks.as_slice() else { panic!("{checks:?}") };
        let firsts = terms.iter().filter_map(|term| term.split(' ').next());
        let firsts: Vec<&str> = firsts.filter(|first| slots::FIRST_NAMES.contains(first)).collect();
        let different: BTreeSet<&str> = firsts.iter().copied().collect();
        assert_eq!(different.len(), firsts.len(), "{terms:?}");
    }
}

#[test]
fn whole_terms_are_altered_everywhere() {
    let mut draw = Draw::new(10, "altered");
    for (text, term, kept) in [
        ("Eva and Evan met Eva.", "Eva", " and Evan met "),
        ("5 of 15 in room 5", "5", " of 15 in room "),
        ("$45 and $450, so $45", "$45", " and $450, so "),
    ] {
        let other = altered(&mut draw, text, term).expect("it is there");
        assert!(other.contains(kept) && !has_exact_phrase(&other, term), "{text}: {other}");
    }
    assert_eq!(altered(&mut draw, "Evan has 15", "Eva"), None);
}

#[test]
fn held_out_messages_are_many_and_others() {
    let messages = |split| {
        let mut draw = Draw::new(8, "rewriting");
        (0..8_000).map(|_| message_of(&item(&mut draw, split)).to_owned()).collect::<BTreeSet<String>>()
    };
    let (train, held_out) = (messages(Split::Train), messages(Split::HeldOut));
    assert_eq!(messages(Split::HeldOut), held_out, "a seed determines all");
    assert!(held_out.len() > 7_000, "{}", held_out.len());
    assert!(train.is_disjoint(&held_out), "{:?}", train.intersection(&held_out).next());
    assert!(!train.iter().any(|message| message.contains(ON_THE_CARD)));
}

#[test]
fn each_form_of_a_sentence_has_the_same_gaps() {
    assert!(sentences().len() >= 60, "{}", sentences().len());
    let mut ways = BTreeSet::new();
    for sentence in sentences() {
        let mut draw = Draw::new(1, "gaps");
        for way in &sentence.curt {
            assert!(ways.insert(*way), "{way}");
            let mut filled = Filled::default();
            filled.add(&mut draw, Split::Train, way);
            for form in [sentence.friendly, sentence.professional] {
                let text = filled.text(form);
                assert!(!text.contains('{'), "{way}: {text}");
                for term in filled.kept(way) {
                    assert!(has_exact_phrase(&text, &term), "{way}: {text}");
                }
                assert!(text.ends_with(['.', '?', '!']), "{text}");
            }
        }
    }
    assert!(ways.len() >= 120, "{}", ways.len());
}
