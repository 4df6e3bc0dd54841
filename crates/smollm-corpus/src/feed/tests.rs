//! Batches are what the documents say, at any step, in any order of asking.

use super::*;
use crate::dataset::DatasetWriter;
use crate::examples::{Example, Tally};
use crate::permutation::mixed;
use crate::records::{Place, Unit};
use crate::shards::ShardKind;
use proptest::prelude::*;
use serde_json::Map;
use std::collections::HashMap;
use std::path::Path;

/// Document `d` of data set `s`, whose tokens tell where they are from.
fn document(s: u32, d: u32, length: u32) -> Document {
    Document {
        ids: (0..length).map(|token| s << 16 | d << 8 | token).collect(),
        mask: (0..length).map(|token| !(d + token).is_multiple_of(3)).collect(),
    }
}

fn dataset(s: u32, lengths: &[u32], pairs: bool) -> Source {
    let folder = tempfile::tempdir().unwrap();
    let kind = ShardKind { vocabulary: 1 << 20, pairs };
    let mut writer = DatasetWriter::create(folder.path(), kind, 500).unwrap();
    let documents: Vec<Document> = (0..).zip(lengths).map(|(d, &length)| document(s, d, length)).collect();
    for (number, unit) in (0..).zip(documents.chunks(if pairs { 2 } else { 1 })) {
        let example = match unit {
            [one] => Example::One(one.clone()),
            [chosen, rejected] => Example::Pair { prompt: 0, chosen: chosen.clone(), rejected: rejected.clone() },
            _ => panic!(),
        };
        let place = Place { file: Path::new("a.jsonl").into(), number, unit: Unit::Line };
        writer.push(&place, mixed(&[number]), &example).unwrap();
    }
    writer.finish(Map::new(), Tally::default()).unwrap();
    // The files are open, so the folder may go.
    Source { dataset: Arc::new(Dataset::open(folder.path()).unwrap()), part: Part::All }
}

fn options(packing: Packing, weights: &[f64]) -> FeedOptions {
    let stages = vec![Stage { from_tokens: 0, weights: weights.to_vec() }];
    FeedOptions { packing, row_tokens: 50, seed: 9, shuffle: true, stages }
}

proptest! {
    // Each case writes files.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_epoch_predicts_each_token_once_with_its_mask(lengths in prop::collection::vec(2u32..120, 1..60), wrapped: bool) {
        let source = dataset(0, &lengths, false);
        let packing = if wrapped { Packing::Wrapped } else { Packing::BestFit };
        let feed = Feed::new(&[source], &options(packing, &[1.0])).unwrap();
        let rows = feed.rows()[0];
        for epoch in 0..2 {
            let batch = feed.batch(epoch * rows..(epoch + 1) * rows).unwrap();
            let mut predicted = HashMap::new();
            for sequence in &batch.sequences {
                for at in sequence.inputs.clone() {
                    prop_assert!(predicted.insert(batch.targets[at], (batch.ids[at], batch.learnt[at])).is_none());
                    if at > sequence.inputs.start {
                        prop_assert_eq!(batch.ids[at], batch.targets[at - 1]);
                    }
                }
                let spans = &batch.spans[sequence.spans.clone()];
                prop_assert_eq!(spans.iter().map(|span| span.length).sum::<u64>(), sequence.inputs.len() as u64 + 1);
                prop_assert_eq!(batch.ids[sequence.inputs.start], (spans[0].document as u32) << 8 | spans[0].from as u32);
                prop_assert!(wrapped || spans.len() == 1);
            }
            for (d, &length) in (0..).zip(&lengths) {
                let document = document(0, d, length);
                for token in 1..length as usize {
                    let expected = (document.ids[token - 1], document.mask[token]);
                    prop_assert_eq!(predicted.get(&document.ids[token]), Some(&expected));
                }
            }
            prop_assert_eq!(batch.rows.len() as u64, rows);
        }
    }

    #[test]
    fn any_row_is_the_same_whenever_it_is_asked_for(seed: u64, from in 0u64..10_000, count in 0u64..20) {
        let sources = [dataset(0, &[30; 40], false), dataset(1, &[7; 90], false)];
        let feed = || Feed::new(&sources, &FeedOptions { seed, ..options(Packing::BestFit, &[0.3, 0.7]) }).unwrap();
        let (feed, again) = (feed(), feed());
        let whole = feed.batch(from..from + count).unwrap();
        let mut parts = Batch::default();
        for row in from..from + count {
            let part = again.batch(row..row + 1).unwrap();
            parts.ids.extend(&part.ids);
            parts.targets.extend(&part.targets);
            parts.learnt.extend(&part.learnt);
            parts.spans.extend(&part.spans);
        }
        prop_assert_eq!((whole.ids, whole.targets, whole.learnt, whole.spans), (parts.ids, parts.targets, parts.learnt, parts.spans));
    }
}

