//! Nothing is lost and nothing is doubled, whatever the lengths.

use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn options(packing: Packing, row_tokens: u32, pairs: bool) -> PackOptions {
    PackOptions { packing, row_tokens, seed: 5, pairs }
}

fn numbered(lengths: &[u32]) -> Vec<(u32, u32)> {
    (0..).zip(lengths.iter().copied()).collect()
}

/// The tokens of every sequence as (document, place), and the inputs of the fullest row.
fn sequences(rows: &Rows) -> (Vec<Vec<(u32, u32)>>, u64) {
    let (mut all, mut fullest) = (Vec::new(), 0);
    for row in 0..rows.count() {
        let mut inputs = 0;
        for pieces in rows.sequences(row) {
            let tokens =
                pieces.iter().flat_map(|piece| (piece.from..piece.from + piece.length).map(|t| (piece.document, t)));
            all.push(tokens.collect::<Vec<_>>());
            inputs += all[all.len() - 1].len() as u64 - 1;
        }
        fullest = fullest.max(inputs);
    }
    (all, fullest)
}

proptest! {
    #[test]
    fn every_token_behind_a_first_one_is_predicted_once(
        lengths in prop::collection::vec(0u32..40, 0..200), row in 1u32..64, wrapped: bool,
    ) {
        let packing = if wrapped { Packing::Wrapped } else { Packing::BestFit };
        let documents = numbered(&lengths);
        let rows = Rows::pack(&documents, &options(packing, row, false)).unwrap();
        let (sequences, fullest) = sequences(&rows);
        prop_assert!(fullest <= u64::from(row));
        let mut predicted: HashMap<(u32, u32), (u32, u32)> = HashMap::new();
        for sequence in &sequences {
            prop_assert!(sequence.len() > 1);
            for pair in sequence.windows(2) {
                prop_assert!(predicted.insert(pair[1], pair[0]).is_none(), "{:?} twice", pair[1]);
            }
        }
        let mut firsts = 0;
        for &(document, length) in &documents {
            for token in 0..length {
                match predicted.get(&(document, token)) {
                    Some(&before) if token > 0 => prop_assert_eq!(before, (document, token - 1)),
                    // What predicts a first token is the last one of another document.
                    Some(&(other, last)) => prop_assert!(wrapped && last + 1 == lengths[other as usize]),
                    None => { prop_assert_eq!(token, 0); firsts += 1; }
                }
            }
        }
        let documents = lengths.iter().filter(|&&length| length > 0).count();
        prop_assert_eq!(firsts, if wrapped { documents.min(1) } else { documents });
        if wrapped && rows.count() > 1 {
            // All rows but the last are full.
            let inputs: Vec<u64> = sequences.iter().map(|sequence| sequence.len() as u64 - 1).collect();
            prop_assert!(inputs[..inputs.len() - 1].iter().all(|&inputs| inputs == u64::from(row)));
        }
    }

    #[test]
    fn pairs_stay_together(lengths in prop::collection::vec((2u32..20, 2u32..20), 0..100), fit: bool) {
        let lengths: Vec<u32> = lengths.into_iter().flat_map(|(a, b)| [a, b]).collect();
        let packing = if fit { Packing::BestFit } else { Packing::None };
        let rows = Rows::pack(&numbered(&lengths), &options(packing, 40, true)).unwrap();
        let mut pairs = 0;
        for row in 0..rows.count() {
            let sequences: Vec<&[Piece]> = rows.sequences(row).collect();
            for pair in sequences.chunks(2) {
                let (chosen, rejected) = (pair[0][0], pair[1][0]);
                prop_assert_eq!((chosen.document % 2, chosen.document + 1), (0, rejected.document));
                prop_assert_eq!((chosen.from, chosen.length), (0, lengths[chosen.document as usize]));
                prop_assert_eq!((rejected.from, rejected.length), (0, lengths[rejected.document as usize]));
                pairs += 1;
            }
        }
        prop_assert_eq!(pairs, lengths.len() / 2);
    }
}

#[test]
fn one_example_to_a_row() {
    let rows = Rows::pack(&numbered(&[5, 1, 0, 2, 9]), &options(Packing::None, 8, false)).unwrap();
    let mut documents: Vec<Vec<u32>> =
        (0..rows.count()).map(|row| rows.sequences(row).map(|pieces| pieces[0].document).collect()).collect();
    documents.sort();
    assert_eq!(documents, [[0], [3], [4]]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let fault = |lengths: &[u32], options| Rows::pack(&numbered(lengths), &options).unwrap_err();
    let too_long = |document, tokens| PackError::TooLong { document, tokens, row: 8 };
    assert_eq!(fault(&[3, 10], options(Packing::None, 8, false)), too_long(1, 10));
    assert_eq!(fault(&[2, 2, 6, 5], options(Packing::BestFit, 8, true)), too_long(2, 11));
    assert_eq!(fault(&[], options(Packing::BestFit, 0, false)), PackError::NoRoom);
    assert_eq!(fault(&[], options(Packing::Wrapped, 8, true)), PackError::WrappedPairs);
}

/// Lengths as conversations have them: a wide spread, many of them short.
#[test]
fn rows_are_full() {
    let lengths: Vec<u32> =
        (0..20_000u64).map(|i| 30 + (mixed(&[i]) % 1000 * (mixed(&[i, 1]) % 1000) / 600) as u32).collect();
    let rows = Rows::pack(&numbered(&lengths), &options(Packing::BestFit, 2048, false)).unwrap();
    let inputs: u64 = lengths.iter().map(|&length| u64::from(length) - 1).sum();
    let filled = inputs as f64 / (rows.count() * 2048) as f64;
    assert!(filled > 0.995, "{filled}");
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let documents = numbered(&[7; 300]);
    let packed = |seed| Rows::pack(&documents, &PackOptions { seed, ..options(Packing::BestFit, 20, false) }).unwrap();
    assert_eq!(packed(1), packed(1));
    assert_ne!(packed(1), packed(2));
}
