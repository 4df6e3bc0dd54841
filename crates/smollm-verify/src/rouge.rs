//! ROUGE (Lin 2004): how much of a reference a text has, as `rouge_score` counts it without stemming.

use std::collections::HashMap;

/// Precision, recall and their harmonic mean, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Which part of the text is in the reference.
    pub precision: f64,
    /// Which part of the reference is in the text.
    pub recall: f64,
    /// 2PR / (P + R), or 0.
    pub f1: f64,
}

impl Score {
    /// `common` of `text` and of `reference` things; nothing is in an empty text.
    fn of(common: usize, text: usize, reference: usize) -> Self {
        let precision = common as f64 / text.max(1) as f64;
        let recall = common as f64 / reference.max(1) as f64;
        let f1 = if common == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        Self { precision, recall, f1 }
    }
}

/// The text's tokens: stretches of `[a-z0-9]` in its lower case.
fn tokens(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
        .collect()
}

/// ROUGE-n: common n-grams, each as often as it is in both. Without any n-gram on a side the score is 0, as for `n` of 0.
pub fn rouge_n(text: &str, reference: &str, n: usize) -> Score {
    if n == 0 {
        return Score::of(0, 0, 0);
    }
    let (text, reference) = (tokens(text), tokens(reference));
    let mut left: HashMap<&[String], usize> = HashMap::new();
    for gram in reference.windows(n) {
        *left.entry(gram).or_default() += 1;
    }
    let common = text.windows(n).filter(|gram| left.get_mut(gram).is_some_and(take_one)).count();
    Score::of(common, (text.len() + 1).saturating_sub(n), (reference.len() + 1).saturating_sub(n))
}

fn take_one(left: &mut usize) -> bool {
    let some = *left > 0;
    *left -= usize::from(some);
    some
}

/// ROUGE-L: the longest common subsequence of tokens. Time grows with the product of both lengths, memory with the reference's.
pub fn rouge_l(text: &str, reference: &str) -> Score {
    let (text, reference) = (tokens(text), tokens(reference));
    // row[j]: the longest common subsequence of what is read of the text and the first j tokens of the reference
    let mut row = vec![0; reference.len() + 1];
    for token in &text {
        let mut diagonal = 0;
        for (j, other) in reference.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if token == other { diagonal + 1 } else { above.max(row[j]) };
            diagonal = above;
        }
    }
    Score::of(row[reference.len()], text.len(), reference.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(score: Score, precision: f64, recall: f64, f1: f64) {
        for (found, expected) in [(score.precision, precision), (score.recall, recall), (score.f1, f1)] {
            assert!((found - expected).abs() < 1e-12, "{score:?}");
        }
    }

    #[test]
    fn the_examples_of_rouge_score_and_by_hand() {
        // rouge_score's own tests: target "testing one two", prediction "testing"
        close(rouge_n("testing", "testing one two", 1), 1.0, 1.0 / 3.0, 0.5);
        close(rouge_n("testing", "testing one two", 2), 0.0, 0.0, 0.0);
        close(rouge_n("testing one", "testing one two", 2), 1.0, 0.5, 2.0 / 3.0);
        close(rouge_l("testing one", "testing one two"), 1.0, 2.0 / 3.0, 0.8);
        close(rouge_l("c a b", "A, b; d c!"), 2.0 / 3.0, 0.5, 4.0 / 7.0);
        close(rouge_n("the the the", "the cat the", 1), 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0);
        for (text, reference) in [("", ""), ("é", "a"), ("a", "")] {
            close(rouge_n(text, reference, 1), 0.0, 0.0, 0.0);
            close(rouge_l(text, reference), 0.0, 0.0, 0.0);
        }
        close(rouge_n("a", "a", 0), 0.0, 0.0, 0.0);
        close(rouge_n("a", "a", usize::MAX), 0.0, 0.0, 0.0);
    }
}
