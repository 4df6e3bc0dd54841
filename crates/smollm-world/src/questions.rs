//! Questions about the facts of the world, from the entity to the value and, where the value determines it, from the value to the entity.

use crate::draw::Draw;
use crate::english::with_capital;
use crate::facts::{Entity, Fact, entities, fill, topics};
use crate::grammar::Node;
use crate::item::{Item, assistant, casual};
use crate::split::Split;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::LazyLock;

#[cfg(test)]
mod tests;

/// How often a question names the value, where it can.
const BACKWARD: f64 = 0.2;

/// A question about a fact. Its phrasing is of the split.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    let entity = draw.pick(entities());
    let fact = draw.pick(&entity.facts);
    let topic = &topics()[fact.topic];
    let value = &fact.values[0];
    if let Some(answer) = entity.reverse_answer(fact).filter(|_| draw.chance(BACKWARD)) {
        let template = draw.pick::<String>(topic.backward.of_split(split));
        let question = fill(template, entity.name(), value);
        return Item::of(casual(draw, &question), answer, entity.reverse_check());
    }
    let template = draw.pick::<String>(topic.questions(split));
    // people use other names too; the answer keeps to the first
    let name = if draw.chance(0.8) { entity.name() } else { draw.pick(&entity.names) };
    Item::of(casual(draw, &fill(template, name, value)), entity.answer(fact), entity.check(fact))
}

/// What an answer says: the fact of this number about the entity of this number, or the way back.
#[derive(Debug, Clone, Copy)]
struct Said {
    entity: usize,
    fact: usize,
    backward: bool,
}

static ANSWERS: LazyLock<HashMap<String, Said>> = LazyLock::new(|| {
    let mut answers = HashMap::new();
    for (i, entity) in entities().iter().enumerate() {
        for (j, fact) in entity.facts.iter().enumerate() {
            answers.insert(entity.answer(fact), Said { entity: i, fact: j, backward: false });
            if let Some(answer) = entity.reverse_answer(fact) {
                answers.insert(answer, Said { entity: i, fact: j, backward: true });
            }
        }
    }
    answers
});

/// The sentence of the answer with what is true of another entity.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let said = ANSWERS.get(item.answer["content"].as_str()?)?;
    let entity = &entities()[said.entity];
    let fact = &entity.facts[said.fact];
    let attribute = topics()[fact.topic].attribute;
    let others: Vec<(&Entity, &Fact)> = entities()
        .iter()
        .filter(|other| !std::ptr::eq(*other, entity))
        .filter_map(|other| Some((other, other.facts.iter().find(|of_other| of_other.topic == fact.topic)?)))
        .collect();
    (0..100).find_map(|_| {
        let (other, of_other) = draw.pick(&others);
        let text = match &attribute.reverse {
            Some(reverse) if said.backward => fill(reverse.answer, other.name(), &fact.values[0]),
            _ => fill(attribute.answer, entity.name(), &of_other.values[0]),
        };
        Some(assistant(text)).filter(|message| !item.check.passes(message))
    })
}

/// A question in a learnt phrasing and its answer, as a text of two lines.
fn exchange_about(entity: &Entity, fact: &Fact) -> Node {
    let topic = &topics()[fact.topic];
    let value = &fact.values[0];
    let of = |questions: &[String], answers: Vec<(f64, Node)>| {
        Node::Seq(vec![
            Node::text("Question: "),
            Node::any(questions.iter().map(|question| Node::text(fill(question, entity.name(), value)))),
            Node::text("\nAnswer: "),
            Node::Pick(answers),
        ])
    };
    let sentence = entity.answer(fact);
    let short = if value.ends_with('.') { value.clone() } else { format!("{}.", with_capital(value)) };
    let forward = of(topic.questions(Split::Train), vec![(4.0, Node::text(sentence)), (1.0, Node::text(short))]);
    let Some(answer) = entity.reverse_answer(fact) else { return forward };
    let short = format!("{}.", with_capital(&entity.name().full));
    let backward = of(topic.backward.of_split(Split::Train), vec![(4.0, Node::text(answer)), (1.0, Node::text(short))]);
    Node::Pick(vec![(1.0 - BACKWARD, forward), (BACKWARD, backward)])
}

/// All exchanges. This is large; [`known`] draws from the same without it.
#[cfg(test)]
fn exchange() -> Node {
    Node::any(entities().iter().map(|entity| Node::any(entity.facts.iter().map(|fact| exchange_about(entity, fact)))))
}

/// Two exchanges with an empty line between them: the word they begin with, what follows, and minus the logarithm of its probability.
///
/// It is always two, so that the end of the text says nothing.
pub(crate) fn known(draw: &mut Draw) -> (String, String, f64) {
    let mut exchange = || {
        let entity = draw.pick(entities());
        let fact = draw.pick(&entity.facts);
        let (text, nats) = exchange_about(entity, fact).draw(draw);
        (text, nats + (entities().len() as f64).ln() + (entity.facts.len() as f64).ln())
    };
    let ((first, of_first), (second, of_second)) = (exchange(), exchange());
    // the space belongs to the word after it, as tokenizers have it
    let (given, rest) = first.split_at("Question:".len());
    (given.to_owned(), format!("{rest}\n\n{second}"), of_first + of_second)
}
