//! Pages are what their truth says.

use super::*;
use crate::{Split, arithmetic, calls};
use std::collections::HashMap;

fn leaks() -> Vec<Item> {
    let mut draw = Draw::new(1, "leaks");
    let sums = (0..50).map(|_| arithmetic::item(&mut draw, Split::HeldOut)).collect::<Vec<_>>();
    let calls = (0..50).map(|_| calls::item(&mut draw, Split::HeldOut));
    sums.into_iter().chain(calls.collect::<Vec<_>>()).collect()
}

/// The sets of five words in a row.
fn shingles(text: &str) -> HashSet<Vec<&str>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(5).map(<[&str]>::to_vec).collect()
}

fn likeness(a: &HashSet<Vec<&str>>, b: &HashSet<Vec<&str>>) -> f64 {
    let common = a.intersection(b).count();
    common as f64 / (a.len() + b.len() - common).max(1) as f64
}

#[test]
fn the_truth_is_in_the_pages() {
    let leaks = leaks();
    let pages = pages(&mut Draw::new(2, "web"), 1_500, &leaks);
    assert_eq!(pages.len(), 1_500);
    let by_id: HashMap<&str, &Page> = pages.iter().map(|page| (page.id.as_str(), page)).collect();
    let urls: HashSet<&str> = pages.iter().map(|page| page.url.as_str()).collect();
    assert_eq!((by_id.len(), urls.len()), (1_500, 1_500));
    let mut kinds: HashMap<Kind, usize> = HashMap::new();
    for page in &pages {
        let Truth { id, kind, of, item, found } = &page.truth;
        assert_eq!(id, &page.id);
        *kinds.entry(*kind).or_default() += 1;
        let is_copy = matches!(kind, Kind::Duplicate | Kind::NearDuplicate);
        assert_eq!((of.is_some(), item.is_some()), (is_copy, *kind == Kind::Leak));
        assert_eq!(!found.is_empty(), matches!(kind, Kind::Leak | Kind::PersonalData | Kind::Foreign));
        assert!(found.iter().all(|found| page.text.contains(found.as_str())), "{page:?}");
        if let Some(original) = of.as_deref().map(|of| by_id[of]) {
            assert_eq!(original.truth.kind, Kind::Clean);
            let likeness = likeness(&shingles(&page.text), &shingles(&original.text));
            match kind {
                Kind::Duplicate => assert_eq!(page.text, original.text),
                _ => assert!(page.text != original.text && likeness > 0.7, "{likeness}"),
            }
        }
        if let Some(item) = item.map(|item| &leaks[item]) {
            let question = item.messages.last().and_then(|last| last["content"].as_str()).expect("a question");
            assert!(found[0].contains(question));
        }
    }
    assert_eq!(kinds.len(), 9, "{kinds:?}");
    assert!(kinds.values().all(|&count| count > 30), "{kinds:?}");
}

#[test]
fn clean_pages_are_not_alike() {
    let pages = pages(&mut Draw::new(3, "web"), 400, &[]);
    let clean: Vec<_> =
        pages.iter().filter(|page| page.truth.kind == Kind::Clean).map(|page| shingles(&page.text)).collect();
    assert!(clean.len() > 120);
    for (i, a) in clean.iter().enumerate() {
        for b in &clean[..i] {
            assert!(likeness(a, b) < 0.4, "{}", likeness(a, b));
        }
    }
}

#[test]
fn the_truth_is_not_written_with_the_page() {
    let pages = pages(&mut Draw::new(4, "web"), 3, &[]);
    let page = serde_json::to_value(&pages[0]).expect("JSON");
    assert_eq!(
        page.as_object().map(|keys| keys.keys().cloned().collect::<Vec<_>>()),
        Some(["id", "url", "text"].map(str::to_owned).into())
    );
    let truth = Truth { of: Some("page-000001".to_owned()), kind: Kind::NearDuplicate, ..pages[0].truth.clone() };
    let written = serde_json::to_value(truth).expect("JSON");
    assert_eq!((written["kind"].as_str(), written["of"].as_str()), (Some("near-duplicate"), Some("page-000001")));
}
