//! Grammars whose texts have a known probability: drawn from, parsed by, and of a known entropy.

use crate::draw::Draw;
use std::borrow::Cow;
use std::collections::HashMap;

/// A part of a text. What it may be is finite, and each way of writing it has a probability.
///
/// A grammar is *unambiguous* if no text has two derivations. Then the probability of a text is that of its derivation, and
/// [`Node::entropy`] is the entropy of the texts. [`Node::parse`] counts derivations, which is how that is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// This text.
    Text(Cow<'static, str>),
    /// All of these, one after the other.
    Seq(Vec<Self>),
    /// One of these, with a probability in proportion to its weight.
    Pick(Vec<(f64, Self)>),
    /// All of these in any order, each order as probable as any other, with this text between them.
    Shuffle(Vec<Self>, &'static str),
}

/// What a parse finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parse {
    /// In how many ways the text can be derived.
    pub derivations: u64,
    /// The sum of their probabilities.
    pub probability: f64,
}

impl Node {
    /// This text.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// One of these, each as probable as any other.
    pub fn any(nodes: impl IntoIterator<Item = Self>) -> Self {
        Self::Pick(nodes.into_iter().map(|node| (1.0, node)).collect())
    }

    /// Writes a text and returns it with minus the logarithm of its derivation's probability, in nats.
    pub fn draw(&self, draw: &mut Draw) -> (String, f64) {
        let mut text = String::new();
        let nats = self.write(draw, &mut text);
        (text, nats)
    }

    fn write(&self, draw: &mut Draw, out: &mut String) -> f64 {
        match self {
            Self::Text(text) => {
                out.push_str(text);
                0.0
            }
            Self::Seq(nodes) => nodes.iter().map(|node| node.write(draw, out)).sum(),
            Self::Pick(nodes) => {
                let total: f64 = nodes.iter().map(|(weight, _)| weight).sum();
                let mut left = draw.uniform() * total;
                let (weight, node) = nodes
                    .iter()
                    .find(|(weight, _)| {
                        left -= weight;
                        left < 0.0
                    })
                    .unwrap_or(&nodes[nodes.len() - 1]);
                (total / weight).ln() + node.write(draw, out)
            }
            Self::Shuffle(nodes, between) => {
                let mut order: Vec<usize> = (0..nodes.len()).collect();
                draw.shuffle(&mut order);
                let mut nats = log_factorial(nodes.len());
                for (place, &i) in order.iter().enumerate() {
                    if place > 0 {
                        out.push_str(between);
                    }
                    nats += nodes[i].write(draw, out);
                }
                nats
            }
        }
    }

    /// The entropy of derivations in nats, exactly: that of the texts where the grammar is unambiguous.
    pub fn entropy(&self) -> f64 {
        match self {
            Self::Text(_) => 0.0,
            Self::Seq(nodes) => nodes.iter().map(Self::entropy).sum(),
            Self::Pick(nodes) => {
                let total: f64 = nodes.iter().map(|(weight, _)| weight).sum();
                nodes.iter().map(|(weight, node)| weight / total * ((total / weight).ln() + node.entropy())).sum()
            }
            Self::Shuffle(nodes, _) => log_factorial(nodes.len()) + nodes.iter().map(Self::entropy).sum::<f64>(),
        }
    }

    /// All derivations of a whole text. Work grows with the size of the grammar and the number of places at which its parts may end, and with
    /// 2^n for a [`Node::Shuffle`] of n parts.
    pub fn parse(&self, text: &str) -> Parse {
        self.ends(text, 0).remove(&text.len()).unwrap_or(Parse { derivations: 0, probability: 0.0 })
    }

