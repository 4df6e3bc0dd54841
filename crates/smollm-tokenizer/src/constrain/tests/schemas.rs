//! Which schemas are taken and which values they let through.

use serde_json::{Value, json};

use super::{accepts, compiled};
use crate::constrain::{Grammar, GrammarError, GrammarSource};

fn schema(schema: Value) -> Result<Grammar, GrammarError> {
    compiled(&GrammarSource::JsonSchema(schema))
}

/// Says `valid` of each of the texts.
fn check(source: Value, texts: &[(&str, bool)]) {
    let grammar = schema(source.clone()).unwrap_or_else(|e| panic!("{source}: {e}"));
    for &(text, valid) in texts {
        assert_eq!(accepts(&grammar, text), valid, "{text} under {source}");
    }
}

fn refusal(source: Value) -> String {
    schema(source.clone()).map(|_| source).unwrap_err().to_string()
}

#[test]
fn values_are_held_to_the_schema() {
    check(
        json!({"type": "integer", "minimum": 3, "exclusiveMaximum": 12}),
        &[("3", true), ("11", true), ("12", false), ("2", false)],
    );
    check(
        json!({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}),
        &[("0", false), ("0.0", false), ("0.5", true), ("0.25", true), ("0.51", false), ("-0", false)],
    );
    check(
        json!({"type": ["number", "null"], "minimum": -5.5, "exclusiveMaximum": -5}),
        &[("-5", false), ("-5.0", false), ("-5.00001", true), ("-5.5", true), ("-5.6", false), ("null", true)],
    );
    // what programs would read as a limit that is excluded
    check(
        json!({"exclusiveMinimum": 0.1, "exclusiveMaximum": 1}),
        &[("0.1", false), ("0.10000000000000000000001", false), ("0.1001", true), ("0.99999999999999999999", false)],
    );
    check(
        json!({"allOf": [{"type": "integer"}, {"exclusiveMinimum": 2, "minimum": 1}, {"exclusiveMaximum": 4.5}]}),
        &[("2", false), ("3", true), ("4", true), ("5", false)],
    );
    check(
        json!({"type": "string", "minLength": 2, "maxLength": 3}),
        &[("\"ab\"", true), ("\"a\"", false), ("\"äöü\"", true), ("\"abcd\"", false)],
    );
    check(
        json!({"enum": ["a", 2, null, {"x": [true]}]}),
        &[("\"a\"", true), ("2", true), ("{\"x\": [true]}", true), ("3", false)],
    );
    check(json!({"type": ["string", "null"]}), &[("null", true), ("\"\"", true), ("1", false)]);
    check(
        json!({"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2}),
        &[
            ("[]", false),
            ("[true]", true),
            ("[true, false]", true),
            ("[true,false]", false),
            ("[true, false, true]", false),
        ],
    );
    check(
        json!({"type": "string", "format": "date"}),
        &[
            ("\"2024-02-29\"", true),
            ("\"2023-02-29\"", false),
            ("\"1900-02-29\"", false),
            ("\"2000-02-29\"", true),
            ("\"0000-01-01\"", false),
        ],
    );
    check(
        json!({"type": "string", "format": "ipv6"}),
        &[
            ("\"::\"", true),
            ("\"1:2:3:4:5:6:7:8\"", true),
            ("\"1::8\"", true),
            ("\"1:2:3:4:5:6:7::\"", true),
            ("\"1:2:3:4:5:6:7:8::\"", false),
            ("\"1::2::3\"", false),
            ("\"::1:2:3:4:5:6:7\"", true),
            ("\"1:2::3:4:5:6:7:8\"", false),
        ],
    );
    check(json!({"type": "string", "format": "email", "pattern": "^a"}), &[("\"a@b.c\"", true), ("\"b@b.c\"", false)]);
}

#[test]
fn keys_come_in_order_and_none_can_come_twice() {
    let source = json!({"type": "object", "properties": {"b": {"type": "integer"}, "a\n": {"type": "null"}},
                        "required": ["b"], "additionalProperties": {"type": "string"}});
    check(
        source,
        &[
            ("{\"b\": 1}", true),
            ("{\"b\": 1, \"a\\n\": null}", true),
            ("{\"a\\n\": null, \"b\": 1}", false),
            ("{\"b\": 1, \"c\": \"\"}", true),
            ("{\"b\": 1, \"c\": 1}", false),
            ("{\"b\": 1, \"\\u0062\": \"\"}", false),
            ("{\"b\": 1, \"a\\u000a\": \"\"}", false),
            ("{\"b\": 1, \"b\": \"\"}", false),
            ("{}", false),
        ],
    );
}

#[test]
fn references_lead_anywhere_in_the_schema() {
    let source =
        json!({"$ref": "#/$defs/a~1b%25", "$defs": {"a/b%": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}}});
    check(source, &[("[]", true), ("[[[]]]", true), ("[[], []]", false), ("1", false)]);
    let old = json!({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {"type": "null"}},
                     "properties": {"x": {"$ref": "#/definitions/n", "type": "string"}}, "type": "object",
                     "additionalProperties": false});
    check(old, &[("{\"x\": null}", true), ("{\"x\": \"\"}", false)]);
    let tuple = json!({"items": [{"type": "null"}], "additionalItems": {"type": "boolean"}, "type": "array"});
    check(tuple, &[("[null, true]", true), ("[true]", false), ("[null, null]", false), ("[]", true)]);
}

