//! What answers of a grammar share: found without waiting, counted, and made only where it is needed.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::closing::schema;
use super::{id, lark, regex, tokenizer};
use crate::constrain::closing::SEARCHES;
use crate::constrain::{GrammarSource, Grammars};

#[test]
fn a_grammar_is_found_in_the_middle_of_a_mask() {
    let (grammars, source) = (Grammars::new(tokenizer()), GrammarSource::JsonSchema(json!({"type": "string"})));
    let constraint = grammars.compile(&source).unwrap().begin_within(50).unwrap();
    let found = Arc::new(AtomicBool::new(false));
    constraint.meanwhile(|| {
        let (grammars, source, (told, waits)) = (grammars.clone(), source.clone(), mpsc::channel());
        thread::spawn(move || told.send(grammars.kept(&source).is_some()));
        found.store(waits.recv_timeout(Duration::from_secs(20)) == Ok(true), Relaxed);
    });
    assert!(found.load(Relaxed), "it waited for the mask");
}

#[test]
fn a_bit_for_each_lexeme_in_each_state_is_counted() {
    let properties: Map<String, Value> = (0..1500).map(|i| (format!("p{i}"), json!({"type": "boolean"}))).collect();
    let grammar = schema(json!({"type": "object", "properties": properties, "additionalProperties": false}));
    let mut constraint = grammar.begin_within(4000).unwrap();
    constraint.accept(id("{")).unwrap();
    // by an allocator that counts 22 MB: 543 bytes for each state of a table, of which there are two, and the rules
    let states = 2 * constraint.chart().states();
    assert!(grammar.bytes() > states * (400 + 1500 / 8), "{} for {states}", grammar.bytes());
    assert!(grammar.bytes() < 22_000_000, "{}", grammar.bytes());
}

#[test]
fn how_a_text_ends_is_looked_for_only_where_it_must_end() {
    let grammars = Grammars::new(tokenizer());
    let searches = |source| {
        let before = SEARCHES.get();
        grammars.compile_here(&source).unwrap();
        SEARCHES.get() - before
    };
    let hard = "[ab]*a[ab]{17}";
    assert_eq!(searches(regex(hard)), 0);
    assert_eq!(searches(lark(&format!("start: /{hard}/ \";\""))), 0);
    assert_eq!(searches(GrammarSource::Gbnf("root ::= [ab]* \"a\" [ab]{17}".into())), 0);
    assert_eq!(searches(GrammarSource::Choice(vec!["a".into(), "b".into()])), 0, "its texts are known");
    assert_eq!(searches(GrammarSource::JsonSchema(json!({"type": "integer"}))), 1);
}
