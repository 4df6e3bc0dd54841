//! What answers are held to: grammars (with a letter for their kind before them), JSON schemas (with choices of an answer behind them), and
//! tools in Python and in JSON.

use super::Seed;

/// Words of grammars.
pub(super) const OF_GRAMMARS: &[&str] = &[
    "root", "::=", "start:", "%json {", "%regex", "%ignore", "[lazy]", "[suffix=", "|", "*", "+", "?", "{2,3}",
    "[^\\n]", "(?i:", "\\p{L}", "(", ")", "\\x", "#",
];

/// Keywords of schemas, and what stands behind them.
pub(super) const OF_SCHEMAS: &[&str] = &[
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

/// Words of Python files and of tools.
pub(super) const OF_TOOLS: &[&str] = &[
    "def ",
    "class ",
    "(Enum):",
    "\"\"\"",
    "    Args:",
    "    Returns:",
    "(choices: [",
    "list[",
    "dict[str, ",
    "Optional[",
    "Union[",
    "Literal[",
    " | None",
    "tuple[int, ...]",
    " = ",
    "\"parameters\": {",
    "\"input_schema\": {",
    "\"type\": \"dict\"",
    "\"functions\": [",
];

pub(super) fn grammars() -> Vec<Seed> {
    let sums =
        "groot ::= sum\nsum ::= term (ws [-+] ws term)*\nterm ::= [0-9]+ | \"(\" ws sum ws \")\"\nws ::= [ \\n]*\n";
    let strings = "groot ::= \"\\\"\" char{2,5} \"\\\"\" # quoted\nchar ::= [^\"\\\\] | \"\\\\\" [\"\\\\nrt]\n";
    let escapes = "groot ::= \"\\x41\\u00e9\\U0001F600\"? [\\]a-c^-] .\n";
    let choices = "groot ::= (\"yes\" | \"no\")+ | \"\" root \"x\"\n";
    let words = "lstart: word (\" \" word){2,4} \"!\"?\nword: /[a-z]+/ | NAME // two kinds\nNAME: \"A\"..\"Z\"\n";
    let inside = "lstart: \"n=\" %json {\"type\": \"integer\", \"minimum\": 3} | /#/ \"%json\"\n";
    let date = r"r[0-9]{4}-(0[1-9]|1[0-2])(-\d\d)?";
    let letters = r"r(?i:a|\p{L}+)[^\n\\]*\x41\u{e9}";
    seeds([
        ("sums", sums),
        ("strings", strings),
        ("escapes", escapes),
        ("choices", choices),
        ("words", words),
        ("inside", inside),
        ("date", date),
        ("letters", letters),
    ])
}

pub(super) fn schemas() -> Vec<Seed> {
    let object = r#"{"type": "object", "properties": {"a": {"type": "integer", "minimum": -3, "multipleOf": 2},
        "b": {"enum": ["x", null, [1]]}}, "required": ["b"], "additionalProperties": false}0aA"#;
    let tagged = r##"{"$defs": {"a": {"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
        "b": {"type": "object", "properties": {"k": {"const": "b"}}}}, "oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}zz"##;
    let texts = r#"{"type": "array", "prefixItems": [{"type": "string", "pattern": "^[\\s[a]?.$"}],
        "items": {"type": "string", "format": "date", "maxLength": 12}, "minItems": 1, "maxItems": 3}1234567"#;
    let names = r#"{"propertyNames": {"pattern": "^x"}, "additionalProperties": {"type": "number", "format": "uint8"},
        "type": "object", "minProperties": 1}{"#;
    let together =
        r#"{"allOf": [{"anyOf": [{"type": ["string", "null"]}, {"type": "boolean"}]}, {"not": {}}], "if": true}"#;
    seeds([("object", object), ("tagged", tagged), ("texts", texts), ("names", names), ("together", together)])
}

pub(super) fn tools() -> Vec<Seed> {
    let function = r#"from typing import Literal, Optional

def find(place: str, unit: Literal['c', 'f'] = 'c', days: Optional[list[int]] = None) -> dict:
    """
    Finds the weather.

    Args:
        place: Where (choices: ["a", "b"])
        unit: In what
            unit.
        days: Which.

    Returns:
        What it will be.
    """
"#;
    let class = r"import enum
class Colour(enum.Enum):
    RED = 'r'
    BLUE = 2

class Shop:
    @staticmethod
    async def paint(colour: 'Colour | None', *, times: int = -1):
        '''Paints.'''

def mix(a: Colour, b: tuple[int, ...]):
    'Mixes.\n\nArgs:\n  a: one\n  b: other'
";
    let openai = r#"[{"type": "function", "function": {"name": "a.b", "description": "d", "parameters":
        {"type": "dict", "properties": {"x": {"type": "float", "enum": [1, "2"]}}, "required": ["x"]}}}]"#;
    let others = r#"{"name": "f", "description": "", "input_schema": {"type": "object", "properties": {"l": {"type": "tuple"}}}}
        {"functionDeclarations": [{"name": "g", "parameters": null}]}"#;
    seeds([("function", function), ("class", class), ("openai", openai), ("others", others)])
}

fn seeds<const N: usize>(texts: [(&'static str, &str); N]) -> Vec<Seed> {
    texts.map(|(name, text)| (name, text.into())).into()
}