/// As Pydantic writes unions that a field tells apart.
#[test]
fn branches_that_exclude_each_other_are_alternatives() {
    let source = json!({
        "$defs": {
            "Cat": {"type": "object", "properties": {"kind": {"const": "cat", "type": "string"}, "lives": {"type": "integer"}},
                    "required": ["kind", "lives"], "additionalProperties": false},
            "Dog": {"type": "object", "properties": {"kind": {"const": "dog", "type": "string"}}, "required": ["kind"],
                    "additionalProperties": false},
        },
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"}},
        "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
    });
    check(
        source,
        &[
            ("{\"kind\": \"cat\", \"lives\": 9}", true),
            ("{\"kind\": \"dog\"}", true),
            ("{\"kind\": \"dog\", \"lives\": 9}", false),
            ("{\"kind\": \"cow\"}", false),
        ],
    );
    let with_any =
        json!({"oneOf": [{"type": "string"}, {"type": "null"}], "anyOf": [{"type": "null"}, {"type": "number"}]});
    check(with_any, &[("null", true), ("\"\"", false), ("1", false)]);
    let path = refusal(json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"not": {}}}]}));
    assert!(path.starts_with("$.oneOf[1].items.not: "), "{path}");
}

#[test]
fn names_of_properties_are_any_or_told() {
    let numbers =
        |names: Value| json!({"type": "object", "propertyNames": names, "additionalProperties": {"type": "number"}});
    check(numbers(json!({"type": "string"})), &[("{\"a\": 1, \"b\": 2}", true), ("{\"a\": null}", false)]);
    check(
        numbers(json!({"pattern": "^x-"})),
        &[("{\"x-a\": 1, \"x-b\": 2}", true), ("{\"a\": 1}", false), ("{\"x-a\": null}", false), ("{}", true)],
    );
    check(
        numbers(json!({"type": "string", "enum": ["a", "b", 1]})),
        &[("{\"a\": 1, \"b\": 2}", true), ("{\"b\": 1}", true), ("{\"c\": 1}", false), ("{\"1\": 1}", false)],
    );
    for (source, message) in [
        (numbers(json!({"minLength": 2})), "$.propertyNames: `propertyNames` is not supported but for "),
        (numbers(json!({"pattern": "("})), "$.propertyNames.pattern: the pattern"),
        (
            json!({"propertyNames": {"pattern": "a"}, "properties": {"a": {}}}),
            "$.propertyNames: `propertyNames` is not supported beside `properties`",
        ),
        (
            json!({"propertyNames": {"enum": ["a"]}, "additionalProperties": {"not": {}}}),
            "$.additionalProperties.not: ",
        ),
    ] {
        let refused = refusal(source.clone());
        assert!(refused.starts_with(message), "{source}: {refused}");
    }
}

#[test]
fn formats_of_numbers_are_limits() {
    check(
        json!({"type": "integer", "format": "int8"}),
        &[("127", true), ("128", false), ("-128", true), ("-129", false)],
    );
    check(
        json!({"type": "integer", "format": "uint32", "minimum": 5}),
        &[("4", false), ("5", true), ("4294967295", true), ("4294967296", false)],
    );
    check(json!({"type": "number", "format": "double"}), &[("-0.5", true), ("\"\"", false)]);
    check(json!({"type": "string", "format": "password"}), &[("\"secret\"", true)]);
}

#[test]
fn patterns_are_those_of_ecma_262() {
    check(
        json!({"pattern": "^\\S$", "type": "string"}),
        // Python reads U+0085 as white space
        &[("\"a\"", true), ("\"\u{feff}\"", false), ("\"\u{85}\"", false)],
    );
    check(json!({"pattern": "^\\W$", "type": "string"}), &[("\"-\"", true), ("\"a\"", false), ("\"é\"", false)]);
    let names = json!({"type": "object", "patternProperties": {"^\\W": {"type": "null"}}});
    check(names, &[("{\"é\": null}", true), ("{\"é\": 1}", false), ("{\"a\": 1}", true)]);
    check(json!({"pattern": "^.$", "type": "string"}), &[("\"a\"", true), ("\"\u{2028}\"", false), ("\"\\r\"", false)]);
    check(json!({"pattern": "^[[a]$", "type": "string"}), &[("\"a\"", true), ("\"[\"", true), ("\"b\"", false)]);
    let doubled =
        json!({"type": "object", "patternProperties": {"^\\s": {"type": "null"}}, "additionalProperties": false});
    check(doubled, &[("{\" a\": null}", true), ("{\"a\": null}", false)]);
    let twice = json!({"patternProperties": {"^[[]": {"type": "null"}, "^[\\[]": {"type": "string"}}});
    assert_eq!(refusal(twice), "$.patternProperties.^[\\[]: the same pattern stands here in another form");
    let refused = refusal(json!({"pattern": "a\\"}));
    assert_eq!(refused, "$.pattern: the pattern \"a\\\\\" is not supported: it ends with a lone backslash");
}

