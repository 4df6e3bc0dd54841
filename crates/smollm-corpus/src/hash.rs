//! The hash that documents are known by: the first eight bytes of SHA-256, so that it is the same on every machine and in every version.

use sha2::{Digest, Sha256};

/// Hashes named parts; where one ends and the next begins counts.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn part(&mut self, name: &str, text: &str) {
        for bytes in [name.as_bytes(), text.as_bytes()] {
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> u64 {
        let digest = self.0.finalize();
        digest.iter().take(8).rev().fold(0, |hash, &byte| hash << 8 | u64::from(byte))
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hex_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
