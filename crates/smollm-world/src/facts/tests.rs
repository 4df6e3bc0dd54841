//! The tables are whole, and their sentences are English.

use super::*;
use std::collections::HashSet;

#[test]
fn the_world_is_large_enough() {
    let full = entities().iter().filter(|entity| entity.facts.len() >= 6).count();
    let facts: usize = entities().iter().map(|entity| entity.facts.len()).sum();
    assert!(full >= 400, "{full} entities with six facts");
    assert!(facts >= 400 * 6, "{facts}");
}

#[test]
fn every_topic_has_phrasings_to_learn_and_to_withhold() {
    for topic in topics() {
        let name = format!("{} {}", topic.class.name, topic.attribute.key);
        for phrasings in
            [Some(&topic.forward), topic.attribute.reverse.is_some().then_some(&topic.backward)].into_iter().flatten()
        {
            let [train, held_out] = [Split::Train, Split::HeldOut].map(|split| phrasings.of_split(split));
            assert!(train.len() + held_out.len() >= 30, "{name}: {} + {}", train.len(), held_out.len());
            assert!(held_out.len() >= 5 && train.len() >= 24, "{name}: {} + {}", train.len(), held_out.len());
            let all: HashSet<String> = train.iter().chain(held_out).map(|text| text.to_lowercase()).collect();
            assert_eq!(all.len(), train.len() + held_out.len(), "{name}");
        }
        assert!(topic.pronoun.len() >= 10, "{name}");
    }
}

#[test]
fn names_are_the_names_of_one_thing_in_a_class() {
    let mut names = HashSet::new();
    for entity in entities() {
        for name in &entity.names {
            assert!(names.insert((entity.class.name, name.bare.to_lowercase())), "{name:?}");
        }
    }
}

#[test]
fn questions_are_well_formed() {
    for entity in entities() {
        for fact in &entity.facts {
            let topic = &topics()[fact.topic];
            let all = [&topic.forward, &topic.backward]
                .map(|phrasings| [Split::Train, Split::HeldOut].map(|split| phrasings.of_split(split)));
            for template in all.into_iter().flatten().flatten().chain(&topic.pronoun) {
                let text = fill(template, entity.name(), &fact.values[0]);
                assert!(text.ends_with(['?', '.']) && !text.ends_with(".."), "{text}");
                assert!(!text.contains("  ") && !text.contains(['{', '}', '|', '[']), "{text}");
                assert!(
                    text.chars().next().is_some_and(|first| first.is_uppercase() || first == '.' || first == '+'),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn the_periodic_table_follows_from_the_number() {
    for (element, expected) in [
        ("hydrogen", "H 1 nonmetal 1 1 s-block gas helium"),
        ("helium", "He 2 noble gas 1 18 s-block gas hydrogen lithium"),
        ("aluminium", "Al 13 post-transition metal 3 13 p-block solid magnesium silicon"),
        ("iron", "Fe 26 transition metal 4 8 d-block solid manganese cobalt"),
        ("bromine", "Br 35 halogen 4 17 p-block liquid selenium krypton"),
        ("cerium", "Ce 58 lanthanide 6 f-block solid lanthanum praseodymium"),
        ("hafnium", "Hf 72 transition metal 6 4 d-block solid lutetium tantalum"),
        ("mercury", "Hg 80 6 12 d-block liquid gold thallium"),
        ("lawrencium", "Lr 103 actinide 7 nobelium rutherfordium"),
        ("oganesson", "Og 118 7 18 p-block tennessine"),
    ] {
        let entity = of_class(&elements::CLASS).find(|entity| entity.name().full == element).unwrap();
        let values: Vec<&str> = entity.facts.iter().map(|fact| fact.values[0].as_str()).collect();
        assert_eq!(values.join(" "), expected, "{element}");
    }
}

#[test]
fn the_bare_value_is_an_answer() {
    let check = |class: &'static Class, name: &str, key: &str| {
        let entity = of_class(class).find(|entity| entity.name().bare == name).unwrap();
        let fact = entity.facts.iter().find(|fact| topics()[fact.topic].attribute.key == key).unwrap();
        entity.check(fact)
    };
    let symbol = check(&elements::CLASS, "calcium", "symbol");
    assert!(symbol.passes_text("Ca.") && symbol.passes_text("The chemical symbol of calcium is Ca."));
    assert!(!symbol.passes_text("C") && !symbol.passes_text("Ca and Co"));
    let moons = check(&planets::CLASS, "Earth", "moons");
    assert!(moons.passes_text("One.") && moons.passes_text("1") && moons.passes_text("Earth has one moon."));
    assert!(!moons.passes_text("two") && !moons.passes_text("one of two"));
    let days = check(&months::CLASS, "February", "days");
    assert!(days.passes_text("28 days, 29 in leap years") && !days.passes_text("31"));
}

#[test]
fn names_contained_in_names_do_not_pass_for_each_other() {
    let country = |name: &str| of_class(&countries::CLASS).find(|entity| entity.name().full == name).unwrap();
    let guinea = country("Guinea").reverse_check();
    assert!(guinea.passes_text("Conakry is the capital of Guinea."));
    assert!(!guinea.passes_text("Conakry is the capital of Papua New Guinea."));
    let luxembourg = country("Luxembourg");
    assert!(!luxembourg.check(&luxembourg.facts[0]).passes_text("The capital of Luxembourg is Paris."));
    let states = country("the United States");
    assert_eq!(states.answer(&states.facts[0]), "The capital of the United States is Washington, D.C.");
    assert!(states.reverse_check().passes_text("Washington, D.C. is the capital of the USA."));
}
