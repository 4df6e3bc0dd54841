//! Choices of tools, and what is wrong with them.

use super::*;
use serde_json::json;

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

/// How many calls, of what, and whether several; or the field at fault.
#[track_caller]
fn check(fields: Value, expected: Result<(Calls, &[&str], bool), &str>) {
    let given: ToolFields = serde_json::from_value(fields.clone()).expect("fields");
    let got = given.resolve();
    match (got, expected) {
        (Ok(got), Ok((calls, callable, several))) => {
            assert_eq!((got.calls, got.several), (calls, several), "{fields}");
            assert_eq!(got.callable.iter().map(Tool::name).collect::<Vec<_>>(), callable, "{fields}");
            let shown = if calls == Calls::None { 0 } else { fields["tools"].as_array().map_or(0, Vec::len) };
            assert_eq!(got.shown.len(), shown, "{fields}");
        }
        (Err(error), Err(param)) => {
            assert_eq!(error.param.as_deref(), Some(param));
            assert!(error.message.starts_with(param), "{}", error.message);
        }
        (got, _) => panic!("{fields}: {got:?}"),
    }
}

#[test]
fn choices() {
    let both = json!([tool("f"), tool("g")]);
    let all: &[&str] = &["f", "g"];
    let choose = |choice: Value| json!({"tools": both, "tool_choice": choice});
    check(json!({"tools": both}), Ok((Calls::Maybe, all, true)));
    check(json!({"tools": both, "parallel_tool_calls": false}), Ok((Calls::Maybe, all, false)));
    check(choose(json!("auto")), Ok((Calls::Maybe, all, true)));
    check(choose(json!("required")), Ok((Calls::AtLeastOne, all, true)));
    check(choose(json!("none")), Ok((Calls::None, &[], true)));
    check(choose(tool("g")), Ok((Calls::AtLeastOne, &["g"], false)));
    let allowed = |mode: &str, tools: Value| {
        choose(json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}))
    };
    check(allowed("auto", json!([tool("g"), tool("g")])), Ok((Calls::Maybe, &["g"], true)));
    check(allowed("required", json!([tool("g"), tool("f")])), Ok((Calls::AtLeastOne, &["g", "f"], true)));
    check(allowed("none", json!([tool("g")])), Err("tool_choice.allowed_tools.mode"));
    check(allowed("auto", json!([])), Err("tool_choice.allowed_tools.tools"));
    check(allowed("auto", json!([tool("g"), tool("h")])), Err("tool_choice.allowed_tools.tools[1].function.name"));
    check(choose(tool("h")), Err("tool_choice.function.name"));
}

#[test]
fn no_tools_are_no_calls() {
    for fields in
        [json!({}), json!({"tools": []}), json!({"tools": null, "tool_choice": "auto"}), json!({"tool_choice": "none"})]
    {
        check(fields, Ok((Calls::None, &[], true)));
    }
    check(json!({"tool_choice": "required"}), Err("tool_choice"));
    check(json!({"tools": [], "tool_choice": tool("f")}), Err("tool_choice.function.name"));
}

#[test]
fn a_wrong_tool_is_named() {
    check(json!({"tools": [tool("f"), {"type": "web_search"}]}), Err("tools[1].type"));
    check(json!({"tools": [7]}), Err("tools[0]"));
    check(json!({"tools": [tool("f"), tool("f")]}), Err("tools[1].function.name"));
    let parameters = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}});
    check(json!({"tools": [parameters]}), Err("tools[0].function.parameters.type"));
}

#[test]
fn there_may_be_so_many() {
    let several = |count: usize| json!({"tools": (0..count).map(|i| tool(&format!("f{i}"))).collect::<Vec<_>>()});
    let given = |count| serde_json::from_value::<ToolFields>(several(count)).expect("fields").resolve();
    assert_eq!(given(128).expect("fits").callable.len(), 128);
    assert_eq!(given(129).expect_err("too many").param.as_deref(), Some("tools"));
}

#[test]
fn choices_that_are_none() {
    for choice in [
        json!("any"),
        json!(7),
        json!({}),
        json!({"type": "function"}),
        json!({"type": "tool", "function": {"name": "f"}}),
        json!(["function", {"name": "f"}]),
        json!({"type": "allowed_tools", "function": {"name": "f"}}),
        json!({"type": "function", "function": {"name": "f"}, "allowed_tools": {"mode": "auto", "tools": []}}),
    ] {
        let fields = json!({"tool_choice": choice});
        assert!(serde_json::from_value::<ToolFields>(fields.clone()).is_err(), "{fields}");
    }
}

#[test]
fn what_nobody_reads_is_noted() {
    let mut odd = tool("f");
    odd["cache"] = json!(true);
    odd["function"]["return"] = json!({});
    let bare = json!({"name": "g", "type": "function", "more": 1});
    let fields: ToolFields = serde_json::from_value(json!({"tools": [tool("e"), odd, bare]})).expect("fields");
    assert_eq!(fields.unread(), ["tools[1].cache"]);
}

#[test]
fn what_is_wrong_is_not_told_again_at_length() {
    let long = "n".repeat(100_000);
    let fields = json!({"tools": [tool("f")], "tool_choice": tool(&long)});
    let error = serde_json::from_value::<ToolFields>(fields).expect("fields").resolve().expect_err("refused");
    assert!(error.message.len() < 400, "{}", error.message.len());
}
