//! The two hashes by which the hub names file contents: SHA-256 for large files, git's blob id for small ones.

use std::fmt::Write as _;

use sha1::Digest as _;

use crate::names::is_hex;

/// Hashes a file while it arrives.
pub(crate) enum Digest {
    Sha256(sha2::Sha256),
    GitBlob(sha1::Sha1),
}

impl Digest {
    /// The kind of hash that an entity tag of this form is; `bytes` is the file's length, which git hashes first.
    /// `None` where the tag is neither 64 nor 40 hexadecimal digits.
    pub(crate) fn for_etag(etag: &str, bytes: u64) -> Option<Self> {
        if is_hex(etag, 64) {
            return Some(Self::Sha256(sha2::Sha256::new()));
        }
        is_hex(etag, 40).then(|| {
            let mut hasher = sha1::Sha1::new();
            hasher.update(format!("blob {bytes}\0").as_bytes());
            Self::GitBlob(hasher)
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::GitBlob(hasher) => hasher.update(bytes),
        }
    }

    /// The hash in lower-case hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => hex(&hasher.finalize()),
            Self::GitBlob(hasher) => hex(&hasher.finalize()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(etag_len: usize, content: &[u8]) -> String {
        let mut digest = Digest::for_etag(&"a".repeat(etag_len), content.len() as u64).expect("a hash");
        digest.update(content);
        digest.finish()
    }

    #[test]
    fn known_hashes() {
        // `git hash-object` of an empty file and of "hello\n"; FIPS 180-2, appendix B.1.
        assert_eq!(hash(40, b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(hash(40, b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(hash(64, b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn other_tags_are_no_hashes() {
        for tag in ["", "abc", &"A".repeat(40), &"g".repeat(64), &"a".repeat(32)] {
            assert!(Digest::for_etag(tag, 0).is_none(), "{tag}");
        }
    }
}
