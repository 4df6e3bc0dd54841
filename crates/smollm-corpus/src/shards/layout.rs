//! The header of a shard, and where its parts lie.

use super::ShardKind;

/// The first bytes of every shard.
pub(super) const MAGIC: [u8; 8] = *b"smolshrd";
/// The version of the format that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;
/// Bytes of the header.
pub(super) const HEADER: u64 = 72;
/// Bytes that share a checksum.
pub(super) const BLOCK: u64 = 4096;
/// Bytes of a document's origin.
pub(super) const ORIGIN: u64 = 24;

const HAS_MASK: u32 = 1;
const PAIRS: u32 = 2;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: ShardKind,
    /// Without a mask every token counts.
    pub(super) has_mask: bool,
    pub(super) documents: u64,
    pub(super) tokens: u64,
    pub(super) supervised: u64,
    pub(super) sources: u64,
    /// Bytes of the names of all sources.
    pub(super) names: u64,
    /// CRC-32 of the table of checksums.
    pub(super) table: u32,
}

/// Where the parts lie, in bytes from the beginning of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) mask: u64,
    pub(super) borders: u64,
    pub(super) origins: u64,
    pub(super) names: u64,
    /// Where the body ends and the table of checksums begins.
    pub(super) end: u64,
    /// Bytes of the whole file.
    pub(super) file: u64,
}

/// Bytes of a token: two where all ids fit.
pub(super) fn token_bytes(vocabulary: u32) -> u64 {
    if vocabulary <= 1 << 16 { 2 } else { 4 }
}

impl Header {
    /// The parts in their order, each from a multiple of 8 on; `None` if they would not fit any file.
    pub(super) fn layout(&self) -> Option<Layout> {
        let after = |start: u64, bytes: u64| start.checked_add(bytes)?.checked_next_multiple_of(8);
        let mask = after(0, self.tokens.checked_mul(token_bytes(self.kind.vocabulary))?)?;
        let borders = after(mask, if self.has_mask { self.tokens.div_ceil(8) } else { 0 })?;
        let origins = after(borders, self.documents.checked_add(1)?.checked_mul(8)?)?;
        let names = after(origins, self.documents.checked_mul(ORIGIN)?)?;
        let end = after(names, self.names)?;
        let file = end.div_ceil(BLOCK).checked_mul(4)?.checked_add(end)?.checked_add(HEADER)?;
        Some(Layout { mask, borders, origins, names, end, file })
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER as usize] {
        let flags = if self.has_mask { HAS_MASK } else { 0 } | if self.kind.pairs { PAIRS } else { 0 };
        let mut bytes = Vec::with_capacity(HEADER as usize);
        bytes.extend(MAGIC);
        for number in [VERSION, flags, token_bytes(self.kind.vocabulary) as u32, self.kind.vocabulary] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [self.documents, self.tokens, self.supervised, self.sources, self.names] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.table.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        let mut header = [0; HEADER as usize];
        header.copy_from_slice(&bytes);
        header
    }

    /// Reads a header; what is wrong with it comes with its offset.
    pub(super) fn from_bytes(bytes: &[u8; HEADER as usize]) -> Result<Self, (u64, String)> {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if bytes[..8] != MAGIC {
            return Err((0, "no shard: it does not begin with \"smolshrd\"".into()));
        }
        if u32_at(8) != VERSION {
            return Err((8, format!("version {} of the format, of which only version {VERSION} is known", u32_at(8))));
        }
        if crc32fast::hash(&bytes[..68]) != u32_at(68) {
            return Err((68, "the checksum of the header is wrong".into()));
        }
        let (flags, vocabulary) = (u32_at(12), u32_at(20));
        if flags > HAS_MASK | PAIRS {
            return Err((12, format!("unknown flags {flags:#x}")));
        }
        if u64::from(u32_at(16)) != token_bytes(vocabulary) {
            return Err((16, format!("tokens of {} bytes for {vocabulary} ids", u32_at(16))));
        }
        let header = Self {
            kind: ShardKind { vocabulary, pairs: flags & PAIRS != 0 },
            has_mask: flags & HAS_MASK != 0,
            documents: u64_at(24),
            tokens: u64_at(32),
            supervised: u64_at(40),
            sources: u64_at(48),
            names: u64_at(56),
            table: u32_at(64),
        };
        if header.kind.pairs && !header.documents.is_multiple_of(2) {
            return Err((24, format!("{} documents are no pairs", header.documents)));
        }
        if header.supervised > header.tokens {
            return Err((40, format!("{} of {} tokens count", header.supervised, header.tokens)));
        }
        Ok(header)
    }
}
