//! What the table of transformers' answers (`tests/golden_tool_schemas.rs`) does not show: places of errors, methods, JSON of other forms.

use super::{Converted, ToolSchemaError, of_json, of_python};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The names of all tools, or what is wrong.
fn names(source: &str, wanted: &[&str]) -> Result<Vec<String>, String> {
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    let tools = of_python(source, &wanted).map_err(|error| error.to_string())?;
    Ok(tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect())
}

const SEVERAL: &str = r#"
class Clock:
    def now(self) -> str:
        """Tells the time."""

    @classmethod
    def of(kind, zone: str):
        """
        Makes a clock.

        Args:
            zone: Where.
        """

def _private():
    """Not for models."""

def first():
    """First."""

def second():
    """Second."""

def first():
    """First, again."""
"#;

#[test]
fn all_functions_of_a_file_or_the_named_ones() {
    assert_eq!(names(SEVERAL, &[]), Ok(vec!["second".into(), "first".into()]));
    assert_eq!(of_python(SEVERAL, &["first".into()]).unwrap()[0]["function"]["description"], "First, again.");
    assert_eq!(names(SEVERAL, &["_private", "second"]), Ok(vec!["_private".into(), "second".into()]));
    let methods = of_python(SEVERAL, &["Clock.now".into(), "Clock.of".into()]).unwrap();
    assert_eq!(methods[0]["function"]["parameters"]["properties"], json!({}));
    assert_eq!(methods[1]["function"]["parameters"]["required"], json!(["zone"]));
    let wrong = names(SEVERAL, &["third"]).unwrap_err();
    assert_eq!(wrong, "there is no function third; there are _private, first, second, first");
    assert!(names(SEVERAL, &["Clock.third"]).is_err() && names(SEVERAL, &["first.now"]).is_err());
    assert_eq!(names("x = 1", &[]).unwrap_err(), ToolSchemaError::NoFunction.to_string());
}

const BRANCHES: &str = r#"
try:
    import fast
    def load(): "Fast."
except ImportError:
    def load(): "Slow."
if fast.new:
    def new(): "N."
else:
    def old(): "O."
try:
    from shim import tool
except ImportError:
    def tool(f): return f
if __name__ == "__main__":
    def main(): load()
    main()
"#;

#[test]
fn functions_in_branches_count_as_their_names_do() {
    assert_eq!(names(BRANCHES, &[]), Ok(vec!["load".into(), "old".into(), "new".into()]));
    assert_eq!(of_python(BRANCHES, &["load".into()]).unwrap()[0]["function"]["description"], "Fast.");
}

const BY_PLACE: &str = r#"
def f(a: int, b: int, /, c: int, *d: int, e: int):
    """
    D.

    Args:
        a: A
        b: B
        c: C
        d: D
        e: E
    """
"#;

/// As Python notes hints, which is the order of transformers.
#[test]
fn parameters_without_a_name_follow_the_first_that_have_one() {
    let parameters = &of_python(BY_PLACE, &[]).unwrap()[0]["function"]["parameters"];
    let order: Vec<&String> = parameters["properties"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["c", "a", "b", "d", "e"]);
    assert_eq!(parameters["required"], json!(["a", "b", "c", "d", "e"]));
}

#[track_caller]
fn refused(source: &str, message: &str) {
    assert_eq!(names(source, &[]).unwrap_err(), message);
}

#[test]
fn errors_name_function_argument_and_hint() {
    let hinted =
        |hint: &str| format!("import typing\ndef f(x: {hint}):\n    '''D.\n\n    Args:\n        x: y\n    '''");
    refused("def f(:\n", "line 1, column 7: Expected a parameter or the end of the parameter list");
    refused("def f(): pass", "function f has no docstring");
    refused("def f(x): 'D.'", "function f: the argument `x` has no type hint");
    refused("def f(x: int): 'D.'", "function f: the docstring has no description for the argument `x`");
    refused(
        &hinted("Optional[\n  int]"),
        "function f: the type hint `Optional[ int]` of `x` has no JSON schema; there is one for int, float, str, bool, None, Any, \
         list, tuple, dict, Union, Optional, Literal and Enum classes",
    );
    refused(
        &hinted("Missing"),
        "function f: the type hint `Missing` of `x` has the name `Missing`, which the file does not define or import",
    );
    refused(&hinted("'int['"), "function f: the type hint `'int['` of `x` has `int[`, which is no expression");
    refused(
        &hinted("typing.Literal[99999999999999999999]"),
        "function f: the type hint `typing.Literal[99999999999999999999]` of `x` has a number that is too large for JSON",
    );
    let alias = format!("A = list['B']\nB = list[A]\n{}", hinted("A"));
    refused(&alias, "function f: the type hint `A` of `x` nests more than 64 deep");
}

