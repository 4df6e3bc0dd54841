//! Sums are right, learnable from their parts, and apart from those held out.

use super::*;
use std::collections::HashSet;

/// The operands of the equation that an answer ends with.
fn operands(text: &str) -> Vec<String> {
    let after = text.rsplit("so ").next().unwrap_or(text);
    after.split(['+', '-', '×', '=']).take(2).map(|part| part.trim().to_owned()).collect()
}

#[test]
fn held_out_pairs_are_never_learnt() {
    let mut learnt = HashSet::new();
    let mut draw = Draw::new(3, "arithmetic");
    for _ in 0..3_000 {
        for part in text(&mut draw).split(['\n', '.', ',']) {
            if let Some((equation, _)) = part.rsplit("so ").next().and_then(|part| part.split_once(" = ")) {
                learnt.insert(equation.to_owned());
            }
        }
        let item = item(&mut draw, Split::Train);
        let said = item.answer["content"].as_str().expect("a text");
        learnt.insert(said.rsplit("so ").next().unwrap_or(said).split(" = ").next().expect("an equation").to_owned());
    }
    let mut checked = 0;
    for a in 0..=99 {
        for b in 0..=99 {
            for op in [Op::Plus, Op::Minus] {
                let sum = Sum { op, a, b };
                if sum.result() >= 0 && sum.split() == Split::HeldOut {
                    checked += 1;
                    assert!(!learnt.contains(&format!("{a} {} {b}", sum.sign())), "{sum:?}");
                    assert!(op == Op::Minus || Sum { a: b, b: a, ..sum }.split() == Split::HeldOut, "{sum:?}");
                }
            }
        }
    }
    assert!(checked > 2_500, "{checked}");
}

#[test]
fn steps_add_up() {
    for (op, a, b, expected) in [
        (Op::Plus, 17, 25, "7 + 5 = 12 and 10 + 20 = 30, so 17 + 25 = 42."),
        (Op::Plus, 99, 99, "9 + 9 = 18 and 90 + 90 = 180, so 99 + 99 = 198."),
        (Op::Plus, 8, 9, "8 + 9 = 17."),
        (Op::Minus, 42, 17, "12 - 7 = 5 and 30 - 10 = 20, so 42 - 17 = 25."),
        (Op::Minus, 45, 12, "5 - 2 = 3 and 40 - 10 = 30, so 45 - 12 = 33."),
        (Op::Minus, 12, 7, "12 - 7 = 5."),
        (Op::Times, 7, 8, "7 × 8 = 56."),
    ] {
        assert_eq!(Sum { op, a, b }.worked(), expected);
    }
}

#[test]
fn every_equation_is_true() {
    let mut draw = Draw::new(4, "arithmetic");
    for _ in 0..2_000 {
        let text = text(&mut draw);
        for part in text.replace(" and ", "\n").replace("so ", "\n").split(['\n', '.', ',', '?']) {
            let Some((left, right)) = part.split_once(" = ") else { continue };
            let [a, b] = &operands(left)[..] else { panic!("{left}") };
            let (a, b): (i64, i64) = (a.parse().expect("a number"), b.parse().expect("a number"));
            let result = if left.contains('+') {
                a + b
            } else if left.contains('-') {
                a - b
            } else {
                a * b
            };
            assert_eq!(right.trim().parse(), Ok(result), "{text}");
        }
    }
}
