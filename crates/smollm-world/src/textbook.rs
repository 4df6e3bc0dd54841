//! Passages of a textbook about one entity each, of known probability.
//!
//! A heading names the entity; then all that is known of it follows, one sentence each, in any order and in one of several forms.

use crate::draw::Draw;
use crate::english::with_capital;
use crate::facts::{Entity, Fact, Name, entities, put_in, topics};
use crate::grammar::Node;

#[cfg(test)]
mod tests;

/// All passages about this entity.
fn grammar(entity: &Entity) -> Node {
    Node::Seq(vec![
        Node::text(heading(entity)),
        Node::Shuffle(entity.facts.iter().map(|fact| sentence(entity, fact)).collect(), " "),
    ])
}

/// All passages, each entity being as probable as any other.
#[cfg(test)]
fn all() -> Node {
    Node::any(entities().iter().map(grammar))
}

/// A passage: its heading line, what follows, and minus the logarithm of the probability of what follows once the heading is read.
pub(crate) fn known(draw: &mut Draw) -> (String, String, f64) {
    let entity = draw.pick(entities());
    let (text, nats) = grammar(entity).draw(draw);
    let heading = heading(entity);
    let body = text[heading.len()..].to_owned();
    (heading, body, nats)
}

/// The line that names the entity, with what it is: mercury is an element, Mercury a planet.
fn heading(entity: &Entity) -> String {
    format!("{}: {}\n", with_capital(entity.class.name), entity.name().bare)
}

/// The ways of stating a fact.
fn sentence(entity: &Entity, fact: &Fact) -> Node {
    let forms = topics()[fact.topic].attribute.statements.iter();
    Node::any(forms.map(|form| choices(form, entity.name(), &fact.values[0])))
}

/// The template with its `[a|b]` as choices, and a capital at its beginning.
fn choices(template: &str, name: &Name, value: &str) -> Node {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, after) = after.split_once(']').unwrap_or((after, ""));
        parts.push(vec![before.to_owned()]);
        parts.push(inside.split('|').map(str::to_owned).collect());
        rest = after;
    }
    parts.push(vec![rest.to_owned()]);
    parts.retain(|part| part.as_slice() != [""]);
    let filled = parts.iter().enumerate().map(|(i, part)| {
        Node::any(part.iter().map(|text| {
            let text = put_in(text, name, value);
            Node::text(if i == 0 { with_capital(&text) } else { text })
        }))
    });
    Node::Seq(filled.collect())
}
