//! Sums, differences and small products, in the steps in which so small a model can learn them.
//!
//! A sum of two-digit numbers is worked in two steps that are small tables, so that a pair that was never seen needs nothing that was
//! not: "7 + 5 = 12 and 10 + 20 = 30, so 17 + 25 = 42." These tables (operands below ten, and whole tens) are never held out; of all other
//! pairs a fifth is. Products have no such steps: there the phrasing is held out, not the pair.

mod phrasings;

use crate::english::with_capital;
use crate::item::{Item, assistant, casual};
use crate::stories::pools::{COUNTED, PEOPLE};
use crate::{Draw, Split};
use phrasings::{PLAIN, Plain, Problem, problems};
use serde_json::Value;
use smollm_verify::Check;

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// a + b
    Plus,
    /// a - b, with a not below b
    Minus,
    /// a × b, of two digits at most
    Times,
}

/// An operation with its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    op: Op,
    a: i64,
    b: i64,
}

impl Sum {
    fn sign(self) -> &'static str {
        match self.op {
            Op::Plus => "+",
            Op::Minus => "-",
            Op::Times => "×",
        }
    }

    fn result(self) -> i64 {
        match self.op {
            Op::Plus => self.a + self.b,
            Op::Minus => self.a - self.b,
            Op::Times => self.a * self.b,
        }
    }

    /// Where the pair belongs; (a, b) and (b, a) of a sum belong together.
    fn split(self) -> Split {
        let (a, b) = (self.a, self.b);
        let step = (a < 20 && b < 10 && self.result() < 10) || (a < 10 && b < 10) || (a % 10 == 0 && b % 10 == 0);
        match self.op {
            _ if step => Split::Train,
            Op::Plus => Split::of_text(&format!("{}+{}", a.min(b), a.max(b))),
            Op::Minus => Split::of_text(&format!("{a}-{b}")),
            Op::Times => Split::Train,
        }
    }

    /// "17 + 25 = 42"
    fn equation(self) -> String {
        format!("{} {} {} = {}", self.a, self.sign(), self.b, self.result())
    }

    /// The sentence that works it out and ends with the result.
    fn worked(self) -> String {
        let Self { op, a, b } = self;
        let (units, tens) = match op {
            _ if self.is_direct() => return format!("{}.", self.equation()),
            Op::Plus => (Self { op, a: a % 10, b: b % 10 }, Self { op, a: a - a % 10, b: b - b % 10 }),
            Op::Minus => {
                let borrowed = if a % 10 < b % 10 { 10 } else { 0 };
                (Self { op, a: a % 10 + borrowed, b: b % 10 }, Self { op, a: a - a % 10 - borrowed, b: b - b % 10 })
            }
            Op::Times => return format!("{}.", self.equation()),
        };
        format!("{} and {}, so {}.", units.equation(), tens.equation(), self.equation())
    }

    fn is_direct(self) -> bool {
        match self.op {
            Op::Plus => self.a < 10 && self.b < 10,
            Op::Minus => self.a < 20 && self.b < 10 && self.result() < 10,
            Op::Times => true,
        }
    }

    /// Operands that belong to the split, none below `least`, no result below it either.
    fn draw(draw: &mut Draw, op: Op, split: Split, least: i64) -> Self {
        loop {
            let sum = match op {
                // a quarter has a small operand, as people ask
                Op::Plus => {
                    let high = if draw.chance(0.25) { 20 } else { 99 };
                    Self { op, a: draw.between(least, high), b: draw.between(least, 99) }
                }
                Op::Minus => {
                    let a = draw.between(least, 99);
                    Self { op, a, b: draw.between(0, a) }
                }
                Op::Times => Self { op, a: draw.between(least, 12), b: draw.between(least, 12) },
            };
            let fits = sum.b >= least && sum.result() >= least && (op != Op::Times || sum.result() < 100);
            let sum = if op == Op::Plus && draw.chance(0.5) { Self { a: sum.b, b: sum.a, ..sum } } else { sum };
            if fits && (op == Op::Times || sum.split() == split) {
                return sum;
            }
        }
    }
}

fn op(draw: &mut Draw) -> Op {
    match draw.below(10) {
        0..6 => Op::Plus,
        6..9 => Op::Minus,
        _ => Op::Times,
    }
}

/// A question for a result.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    let op = op(draw);
    if draw.chance(0.3) {
        let (question, answer, value) = problem(draw, op, split);
        return asked(casual(draw, &question), answer, value);
    }
    let sum = Sum::draw(draw, op, split, 0);
    let plain: Vec<&Plain> = of_op(&PLAIN, op, split, |plain| plain.0);
    let question = with_operands(draw.pick(&plain).1, sum);
    asked(casual(draw, &question), sum.worked(), sum.result())
}

