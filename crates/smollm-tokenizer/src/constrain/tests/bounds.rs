//! Work, memory and values that have bounds.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{accepts, after, compiled, id, lark, regex, scribble, tokenizer};
use crate::constrain::kept::Kept;
use crate::constrain::{ConstraintError, GrammarSource, Grammars};

/// Far more than any of this takes, and far less than it would take without its bound.
const PATIENCE: Duration = Duration::from_secs(120);

#[track_caller]
fn refused_in_time(source: &GrammarSource) -> String {
    let start = Instant::now();
    let message = compiled(source).unwrap_err().to_string();
    assert!(start.elapsed() < PATIENCE, "{message}: {:?}", start.elapsed());
    message
}

fn named(count: usize, part: impl Fn(usize) -> Value) -> Map<String, Value> {
    (0..count).map(|i| (format!("p{i}"), part(i))).collect()
}

#[test]
fn the_search_for_a_culprit_ends() {
    // one part of many is at fault, and everything hangs on many definitions
    let definitions = named(1200, |_| json!({"type": "object", "properties": {"a": {"type": "null"}}}));
    let mut properties = named(1200, |i| json!({"$ref": format!("#/$defs/p{i}")}));
    properties.insert("odd".into(), json!({"type": "integer", "minimum": 5, "maximum": 4}));
    let required = ["odd"];
    let schema = json!({"type": "object", "properties": properties, "required": required, "$defs": definitions});
    assert!(refused_in_time(&GrammarSource::JsonSchema(schema)).starts_with('$'));
}

#[test]
fn patterns_are_counted() {
    let schema = json!({"properties": named(600, |i| json!({"type": "string", "pattern": format!("^a{{{i}}}$")}))});
    let message = refused_in_time(&GrammarSource::JsonSchema(schema));
    assert!(message.contains("more than 500 different patterns"), "{message}");
    let same = json!({"properties": named(600, |_| json!({"type": "string", "pattern": "^a*$"}))});
    assert!(compiled(&GrammarSource::JsonSchema(same)).is_ok());
}

#[test]
fn names_and_values_count_as_parts() {
    let names: Vec<String> = (0..25_000).map(|i| format!("k{i}")).collect();
    for schema in [json!({"required": names, "additionalProperties": {"type": "null"}}), json!({"enum": names})] {
        let message = refused_in_time(&GrammarSource::JsonSchema(schema));
        assert!(message.contains("more than 3000 parts"), "{message}");
    }
}

#[test]
fn what_answers_share_is_made_anew_when_one_has_worn_it_out() {
    let grammar = compiled(&GrammarSource::Regex("[ab]+".into())).unwrap();
    let (mut first, mut second) = (after(&grammar, "ab").unwrap(), after(&grammar, "ba").unwrap());
    first.wear_out();
    for constraint in [&mut first, &mut second] {
        assert!(constraint.allowed().unwrap().may_end());
        constraint.accept(id("a")).unwrap();
        assert!(constraint.may_end().unwrap() && constraint.accept(id("x")).is_err());
    }
    assert!(after(&grammar, "abba").is_some() && after(&grammar, "c").is_none());
}

#[test]
fn work_on_gbnf_is_bounded() {
    let long = "x".repeat(8000);
    let sequence = |parts: usize| GrammarSource::Gbnf(format!("root ::= {}\na ::= \"{long}\"", "a ".repeat(parts)));
    assert!(refused_in_time(&sequence(120_000)).contains("more than 10000 texts, classes and names"));
    assert!(compiled(&sequence(100)).is_ok());
    let stars = format!("root ::= \"{long}\"{}", "*".repeat(200_000));
    let message = refused_in_time(&GrammarSource::Gbnf(stars));
    assert!(message.contains("repetitions of a repetition"), "{message}");
}

#[test]
fn rules_at_the_beginning_of_a_line_make_gbnf() {
    let lark = "start: \"x ::= \" /[a-z]+/";
    assert_eq!(GrammarSource::of_text(lark), GrammarSource::Lark(lark.into()));
    for gbnf in ["root ::= \"a\"", "# about\n  root-1_a::=\n \"a\""] {
        assert_eq!(GrammarSource::of_text(gbnf), GrammarSource::Gbnf(gbnf.into()));
    }
}

