//! What serde says of a wrong value, in the words of JSON, and which field it means.

/// The message for a client, and the field at fault. `path` is where the value stands, empty for the whole body.
pub(super) fn told(path: &str, said: &str) -> (String, Option<String>) {
    let said = in_json_words(said);
    let missing = said.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match (path, missing) {
        ("", field) => (said.clone(), field.map(str::to_owned)),
        (path, Some(field)) => (format!("{path}: {said}"), Some(format!("{path}.{field}"))),
        (path, None) => (format!("{path}: {said}"), Some(path.to_owned())),
    }
}

/// Rust's names of types mean nothing to whoever writes JSON.
fn in_json_words(said: &str) -> String {
    let Some((found, expected)) = said.rsplit_once(", expected ") else { return said.to_owned() };
    let found = match found {
        "invalid type: sequence" => "invalid type: list",
        "invalid type: map" => "invalid type: object",
        found => found,
    };
    let expected = match expected {
        "f32" | "f64" => "a number",
        "i32" | "i64" => "a whole number",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "a sequence" => "a list",
        "a map" => "an object",
        structure if structure.starts_with("struct ") => "an object",
        expected => expected,
    };
    format!("{found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::told;

    #[track_caller]
    fn check(path: &str, said: &str, message: &str, param: Option<&str>) {
        assert_eq!(told(path, said), (message.to_owned(), param.map(str::to_owned)));
    }

    #[test]
    fn types_have_json_s_names() {
        let string = r#"invalid type: string ", expected x""#;
        check(
            "n",
            &format!("{string}, expected usize"),
            &format!("n: {string}, expected a whole number, 0 or more"),
            Some("n"),
        );
        check("a", "invalid type: map, expected f32", "a: invalid type: object, expected a number", Some("a"));
        check(
            "m[0]",
            "invalid type: null, expected struct Message",
            "m[0]: invalid type: null, expected an object",
            Some("m[0]"),
        );
        check("stop", "must be a string", "stop: must be a string", Some("stop"));
    }

    #[test]
    fn what_is_missing_is_the_field_at_fault() {
        check("", "missing field `prompt`", "missing field `prompt`", Some("prompt"));
        check("messages[1]", "missing field `role`", "messages[1]: missing field `role`", Some("messages[1].role"));
        check("", "trailing characters", "trailing characters", None);
    }
}
