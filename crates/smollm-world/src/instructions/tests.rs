//! Answers follow what was asked, and combinations are held out.

use super::*;
use std::collections::BTreeSet;

fn drawn_items(split: Split, n: usize) -> Vec<Item> {
    let mut draw = Draw::new(3, "instructions");
    (0..n).map(|_| item(&mut draw, split)).collect()
}

fn question_of(item: &Item) -> String {
    item.messages.iter().filter_map(|message| message["content"].as_str()).collect()
}

#[test]
fn answers_pass_and_worse_ones_fail() {
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(4, "worse");
        let mut without_worse = 0;
        for item in drawn_items(split, 4_000) {
            assert!(item.check.passes(&item.answer), "{item:#?}");
            match worse(&mut draw, &item) {
                Some(worse) => assert!(!item.check.passes(&worse), "{item:#?} {worse}"),
                None => without_worse += 1,
            }
            let text = item.answer["content"].as_str().expect("a text");
            for all in [text, &question_of(&item)] {
                assert!(!all.contains("  ") && !all.contains('{') | text.contains("\": ") && all.is_ascii(), "{all}");
                assert!(all.trim() == all && !all.contains("..") && !all.contains("~"), "{all}");
            }
        }
        assert_eq!(without_worse, 0);
    }
}

#[test]
fn held_out_items_are_many_and_others() {
    let questions = |split| drawn_items(split, 8_000).iter().map(question_of).collect::<BTreeSet<_>>();
    let (train, held_out) = (questions(Split::Train), questions(Split::HeldOut));
    assert_eq!(questions(Split::HeldOut), held_out, "a seed determines all");
    assert!(held_out.len() > 5_000, "{}", held_out.len());
    assert!(train.is_disjoint(&held_out), "{:?}", train.intersection(&held_out).next());
}

#[test]
fn topics_are_well_formed() {
    assert!(topics().len() >= 150, "{}", topics().len());
    for topic in topics() {
        assert_eq!(topic.says.len(), 6, "{topic:?}");
        let words = topic.sentences(0..6).iter().map(|sentence| sentence.split(' ').count()).sum::<usize>();
        assert!(words >= 20, "{topic:?}");
        assert!(topic.sentence_by_name(0).split(' ').count() <= 9, "{topic:?}");
        assert_eq!(topic.says.iter().collect::<BTreeSet<_>>().len(), 6, "{topic:?}");
        assert!(!topic.says.iter().any(|says| says.contains([',', '*', '"', '.'])), "{topic:?}");
    }
    for subject in topics().iter().map(Subject::Topic).take(1) {
        let mut draw = Draw::new(1, "asked");
        let asked: Vec<Asked> = (0..2_000).filter_map(|_| Asked::draw(&mut draw, &subject)).collect();
        let names: BTreeSet<_> = asked.iter().map(Asked::name).collect();
        assert!(names.len() >= 20, "{names:?}");
        for one in asked {
            let ways: BTreeSet<usize> = (0..200).map(|_| one.phrase(&mut draw).0).collect();
            assert!(ways.len() * ABOUT.len() >= 100, "{one:?}");
        }
    }
    let names: BTreeSet<_> = topics().iter().map(|topic| topic.name).collect();
    assert_eq!(names.len(), topics().len());
}
