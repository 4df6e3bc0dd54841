//! Byte-level BPE: pieces become bytes, bytes become tokens, and neighbours merge by rank.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use crate::byte_alphabet::{byte_to_char, spell};
use crate::merges::{Merges, NO_MERGE, merged_id};
use crate::piece_cache::{Key, PieceCache};
use crate::pretokenize::PreTokenizer;
use crate::vocab::Vocab;

/// No token: what a byte that is not in the vocabulary has.
const MISSING: u32 = u32::MAX;
/// Up to this many symbols the pairs are searched one by one, above it they wait in a heap.
const SHORT: usize = 32;
/// How many idle work spaces are kept: as many threads can encode without building their own.
const IDLE: usize = 16;
/// How many symbols an idle work space has room for at most.
const KEPT: usize = 1 << 14;

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
    ids: Vec<u32>,
    /// For each symbol the value of the pair that it begins.
    values: Vec<u64>,
    links: Vec<Link>,
    /// Value of the pair, position of its left symbol.
    queue: BinaryHeap<Reverse<(u64, usize)>>,
}

/// The neighbours of a symbol in a long piece.
#[derive(Clone, Copy)]
struct Link {
    previous: usize,
    next: usize,
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

    /// A work space: an idle one, or a new one.
    pub(crate) fn take_scratch(&self) -> Scratch {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Scratch {
            cache: PieceCache::new(),
            ids: Vec::new(),
            values: Vec::new(),
            links: Vec::new(),
            queue: BinaryHeap::new(),
        })
    }

    /// Gives a work space back. What a very long piece made grow is let go.
    pub(crate) fn give_scratch(&self, mut scratch: Scratch) {
        scratch.ids.clear();
        scratch.ids.shrink_to(KEPT);
        scratch.values.clear();
        scratch.values.shrink_to(KEPT);
        scratch.links.clear();
        scratch.links.shrink_to(KEPT);
        scratch.queue.clear();
        scratch.queue.shrink_to(KEPT);
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
            out.extend_from_slice(&scratch.ids);
            if let Some(key) = key {
                scratch.cache.remember(key, &scratch.ids);
            }
        });
    }

    /// Leaves the ids of one piece in `scratch.ids`.
    fn encode_piece(&self, vocab: &Vocab, piece: &[u8], scratch: &mut Scratch) {
        scratch.ids.clear();
        if self.ignore_merges {
            let mut spelled = String::with_capacity(2 * piece.len());
            spell(piece, &mut spelled);
            if let Some(id) = vocab.model_id(&spelled) {
                scratch.ids.push(id);
                return;
            }
        }
        self.merge(piece, scratch);
    }

    /// Leaves in `scratch.ids` what the bytes of `piece` merge into.
    fn merge(&self, piece: &[u8], scratch: &mut Scratch) {
        scratch.ids.clear();
        self.symbols(piece, &mut scratch.ids);
        if scratch.ids.len() <= SHORT {
            self.merge_short(&mut scratch.ids, &mut scratch.values);
        } else {
            self.merge_long(scratch);
        }
    }

    /// Whether the bytes of `piece` merge into the one token `id`.
    pub(crate) fn merges_into(&self, piece: &[u8], id: u32, scratch: &mut Scratch) -> bool {
        self.merge(piece, scratch);
        scratch.ids == [id]
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

    /// Merges by looking at every pair each time: the fastest way for a few symbols.
    fn merge_short(&self, ids: &mut Vec<u32>, values: &mut Vec<u64>) {
        values.clear();
        values.extend(ids.windows(2).map(|pair| self.merges.get(pair[0], pair[1])));
        loop {
            // The first of equal values is the leftmost pair.
            let Some((at, &value)) = values.iter().enumerate().min_by_key(|&(_, value)| value) else { return };
            if value == NO_MERGE {
                return;
            }
            ids[at] = merged_id(value);
            ids.remove(at + 1);
            values.remove(at);
            if at > 0 {
                values[at - 1] = self.merges.get(ids[at - 1], ids[at]);
            }
            if at < values.len() {
                values[at] = self.merges.get(ids[at], ids[at + 1]);
            }
        }
    }

    /// Merges with a heap of pairs: n log n for a piece of n symbols, so that a megabyte of one letter is no trap.
    fn merge_long(&self, scratch: &mut Scratch) {
        let Scratch { ids, values, links, queue, .. } = scratch;
        let count = ids.len();
        values.clear();
        values.extend(ids.windows(2).map(|pair| self.merges.get(pair[0], pair[1])));
        values.push(NO_MERGE); // the last symbol begins no pair
        links.clear();
        links.extend((0..count).map(|at| Link { previous: at.wrapping_sub(1), next: at + 1 }));
        queue.clear();
        queue.extend(values.iter().enumerate().filter(|&(_, &v)| v != NO_MERGE).map(|(at, &v)| Reverse((v, at))));
        while let Some(Reverse((value, at))) = queue.pop() {
            if values[at] != value {
                continue; // one of the two has merged since
            }
            let right = links[at].next;
            let next = links[right].next;
            ids[at] = merged_id(value);
            ids[right] = MISSING;
            values[right] = NO_MERGE;
            links[at].next = next;
            values[at] = NO_MERGE;
            if next < count {
                links[next].previous = at;
                values[at] = self.merges.get(ids[at], ids[next]);
                if values[at] != NO_MERGE {
                    queue.push(Reverse((values[at], at)));
                }
            }
            let previous = links[at].previous;
            if previous < count {
                values[previous] = self.merges.get(ids[previous], ids[at]);
                if values[previous] != NO_MERGE {
                    queue.push(Reverse((values[previous], previous)));
                }
            }
        }
        ids.retain(|&id| id != MISSING);
    }
}

#[cfg(test)]
mod tests;
