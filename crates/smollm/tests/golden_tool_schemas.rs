//! Schemas of Python functions beside those of transformers' `get_json_schema` (`testdata/tools/schemas.json`).

use serde::Deserialize;
use serde_json::Value;
use smollm::tool_schema::{ToolSchemaError, of_python};
use std::path::Path;

/// A function, and what transformers makes of it.
#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    source: String,
    function: String,
    schema: Option<Value>,
    /// The class of Python's error.
    error: Option<String>,
}

/// The classes of errors in Python that mean the same. What is wrong with a hint is found by Python itself where the hint is no expression, or
/// names what is not there.
fn same(error: &ToolSchemaError) -> &'static [&'static str] {
    match error {
        ToolSchemaError::Syntax { .. } => &["SyntaxError"],
        ToolSchemaError::NoDocstring { .. } | ToolSchemaError::NoDescription { .. } => &["DocstringParsingException"],
        ToolSchemaError::NoHint { .. } => &["TypeHintParsingException"],
        ToolSchemaError::Hint { .. } => &["TypeHintParsingException", "NameError", "TypeError", "SyntaxError"],
        ToolSchemaError::Choices { .. } => &["JSONDecodeError"],
        _ => &[],
    }
}

/// Schemas are compared as texts, since the order of keys counts.
fn text(schema: &Value) -> String {
    schema.to_string()
}

#[test]
fn every_schema_and_error_is_that_of_transformers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/tools/schemas.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 150, "{}", cases.len());
    let mut different = Vec::new();
    for Case { name, source, function, schema, error } in &cases {
        let made = of_python(source, std::slice::from_ref(function));
        let fine = match (&made, schema, error) {
            (Ok(tools), Some(schema), None) => text(&tools[0]) == text(schema),
            (Err(ours), None, Some(theirs)) => same(ours).contains(&theirs.as_str()),
            _ => false,
        };
        if !fine {
            different.push(format!("{name}:\n  {made:?}\n  {schema:?} {error:?}"));
        }
    }
    assert!(different.is_empty(), "{} of {}:\n{}", different.len(), cases.len(), different.join("\n"));
}
