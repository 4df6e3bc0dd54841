//! The two ways of merging against one another, and bytes that the vocabulary lacks.

use proptest::prelude::*;

use super::*;
use crate::merges::{KEPT, merged_id};
use crate::pretokenize::Pattern;

/// The bytes of `alphabet`, then `merges` of two ids each, as far as they make something new.
fn model(alphabet: &[u8], merges: &[(usize, usize)], unknown: Option<Unknown>) -> (Vocab, ByteBpe) {
    let mut spellings: Vec<String> = alphabet.iter().map(|&b| byte_to_char(b).to_string()).collect();
    let mut kept = Vec::new();
    for &(left, right) in merges {
        let (left, right) = (left % spellings.len(), right % spellings.len());
        let joined = format!("{}{}", spellings[left], spellings[right]);
        let merged = spellings.iter().position(|s| *s == joined).unwrap_or_else(|| {
            spellings.push(joined);
            spellings.len() - 1
        });
        kept.push((left as u32, right as u32, merged as u32));
    }
    let mut entries = Vec::new();
    let mut start = 0;
    for (id, spelling) in (0..).zip(&spellings) {
        entries.push((start, start + spelling.len() as u32, id));
        start += spelling.len() as u32;
    }
    let vocab = Vocab::new(spellings.concat(), &entries).unwrap();
    let mut table = Merges::with_capacity(kept.len());
    for (rank, (left, right, merged)) in (0..).zip(kept) {
        table.insert(left, right, rank, merged);
    }
    let bpe = ByteBpe::new(&vocab, PreTokenizer::new(Pattern::Gpt2), table, false, unknown);
    (vocab, bpe)
}

fn short(bpe: &ByteBpe, piece: &[u8]) -> Vec<u32> {
    let mut work = Workspace::default();
    bpe.symbols(piece, &mut work.ids);
    bpe.merges.merge_short(&mut work);
    work.ids
}

fn long(bpe: &ByteBpe, piece: &[u8]) -> Vec<u32> {
    let mut work = Workspace::default();
    bpe.symbols(piece, &mut work.ids);
    bpe.merges.merge_long(&mut work);
    work.ids
}

/// Merges as the definition says: the whole list of merges looked through for every step.
fn plainly(bpe: &ByteBpe, piece: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    bpe.symbols(piece, &mut ids);
    'again: loop {
        for (left, right) in bpe.merges.in_order() {
            if let Some(at) = ids.windows(2).position(|pair| pair == [left, right]) {
                ids[at] = merged_id(bpe.merges.get(left, right));
                ids.remove(at + 1);
                continue 'again;
            }
        }
        return ids;
    }
}

proptest! {
    #[test]
    fn both_ways_of_merging_are_the_definition(
        merges in prop::collection::vec((0usize..40, 0usize..40), 0..40),
        piece in prop::collection::vec(prop::sample::select(b"abcd!".to_vec()), 0..120),
    ) {
        let (_, bpe) = model(b"abcd", &merges, None);
        let expected = plainly(&bpe, &piece);
        prop_assert_eq!(&short(&bpe, &piece), &expected);
        prop_assert_eq!(&long(&bpe, &piece), &expected);
    }
}

#[test]
fn missing_bytes_vanish_and_their_neighbours_merge() {
    let (vocab, bpe) = model(b"ab", &[(0, 1)], None);
    let mut scratch = bpe.take_scratch();
    let mut encode = |text: &str| {
        let mut ids = Vec::new();
        bpe.encode(&vocab, text, &mut scratch, &mut ids);
        ids
    };
    assert_eq!(encode("ab"), [2]);
    assert_eq!(encode("aéb"), [2]);
    assert!(encode("é").is_empty());
    assert_eq!(encode("baé"), [1, 0]);
}

#[test]
fn missing_bytes_become_the_unknown_token() {
    for (fuse, expected) in [(false, vec![2, 0, 0, 2]), (true, vec![2, 0, 2])] {
        let (_, bpe) = model(b"?ab", &[(1, 2)], Some(Unknown { id: 0, fuse }));
        // The two bytes of é lie between two pairs that merge.
        let expected: Vec<u32> = expected.into_iter().map(|id| if id == 2 { 3 } else { id }).collect();
        assert_eq!(short(&bpe, "abéab".as_bytes()), expected);
        assert_eq!(long(&bpe, "abéab".as_bytes()), expected);
    }
}

#[test]
fn a_megabyte_of_one_letter_is_no_trap() {
    let (vocab, bpe) = model(b"a ", &[(0, 0), (2, 2), (3, 3), (1, 1), (5, 5)], None);
    let mut scratch = bpe.take_scratch();
    for (letter, per_token) in [("a", 8), (" ", 4)] {
        let mut ids = Vec::new();
        bpe.encode(&vocab, &letter.repeat(1 << 20), &mut scratch, &mut ids);
        assert_eq!(ids.len(), (1 << 20) / per_token);
    }
    bpe.give_scratch(scratch);
    assert!(bpe.take_scratch().work.ids.capacity() <= KEPT);
}
