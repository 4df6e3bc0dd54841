//! The conversion agrees with the digests recorded by the Python script.

use sha2::{Digest, Sha256};

use super::*;
use crate::{golden, tiny};

fn sha256(bytes: &[u8]) -> String {
    tiny::hex(&Sha256::digest(bytes))
}

#[test]
fn the_conversion_is_that_of_the_python_script() {
    let Some(stories) = Stories260k::from_fixtures() else { return };
    let facts = golden::read_json(&crate::testdata().join("stories260k.json"));
    assert_eq!(stories.config, facts["config"]);
    assert_eq!(tiny::sha256(&stories.tensors), facts["hf_weights_sha256"]);
    assert_eq!(sha256(&stories.gguf(Stored::F32).to_bytes()), facts["gguf_sha256"]["f32"]);
    assert_eq!(sha256(&stories.gguf(Stored::F16).to_bytes()), facts["gguf_sha256"]["f16"]);
    assert_eq!((expected().greedy_ids.len(), expected().gaps.len()), (200, 200));
}