#[test]
fn annotations_change_nothing() {
    let source = json!({"$id": "urn:x", "title": "T", "description": "d", "default": 1, "examples": [2], "$comment": "c", "x-order": 1,
                        "type": "boolean", "deprecated": true, "uniqueItems": false, "nullable": false});
    check(source, &[("true", true), ("1", false)]);
}

#[test]
fn what_cannot_be_held_is_refused_with_its_path() {
    let cases = [
        (json!({"properties": {"tags": {"type": "array", "uniqueItems": true}}}), "$.properties.tags.uniqueItems: "),
        (json!({"anyOf": [{"type": "null"}, {"not": {}}]}), "$.anyOf[1].not: "),
        (json!({"items": {"format": "iri"}}), "$.items.format: \"iri\" is not supported; date, time,"),
        (json!({"$ref": "#/$defs/x", "$defs": {"x": {"items": {"contains": {}}}}}), "$.$defs.x.items.contains: "),
        (json!({"$ref": "http://example.com/s"}), "$.$ref: \"http://example.com/s\" is not supported"),
        (json!({"$ref": "#/nowhere"}), "$.$ref: \"#/nowhere\" leads nowhere"),
        (
            json!({"properties": {"p": {"pattern": "(?=x)"}}}),
            "$.properties.p.pattern: the pattern \"(?=x)\" is not supported: ",
        ),
        (json!({"patternProperties": {"(": {}}}), "$.patternProperties.(: the pattern"),
        (json!({"minLenght": 3}), "$.minLenght: `minLenght` is no keyword that is known"),
        (json!({"minLength": -1}), "$.minLength: must be a whole number, 0 or more"),
        (json!({"type": "dict"}), "$.type: \"dict\" is no type; types are "),
        (json!({"type": "number", "multipleOf": 0.1}), "$.multipleOf: 0.1 is not supported"),
        (json!({"minimum": 9007199254740993u64}), "$.minimum: 9007199254740993 is not supported"),
        (
            json!({"minProperties": 2}),
            "$.minProperties: 2 is not supported: it may be at most one more than `required` has names (0)",
        ),
        (json!({"const": "\u{1}"}), "$.const: the control character U+0001 is not supported"),
        (json!({"$schema": "http://json-schema.org/draft-04/schema#"}), "$.$schema: "),
        (json!({"properties": {"a": {"$id": "urn:y"}}}), "$.properties.a.$id: "),
        (json!({"if": {}, "then": {}}), "$.if: `if` is not supported: output cannot be held to it"),
        (json!({"properties": {"a": 1}}), "$.properties.a: a schema is an object or a boolean, not a number"),
        (json!(false), "$: nothing is valid"),
        (json!([]), "$: a schema is an object or a boolean, not a list"),
        (
            json!({"properties": {"n": {"type": "integer", "minimum": 5, "maximum": 4}}, "required": ["n"], "type": "object"}),
            "$.properties.n: ",
        ),
        (
            json!({"properties": {"o": {"oneOf": [{"type": "string"}, {"type": "string", "maxLength": 3}]}}}),
            "$.properties.o: oneOf: its branches cannot be told apart",
        ),
    ];
    for (source, message) in cases {
        let refused = refusal(source.clone());
        assert!(refused.starts_with(message), "{source}: {refused}");
    }
}

#[test]
fn what_cannot_be_compiled_is_said_in_words_of_schemas() {
    for (source, expected) in [
        (json!({"type": "integer", "multipleOf": 1_000_003, "minimum": 1}), "$: it is too much work to compile"),
        (
            json!({"type": "string", "format": "date", "maxLength": 5}),
            "$: no text fits: its pattern, format and lengths exclude each other",
        ),
    ] {
        assert_eq!(refusal(source), expected);
    }
}

#[test]
fn deep_and_large_schemas_are_refused() {
    let mut deep = json!({});
    (0..100).for_each(|_| deep = json!({"items": deep}));
    assert!(refusal(deep).contains("nested more than"));
    let many: Vec<Value> = (0..30_000).map(|_| json!({})).collect();
    assert!(refusal(json!({"anyOf": many})).contains("too large"));
    assert!(refusal(json!({"allOf": [{"$ref": "#"}]})).starts_with('$'), "a circle");
}
