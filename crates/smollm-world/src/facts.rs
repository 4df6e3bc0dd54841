//! The facts of the world: real ones, safe to state, about countries, elements, animals, planets, the calendar and units.
//!
//! Every table becomes the same thing: [`Entity`]s of a [`Class`], each with a [`Fact`] for every [`Attribute`] of which a single
//! statement is true. Where that is doubtful (a country with two capitals, an element whose kind is disputed) the table has no value,
//! and nothing is said or asked.

mod animals;
mod countries;
mod elements;
mod months;
mod phrasing;
mod planets;
mod units;
mod weekdays;

#[cfg(test)]
mod tests;

pub(crate) use phrasing::{Name, Phrasings, fill, noun_questions, put_in};

use crate::split::Split;
use smollm_verify::{Check, text::has_phrase};
use std::sync::LazyLock;

/// What a kind of entities has in common.
pub(crate) struct Class {
    /// As in "a country called ...".
    pub(crate) name: &'static str,
    /// What can be said of them.
    pub(crate) attributes: &'static [Attribute],
}

/// Something that can be said and asked of every entity of a class, with the ways of doing so.
///
/// In templates `{E}` is the entity ("the lion"), `{A}` one of its kind ("a lion"), `{P}` many ("lions"), `{B}` the bare word ("lion"),
/// `{S}` the owner ("the lion's"); `{V}` is the value, `{aV}` the value with "a" or "an", `{T}` the value without its first word.
pub(crate) struct Attribute {
    /// What it is called here; unique in its class.
    pub(crate) key: &'static str,
    /// Noun phrases that fit "the ... of {E}"; may be none.
    pub(crate) nouns: &'static [&'static str],
    /// The sentence that answers a question about it.
    pub(crate) answer: &'static str,
    /// Sentences of a textbook; `[a|b]` is a choice.
    pub(crate) statements: &'static [&'static str],
    /// Direct questions.
    pub(crate) asks: &'static [&'static str],
    /// Indirect questions, as after "Tell me".
    pub(crate) clauses: &'static [&'static str],
    /// Questions that name the entity by a pronoun.
    pub(crate) follow_ups: &'static [&'static str],
    /// Questions that name the value and ask for the entity, where the value determines it.
    pub(crate) reverse: Option<Reverse>,
}

/// The questions from a value to its entity.
pub(crate) struct Reverse {
    /// The sentence that answers.
    pub(crate) answer: &'static str,
    /// Direct questions.
    pub(crate) asks: &'static [&'static str],
    /// Indirect questions.
    pub(crate) clauses: &'static [&'static str],
}

/// A line of a table: names and values in the order of the class's attributes, spellings parted by `|`, nothing where nothing is said.
struct Row {
    names: &'static str,
    plural: &'static str,
    values: Vec<String>,
}

/// A thing of the world.
pub(crate) struct Entity {
    /// What it is.
    pub(crate) class: &'static Class,
    /// Its name, then other names people use for it.
    pub(crate) names: Vec<Name>,
    /// What is known of it.
    pub(crate) facts: Vec<Fact>,
}

/// What is known of an entity under one attribute.
pub(crate) struct Fact {
    /// Which of [`topics`].
    pub(crate) topic: usize,
    /// The value, then other right spellings.
    pub(crate) values: Vec<String>,
    /// No other entity of the class has this value, and neither names the other.
    pub(crate) determines: bool,
    /// Values of others that contain this one as words, and all others where there are few.
    rivals: Vec<String>,
}

/// An attribute of a class with all its phrasings.
pub(crate) struct Topic {
    /// Whose.
    pub(crate) class: &'static Class,
    /// Which.
    pub(crate) attribute: &'static Attribute,
    /// Questions about an entity.
    pub(crate) forward: Phrasings,
    /// Questions from a value, if there are any.
    pub(crate) backward: Phrasings,
    /// Questions by pronoun, none of them held out by itself.
    pub(crate) pronoun: Vec<String>,
}

struct World {
    topics: Vec<Topic>,
    entities: Vec<Entity>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::build);

/// Every entity.
pub(crate) fn entities() -> &'static [Entity] {
    &WORLD.entities
}

/// Every attribute of every class.
pub(crate) fn topics() -> &'static [Topic] {
    &WORLD.topics
}

