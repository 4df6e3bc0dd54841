//! Byte-level BPE: pieces become bytes, bytes become tokens, and neighbours merge by rank.

use std::sync::{Mutex, PoisonError};

use crate::byte_alphabet::{byte_to_char, spell};
use crate::merges::{MISSING, Merges, Workspace};
use crate::piece_cache::{Key, PieceCache};
use crate::pretokenize::PreTokenizer;
use crate::vocab::Vocab;

/// How many idle work spaces are kept: as many threads can encode without building their own.
const IDLE: usize = 16;

/// The model of a byte-level vocabulary.
pub(crate) struct ByteBpe {
    pub(crate) pretokenizer: PreTokenizer,
    pub(crate) merges: Merges,
    /// A piece that is a token is that token, whatever the merges say.
    pub(crate) ignore_merges: bool,
    unknown: Option<Unknown>,
    byte_ids: [u32; 256],
    idle: Mutex<Vec<Scratch>>,
}

/// What stands for bytes that are not in the vocabulary.
#[derive(Clone, Copy)]
pub(crate) struct Unknown {
    pub(crate) id: u32,
    /// One token for a run of such bytes instead of one each.
    pub(crate) fuse: bool,
}

/// What encoding works in: kept between calls because the cache in it grows useful.
pub(crate) struct Scratch {
    cache: PieceCache,
    work: Workspace,
}

impl ByteBpe {
    pub(crate) fn new(
        vocab: &Vocab,
        pretokenizer: PreTokenizer,
        merges: Merges,
        ignore_merges: bool,
        unknown: Option<Unknown>,
    ) -> Self {
        let mut byte_ids = [MISSING; 256];
        for (byte, id) in (0..=255).zip(&mut byte_ids) {
            *id = vocab.model_id(byte_to_char(byte).encode_utf8(&mut [0; 4])).unwrap_or(MISSING);
        }
        Self { pretokenizer, merges, ignore_merges, unknown, byte_ids, idle: Mutex::default() }
    }

    pub(crate) fn unknown(&self) -> Option<Unknown> {
        self.unknown
    }

    /// Whether some bytes become the unknown token.
    pub(crate) fn replaces_bytes(&self) -> bool {
        self.unknown.is_some() && self.byte_ids.contains(&MISSING)
    }

    /// A work space: an idle one, or a new one.
    pub(crate) fn take_scratch(&self) -> Scratch {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Scratch { cache: PieceCache::new(), work: Workspace::default() })
    }

    /// Gives a work space back. What a very long piece made grow is let go.
    pub(crate) fn give_scratch(&self, mut scratch: Scratch) {
        scratch.work.shrink();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(scratch);
        }
    }

    /// Appends the ids of `text`, which holds no added token.
    pub(crate) fn encode(&self, vocab: &Vocab, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) {
        let bytes = text.as_bytes();
        self.pretokenizer.pieces(text, |start, end| {
            let key = Key::new(bytes, start, end);
            if key.is_some_and(|key| scratch.cache.append(key, out)) {
                return;
            }
            self.encode_piece(vocab, &bytes[start..end], scratch);
            out.extend_from_slice(&scratch.work.ids);
            if let Some(key) = key {
                scratch.cache.remember(key, &scratch.work.ids);
            }
        });
    }

    /// Leaves the ids of one piece in `scratch.work.ids`.
    fn encode_piece(&self, vocab: &Vocab, piece: &[u8], scratch: &mut Scratch) {
        scratch.work.ids.clear();
        if self.ignore_merges {
            let mut spelled = String::with_capacity(2 * piece.len());
            spell(piece, &mut spelled);
            if let Some(id) = vocab.model_id(&spelled) {
                scratch.work.ids.push(id);
                return;
            }
        }
        self.merge(piece, scratch);
    }

    /// Leaves in `scratch.work.ids` what the bytes of `piece` merge into.
    fn merge(&self, piece: &[u8], scratch: &mut Scratch) {
        scratch.work.ids.clear();
        self.symbols(piece, &mut scratch.work.ids);
        self.merges.merge_all(&mut scratch.work);
    }

    /// Whether the bytes of `piece` merge into the one token `id`.
    pub(crate) fn merges_into(&self, piece: &[u8], id: u32, scratch: &mut Scratch) -> bool {
        self.merge(piece, scratch);
        scratch.work.ids == [id]
    }

    /// One symbol per byte; bytes that are not in the vocabulary leave none, or the unknown token.
    fn symbols(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let mut after_unknown = false;
        for &byte in piece {
            let id = self.byte_ids[usize::from(byte)];
            if id != MISSING {
                ids.push(id);
            } else if let Some(unknown) = self.unknown
                && !(unknown.fuse && after_unknown)
            {
                ids.push(unknown.id);
            }
            after_unknown = id == MISSING;
        }
    }
}

#[cfg(test)]
mod tests;
