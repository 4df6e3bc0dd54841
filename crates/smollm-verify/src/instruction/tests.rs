//! IFEval's instructions, as its data has them.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn instruction(id: &str, kwargs: Value) -> Result<Instruction, InstructionError> {
    Instruction::new(id, kwargs.as_object().cloned().unwrap_or_default())
}

#[test]
fn strict() {
    let relation = |relation: &str, count: usize| json!({"num_words": count, "relation": relation});
    let nth = |count: usize, nth: usize| json!({"num_paragraphs": count, "nth_paragraph": nth, "first_word": "Elm"});
    for (id, kwargs, text, expected) in [
        ("keywords:existence", json!({"keywords": ["cat", "d.g"]}), "Category: DIG", true),
        ("keywords:existence", json!({"keywords": ["cat", "d.g"]}), "cat", false),
        ("keywords:existence", json!({"keywords": ["École"]}), "une ÉCOLE", true),
        ("keywords:frequency", json!({"keyword": "the", "frequency": 2, "relation": "at least"}), "The other", true),
        ("keywords:frequency", json!({"keyword": "the", "frequency": 2, "relation": "less than"}), "The other", false),
        ("keywords:forbidden_words", json!({"forbidden_words": ["bad", "ba+d"]}), "badly", true),
        ("keywords:forbidden_words", json!({"forbidden_words": ["fine", "ba+d"]}), "It is BAAD.", false),
        (
            "keywords:letter_frequency",
            json!({"letter": "A", "let_frequency": 3, "let_relation": "at least"}),
            "Aab a",
            true,
        ),
        (
            "keywords:letter_frequency",
            json!({"letter": "!", "let_frequency": 1, "let_relation": "less than"}),
            "oh!",
            false,
        ),
        ("length_constraints:number_paragraphs", json!({"num_paragraphs": 2}), "one\n***\ntwo\n***", true),
        ("length_constraints:number_paragraphs", json!({"num_paragraphs": 2}), "one\n***\n***\ntwo", false),
        ("length_constraints:number_words", relation("at least", 3), "don't go", true),
        ("length_constraints:number_words", relation("less than", 3), "don't go", false),
        ("length_constraints:nth_paragraph_first_word", nth(2, 2), "one\n\n\"Elm's tree", true),
        ("length_constraints:nth_paragraph_first_word", nth(2, 2), "one\n\n\n\nelm", false),
        ("length_constraints:nth_paragraph_first_word", nth(1, 2), "one\n\nelm", false),
        ("length_constraints:nth_paragraph_first_word", nth(1, 9), "elm", false),
        ("detectable_content:number_placeholders", json!({"num_placeholders": 2}), "[a] [b\n] []", true),
        ("detectable_content:number_placeholders", json!({"num_placeholders": 2}), "[a [b]", false),
        ("detectable_content:postscript", json!({"postscript_marker": "P.S."}), "x\np. s. y", true),
        ("detectable_content:postscript", json!({"postscript_marker": "P.S."}), "PS y", false),
        ("detectable_content:postscript", json!({"postscript_marker": "P.P.S"}), "P.P.S y", true),
        ("detectable_format:number_bullet_lists", json!({"num_bullets": 3}), "* a\n - b\n** c\n*d", true),
        ("detectable_format:number_bullet_lists", json!({"num_bullets": 1}), "* a\n* b", false),
        ("detectable_format:constrained_response", json!({}), "My answer is no.", true),
        ("detectable_format:constrained_response", json!({}), "My answer is no", false),
        ("detectable_format:number_highlighted_sections", json!({"num_highlights": 2}), "*a* and **b**", true),
        ("detectable_format:number_highlighted_sections", json!({"num_highlights": 1}), "** and * *", false),
        (
            "detectable_format:multiple_sections",
            json!({"section_spliter": "Day", "num_sections": 2}),
            "Day 1 x Day2",
            true,
        ),
        ("detectable_format:multiple_sections", json!({"section_spliter": "Day", "num_sections": 1}), "day 1", false),
        ("detectable_format:json_format", json!({}), "```json\n{\"a\": [1e999]}\n```", true),
        ("detectable_format:json_format", json!({}), "{a: 1}", false),
        ("detectable_format:title", json!({}), "x <<A title>>", true),
        ("detectable_format:title", json!({}), "<< >> <<a\nb>>", false),
        ("combination:two_responses", json!({}), "a ****** b ******", true),
        ("combination:two_responses", json!({}), "a ****** a", false),
        ("combination:two_responses", json!({}), "a ****** ****** b", false),
        ("combination:repeat_prompt", json!({"prompt_to_repeat": "Say it. "}), "\nsay it. No.", true),
        ("combination:repeat_prompt", json!({"prompt_to_repeat": "Say it."}), "I say it.", false),
        ("startend:end_checker", json!({"end_phrase": "That is all."}), "x that is all.\" ", true),
        ("startend:end_checker", json!({"end_phrase": "That is all."}), "That is all. x", false),
        ("startend:quotation", json!({}), " \"a\" ", true),
        ("startend:quotation", json!({}), "\"", false),
        ("change_case:english_capital", json!({}), "A, B 1", true),
        ("change_case:english_capital", json!({}), "1", false),
        ("change_case:english_lowercase", json!({}), "a b", true),
        ("change_case:english_lowercase", json!({}), "a B", false),
        ("punctuation:no_comma", json!({}), "a; b", true),
        ("punctuation:no_comma", json!({}), "a, b", false),
    ] {
        let made = instruction(id, kwargs).expect("an instruction");
        assert_eq!(made.passes(text), expected, "{id} {text}");
        assert!(!made.passes(" \n"), "{id}: a blank response follows nothing");
        let json = serde_json::to_string(&made).expect("JSON");
        assert_eq!(serde_json::from_str::<Instruction>(&json).expect("an instruction"), made);
    }
}