/// The entities of this class.
pub(crate) fn of_class(class: &'static Class) -> impl Iterator<Item = &'static Entity> {
    entities().iter().filter(move |entity| std::ptr::eq(entity.class, class))
}

impl Entity {
    /// Its name.
    pub(crate) fn name(&self) -> &Name {
        &self.names[0]
    }

    /// Whether a name of this is a name of that too, but for capitals.
    pub(crate) fn has_name_of(&self, other: &Self) -> bool {
        self.names.iter().any(|name| other.names.iter().any(|of_other| name.bare.eq_ignore_ascii_case(&of_other.bare)))
    }

    /// What answers a question about this fact of it.
    pub(crate) fn answer(&self, fact: &Fact) -> String {
        fill(topics()[fact.topic].attribute.answer, self.name(), &fact.values[0])
    }

    /// What answers the question which entity has this value. Only where the value determines it.
    pub(crate) fn reverse_answer(&self, fact: &Fact) -> Option<String> {
        let reverse = topics()[fact.topic].attribute.reverse.as_ref().filter(|_| fact.determines)?;
        Some(fill(reverse.answer, self.name(), &fact.values[0]))
    }

    /// What a right answer to a question about this fact mentions.
    pub(crate) fn check(&self, fact: &Fact) -> Check {
        let answer = topics()[fact.topic].attribute.answer;
        // A value that the sentence has anyway, or that may be a word (iodine's I, indium's In), counts only after the word before it.
        let without = fill(answer, self.name(), "");
        let any = fact.values.iter().map(|value| {
            let weak = has_phrase(&without, value) || value.len() <= 2 && value.chars().all(char::is_alphabetic);
            if weak { format!("{} {value}", word_before_value(answer)) } else { value.clone() }
        });
        let said = Check::Mentions { any: any.collect(), none: fact.rivals.clone() };
        // the bare value is an answer, and so is a number without what is counted
        let many = topics()[fact.topic].attribute.key;
        let one = many.strip_suffix('s').unwrap_or(many);
        let number = |value| -> Option<&str> {
            [many, one].into_iter().find_map(|counted| str::strip_suffix(value, counted)?.strip_suffix(' '))
        };
        let bare = fact.values.iter().flat_map(|value| [Some(value.as_str()), number(value)]);
        Check::Any { checks: vec![said, Check::Exact { answers: bare.flatten().map(str::to_owned).collect() }] }
    }

    /// What a right answer to the question which entity has a value mentions: this one by any of its names, and none whose name contains it.
    pub(crate) fn reverse_check(&self) -> Check {
        let any: Vec<String> = self.names.iter().map(|name| name.bare.clone()).collect();
        let others = of_class(self.class).filter(|other| !std::ptr::eq(*other, self)).map(|other| &other.name().bare);
        let none = others.filter(|other| any.iter().any(|name| has_phrase(other, name))).cloned().collect();
        Check::Mentions { any, none }
    }
}

fn word_before_value(template: &str) -> &str {
    template.split("{V}").next().unwrap_or_default().split_whitespace().last().unwrap_or_default()
}

impl World {
    fn build() -> Self {
        let tables: [(&'static Class, Vec<Row>); 7] = [
            (&countries::CLASS, countries::rows()),
            (&elements::CLASS, elements::rows()),
            (&animals::CLASS, animals::rows()),
            (&planets::CLASS, planets::rows()),
            (&months::CLASS, months::rows()),
            (&weekdays::CLASS, weekdays::rows()),
            (&units::CLASS, units::rows()),
        ];
        let mut world = Self { topics: Vec::new(), entities: Vec::new() };
        for (class, rows) in tables {
            let first = world.topics.len();
            world.topics.extend(class.attributes.iter().map(|attribute| Topic {
                class,
                attribute,
                forward: Phrasings::of(class.name, attribute.key, attribute.nouns, attribute.asks, attribute.clauses),
                backward: attribute.reverse.as_ref().map_or_else(Phrasings::default, |reverse| {
                    Phrasings::of(
                        class.name,
                        &format!("{} reversed", attribute.key),
                        &[],
                        reverse.asks,
                        reverse.clauses,
                    )
                }),
                pronoun: phrasing::by_pronoun(attribute.nouns, attribute.follow_ups),
            }));
            let values = |column: usize| rows.iter().map(move |row| row.values[column].as_str());
            for row in &rows {
                let facts = row.values.iter().enumerate().filter(|(_, value)| !value.is_empty());
                let facts = facts.map(|(column, value)| fact(first + column, row.names, value, values(column)));
                world.entities.push(Entity {
                    class,
                    names: row.names.split('|').map(|name| Name::of(name, row.plural)).collect(),
                    facts: facts.collect(),
                });
            }
        }
        world
    }
}

/// The fact that an entity of these names has this value, among the values of its class.
fn fact<'a>(topic: usize, names: &str, value: &str, all: impl Iterator<Item = &'a str> + Clone) -> Fact {
    let values: Vec<String> = value.split('|').map(str::to_owned).collect();
    let mut others: Vec<&str> = all.clone().filter(|other| !other.is_empty() && *other != value).collect();
    others.sort_unstable();
    others.dedup();
    let few = others.len() < 4;
    let spellings = others.iter().flat_map(|other| other.split('|'));
    let mut rivals: Vec<String> = spellings
        .filter(|other| {
            let larger = values.iter().any(|value| has_phrase(other, value));
            let equal = values.iter().any(|value| value.eq_ignore_ascii_case(other));
            larger && !equal || few && !values.iter().any(|value| has_phrase(value, other))
        })
        .map(str::to_owned)
        .collect();
    rivals.sort_unstable();
    rivals.dedup();
    let same = all.filter(|other| other.split('|').any(|other| values.iter().any(|value| value == other))).count();
    let named = names.split('|').map(|name| name.strip_prefix("the ").unwrap_or(name));
    let telling = named.clone().all(|name| !has_phrase(value, name) && !has_phrase(name, &values[0]));
    Fact { topic, rivals, determines: same == 1 && telling, values }
}

impl Topic {
    /// The questions of this split, about an entity.
    pub(crate) fn questions(&self, split: Split) -> &[String] {
        self.forward.of_split(split)
    }
}
