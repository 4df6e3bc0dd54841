//! Questions are answered by the facts, in texts of known probability.

use super::*;
use std::collections::HashSet;

fn said(item: &Item) -> String {
    item.messages[0]["content"].as_str().unwrap().to_owned()
}

#[test]
fn right_answers_pass_and_worse_ones_fail() {
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(1, "questions");
        for _ in 0..4_000 {
            let item = item(&mut draw, split);
            assert!(item.check.passes(&item.answer), "{item:?}");
            let worse = worse(&mut draw, &item).unwrap_or_else(|| panic!("nothing worse for {item:?}"));
            assert!(!item.check.passes(&worse), "{worse} {item:?}");
        }
    }
}

#[test]
fn the_two_splits_share_no_question() {
    let questions = |split, seed| {
        let mut draw = Draw::new(seed, "questions");
        (0..20_000)
            .map(|_| said(&item(&mut draw, split)).to_lowercase())
            .map(|text| text.trim_end_matches(['.', '?']).to_owned())
            .collect::<HashSet<_>>()
    };
    let (train, held_out) = (questions(Split::Train, 1), questions(Split::HeldOut, 2));
    assert_eq!(train, questions(Split::Train, 1));
    assert!(held_out.len() > 2_000, "{}", held_out.len());
    assert!(train.is_disjoint(&held_out), "{:?}", train.intersection(&held_out).next());
}

#[test]
fn every_right_answer_of_every_fact_passes_its_check() {
    for entity in entities() {
        for fact in &entity.facts {
            assert!(
                entity.check(fact).passes_text(&entity.answer(fact)),
                "{} {:?}",
                entity.answer(fact),
                entity.check(fact)
            );
            if let Some(answer) = entity.reverse_answer(fact) {
                assert!(entity.reverse_check().passes_text(&answer), "{answer} {:?}", entity.reverse_check());
            }
            for refusal in ["I do not know.", "I do not know that. I have no access to the weather."] {
                assert!(!entity.check(fact).passes_text(refusal), "{refusal} {:?}", entity.check(fact));
            }
        }
    }
}

#[test]
fn france_is_asked_about_as_everybody_asks() {
    let mut draw = Draw::new(1, "questions");
    let asked = |item: &Item| said(item) == "What is the capital of France?";
    let item = std::iter::repeat_with(|| item(&mut draw, Split::Train)).find(asked).unwrap();
    assert_eq!(item.answer["content"], "The capital of France is Paris.");
}

#[test]
fn every_exchange_has_one_derivation_of_its_probability() {
    let all = exchange();
    let mut draw = Draw::new(3, "exchange");
    let (mut letters, mut nats) = (0, 0.0);
    for i in 0..400 {
        let (given, rest, of_text) = known(&mut draw);
        let text = given + &rest;
        letters += text.len();
        nats += of_text;
        if i % 8 == 0 {
            let mut sum = 0.0;
            for part in text.split("\n\n") {
                let parse = all.parse(part);
                assert_eq!(parse.derivations, 1, "{part}");
                sum -= parse.probability.ln();
            }
            assert!((sum - of_text).abs() < 1e-9, "{text}");
        }
    }
    assert!(nats / letters as f64 > 0.1, "{}", nats / letters as f64);
}

#[test]
fn no_two_learnt_questions_are_the_same_text() {
    let mut texts = HashSet::new();
    for entity in entities() {
        for fact in &entity.facts {
            let topic = &topics()[fact.topic];
            for split in [Split::Train, Split::HeldOut] {
                for template in topic.questions(split) {
                    let text = fill(template, entity.name(), &fact.values[0]);
                    assert!(texts.insert(text.clone()), "twice: {text}");
                }
            }
        }
    }
}

#[test]
fn articles_fit_what_follows_them() {
    let vowel = |word: &str| word.starts_with(['a', 'e', 'i', 'o', 'u']) && !word.starts_with("unit");
    for split in [Split::Train, Split::HeldOut] {
        let mut draw = Draw::new(7, "questions");
        for _ in 0..4_000 {
            let item = item(&mut draw, split);
            let text = format!("{} {}", said(&item), item.answer["content"].as_str().unwrap());
            let words: Vec<&str> = text.split(' ').collect();
            for pair in words.windows(2).filter(|pair| pair[1] != "hour" && !pair[1].starts_with("hour")) {
                assert!(!(pair[0] == "a" && vowel(pair[1]) || pair[0] == "an" && !vowel(pair[1])), "{text}");
            }
        }
    }
}
