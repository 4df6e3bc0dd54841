//! Fields of the APIs people use that the endpoint at hand does not read: those without effect on the answer, and those that would change
//! it.
//!
//! A field that would change the answer is refused unless it has the value that changes nothing: nobody is left to believe that it
//! was honoured. What one endpoint reads may stand here for the others.

use crate::error::ApiError;
use serde_json::Value;

/// Known, and without effect on what is answered: the details of samplers that are refused belong to them, and speed is no answer.
const WITHOUT_EFFECT: &[&str] = &[
    // OpenAI
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "user",
    // llama-server
    "adaptive_decay",
    "backend_sampling",
    "dry_allowed_length",
    "dry_base",
    "dry_penalty_last_n",
    "dry_sequence_breakers",
    "dynatemp_exponent",
    "id_slot",
    "mirostat_eta",
    "mirostat_tau",
    "n_cache_reuse",
    "n_discard",
    "n_keep",
    "parse_tool_calls",
    "speculative.n_max",
    "speculative.n_min",
    "speculative.p_min",
    "speculative.type",
    "sse_ping_interval",
    "xtc_threshold",
    // vLLM
    "cache_salt",
    "kv_transfer_params",
    "priority",
    "request_id",
    // Ollama, LM Studio
    "keep_alive",
    "ttl",
];

/// Whether a value leaves the answer as it is.
type Neutral = fn(&Value) -> bool;

/// Known, and not supported (yet).
const REFUSED: &[(&str, Neutral)] = &[
    // OpenAI
    ("tools", is_empty),
    ("tool_choice", |v| v == "none" || v == "auto"),
    ("functions", is_empty),
    ("function_call", |v| v == "none" || v == "auto"),
    ("response_format", |v| v["type"] == "text"),
    ("modalities", |v| v == &serde_json::json!(["text"])),
    ("audio", never),
    ("moderation", never),
    ("web_search_options", never),
    ("verbosity", |v| v == "medium"),
    ("store", is_false),
    ("best_of", is_one),
    ("suffix", |v| v == ""),
    ("echo", is_false),
    ("logprobs", |v| is_false(v) || is_zero(v)),
    ("top_logprobs", is_zero),
    ("max_completion_tokens", never),
    // vLLM and SGLang
    ("structured_outputs", never),
    ("structured_outputs.structural_tag", never),
    ("structured_outputs.whitespace_pattern", never),
    ("structured_outputs.disable_additional_properties", is_false),
    ("guided_whitespace_pattern", never),
    ("guided_json", never),
    ("guided_regex", never),
    ("guided_choice", never),
    ("guided_grammar", never),
    ("regex", never),
    ("ebnf", never),
    ("stop_regex", never),
    ("use_beam_search", is_false),
    ("length_penalty", is_one),
    ("min_tokens", is_zero),
    ("bad_words", is_empty),
    ("allowed_token_ids", is_empty),
    ("logits_processors", is_empty),
    ("include_stop_str_in_output", is_false),
    ("no_stop_trim", is_false),
    ("skip_special_tokens", is_true),
    ("spaces_between_special_tokens", is_true),
    ("add_special_tokens", is_true),
    ("truncate_prompt_tokens", never),
    ("prompt_embeds", never),
    ("prompt_logprobs", never),
    ("return_token_ids", is_false),
    ("return_tokens_as_token_ids", is_false),
    ("return_hidden_states", is_false),
    ("include_reasoning", is_true),
    ("separate_reasoning", is_true),
    ("stream_reasoning", is_true),
    ("stream_options.continuous_usage_stats", is_false),
    ("chat_template", never),
    ("documents", is_empty),
    ("mm_processor_kwargs", is_empty),
    ("vllm_xargs", is_empty),
    // llama-server
    ("n_predict", never),
    ("n_cmpl", is_one),
    ("n_probs", is_zero),
    ("n_indent", is_zero),
    ("min_keep", |v| is_zero(v) || is_one(v)),
    ("grammar", |v| v == ""),
    ("json_schema", is_empty),
    ("typical_p", is_one),
    ("top_n_sigma", is_not_positive),
    ("mirostat", is_zero),
    ("dynatemp_range", is_zero),
    ("dry_multiplier", is_zero),
    ("xtc_probability", is_zero),
    ("samplers", never),
    ("adaptive_target", is_negative),
    ("post_sampling_probs", is_false),
    ("t_max_prompt_ms", is_not_positive),
    ("t_max_predict_ms", is_not_positive),
    ("lora", is_empty),
    ("image_data", is_empty),
    ("return_tokens", is_false),
    ("response_fields", is_empty),
    ("verbose", is_false),
    ("generation_prompt", never),
    ("preserved_tokens", is_empty),
    ("grammar_lazy", is_false),
    ("grammar_triggers", is_empty),
    ("reasoning_format", |v| v == "auto" || v == "deepseek"),
    ("reasoning_in_content", is_false),
    ("reasoning_control", is_false),
    ("reasoning_budget_tokens", is_negative),
    ("thinking_budget_tokens", is_negative),
    ("reasoning_budget_message", |v| v == ""),
    // OpenRouter, Qwen, Mistral, Anthropic, Ollama, transformers and TGI
    ("reasoning.exclude", is_false),
    ("thinking_budget", never),
    ("random_seed", never),
    ("safe_prompt", is_false),
    ("system", never),
    ("stop_sequences", is_empty),
    ("max_tokens_to_sample", never),
    ("think", never),
    ("format", |v| v == ""),
    ("options", is_empty),
    ("template", never),
    ("generation_config", never),
    ("max_new_tokens", never),
    ("do_sample", never),
];

fn never(_: &Value) -> bool {
    false
}

fn is_false(value: &Value) -> bool {
    value == false
}

fn is_true(value: &Value) -> bool {
    value == true
}

fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

fn is_one(value: &Value) -> bool {
    value.as_f64() == Some(1.0)
}

fn is_negative(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number < 0.0)
}

fn is_not_positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number <= 0.0)
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

/// Refuses a field that nothing reads, with its value, if it would change the answer. Fields inside of others have a path, `outer.inner`.
pub(crate) fn check(path: &str, value: &Value) -> Result<(), ApiError> {
    match REFUSED.iter().find(|(field, _)| *field == path) {
        Some((_, neutral)) if !value.is_null() && !neutral(value) => {
            Err(ApiError::unsupported(path, format!("`{path}` is not supported here, and would change the answer")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[track_caller]
    fn check_field(name: &str, value: Value, accepted: bool) {
        let result = check(name, &value);
        assert_eq!(result.is_ok(), accepted, "{name}: {value}");
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
    fn no_field_stands_twice() {
        let names: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).chain(WITHOUT_EFFECT.iter().copied()).collect();
        let different: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), different.len());
    }
}
