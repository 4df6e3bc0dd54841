//! Small talk is answered in kind.

use super::*;
use std::collections::HashSet;

#[test]
fn every_topic_has_many_phrasings_and_answers_with_a_key() {
    let mut all = HashSet::new();
    for topic in SELF.iter().chain(LIFE) {
        let openers: HashSet<&str> = OPENERS.iter().map(|opener| opener.0).collect();
        let phrasings = topic.asks.len() * if topic.opens { openers.len() } else { 1 };
        assert!(phrasings >= 30, "{} has {phrasings}", topic.name);
        for answer in topic.answers {
            assert!(mentions(topic.keys).passes_text(answer), "{answer}");
            assert!(answer.ends_with(['.', '!', '?']), "{answer}");
        }
        for ask in topic.asks {
            assert!(all.insert(*ask), "{ask} is there twice");
            assert!(ask.ends_with(['.', '!', '?']), "{ask}");
        }
    }
}

#[test]
fn words_are_unique_and_spelt_letter_by_letter() {
    let words: HashSet<&str> = SPELT.into_iter().collect();
    assert_eq!(words.len(), SPELT.len());
    let mut draw = Draw::new(1, "words");
    let (_, answer, _) = spelling(&mut draw, Split::Train);
    let (word, spelt) = answer.trim_start_matches("The word \"").split_once("\" is spelled ").expect("the two");
    assert_eq!(word.to_uppercase(), spelt.trim_end_matches('.').replace('-', ""));
}

#[test]
fn no_word_has_two_opposites_or_two_rhymes() {
    let opposites: HashSet<&str> = OPPOSITES.iter().flat_map(|pair| [pair.0, pair.1]).collect();
    assert_eq!(opposites.len(), 2 * OPPOSITES.len());
    let rhymes: HashSet<&str> = RHYMES.iter().flat_map(|group| group.iter().copied()).collect();
    assert_eq!(rhymes.len(), RHYMES.iter().map(|group| group.len()).sum::<usize>());
}

#[test]
fn it_says_what_it_is() {
    let mut draw = Draw::new(2, "talk");
    let mut found = false;
    for _ in 0..5_000 {
        let item = item(&mut draw, Split::Train);
        if item.messages.last().is_some_and(|last| last["content"] == "What is your name?") {
            assert_eq!(item.answer["content"], "I am SmolLM, a very small language model.");
            found = true;
        }
    }
    assert!(found);
}