#[test]
fn enums_whose_values_only_running_tells_are_refused() {
    let of = |class: &str| {
        let arguments = "'''D.\n\n    Args:\n        x: y\n    '''";
        let file = format!("import enum\nfrom enum import Enum, auto\n{class}\ndef f(x: E):\n    {arguments}");
        of_python(&file, &[]).map(|tools| tools[0]["function"]["parameters"]["properties"]["x"]["enum"].clone())
    };
    for class in [
        "class E(Enum):\n    def _generate_next_value_(name, *rest): return name\n    A = auto()",
        "class B(Enum):\n    def __new__(cls, v): ...\nclass E(B):\n    A = 1",
        "class E(float, Enum):\n    A = 1",
        "class E(Enum):\n    A, B = 1, 2\n    C = 3",
        "class E(Enum):\n    if True:\n        A = 1\n    B = 2",
    ] {
        assert!(of(class).is_err(), "{class}");
    }
    assert_eq!(of("class E(Enum):\n    A = B = 1\n    C = 2").unwrap(), json!([1, 2]));
    let large = "class E(Enum):\n    A = 9007199254740992\n    B = 9007199254740993\n    C = 9007199254740992.0";
    assert_eq!(of(large).unwrap(), json!([9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64]));
}

#[test]
fn hostile_files_are_refused_and_take_nothing_down() {
    let deep = |open: &str, close: &str| format!("x = {}1{}", open.repeat(100_000), close.repeat(100_000));
    for source in [deep("(", ")"), deep("-", ""), deep("not ", "")[..200_000].to_owned(), deep("[", "")] {
        assert!(of_python(&source, &[]).is_err());
    }
    let hint = format!("def f(x: {}int{}): 'D.'", "list[".repeat(20_000), "]".repeat(20_000));
    assert!(names(&hint, &[]).unwrap_err().ends_with("nests more than 64 deep"));
    // few lines that stand for more than there is memory or time for
    let of = |before: &str| names(&format!("from enum import Enum\n{before}\ndef f(x: A0): 'D.'"), &[]).unwrap_err();
    let doubled: String = (0..30).map(|i| format!("A{i} = tuple[A{}, A{}]\n", i + 1, i + 1)).collect();
    assert!(of(&format!("{doubled}A30 = int")).ends_with("its aliases or classes grow and grow"));
    assert!(of("class A0(A0, A0): x = 1").ends_with("derives from more than 64 classes in a row"));
    let classes: String = (0..40).map(|i| format!("class A{i}(A{}, A{}): pass\n", i + 1, i + 1)).collect();
    assert!(of(&format!("{classes}class A40(Enum): x = 1")).ends_with("its aliases or classes grow and grow"));
    let long = "#".repeat(super::LARGEST + 1);
    assert!(matches!(of_python(&long, &[]), Err(ToolSchemaError::TooLarge { .. })));
}

proptest! {
    #[test]
    fn no_text_panics(source in "(def |f|\\(|x|: |int|'|\"\"\"|\n|    |Args:|,|\\[|\\]|\\)|\\PC){0,60}") {
        let _ = of_python(&source, &[]);
        let _ = of_json(&source);
    }
}

const BARE: &str = r#"{"name": "a.b", "description": "d", "parameters": {"type": "dict", "properties": {
    "x": {"type": "float", "optional": true}, "y": {"type": "tuple", "items": {"type": "any", "description": "e"}},
    "z": {"type": "string", "enum": ["1", 2]}}, "required": ["x"]}}"#;

