//! Passages have one derivation, whose probability is that of the text.

use super::*;
use std::collections::HashSet;

#[test]
fn every_passage_has_one_derivation_of_its_probability() {
    let mut draw = Draw::new(1, "textbook");
    for entity in entities() {
        let grammar = grammar(entity);
        for _ in 0..3 {
            let (text, nats) = grammar.draw(&mut draw);
            let parse = grammar.parse(&text);
            assert_eq!(parse.derivations, 1, "{text}");
            assert!((parse.probability.ln() + nats).abs() < 1e-9, "{text}");
        }
    }
}

#[test]
fn among_all_passages_too() {
    let all = all();
    let mut draw = Draw::new(2, "textbook");
    for _ in 0..30 {
        let (given, rest, nats) = known(&mut draw);
        let text = given + &rest;
        let nats = nats + (entities().len() as f64).ln();
        let parse = all.parse(&text);
        assert_eq!(parse.derivations, 1, "{text}");
        assert!((parse.probability.ln() + nats).abs() < 1e-9, "{text}");
    }
    assert_eq!(entities().iter().map(heading).collect::<HashSet<_>>().len(), entities().len());
}

#[test]
fn there_is_enough_to_choose() {
    let mut draw = Draw::new(3, "textbook");
    let (mut letters, mut nats) = (0, 0.0);
    for _ in 0..2_000 {
        let (_, text, of_text) = known(&mut draw);
        letters += text.len();
        nats += of_text;
    }
    let density = nats / letters as f64;
    assert!(density > 0.09, "{density} nats per character");
    let known: f64 = entities().iter().map(|entity| grammar(entity).entropy()).sum::<f64>() / entities().len() as f64;
    assert!((nats / 2_000.0 / known - 1.0).abs() < 0.02, "{} {known}", nats / 2_000.0);
}

#[test]
fn sentences_look_like_sentences() {
    let mut draw = Draw::new(4, "textbook");
    for _ in 0..3_000 {
        let (heading, body, _) = known(&mut draw);
        let text = format!("{heading}{body}");
        assert!(heading.contains(": ") && heading.ends_with('\n') && body.ends_with('.'), "{text}");
        for bad in ["  ", "..", "{", "}", "[", "]", "|", " . ", " ,", "\n", " a a", " a e", " a i", " a o"] {
            assert!(!body.contains(bad), "{bad:?} in {text}");
        }
        for sentence in body.replace("D.C. ", "DC ").split(". ") {
            let first = sentence.chars().next().unwrap();
            assert!(first.is_uppercase() || first.is_ascii_digit() || first == '.', "{text}");
        }
    }
}