    /// Where a derivation of this part that begins at `start` may end.
    fn ends(&self, text: &str, start: usize) -> HashMap<usize, Parse> {
        let one = Parse { derivations: 1, probability: 1.0 };
        match self {
            Self::Text(part) => {
                let fits = text[start..].starts_with(part.as_ref());
                HashMap::from_iter(fits.then_some((start + part.len(), one)))
            }
            Self::Seq(nodes) => {
                let start = HashMap::from([(start, one)]);
                nodes.iter().fold(start, |starts, node| then(&starts, |at| node.ends(text, at)))
            }
            Self::Pick(nodes) => {
                let total: f64 = nodes.iter().map(|(weight, _)| weight).sum();
                let mut ends = HashMap::new();
                for (weight, node) in nodes {
                    for (end, parse) in node.ends(text, start) {
                        add(&mut ends, end, Parse { probability: parse.probability * weight / total, ..parse });
                    }
                }
                ends
            }
            Self::Shuffle(nodes, between) => {
                // states: which parts are written, and up to where
                let mut states: HashMap<(u32, usize), Parse> = HashMap::from([((0, start), one)]);
                for written in 0..nodes.len() {
                    let mut next = HashMap::new();
                    for (&(set, at), parse) in &states {
                        let Some(rest) = (if written == 0 {
                            Some(at)
                        } else {
                            text[at..].starts_with(between).then_some(at + between.len())
                        }) else {
                            continue;
                        };
                        for (i, node) in nodes.iter().enumerate().filter(|(i, _)| set & 1 << i == 0) {
                            for (end, found) in node.ends(text, rest) {
                                add(
                                    &mut next,
                                    (set | 1 << i, end),
                                    chained(*parse, found, 1.0 / (nodes.len() - written) as f64),
                                );
                            }
                        }
                    }
                    states = next;
                }
                states.into_iter().map(|((_, end), parse)| (end, parse)).collect()
            }
        }
    }
}

fn chained(first: Parse, second: Parse, factor: f64) -> Parse {
    Parse {
        derivations: first.derivations * second.derivations,
        probability: first.probability * second.probability * factor,
    }
}

fn add<K: std::hash::Hash + Eq>(ends: &mut HashMap<K, Parse>, end: K, parse: Parse) {
    let sum = ends.entry(end).or_insert(Parse { derivations: 0, probability: 0.0 });
    sum.derivations += parse.derivations;
    sum.probability += parse.probability;
}

fn then(starts: &HashMap<usize, Parse>, ends: impl Fn(usize) -> HashMap<usize, Parse>) -> HashMap<usize, Parse> {
    let mut all = HashMap::new();
    for (&at, &parse) in starts {
        for (end, found) in ends(at) {
            add(&mut all, end, chained(parse, found, 1.0));
        }
    }
    all
}

fn log_factorial(n: usize) -> f64 {
    (2..=n).map(|i| (i as f64).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(of: &'static [&'static str]) -> Node {
        Node::any(of.iter().map(|&text| Node::text(text)))
    }

    #[test]
    fn what_is_drawn_parses_with_the_probability_it_was_drawn_with() {
        let grammar = Node::Seq(vec![
            Node::Pick(vec![(3.0, Node::text("a ")), (1.0, Node::text("b "))]),
            Node::Shuffle(vec![letters(&["x", "xx"]), letters(&["y", "z", "w"]), Node::text("v")], ", "),
        ]);
        let mut draw = Draw::new(1, "test");
        let mut sum = 0.0;
        for _ in 0..20_000 {
            let (text, nats) = grammar.draw(&mut draw);
            let parse = grammar.parse(&text);
            assert_eq!(parse.derivations, 1, "{text}");
            assert!((parse.probability.ln() + nats).abs() < 1e-9, "{text}");
            sum += nats;
        }
        assert!((sum / 20_000.0 - grammar.entropy()).abs() < 0.01, "{} {}", sum / 20_000.0, grammar.entropy());
    }

    #[test]
    fn two_ways_to_a_text_are_two_derivations() {
        let grammar = Node::Seq(vec![letters(&["a", "aa"]), letters(&["a", "aa"])]);
        assert_eq!(grammar.parse("aaa"), Parse { derivations: 2, probability: 0.5 });
        assert_eq!(grammar.parse("aab").derivations, 0);
    }
}
