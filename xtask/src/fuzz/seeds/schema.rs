//! Seeds of schemas.

use super::Seed;

/// Words of schemas.
pub(super) const WORDS: &[&str] = &[
    "\"$ref\": \"#/$defs/",
    "\"$defs\": {",
    "\"type\": \"",
    "object",
    "array",
    "string",
    "integer",
    "number",
    "\"properties\": {",
    "\"required\": [",
    "\"additionalProperties\": false",
    "\"patternProperties\": {",
    "\"propertyNames\": {",
    "\"pattern\": \"",
    "\"format\": \"",
    "\"enum\": [",
    "\"const\": ",
    "\"anyOf\": [",
    "\"oneOf\": [",
    "\"allOf\": [",
    "\"items\": {",
    "\"prefixItems\": [",
    "\"minItems\": ",
    "\"maxLength\": ",
    "\"multipleOf\": ",
    "\"exclusiveMinimum\": ",
];

/// Schemas, each with bytes behind it that choose among what they allow.
pub(super) fn seeds() -> Vec<Seed> {
    let object = r#"{"type": "object", "properties": {"a": {"type": "integer", "minimum": -3, "multipleOf": 2}, "b": {"enum": ["x", null, [1]]}}, "required": ["b"], "additionalProperties": false}0aA"#;
    let tagged = r##"{"$defs": {"a": {"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]}, "b": {"type": "object", "properties": {"k": {"const": "b"}}}}, "oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}zz"##;
    let texts = r#"{"type": "array", "prefixItems": [{"type": "string", "pattern": "^[\s[a]?.$"}], "items": {"type": "string", "format": "date", "maxLength": 12}, "minItems": 1, "maxItems": 3}1234567"#;
    let names = r#"{"propertyNames": {"pattern": "^x"}, "additionalProperties": {"type": "number", "format": "uint8"}, "type": "object", "minProperties": 1}{"#;
    let together =
        r#"{"allOf": [{"anyOf": [{"type": ["string", "null"]}, {"type": "boolean"}]}, {"not": {}}], "if": true}"#;
    vec![
        ("object", object.into()),
        ("tagged", tagged.into()),
        ("texts", texts.into()),
        ("names", names.into()),
        ("together", together.into()),
    ]
}