#[test]
fn long_texts_are_refused() {
    let long = "a".repeat(300_000);
    for source in [
        GrammarSource::Regex(long.clone()),
        lark(&format!("start: \"{long}\"")),
        GrammarSource::Gbnf(format!("root ::= \"{long}\"")),
        GrammarSource::Choice(vec![long.clone()]),
    ] {
        let message = refused_in_time(&source);
        assert!(message.contains("bytes, and may have 262144"), "{message}");
    }
}

#[test]
fn grammars_that_double_at_every_rule_are_read_in_time() {
    let mut gbnf = String::from("root ::= r0 \"x\"\n");
    (0..60).for_each(|i| gbnf.push_str(&format!("r{i} ::= r{} r{}\n", i + 1, i + 1)));
    gbnf.push_str("r60 ::= \"a\"? | r60 \"b\"\n");
    let start = Instant::now();
    let _ = compiled(&GrammarSource::Gbnf(gbnf)); // whether it is refused is the parser's business
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    let rules: String = (0..5000).map(|i| format!("r{i} ::= \"a\"\n")).collect();
    assert!(refused_in_time(&GrammarSource::Gbnf(format!("root ::= r1\n{rules}"))).contains("more than 4000 rules"));
}

#[test]
fn what_was_asked_for_last_is_kept() {
    let grammars = Grammars::new(tokenizer());
    let source = |i: usize| GrammarSource::Choice(vec![format!("text {i}")]);
    assert!(grammars.kept(&source(0)).is_none());
    grammars.compile(&source(0)).unwrap();
    assert!(accepts(&grammars.kept(&source(0)).unwrap(), "text 0"));
    assert!(grammars.kept(&GrammarSource::Lark("start: \"text 0\"".into())).is_none(), "another source");
    for i in 1..40 {
        grammars.compile(&source(i)).unwrap();
        assert!(grammars.kept(&source(0)).is_some(), "it was asked for again after {i}");
    }
    assert!(grammars.kept(&source(1)).is_none() && grammars.kept(&source(39)).is_some());
    assert!(grammars.compile(&GrammarSource::Regex("(".into())).is_err());
    assert!(grammars.kept(&GrammarSource::Regex("(".into())).is_none(), "errors are not");
}

#[test]
fn what_is_kept_has_a_bound_in_bytes() {
    let grammar = compiled(&GrammarSource::Choice(vec!["a".into()])).unwrap();
    let mut kept = Kept::default();
    for i in 0..20 {
        kept.put(format!("{i}{}", "x".repeat(200_000)), &grammar);
        assert!(kept.bytes() <= 1 << 20, "{}", kept.bytes());
    }
    kept.put("y".repeat(2 << 20), &grammar);
    assert!(kept.get(&"y".repeat(2 << 20)).is_none());
    assert!(kept.get(&format!("19{}", "x".repeat(200_000))).is_some());
}

#[test]
fn what_has_grown_too_large_is_not_kept() {
    let grown = compiled(&GrammarSource::JsonSchema(json!({"type": "string", "maxLength": 9000}))).unwrap();
    let small = compiled(&GrammarSource::Choice(vec!["a".into()])).unwrap();
    let mut kept = Kept::with_memory(grown.bytes() + small.bytes() + 100_000);
    kept.put("grown".into(), &grown);
    kept.put("small".into(), &small);
    assert!(kept.get("grown").is_some() && kept.get("small").is_some());
    let before = grown.bytes();
    let mut constraint = grown.begin_within(9000).unwrap();
    let (quote, letter) = (id("\""), id("a"));
    constraint.accept(quote).unwrap();
    for _ in 0..200 {
        constraint.allowed().unwrap();
        constraint.accept(letter).unwrap();
    }
    assert!(grown.bytes() > before + 100_000, "{before} {}", grown.bytes());
    assert!(kept.get("grown").is_none() && kept.get("small").is_some());
    constraint.accept(letter).unwrap();
}

#[test]
fn one_that_is_too_large_goes_alone() {
    let large = compiled(&GrammarSource::JsonSchema(json!({"type": "string", "maxLength": 9000}))).unwrap();
    let small = compiled(&GrammarSource::Choice(vec!["a".into()])).unwrap();
    assert!(large.bytes() > 2 * small.bytes(), "{} {}", large.bytes(), small.bytes());
    let mut kept = Kept::with_memory(large.bytes() - 1);
    for (source, grammar) in [("first", &small), ("large", &large), ("last", &small)] {
        kept.put(source.into(), grammar);
    }
    assert!(kept.get("large").is_none() && kept.get("first").is_some() && kept.get("last").is_some());
}