fn asked(question: String, answer: String, value: i64) -> Item {
    Item::of(question.trim_end(), answer, Check::Number { value: value.to_string() })
}

/// A question in words, its answer, and the value of that.
fn problem(draw: &mut Draw, op: Op, split: Split) -> (String, String, i64) {
    let all = problems();
    let fitting: Vec<&Problem> = of_op(&all, op, split, |problem| problem.op);
    let problem = *draw.pick(&fitting);
    let sum = Sum::draw(draw, op, split, 2);
    let people = draw.sample(&PEOPLE, 2);
    let (_, many) = draw.pick(&COUNTED);
    let filled = |text: &str| {
        let pronoun = if people[0].1 { "she" } else { "he" };
        let text = text.replace("{who}", people[0].0).replace("{other}", people[1].0).replace("{things}", many);
        let text = text.replace("{they}", pronoun).replace("{They}", &with_capital(pronoun));
        with_operands(&text.replace("{r}", &sum.result().to_string()), sum)
    };
    let question = format!("{} {}", filled(problem.story), filled(problem.question));
    (question, format!("{} {}", sum.worked(), filled(problem.answer)), sum.result())
}

/// Those of an operation; of products, those whose phrasing belongs to the split.
fn of_op<T>(all: &[T], op: Op, split: Split, of: impl Fn(&T) -> Op) -> Vec<&T> {
    let of_op = all.iter().filter(|item| of(item) == op);
    of_op.enumerate().filter(|&(i, _)| op != Op::Times || Split::of_index(i) == split).map(|(_, item)| item).collect()
}

fn with_operands(text: &str, sum: Sum) -> String {
    text.replace("{a}", &sum.a.to_string()).replace("{b}", &sum.b.to_string())
}

/// The answer with a result that is off by one or ten.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let said = item.answer["content"].as_str()?;
    let Check::Number { value } = &item.check else { return None };
    let right: i64 = value.parse().ok()?;
    let wrong = right + *draw.pick(&[-10, -1, 1, 10]);
    let wrong = if wrong < 0 { right + 1 } else { wrong };
    // only behind the last sign of equality, where there is no number but the result
    let at = said.rfind("= ")? + 2;
    Some(assistant(format!("{}{}", &said[..at], said[at..].replace(value.as_str(), &wrong.to_string()))))
}

/// Several results in a row, or a table.
pub(crate) fn text(draw: &mut Draw) -> String {
    match draw.below(10) {
        0 => table(draw),
        1 => counting(draw),
        2 => {
            let op = op(draw);
            let (question, answer, _) = problem(draw, op, Split::Train);
            format!("{question} {answer}")
        }
        3 => steps(draw),
        _ => {
            let op = op(draw);
            let lines = draw.between(4, 8);
            let between = *draw.pick(&["\n", "\n", " "]);
            let sums: Vec<String> = (0..lines).map(|_| Sum::draw(draw, op, Split::Train, 0).worked()).collect();
            sums.join(between)
        }
    }
}

fn table(draw: &mut Draw) -> String {
    let a = draw.between(1, 12);
    let rows: Vec<String> =
        (1..=12).map(|b| Sum { op: Op::Times, a, b }).filter(|sum| sum.result() < 100).map(Sum::worked).collect();
    format!("The table of {a}:\n{}", rows.join("\n"))
}

fn counting(draw: &mut Draw) -> String {
    let (step, name) = *draw.pick(&[(1, "ones"), (2, "twos"), (3, "threes"), (4, "fours"), (5, "fives"), (10, "tens")]);
    let start = if step == 1 { draw.between(0, 80) } else { step };
    let numbers: Vec<String> = (0..10).map(|i| (start + i * step).to_string()).collect();
    format!("Counting in {name}: {}.", numbers.join(", "))
}

/// The tables of which longer sums are made.
fn steps(draw: &mut Draw) -> String {
    let op = *draw.pick(&[Op::Plus, Op::Minus]);
    let scale = *draw.pick(&[1, 1, 10]);
    let sums = (0..8).map(|_| {
        let (x, b) = (draw.between(0, 9), draw.between(0, 9));
        let (a, b) = match op {
            Op::Minus if scale == 1 => (x + b, b), // x is the result
            Op::Minus => (x.max(b), x.min(b)),
            _ => (x, b),
        };
        format!("{}.", Sum { op, a: a * scale, b: b * scale }.equation())
    });
    sums.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
