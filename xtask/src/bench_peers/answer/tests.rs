//! Tests on output as the programs print it.

use super::*;

#[track_caller]
fn check(output: &str, read: Read, value: f64, roof_share: Option<f64>) {
    assert_eq!(sample(output, read).unwrap(), Sample { value, roof_share });
}

#[test]
fn each_program_s_own_words() {
    let ours = r#"{"machine":{},"results":[{"kind":"decode","tokens_per_s":{"median":27.1,"min":1,"max":30},"roof_share":0.37}]}"#;
    check(ours, bench, 27.1, Some(0.37));
    let torch = "Loading weights: 100%\n{\"results\": [{\"tokens_per_s\": {\"median\": 5.5}}]}\nbye\n";
    check(torch, bench, 5.5, None);
    check(r#"{"n_prompt": 512, "avg_ts": 4, "samples_ts": [ 3.0, 9.0, 4.0 ]}"#, llama_bench, 4.0, None);
    check(r#"{"pp": 64, "speed_pp": 118.5, "speed_tg": 29.5, "speed": 59.6}"#, llama_batched_bench, 29.5, None);
    check(r#"{"first_output_s": 0.25, "wall_s": 1, "peak_rss_bytes": 324000000}"#, first_output, 250.0, None);
    check(r#"{"first_output_s": 0.25, "wall_s": 1, "peak_rss_bytes": 324000000}"#, peak_memory, 324.0, None);
}

#[test]
fn what_is_no_result_is_an_error() {
    for (output, why) in [
        ("", "no JSON"),
        ("error: out of memory", "no JSON"),
        ("{\"results\": [", "broken"),
        ("{\"results\": []}", "no result"),
        (r#"{"results": [{"tokens_per_s": {"median": 1}}, {"tokens_per_s": {"median": 2}}]}"#, "no result"),
        (r#"{"results": [{"tokens_per_s": {"median": 0}}]}"#, "measured 0"),
    ] {
        let error = format!("{:#}", sample(output, bench).unwrap_err());
        assert!(error.contains(why), "{output}: {error}");
    }
    assert!(sample(r#"{"samples_ts": []}"#, llama_bench).is_err());
}
