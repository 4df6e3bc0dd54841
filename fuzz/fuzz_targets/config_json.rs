//! Any bytes as a `config.json`: an error, or a configuration that survives being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_model::ModelConfig;

fuzz_target!(|bytes: &[u8]| {
    match ModelConfig::from_json(bytes, "config.json") {
        Ok(config) => {
            assert!(config.group() > 0 && config.kv_size() <= config.query_size());
            let written = config.to_json().to_string();
            let mut again = ModelConfig::from_json(written.as_bytes(), "config.json").expect("it is our own");
            again.notes.clone_from(&config.notes); // what was absent at first now stands there
            assert_eq!(again, config);
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "an error of several lines: {error}"),
    }
});
