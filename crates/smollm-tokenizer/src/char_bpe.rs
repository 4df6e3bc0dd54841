//! BPE over characters with bytes to fall back on: the form that `tokenizer.json` gives a SentencePiece vocabulary.

use crate::merges::{Merges, Workspace};
use crate::score_bpe::{SPACE, byte_ids};
use crate::vocab::Vocab;

/// The model of such a vocabulary.
pub(crate) struct CharBpe {
    pub(crate) merges: Merges,
    /// A space goes before each text between added tokens, and decoding takes the first one away again.
    pub(crate) add_space_prefix: bool,
    byte_ids: [u32; 256],
}

impl CharBpe {
    /// The error is the first byte that has no token.
    pub(crate) fn new(vocab: &Vocab, merges: Merges, add_space_prefix: bool) -> Result<Self, u8> {
        Ok(Self { merges, add_space_prefix, byte_ids: byte_ids(vocab)? })
    }

    /// Appends the ids of `text`, which holds no added token.
    pub(crate) fn encode(&self, vocab: &Vocab, text: &str, out: &mut Vec<u32>) {
        let mut work = Workspace::default();
        let prefix = self.add_space_prefix.then_some(SPACE);
        let escaped = prefix.into_iter().chain(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        self.symbols(vocab, escaped, &mut work.ids);
        self.merges.merge_all(&mut work);
        out.append(&mut work.ids);
    }

    /// One symbol per character, and one per byte of a character that is no token.
    fn symbols(&self, vocab: &Vocab, text: impl Iterator<Item = char>, ids: &mut Vec<u32>) {
        for c in text {
            let mut buffer = [0; 4];
            let spelling: &str = c.encode_utf8(&mut buffer);
            match vocab.model_id(spelling) {
                Some(id) => ids.push(id),
                None => ids.extend(spelling.bytes().map(|byte| self.byte_ids[usize::from(byte)])),
            }
        }
    }

    /// The pair whose merge makes the token `id`: there is one at most, as [`crate::score_merges`] explains.
    pub(crate) fn last_merge(&self, vocab: &Vocab, id: u32, work: &mut Workspace) -> Option<(u32, u32)> {
        work.ids.clear();
        self.symbols(vocab, vocab.spelled(id).chars(), &mut work.ids);
        if work.ids.len() < 2 {
            return None;
        }
        self.merges.merge_all(work);
        (work.ids == [id]).then_some(work.last)
    }
}
