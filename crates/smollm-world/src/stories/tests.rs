//! Stories say what became of things and people.

use super::*;
use std::collections::HashSet;

#[test]
fn stories_have_their_length_and_differ() {
    let mut draw = Draw::new(1, "stories");
    let mut texts = HashSet::new();
    for _ in 0..2_000 {
        let text = text(&mut draw);
        assert!((60..=200).contains(&text.split_whitespace().count()), "{text}");
        assert!(!text.contains("  ") && text.ends_with('.'), "{text}");
        for vowel in ["a a", "a e", "a i", "a o", "a u", "an b", "an g", "an r"] {
            assert!(!text.contains(&format!(" {vowel}")), "{vowel}: {text}");
        }
        texts.insert(text);
    }
    assert_eq!(texts.len(), 2_000);
}

#[test]
fn the_last_word_on_a_thing_is_where_it_is() {
    let mut draw = Draw::new(2, "stories");
    for _ in 0..2_000 {
        let mut told = Told::begin(&mut draw, Split::Train, false);
        (0..5).for_each(|_| told.event(&mut draw));
        for (thing, place) in told.things.iter().zip(&told.places) {
            let last =
                told.sentences.iter().rfind(|sentence| sentence.contains(&format!(" {thing}"))).expect("a sentence");
            match place {
                Place::In(place) => assert!(last.contains(&format!("in the {place}")), "{told:?}"),
                Place::Held(who) => {
                    let name = told.people[*who].0;
                    let is_named = last.contains(name) || last.contains("took") || last.contains("picked it up");
                    assert!(is_named && !last.contains(" put "), "{told:?}");
                }
            }
        }
    }
}

#[test]
fn stories_that_are_learnt_have_no_pair_that_is_held_out() {
    let mut draw = Draw::new(3, "stories");
    for _ in 0..500 {
        let told = Told::begin(&mut draw, Split::Train, true);
        let thing = pools::THINGS
            .iter()
            .filter(|thing| told.things[0].ends_with(**thing))
            .max_by_key(|thing| thing.len())
            .expect("a thing");
        assert_eq!(Split::of_text(&format!("{} {thing}", told.people[0].0)), Split::Train);
    }
}
