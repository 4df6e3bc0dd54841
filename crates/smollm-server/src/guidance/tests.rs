//! What is asked for in each API's words, and what is refused.

use super::*;
use serde_json::json;

fn source(fields: Value) -> Result<Option<(String, GrammarSource)>, ApiError> {
    let guidance: Guidance = serde_json::from_value(fields).expect("fields");
    guidance.source()
}

#[test]
fn every_api_has_its_words() {
    let schema = json!({"type": "integer"});
    let same = GrammarSource::JsonSchema(schema.clone());
    let cases = [
        (json!({"response_format": {"type": "text"}}), None),
        (json!({"grammar": ""}), None),
        (json!({"json_schema": {}}), Some(("json_schema", GrammarSource::JsonSchema(json!({}))))),
        (json!({"response_format": {"type": "json_object"}}), Some(("response_format", GrammarSource::JsonObject))),
        (
            json!({"response_format": {"type": "json_object", "schema": schema}}),
            Some(("response_format.schema", same.clone())),
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}}}),
            Some(("response_format.json_schema.schema", same.clone())),
        ),
        (json!({"guided_json": schema.to_string()}), Some(("guided_json", same.clone()))),
        (json!({"json_schema": schema}), Some(("json_schema", same.clone()))),
        (json!({"structured_outputs": {"json": schema}}), Some(("structured_outputs.json", same))),
        (json!({"guided_regex": "a"}), Some(("guided_regex", GrammarSource::Regex("a".into())))),
        (json!({"guided_choice": ["a"]}), Some(("guided_choice", GrammarSource::Choice(vec!["a".into()])))),
        (
            json!({"guided_grammar": "start: \"a\""}),
            Some(("guided_grammar", GrammarSource::Lark("start: \"a\"".into()))),
        ),
        (json!({"grammar": "root ::= \"a\""}), Some(("grammar", GrammarSource::Gbnf("root ::= \"a\"".into())))),
    ];
    for (fields, expected) in cases {
        let expected = expected.map(|(param, source)| (param.to_owned(), source));
        assert_eq!(source(fields.clone()).expect("no error"), expected, "{fields}");
    }
}

#[test]
fn contradictions_and_gaps_are_refused() {
    let cases = [
        (json!({"guided_regex": "a", "grammar": "root ::= \"a\""}), "grammar", "guided_regex and grammar both say"),
        (
            json!({"response_format": {"type": "json_schema"}}),
            "response_format.json_schema.schema",
            "response_format: `json_schema` needs",
        ),
        (
            json!({"response_format": {"type": "json_object", "json_schema": {"schema": {}}}}),
            "response_format.json_schema",
            "response_format.json_schema belongs to the type `json_schema`",
        ),
        (
            json!({"response_format": {"type": "text", "schema": {}}}),
            "response_format.schema",
            "response_format.schema belongs to the type `json_schema` or `json_object`",
        ),
        (json!({"guided_json": "{"}), "guided_json", "guided_json: the text is no JSON"),
    ];
    for (fields, param, message) in cases {
        let error = source(fields.clone()).expect_err("refused");
        assert_eq!(error.param.as_deref(), Some(param), "{fields}");
        assert!(error.message.starts_with(message), "{fields}: {error:?}");
    }
}