#[test]
fn loose() {
    let lower = instruction("change_case:english_lowercase", json!({})).expect("an instruction");
    for (text, expected) in [
        ("Sure:\nall small", true),
        ("Sure:\nall small\nBye", true),
        ("all\nBye", true),
        ("a\nB\nc", false),
        ("A", false),
    ] {
        assert_eq!(lower.passes_loosely(text), expected, "{text}");
    }
    let end = instruction("startend:end_checker", json!({"end_phrase": "all."})).expect("an instruction");
    assert!(end.passes_loosely("That is *all.*") && !end.passes("That is *all.*"));
    assert!(!end.passes_loosely("") && !end.passes_loosely("\n\n"));
}

#[test]
fn what_is_wrong_is_said() {
    for (id, kwargs, message) in [
        ("a:b", json!({}), "there is no instruction `a:b`"),
        ("language:response_language", json!({"language": "de"}), "not supported: it needs a detector of languages"),
        ("keywords:existence", json!({}), "lacks its argument `keywords`"),
        ("keywords:existence", json!({"keywords": [], "relation": null}), "lacks its argument `keywords`"),
        ("keywords:existence", json!({"keywords": [1]}), "`keywords` of `keywords:existence` is not a list of texts"),
        ("keywords:existence", json!({"keywords": ["("]}), "`(` is no pattern that can be searched for"),
        ("keywords:existence", json!({"keywords": ["(?=a)"]}), "is no pattern that can be searched for"),
        ("keywords:existence", json!({"keywords": ["(a{999}){999}"]}), "is no pattern that can be searched for"),
        (
            "keywords:frequency",
            json!({"keyword": " ", "frequency": 1, "relation": "at least"}),
            "lacks its argument `keyword`",
        ),
        ("detectable_content:postscript", json!({"postscript_marker": "\n"}), "lacks its argument `postscript_marker`"),
        ("keywords:letter_frequency", json!({"letter": "ab"}), "is not one letter"),
        ("length_constraints:number_words", json!({"num_words": -1, "relation": "at least"}), "is not a count"),
        ("length_constraints:number_words", json!({"num_words": 1.5, "relation": "at least"}), "is not a count"),
        ("length_constraints:number_words", json!({"num_words": 1, "relation": "over"}), "is not \"less than\" or"),
        ("punctuation:no_comma", json!({"num_words": 1}), "takes no argument `num_words`"),
    ] {
        let error = instruction(id, kwargs).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(instruction("length_constraints:number_words", json!({"num_words": 3.0, "relation": "at least"})).is_ok());
}

#[test]
fn all_prompts_of_ifeval_are_read() {
    let Some(fixtures) = smollm_testkit::fixtures() else { return };
    let text = std::fs::read_to_string(fixtures.join("eval/ifeval/input_data.jsonl")).expect("the prompts of IFEval");
    let (mut read, mut unsupported) = (0, 0);
    for line in text.lines() {
        let prompt: Value = serde_json::from_str(line).expect("JSON");
        let ids = prompt["instruction_id_list"].as_array().expect("ids");
        let kwargs = prompt["kwargs"].as_array().expect("arguments");
        assert_eq!(ids.len(), kwargs.len());
        for (id, kwargs) in ids.iter().zip(kwargs) {
            match instruction(id.as_str().expect("an id"), kwargs.clone()) {
                Ok(made) => {
                    read += 1;
                    // the fixtures record no outcomes; a prompt is an answer as good as any to find a panic with
                    let _ = (made.passes(line), made.passes_loosely(line));
                    let json = serde_json::to_value(&made).expect("JSON");
                    assert_eq!(serde_json::from_value::<Instruction>(json).expect("an instruction"), made);
                }
                Err(InstructionError::Unsupported { .. }) => unsupported += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!((read, unsupported), (726, 108));
}

proptest! {
    #[test]
    fn no_response_and_no_keyword_panics(response in "(\\PC|[*\n<>\"\\[\\]Pp.s -]){0,40}", keyword in "\\PC{0,6}|[a(|)*+\\\\b]{0,6}") {
        let kwargs = |json: Value| json.as_object().cloned().unwrap_or_else(Map::new);
        for (id, kwargs) in [
            ("keywords:existence", kwargs(json!({"keywords": [keyword]}))),
            ("keywords:forbidden_words", kwargs(json!({"forbidden_words": [keyword]}))),
            ("detectable_format:multiple_sections", kwargs(json!({"section_spliter": keyword, "num_sections": 1}))),
            ("detectable_content:postscript", kwargs(json!({"postscript_marker": keyword}))),
            ("combination:repeat_prompt", kwargs(json!({"prompt_to_repeat": keyword}))),
            ("length_constraints:nth_paragraph_first_word", kwargs(json!({"num_paragraphs": 1, "nth_paragraph": 2, "first_word": keyword}))),
            ("detectable_format:title", Map::new()),
            ("detectable_format:json_format", Map::new()),
            ("combination:two_responses", Map::new()),
            ("length_constraints:number_paragraphs", kwargs(json!({"num_paragraphs": 1}))),
        ] {
            if let Ok(made) = Instruction::new(id, kwargs) {
                made.passes_loosely(&response);
            }
        }
    }
}
