//! Fields of the APIs people use that no endpoint here reads: those without effect on the answer, and those that would change it.
//!
//! A field that would change the answer is refused unless it has the value that changes nothing: nobody is left to believe that it
//! was honoured.

use crate::error::ApiError;
use serde_json::{Map, Value};

/// Known, and without effect on what is answered: the details of samplers that are refused belong to them.
const WITHOUT_EFFECT: &[&str] = &[
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "id_slot",
    "dry_allowed_length",
    "dry_base",
    "dry_penalty_last_n",
    "dry_sequence_breakers",
    "dynatemp_exponent",
    "mirostat_eta",
    "mirostat_tau",
    "n_discard",
    "n_keep",
    "xtc_threshold",
    "user",
];

/// Whether a value leaves the answer as it is.
type Neutral = fn(&Value) -> bool;

/// Known, and not supported (yet).
const REFUSED: &[(&str, Neutral)] = &[
    ("tools", is_empty),
    ("tool_choice", |v| v == "none" || v == "auto"),
    ("functions", is_empty),
    ("function_call", |v| v == "none" || v == "auto"),
    ("response_format", |v| v["type"] == "text"),
    ("structured_outputs", never),
    ("guided_json", never),
    ("guided_regex", never),
    ("guided_choice", never),
    ("guided_grammar", never),
    ("grammar", |v| v == ""),
    ("json_schema", is_empty),
    ("modalities", |v| v == &serde_json::json!(["text"])),
    ("audio", never),
    ("moderation", never),
    ("web_search_options", never),
    ("verbosity", |v| v == "medium"),
    ("store", |v| v == false),
    ("best_of", |v| v == 1),
    ("suffix", |v| v == ""),
    ("use_beam_search", |v| v == false),
    ("length_penalty", |v| v == 1.0 || v == 1),
    ("min_tokens", |v| v == 0),
    ("bad_words", is_empty),
    ("allowed_token_ids", is_empty),
    ("include_stop_str_in_output", |v| v == false),
    ("skip_special_tokens", |v| v == true),
    ("spaces_between_special_tokens", |v| v == true),
    ("truncate_prompt_tokens", never),
    ("chat_template", never),
    ("documents", is_empty),
    ("typical_p", |v| v == 1.0 || v == 1),
    ("top_n_sigma", |v| v.as_f64().is_some_and(|n| n <= 0.0)),
    ("mirostat", is_zero),
    ("dynatemp_range", is_zero),
    ("dry_multiplier", is_zero),
    ("xtc_probability", is_zero),
    ("samplers", never),
    ("adaptive_target", |v| v.as_f64().is_some_and(|target| target < 0.0)),
    ("post_sampling_probs", |v| v == false),
    ("t_max_predict_ms", |v| v.as_f64().is_some_and(|ms| ms <= 0.0)),
    ("lora", is_empty),
];

fn never(_: &Value) -> bool {
    false
}

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(keys) => keys.is_empty(),
        _ => false,
    }
}

/// Whether a field is known, so that it is not reported as ignored.
pub(crate) fn is_known(field: &str) -> bool {
    WITHOUT_EFFECT.contains(&field) || REFUSED.iter().any(|(name, _)| *name == field)
}

/// Refuses the first field that would change the answer and cannot be honoured.
pub(crate) fn check(fields: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in fields {
        let refused = REFUSED.iter().any(|(field, neutral)| field == name && !value.is_null() && !neutral(value));
        if refused {
            return Err(ApiError::unsupported(name, format!("`{name}` is not supported, and would change the answer")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check_field(name: &str, value: Value, accepted: bool) {
        let object = json!({ name: value });
        let result = check(object.as_object().expect("an object"));
        assert_eq!(result.is_ok(), accepted, "{object}");
        if let Err(error) = result {
            assert_eq!((error.param.as_deref(), error.code), (Some(name), Some("unsupported_parameter")));
        }
    }

    #[test]
    fn what_would_change_the_answer_is_refused_and_its_neutral_value_is_not() {
        check_field("tools", json!([]), true);
        check_field("tools", json!([{"type": "function"}]), false);
        check_field("tools", Value::Null, true);
        check_field("response_format", json!({"type": "text"}), true);
        check_field("response_format", json!({"type": "json_object"}), false);
        check_field("store", json!(false), true);
        check_field("store", json!(true), false);
        check_field("mirostat", json!(0), true);
        check_field("mirostat", json!(2), false);
        check_field("user", json!("someone"), true);
    }

    #[test]
    fn no_field_is_in_both_tables() {
        for (name, _) in REFUSED {
            assert!(!WITHOUT_EFFECT.contains(name), "{name}");
        }
    }
}