#[test]
fn a_text_may_come_to_where_its_grammar_is_too_much_work() {
    // behind the first letter, every further one is a step in each of these
    let letters = || ('A'..='Z').chain('a'..='w').chain('0'..='9').chain("!%,:;=@_".chars());
    let pairs = letters().flat_map(|one| letters().map(move |other| format!("[^{one}]*{one}{other}[^{other}]*y")));
    let grammar = compiled(&regex(&format!("x({})", pairs.collect::<Vec<_>>().join("|")))).unwrap();
    let mut constraint = grammar.begin();
    assert_eq!(constraint.allowed().unwrap().only(), Some(id("x")));
    constraint.accept(id("x")).unwrap();
    let stopped = constraint.allowed().unwrap_err();
    assert!(matches!(stopped, ConstraintError::TooCostly(_)), "{stopped:?}");
    assert!(stopped.to_string().starts_with("the grammar is too much work here: "), "{stopped}");
    let mut wrong = compiled(&regex("[ab]+")).unwrap().begin();
    assert!(matches!(wrong.accept(id("x")), Err(ConstraintError::Refused(_))), "the token is wrong");
}

#[test]
fn what_may_be_anything_is_taken_by_every_reader() {
    let sources = [
        json!({}),
        json!({"type": "object"}),
        json!({"type": "array"}),
        json!({"type": "object", "properties": {"a": {}, "b": {"description": "what you like"}}, "required": ["a", "b"]}),
        json!({"anyOf": [{"type": "object", "additionalProperties": true}, {"items": {}}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "prefixItems": [{"type": "null"}]}}}),
        json!({"minimum": 3}),
    ];
    let digits = "9".repeat(400);
    let deep = format!("{}{}", "[".repeat(150), "]".repeat(150));
    for source in sources {
        let grammar = compiled(&GrammarSource::JsonSchema(source.clone())).unwrap_or_else(|e| panic!("{source}: {e}"));
        for value in ["1e999", &digits, &deep, "-1e-5"] {
            for text in [value.to_owned(), format!("{{\"a\": {value}}}"), format!("[null, {value}]")] {
                assert!(!accepts(&grammar, &text), "{text} under {source}");
            }
        }
        for seed in 0..10 {
            let (text, ended) = scribble(&grammar, seed, 200);
            assert!(!ended || serde_json::from_str::<Value>(&text).is_ok(), "{text} under {source}");
        }
    }
    let open = compiled(&GrammarSource::JsonSchema(json!({"type": "object", "properties": {"a": {}}}))).unwrap();
    for text in ["{\"a\": [1, {\"b\": null}, \"c\", 2.5, true]}", "{\"x\": {}}", "{}"] {
        assert!(accepts(&open, text), "{text}");
    }
}

#[test]
fn multiples_that_the_compiler_cannot_tell_are_refused() {
    let of = |multiple: u64| json!({"type": "integer", "multipleOf": multiple});
    let both = |a: u64, b: u64| compiled(&GrammarSource::JsonSchema(json!({"allOf": [of(a), of(b)]})));
    let grammar = both(4, 6).unwrap();
    assert!(accepts(&grammar, "12") && accepts(&grammar, "0") && !accepts(&grammar, "4") && !accepts(&grammar, "6"));
    for (a, b) in [(65_537, 65_536), (100_000, 100_000), (4_000_000_000, 3)] {
        let message = both(a, b).unwrap_err().to_string();
        assert!(message.starts_with("$.allOf[1].multipleOf: "), "{message}");
    }
    let alone = json!({"properties": {"a": of(100_000), "b": of(99_999)}});
    assert!(compiled(&GrammarSource::JsonSchema(alone)).is_ok(), "they never meet");
}

#[test]
fn a_name_that_is_required_twice_counts_once() {
    let schema = json!({"type": "object", "required": ["a", "a"], "minProperties": 3});
    let message = compiled(&GrammarSource::JsonSchema(schema)).unwrap_err().to_string();
    assert!(message.starts_with("$.minProperties: 3 is not supported"), "{message}");
}

#[test]
fn schemas_are_too_many_together_as_well() {
    let large = json!({"type": "object", "properties": named(2000, |_| json!({"type": "null"}))}).to_string();
    let message = refused_in_time(&lark(&format!(
        "start: a | b | c | d\n{}",
        ["a", "b", "c", "d"].map(|name| format!("{name}: %json {large}\n")).concat()
    )));
    assert!(message.contains("the schemas are too large together"), "{message}");
}
