//! Conversations that go on about an entity without naming it, or ask the same of another.
//!
//! Phrasings are those that are learnt; withheld are pairs of a phrasing and the one that follows it.

use crate::draw::Draw;
use crate::facts::{Entity, Fact, entities, fill, topics};
use crate::item::{Item, assistant, casual, user};
use crate::questions;
use crate::split::Split;
use serde_json::Value;

#[cfg(test)]
mod tests;

/// Asks the same of another entity.
const OF_ANOTHER: &[&str] = &["What about {E}?", "And {E}?", "How about {E}?", "And what about {E}?", "And for {E}?"];

/// What was asked last.
#[derive(Clone, Copy)]
struct Asked {
    entity: &'static Entity,
    fact: &'static Fact,
    template: &'static str,
}

impl Asked {
    fn question(&self) -> String {
        fill(self.template, self.entity.name(), &self.fact.values[0])
    }
}

/// A question, its answer, and one or two questions more, of which the last is to be answered.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    loop {
        if let Some(item) = conversation(draw, split) {
            return item;
        }
    }
}

/// A conversation, unless it turned out to be of the other split.
fn conversation(draw: &mut Draw, split: Split) -> Option<Item> {
    let entity = draw.pick(entities());
    let fact = draw.pick(&entity.facts);
    let topic = &topics()[fact.topic];
    let backward = entity.reverse_answer(fact).filter(|_| draw.chance(0.2));
    let phrasings = if backward.is_some() { &topic.backward } else { &topic.forward };
    let template = draw.pick::<String>(phrasings.of_split(Split::Train));
    let mut last = Asked { entity, fact, template };
    let mut messages =
        vec![user(casual(draw, &last.question())), assistant(backward.unwrap_or_else(|| entity.answer(fact)))];
    let mut topics_asked = vec![fact.topic];
    let turns = if draw.chance(0.35) { 2 } else { 1 };
    for turn in 1..=turns {
        let next = next(draw, last, &topics_asked)?;
        let pair = Split::of_text(&format!("{} {}", last.template, next.template));
        // nothing withheld is learnt, and the last pair of what is held out was not
        if split == Split::Train && pair == Split::HeldOut || split == Split::HeldOut && turn == turns && pair != split
        {
            return None;
        }
        messages.push(user(casual(draw, &next.question())));
        if turn < turns {
            messages.push(assistant(next.entity.answer(next.fact)));
        }
        topics_asked.push(next.fact.topic);
        last = next;
    }
    Some(Item {
        messages,
        tools: Vec::new(),
        answer: assistant(last.entity.answer(last.fact)),
        check: last.entity.check(last.fact),
    })
}

/// What is asked after that: something new of the same entity, or the same of another.
fn next(draw: &mut Draw, last: Asked, topics_asked: &[usize]) -> Option<Asked> {
    if draw.chance(0.2) {
        // "How many inches are in a foot? And in a yard?" would ask for inches, not for what a yard has
        if topics()[last.fact.topic].attribute.asks.iter().any(|ask| ask.contains("{T}")) {
            return None;
        }
        let others: Vec<&Entity> = entities().iter().filter(|other| !std::ptr::eq(*other, last.entity)).collect();
        let asked = others.iter().flat_map(|other| {
            let fact = other.facts.iter().find(|fact| fact.topic == last.fact.topic);
            fact.map(|fact| (*other, fact))
        });
        let asked: Vec<(&'static Entity, &'static Fact)> = asked.collect();
        let &(entity, fact) = draw.pick(&asked);
        return Some(Asked { entity, fact, template: draw.pick::<&str>(OF_ANOTHER) });
    }
    let new: Vec<&'static Fact> = last.entity.facts.iter().filter(|fact| !topics_asked.contains(&fact.topic)).collect();
    if new.is_empty() {
        return None;
    }
    let fact = *draw.pick(&new);
    Some(Asked { entity: last.entity, fact, template: draw.pick::<String>(&topics()[fact.topic].pronoun) })
}

/// The sentence of the answer with what is true of another entity.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    questions::worse(draw, item)
}