#[test]
fn the_forms_of_others_become_openai_s() {
    let bare: Value = serde_json::from_str(BARE).unwrap();
    let own = json!([{"type": "function", "function": {"name": "a_b", "description": "d", "parameters": {
        "type": "object", "properties": {
            "x": {"type": "number"}, "y": {"type": "array", "items": {"description": "e"}},
            "z": {"type": "string", "enum": ["1"]},
        }, "required": ["x"],
    }}}]);
    let mut renamed = bare.clone();
    let parameters = renamed.as_object_mut().unwrap().remove("parameters").unwrap();
    let with = |key: &str| {
        let mut tool = renamed.clone();
        tool[key] = parameters.clone();
        tool
    };
    let mut flat = bare.clone();
    flat["type"] = "function".into();
    for form in [
        bare.clone(),
        json!([bare]),
        json!({"type": "function", "function": bare}),
        json!({"function": bare}),
        flat,
        json!({"id": "simple_0", "question": [], "function": [bare]}),
        json!({"messages": [], "tools": [{"type": "function", "function": bare}]}),
        json!({"functions": [bare, bare]}),
        json!({"tools": [{"functionDeclarations": [bare]}]}),
        json!({"function_declarations": [with("parametersJsonSchema")]}),
        with("input_schema"),
        json!({"tools": [with("inputSchema")]}),
    ] {
        let Converted { tools, notes } = of_json(&form.to_string()).unwrap_or_else(|e| panic!("{e}: {form}"));
        assert_eq!(json!(tools), own, "{form}");
        assert_eq!(json!(tools).to_string(), own.to_string());
        assert!(notes.len() >= 3, "{notes:?}");
    }
    let lines = format!("{}\n{}\n", bare, json!({"name": "c"}));
    assert_eq!(of_json(&lines).unwrap().tools.len(), 2);
    let own = json!({"tools": own}).to_string();
    assert_eq!(of_json(&own).unwrap().notes, [""; 0]);
}

#[test]
fn what_gemini_writes_becomes_json_schema() {
    let given = json!({"functionDeclarations": [{"name": "g", "parameters": {"type": "OBJECT", "propertyOrdering": ["b", "a"],
        "properties": {"a": {"type": "STRING", "format": "enum", "enum": ["x"]}, "b": {"type": "ARRAY", "items": {"type": "INTEGER"}}}}}]});
    let Converted { tools, notes } = of_json(&format!("\u{feff}{given}")).unwrap();
    let own = json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]},
        "b": {"type": "array", "items": {"type": "integer"}}}});
    assert_eq!(tools[0]["function"]["parameters"], own);
    let at = "functionDeclarations[0].parameters.";
    assert_eq!(notes, [format!("{at}propertyOrdering: is left out"), format!("{at}properties.a.format: is left out")]);
}

#[test]
fn what_was_changed_is_said() {
    let notes = of_json(BARE).unwrap().notes;
    assert_eq!(
        notes,
        [
            "name: a.b is called a_b",
            "parameters.properties.x.optional: is left out",
            "parameters.properties.z.enum: 1 of 2 values are not of the type \"string\", and left out",
        ]
    );
}

#[track_caller]
fn no_tool(text: &str, message: &str) {
    assert_eq!(of_json(text).unwrap_err().to_string(), message);
}

#[test]
fn what_is_no_tool_is_named_with_its_place() {
    no_tool("", "JSON: there is no tool");
    no_tool("[]", "JSON: there is no tool");
    no_tool("{", "JSON: EOF while parsing an object at line 1 column 1");
    no_tool("3", "JSON: is no tool: it must be an object, or a list of such");
    no_tool(r#"[{"name": "a"}, {}]"#, "[1]: is no tool: it has no `name`, and no list of tools");
    no_tool(r#"{"tools": [{"type": "code"}]}"#, "tools[0].type: must be \"function\", not \"code\"");
    no_tool(r#"{"name": 3}"#, "name: must be a string");
    no_tool(
        r#"{"name": "a", "parameters": {"properties": {"b": {"type": "HashMap"}}}}"#,
        "parameters.properties.b.type: \"HashMap\" is no type; types are object, array, string, number, integer, boolean, null",
    );
    no_tool(
        r#"{"function": {"name": "a", "parameters": {"type": "string"}}}"#,
        "function.parameters.type: must be \"object\", not \"string\"",
    );
    no_tool(
        r#"[{"name": "a.b"}, {"name": "a_b", "description": "other"}]"#,
        "[1].name: a_b is the name of another tool too",
    );
    no_tool(r#"[{"name": "a.b"}, {"name": "a_b"}]"#, "[1].name: a_b is the name of another tool too");
    no_tool(
        r#"{"name": "a", "parameters": {}, "input_schema": {}}"#,
        "input_schema: is a second schema of the arguments",
    );
}