#[test]
fn epochs_differ_and_shares_hold() {
    let sources = [dataset(0, &[51; 40], false), dataset(1, &[51; 90], false)];
    let feed = Feed::new(&sources, &options(Packing::None, &[1.0, 3.0])).unwrap();
    assert_eq!(feed.rows(), [40, 90]);
    let batch = feed.batch(0..400).unwrap();
    let first: Vec<u64> = batch.spans.iter().filter(|span| span.source == 0).map(|span| span.document).collect();
    assert!(first.len().abs_diff(100) <= 1 && feed.given(400)[0] == first.len() as u64);
    let mut epochs: Vec<Vec<u64>> = first.chunks_exact(40).map(<[u64]>::to_vec).collect();
    assert_ne!(epochs[0], epochs[1]);
    for epoch in &mut epochs {
        epoch.sort_unstable();
        assert_eq!(*epoch, (0..40).collect::<Vec<_>>());
    }
    let origin = feed.origin(&batch.spans[0]).unwrap();
    assert_eq!((origin.file.as_str(), origin.number), ("a.jsonl", batch.spans[0].document));
}

#[test]
fn pairs_are_two_sequences_each() {
    let source = dataset(0, &[5, 6, 20, 22, 9, 3], true);
    for packing in [Packing::None, Packing::BestFit] {
        let feed = Feed::new(std::slice::from_ref(&source), &options(packing, &[1.0])).unwrap();
        let batch = feed.batch(0..feed.rows()[0]).unwrap();
        let mut chosen: Vec<u64> = Vec::new();
        for pair in batch.sequences.chunks(2) {
            let document = |sequence: &Sequence| batch.spans[sequence.spans.start].document;
            assert_eq!(document(&pair[0]) + 1, document(&pair[1]));
            chosen.push(document(&pair[0]));
        }
        chosen.sort_unstable();
        assert_eq!(chosen, [0, 2, 4]);
        assert!(batch.rows.iter().all(|first| first % 2 == 0));
    }
}

#[test]
fn the_validation_part_stays_what_it_is_when_data_grow() {
    let validation = |count: usize, share: f64| {
        let source = Source { part: Part::Validation(share), ..dataset(0, &vec![9; count], false) };
        let feed = Feed::new(&[source], &FeedOptions { shuffle: false, ..options(Packing::None, &[1.0]) }).unwrap();
        let mut documents: Vec<u64> =
            feed.batch(0..feed.rows()[0]).unwrap().spans.iter().map(|span| span.document).collect();
        documents.sort_unstable();
        documents
    };
    let (small, large) = (validation(100, 0.2), validation(200, 0.2));
    assert!((10..30).contains(&small.len()), "{small:?}");
    assert_eq!(small, large.iter().copied().filter(|&document| document < 100).collect::<Vec<_>>());
    let held_out = |share: f64| (0..200).filter(|&d| Part::Validation(share).has(mixed(&[d]))).count();
    assert!((0..200).all(|d| Part::Train(0.2).has(mixed(&[d])) != Part::Validation(0.2).has(mixed(&[d]))));
    assert_eq!((held_out(0.0), held_out(1.0)), (0, 200));
    assert!(Part::Validation(1.0).has(u64::MAX) && !Part::Validation(0.0).has(0));
}

#[test]
fn what_gives_no_rows_is_refused() {
    let source = dataset(0, &[1, 60, 9], false);
    let pairs = dataset(1, &[5, 5], true);
    let fault = |sources: &[Source], options| Feed::new(sources, &options).unwrap_err().to_string();
    let only = std::slice::from_ref(&source);
    let too_long = fault(only, options(Packing::None, &[1.0]));
    assert!(too_long.contains("document 1 has 60 tokens, which do not fit a row of 50"), "{too_long}");
    assert!(fault(&[], options(Packing::None, &[])).contains("weights are 0 or more"));
    assert!(fault(&[source.clone(), pairs], options(Packing::BestFit, &[1.0, 1.0])).contains("different vocabularies"));
    let none = Source { part: Part::Validation(0.0), ..source.clone() };
    assert!(fault(&[none], options(Packing::BestFit, &[1.0])).contains("not a single row"));
    let share = Source { part: Part::Train(1.5), ..source.clone() };
    assert!(fault(&[share], options(Packing::BestFit, &[1.0])).contains("a validation share of 1.5"));
    assert!(fault(only, options(Packing::BestFit, &[1.0, 2.0])).contains("2 weights for 1 data sets"));
}

#[test]
fn weights_may_come_after_the_rows() {
    let sources = [dataset(0, &[9; 30], false), dataset(1, &[9; 10], false)];
    let mut feed = Feed::new(&sources, &options(Packing::None, &[1.0, 1.0])).unwrap();
    let weights: Vec<f64> = feed.rows().iter().map(|&rows| rows as f64).collect();
    feed.set_stages(&[Stage { from_tokens: 0, weights: weights.clone() }]).unwrap();
    assert_eq!(feed.given(40), [30, 10]);
    let whole = Feed::new(&sources, &options(Packing::None, &weights)).unwrap();
    assert_eq!(feed.batch(3..17).unwrap(), whole.batch(3..17).unwrap());
    assert!(feed.set_stages(&[]).is_err());
}
