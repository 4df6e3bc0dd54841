//! Both ways of merging give the same ids, for every vocabulary for which a list is promised.

use proptest::prelude::*;

use super::*;
use crate::merges::Merges;
use crate::score_bpe::byte_token;

/// A vocabulary of the byte tokens and `pieces`.
fn vocab(pieces: &[&str]) -> Vocab {
    let spellings: Vec<String> =
        (0..=255).map(byte_token).chain(pieces.iter().map(|piece| (*piece).to_owned())).collect();
    let (mut entries, mut start) = (Vec::new(), 0);
    for (id, spelling) in (0..).zip(&spellings) {
        entries.push((start, start + spelling.len() as u32, id));
        start += spelling.len() as u32;
    }
    let mut vocab = Vocab::new(spellings.concat(), &entries).unwrap();
    for byte in 0..256 {
        vocab.set_kind(byte, crate::vocab::Kind::Byte);
    }
    vocab
}

fn by_scores(vocab: &Vocab, scores: &[i8]) -> ScoreBpe {
    let scores = [0.0; 256].into_iter().chain(scores.iter().map(|&score| f32::from(score))).collect();
    ScoreBpe::new(vocab, scores, true).unwrap()
}

fn by_list(vocab: &Vocab, merges: &[Merge]) -> CharBpe {
    let mut table = Merges::with_capacity(merges.len());
    for (rank, merge) in (0..).zip(merges) {
        table.insert(merge.left, merge.right, rank, merge.made);
    }
    CharBpe::new(vocab, table, true).unwrap()
}

fn ids(encode: impl FnOnce(&mut Vec<u32>)) -> Vec<u32> {
    let mut ids = Vec::new();
    encode(&mut ids);
    ids
}

/// What the list is refused for.
#[track_caller]
fn refused(pieces: &[(&str, i8)], expected: &str) {
    let (pieces, scores): (Vec<&str>, Vec<i8>) = pieces.iter().copied().unzip();
    let vocab = vocab(&pieces);
    assert_eq!(merges_of_scores(&vocab, &by_scores(&vocab, &scores)).unwrap_err(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_list_gives_the_ids_of_the_scores(
        pieces in prop::collection::btree_map("[ab▁]{1,5}|aa+|[abé]{2}", any::<i8>(), 0..24),
        wide in any::<bool>(),
        texts in prop::collection::vec("[ab ]{0,40}|[abcé ▁]{0,12}|a{0,50}", 8),
    ) {
        let letters = ["a", "b", "▁"].map(|letter| (letter, 0));
        let scored = letters.into_iter().chain(
            pieces.iter().filter(|(piece, _)| piece.chars().count() > 1)
                // Few scores make many ties.
                .map(|(piece, &score)| (piece.as_str(), if wide { score } else { -(piece.len() as i8) })),
        );
        let (pieces, scores): (Vec<&str>, Vec<i8>) = scored.unzip();
        let vocab = vocab(&pieces);
        let scored = by_scores(&vocab, &scores);
        let Ok(merges) = merges_of_scores(&vocab, &scored) else { return Ok(()) };
        let listed = by_list(&vocab, &merges);
        for text in texts {
            let expected = ids(|out| scored.encode(&vocab, &text, true, out));
            prop_assert_eq!(ids(|out| listed.encode(&vocab, &text, out)), expected, "{:?}", text);
        }
        // And back: every merge is used, and scores in their order make the same.
        let used = used_merges(&vocab, &listed);
        prop_assert_eq!(&used, &merges);
        let again = ScoreBpe::new(&vocab, scores_of_merges(&vocab, &used).unwrap(), true).unwrap();
        prop_assert_eq!(merges_of_scores(&vocab, &again).unwrap(), merges);
    }

    /// A list of every pair that makes a token, as transformers writes it, uses one pair for each.
    #[test]
    fn pairs_that_are_never_used_change_nothing(
        merges in prop::collection::vec((0usize..20, 0usize..20), 0..30),
        texts in prop::collection::vec("[ab ]{0,40}|a{0,50}", 8),
    ) {
        let mut pieces = vec!["a".to_owned(), "b".to_owned(), "▁".to_owned()];
        let mut pairs = Vec::new();
        for (left, right) in merges {
            let (left, right) = (left % pieces.len(), right % pieces.len());
            let made = pieces[left].clone() + &pieces[right];
            if made.len() > 12 {
                continue;
            }
            let at = pieces.iter().position(|piece| *piece == made).unwrap_or_else(|| {
                pieces.push(made);
                pieces.len() - 1
            });
            let [left, right, made] = [left, right, at].map(|at| 256 + at as u32);
            pairs.push(Merge { left, right, made });
        }
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let vocab = vocab(&pieces);
        let whole = by_list(&vocab, &pairs);
        let used = by_list(&vocab, &used_merges(&vocab, &whole));
        for text in texts {
            let expected = ids(|out| whole.encode(&vocab, &text, out));
            prop_assert_eq!(ids(|out| used.encode(&vocab, &text, out)), expected, "{:?}", text);
        }
    }
}

#[test]
fn each_token_has_one_merge() {
    let vocab = vocab(&["a", "aa", "aaa", "aaaa"]);
    let merges = merges_of_scores(&vocab, &by_scores(&vocab, &[0, -1, -3, -2])).unwrap();
    let merge = |left, right, made| Merge { left, right, made };
    assert_eq!(merges, [merge(256, 256, 257), merge(257, 257, 259), merge(257, 256, 258)]);
}

#[test]
fn ties_are_ordered_from_left_to_right() {
    let vocab = vocab(&["b", "a", "c", "bc", "ab", "aa"]);
    let scored = by_scores(&vocab, &[0, 0, 0, -1, -1, -1]);
    let merges = merges_of_scores(&vocab, &scored).unwrap();
    let made: Vec<&str> = merges.iter().map(|merge| vocab.spelled(merge.made)).collect();
    assert_eq!(made, ["aa", "ab", "bc"]);
    let listed = by_list(&vocab, &merges);
    for text in ["aaabc", "abc", "aabcbc", "bcaab"] {
        assert_eq!(
            ids(|out| listed.encode(&vocab, text, out)),
            ids(|out| scored.encode(&vocab, text, true, out)),
            "{text}"
        );
    }
}

#[test]
fn what_no_list_can_say() {
    refused(&[("a", 0), ("ab", -1)], "\"ab\" is made of \"b\", which is no token");
    refused(&[("a", 0), ("b", 0), ("ab", -1), ("ba", -1)], "\"ab\" and tokens of the same score merge in a circle");
    refused(
        &[("a", 0), ("b", 0), ("c", 0), ("ab", -2), ("cc", -2), ("abc", -2)],
        "\"ab\" has the score of other tokens, and \"abc\", which is made of it, has no lower one",
    );
}
