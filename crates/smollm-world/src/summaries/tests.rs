//! Summaries keep what matters and are short.

use super::*;
use smollm_verify::text::word_count;
use std::collections::BTreeSet;

fn text_of(item: &Item) -> &str {
    item.messages.last().and_then(|message| message["content"].as_str()).expect("a text")
}

#[test]
fn summaries_pass_and_worse_ones_fail() {
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(7, "summaries");
        let mut titles = 0;
        for _ in 0..4_000 {
            let item = item(&mut draw, split);
            assert!(item.check.passes(&item.answer), "{item:#?}");
            let worse = worse(&mut draw, &item).expect("something to change");
            assert!(!item.check.passes(&worse), "{item:#?} {worse}");
            let answer = item.answer["content"].as_str().expect("a text");
            for text in [answer, text_of(&item)] {
                assert!(!text.contains("  ") && !text.contains(['{', '}']) && text.is_ascii(), "{text}");
            }
            assert!(answer.chars().next().is_some_and(|first| !first.is_lowercase()), "{answer}");
            let is_title = item.messages.len() == 1;
            assert_eq!(answer.ends_with('.'), !is_title, "{answer}");
            assert!(is_title || word_count(answer) < word_count(text_of(&item)), "{item:#?}");
            titles += usize::from(is_title);
        }
        assert!((600..1_000).contains(&titles), "{titles}");
    }
}

#[test]
fn held_out_texts_are_many_and_others() {
    let texts = |split| {
        let mut draw = Draw::new(8, "summaries");
        (0..6_000).map(|_| text_of(&item(&mut draw, split)).to_owned()).collect::<BTreeSet<String>>()
    };
    let (train, held_out) = (texts(Split::Train), texts(Split::HeldOut));
    assert_eq!(texts(Split::HeldOut), held_out, "a seed determines all");
    assert!(held_out.len() > 5_500, "{}", held_out.len());
    assert!(train.is_disjoint(&held_out), "{:?}", train.intersection(&held_out).next());
}

#[test]
fn every_wording_fills_what_the_summary_needs() {
    let all: Vec<_> = emails()
        .iter()
        .map(|email| (email, "{name}{first}"))
        .chain(reports().iter().map(|report| (report, "")))
        .collect();
    assert!(all.len() >= 36, "{}", all.len());
    for (scenario, people) in all {
        assert_eq!(scenario.says.len(), 3, "{scenario:?}");
        for way in 0..3 {
            let mut draw = Draw::new(1, "gaps");
            let mut filled = Filled::default();
            filled.add(&mut draw, Split::Train, people);
            for ways in &scenario.says {
                filled.add(&mut draw, Split::Train, ways[way % ways.len()]);
            }
            for template in [scenario.summary, scenario.title, scenario.about] {
                assert!(!template.is_empty() && !filled.text(template).contains('{'), "{scenario:?}");
            }
        }
    }
}
