//! Tests of the tables and their spelling on the command line.

use super::*;

#[test]
fn cases_are_spelt_as_they_are_read() {
    for word in ["prefill512", "decode", "depth4096", "batch32", "cold", "rss"] {
        assert_eq!(word.parse::<Case>().unwrap().to_string(), word);
    }
    for wrong in ["prefill", "prefill0", "prefillx", "depth-1", "batch0", "decode64", "Cold", ""] {
        assert!(wrong.parse::<Case>().is_err(), "{wrong}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = weight_type("q9").unwrap_err().to_string();
    assert!(error.contains("q9") && error.contains("q4_k_m"), "{error}");
    assert!(size("2b").unwrap_err().to_string().contains("135m, 360m, 1.7b"));
    assert!("tensorrt".parse::<Engine>().is_err());
}

#[test]
fn who_can_do_what() {
    let (bf16, int4, other) =
        (weight_type("bf16").unwrap(), weight_type("q4_0").unwrap(), weight_type("q6_k").unwrap());
    let takers = |case, weights| -> Vec<Engine> {
        Engine::PEERS.into_iter().filter(|engine| engine.takes(case, weights)).collect()
    };
    assert_eq!(takers(Case::Decode, bf16), Engine::PEERS);
    assert_eq!(takers(Case::Decode, int4), [Engine::Llama, Engine::OpenVino]);
    assert_eq!(takers(Case::Decode, other), [Engine::Llama]);
    assert_eq!(takers(Case::Cold, bf16), [Engine::Llama]);
}

#[test]
fn only_time_and_memory_are_better_when_lower() {
    assert_eq!(Case::Cold.better(), Better::Lower);
    assert_eq!(Case::Rss.better(), Better::Lower);
    assert_eq!(Case::Depth(4096).better(), Better::Higher);
}
