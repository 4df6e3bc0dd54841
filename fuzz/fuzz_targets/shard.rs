//! Any bytes as a shard: an error, or documents that can all be read or are said to be damaged, and nothing larger than the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smollm_corpus::examples::Document;
use smollm_corpus::shards::Shard;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let said = |error: smollm_corpus::shards::ShardError| {
        let error = error.to_string();
        assert!(!error.contains('\n') && error.starts_with("a.shard: "), "{error}");
    };
    match Shard::from_bytes(Path::new("a.shard"), resealed(bytes)) {
        Ok(shard) => {
            assert!(shard.documents() * 8 <= bytes.len() as u64 && shard.tokens() * 2 <= bytes.len() as u64);
            let mut tokens = 0;
            for number in 0..shard.documents() {
                let mut document = Document::default();
                let length = shard.length(number);
                match shard.read(number, 0..length, &mut document) {
                    Ok(()) => assert!(document.ids.len() as u64 == length && document.mask.len() as u64 == length),
                    Err(error) => said(error),
                }
                shard.origin(number).map_or_else(said, drop);
                tokens += length;
            }
            assert_eq!(tokens, shard.tokens());
            shard.verify().map_or_else(said, drop);
            shard.hashes().map_or_else(said, drop);
        }
        Err(error) => said(error),
    }
});

/// Every other input gets the checksums that its bytes ask for: no search finds those by itself.
fn resealed(bytes: &[u8]) -> Vec<u8> {
    const HEADER: usize = 72;
    let mut bytes = bytes.to_vec();
    if bytes.len() < HEADER || bytes[HEADER - 1] % 2 != 0 {
        return bytes;
    }
    let body = (bytes.len() - HEADER) / 4100 * 4096;
    let rest = (bytes.len() - HEADER) % 4100;
    let end = HEADER + body + rest.saturating_sub(4);
    let table: Vec<u8> =
        bytes[HEADER..end].chunks(4096).flat_map(|block| crc32fast::hash(block).to_le_bytes()).collect();
    if bytes.len() - end == table.len() {
        bytes[end..].copy_from_slice(&table);
        let checksum = crc32fast::hash(&table).to_le_bytes();
        bytes[64..68].copy_from_slice(&checksum);
        let header = crc32fast::hash(&bytes[..68]).to_le_bytes();
        bytes[68..72].copy_from_slice(&header);
    }
    bytes
}
