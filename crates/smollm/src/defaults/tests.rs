//! The rules in order, what `null` means, and what is refused.

use super::*;
use serde_json::json;

const LLAMA: Architecture = Architecture::Llama;

fn defaults(config: Value) -> Result<Defaults, String> {
    Defaults::new(Some(&config), LLAMA, true)
}

#[test]
fn the_rules_in_order() {
    let get = |config: Option<Value>, architecture, template| {
        let d = Defaults::new(config.as_ref(), architecture, template).unwrap();
        (d.sampling.temperature, d.sampling.top_k, d.sampling.top_p, d.source)
    };
    let ids = || Some(json!({"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}));
    assert_eq!(get(ids(), LLAMA, true), (0.2, 50, 0.9, "model card"));
    assert_eq!(get(ids(), LLAMA, false), (0.0, 0, 1.0, "base model (greedy)"));
    assert_eq!(get(None, Architecture::SmolLm3, true), (0.6, 50, 0.95, "model card"));
    let sampled = json!({"do_sample": true, "temperature": 0.7});
    assert_eq!(get(Some(sampled), LLAMA, false), (0.7, 50, 1.0, "generation_config.json"));
    // transformers ignores a temperature when do_sample is not on
    let ignored = json!({"temperature": 0.7});
    assert_eq!(get(Some(ignored), LLAMA, true), (0.0, 0, 1.0, "generation_config.json"));
}

#[test]
fn null_turns_off_and_absent_is_the_default_of_transformers() {
    let d = defaults(json!({"do_sample": true, "top_k": null, "top_p": null, "temperature": null})).unwrap();
    assert_eq!((d.sampling.top_k, d.sampling.top_p, d.sampling.temperature), (0, 1.0, 1.0));
    assert_eq!(defaults(json!({"do_sample": true})).unwrap().sampling.top_k, 50);
}

#[test]
fn one_line_says_what_applies() {
    for (config, line) in [
        (json!({}), "temperature 0.2, top_p 0.9, top_k 50 (model card)"),
        (json!({"max_new_tokens": 64}), "temperature 0.2, top_p 0.9, top_k 50, at most 64 tokens (model card)"),
        (
            json!({"do_sample": false, "repetition_penalty": 1.1}),
            "greedy, repetition_penalty 1.1 (generation_config.json)",
        ),
        (
            json!({"do_sample": true, "min_p": 0.1, "top_k": 0}),
            "temperature 1, top_p 1, top_k 0, min_p 0.1 (generation_config.json)",
        ),
    ] {
        assert_eq!(defaults(config).unwrap().to_string(), line);
    }
}

#[test]
fn what_cannot_be_meant_is_named() {
    for (config, problem) in [
        (json!({"do_sample": true, "temperature": -1}), "temperature is -1; it must be between 0 (greedy) and 100"),
        (json!({"do_sample": true, "top_p": "0.9"}), "`top_p` is \"0.9\"; it must be a number"),
        (json!({"do_sample": true, "top_k": -1}), "`top_k` is -1; it must be a whole number >= 0"),
        (json!({"do_sample": "yes"}), "`do_sample` is \"yes\"; it must be true or false"),
        (json!({"max_new_tokens": 1.5}), "`max_new_tokens` is 1.5; it must be a whole number >= 0"),
    ] {
        assert_eq!(defaults(config).unwrap_err(), problem);
    }
}
