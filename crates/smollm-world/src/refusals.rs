//! Questions that nobody can answer, or not from this world: things that do not exist, attributes that a thing has not or of which nothing
//! is told here, and what cannot be known at all.
//!
//! Withheld are names of things that do not exist, pairs of a thing and an attribute, and phrasings of the rest.

mod nonsense;
mod unknowable;

#[cfg(test)]
mod tests;

use crate::draw::Draw;
use crate::facts::{Class, Entity, Name, Topic, entities, fill, noun_questions, topics};
use crate::item::{Item, assistant, casual};
use crate::split::Split;
use serde_json::Value;
use smollm_verify::Check;
use unknowable::UNKNOWABLE;

/// How every refusal begins.
const PHRASE: &str = "I do not know";

/// A question to which the right answer is that one does not know.
pub(crate) fn item(draw: &mut Draw, split: Split) -> Item {
    let (question, answer) = match draw.below(20) {
        0..7 => about_nothing(draw, split),
        7..11 => about_more(draw, split),
        11..14 => about_something_else(draw, split),
        _ => unknowable::question(draw, split),
    };
    Item::of(casual(draw, &question), answer, Check::Refuses)
}

fn answer(noun: &str, name: &Name) -> String {
    format!("{PHRASE} the {noun} of {}.", name.full)
}

/// Those of which something can be asked by a noun phrase.
fn topics_with_nouns(class: &Class) -> Vec<&'static Topic> {
    topics().iter().filter(|topic| topic.class.name == class.name && !topic.attribute.nouns.is_empty()).collect()
}

/// A usual question about something that does not exist.
fn about_nothing(draw: &mut Draw, split: Split) -> (String, String) {
    let (class, name) = nonsense::thing(draw, split);
    let topic = *draw.pick(&topics_with_nouns(class));
    let template = draw.pick::<String>(topic.questions(Split::Train));
    (fill(template, &name, ""), answer(topic.attribute.nouns[0], &name))
}

/// Things that one might want to know of an entity of a class, and that this world does not tell.
#[rustfmt::skip]
const MORE: &[(&str, &[&str])] = &[
    ("country", &[
        "population", "president", "prime minister", "national anthem", "flag", "area", "highest mountain", "longest river",
        "largest city", "oldest city", "national animal", "national dish", "national flower", "motto", "history", "climate",
        "average income", "largest lake", "national holiday", "most famous writer", "largest airport", "main export",
        "best football team", "oldest university", "crime rate", "army", "biggest company", "most popular song",
    ]),
    ("element", &[
        "melting point", "boiling point", "density", "price", "discoverer", "color", "taste", "smell", "hardness", "main use",
        "origin", "year of discovery", "half-life", "electronegativity", "crystal structure", "largest mine", "history",
    ]),
    ("animal", &[
        "top speed", "average weight", "lifespan", "scientific name", "number of teeth", "heart rate", "body temperature", "price",
        "number of bones", "worst enemy", "average height", "tail length", "favorite game", "intelligence", "age", "brain size",
    ]),
    ("planet", &[
        "mass", "diameter", "average temperature", "discoverer", "color", "age", "gravity", "number of volcanoes", "weather",
        "highest mountain", "speed",
    ]),
    ("month", &["most popular holiday", "average temperature", "origin", "best movie", "luckiest day", "flower"]),
    ("day of the week", &["most popular song", "origin", "luckiest hour", "best movie"]),
    ("unit", &["inventor", "history", "most common mistake", "origin"]),
];

/// A question about something real that this world does not tell.
fn about_more(draw: &mut Draw, split: Split) -> (String, String) {
    asked(draw, split, |draw, entity| {
        let (_, nouns) = MORE.iter().find(|(class, _)| *class == entity.class.name)?;
        Some(*draw.pick(nouns))
    })
}

/// Things that only entities of one class have.
const ONLY: &[(&str, &[&str])] = &[
    ("country", &["capital", "currency", "calling code", "internet domain", "language", "driving side", "continent"]),
    ("element", &["atomic number", "chemical symbol", "number of protons"]),
    ("animal", &["number of legs", "diet", "habitat", "body covering"]),
    ("planet", &["number of moons"]),
    ("month", &["number of days"]),
];

/// A question about an attribute that its entity has not.
fn about_something_else(draw: &mut Draw, split: Split) -> (String, String) {
    asked(draw, split, |draw, entity| {
        // Mercury has no chemical symbol, but mercury has; and a week has seven days
        let like = |other: &Entity| other.class.name == entity.class.name || other.has_name_of(entity);
        let fits = |class: &str| entities().iter().any(|other| other.class.name == class && like(other));
        let others =
            ONLY.iter().filter(|(class, _)| !(fits(class) || *class == "month" && entity.class.name == "unit"));
        let nouns: Vec<&str> = others.flat_map(|(_, nouns)| *nouns).copied().collect();
        Some(*draw.pick(&nouns))
    })
}

/// A question by a noun phrase of this choice about an entity, the two of them of this split.
fn asked(
    draw: &mut Draw,
    split: Split,
    choice: impl Fn(&mut Draw, &Entity) -> Option<&'static str>,
) -> (String, String) {
    loop {
        let entity = draw.pick(entities());
        let Some(noun) = choice(draw, entity) else { continue };
        if Split::of_text(&format!("{noun} {}", entity.name().full.to_lowercase())) == split {
            // a phrasing that is withheld for a fact is not learnt as what one does not know
            let withheld = |template: &String| {
                let of_noun = topics().iter().filter(|topic| topic.attribute.nouns.contains(&noun));
                of_noun.flat_map(|topic| topic.questions(Split::HeldOut)).any(|other| other == template)
            };
            let templates: Vec<String> = noun_questions(noun).filter(|template| !withheld(template)).collect();
            return (fill(draw.pick::<String>(&templates), entity.name(), ""), answer(noun, entity.name()));
        }
    }
}

/// Says something with confidence instead.
pub(crate) fn worse(draw: &mut Draw, item: &Item) -> Option<Value> {
    let refusal = item.answer["content"].as_str()?.strip_prefix(PHRASE)?;
    if let Some(reason) = refusal.strip_prefix(" that. ") {
        let topic = UNKNOWABLE.iter().find(|topic| topic.reason == reason)?;
        return Some(assistant(*draw.pick(topic.inventions)));
    }
    let of_what = refusal.strip_prefix(" the ")?.trim_end_matches('.');
    let named = topics().iter().find_map(|topic| {
        let name = of_what.strip_prefix(topic.attribute.nouns.first()?)?.strip_prefix(" of ")?;
        Some((topic, Name::of(name, "")))
    });
    let Some((topic, name)) = named else {
        let values =
            ["unknown to most people", "about nine hundred", "Martin", "the green one", "forty-two", "very high"];
        return Some(assistant(format!("The {of_what} is {}.", draw.pick(&values))));
    };
    let values: Vec<&String> = entities()
        .iter()
        .flat_map(|entity| &entity.facts)
        .filter(|fact| std::ptr::eq(&topics()[fact.topic], topic))
        .map(|fact| &fact.values[0])
        .collect();
    Some(assistant(fill(topic.attribute.answer, &name, draw.pick::<&String>(&values))))
}
