//! What a run tells is read back, also after it went on.

use super::*;
use std::fs;

fn metrics(step: u64) -> Metrics {
    let x = step as f64;
    let mut values = vec![
        ("loss".to_owned(), 3.0 / x + 1.0),
        ("learning_rate".into(), 1e-3 * (10.0 - x)),
        ("grad_norm".into(), if step == 3 { f64::NAN } else { 1.0 }),
        ("rewards/margins".into(), x * 0.1),
    ];
    if step.is_multiple_of(4) {
        values.push(("eval_loss".into(), 3.0 / x + 1.1));
    }
    Metrics { step, time: 1_000.5 + x, tokens: step * 64, values }
}

/// An event of the file: step, tags and values.
type Event = (u64, Vec<(String, f32)>);

/// Reads an event file as its format says, with all checksums.
fn events(bytes: &[u8]) -> Vec<Event> {
    fn number(bytes: &[u8], at: &mut usize) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[*at];
            *at += 1;
            value |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    /// Fields with their wire type and bytes.
    fn fields(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let (mut at, mut fields) = (0, Vec::new());
        while at < bytes.len() {
            let key = number(bytes, &mut at);
            let length = match key & 7 {
                0 => {
                    fields.push((key >> 3, number(bytes, &mut at).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => number(bytes, &mut at) as usize,
                other => panic!("wire type {other}"),
            };
            fields.push((key >> 3, bytes[at..at + length].to_vec()));
            at += length;
        }
        fields
    }
    let (mut at, mut events) = (0, Vec::new());
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    while at < bytes.len() {
        let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        assert_eq!(word(at + 8), crc32c::masked(&bytes[at..at + 8]));
        let event = &bytes[at + 12..at + 12 + length];
        assert_eq!(word(at + 12 + length), crc32c::masked(event));
        at += 16 + length;
        let event = fields(event);
        let step = event.iter().find(|(field, _)| *field == 2).unwrap().1.as_slice();
        let step = u64::from_le_bytes(step.try_into().unwrap());
        if events.is_empty() {
            assert!(event.contains(&(3, b"brain.Event:2".to_vec())));
        }
        let mut values = Vec::new();
        for (_, summary) in event.iter().filter(|(field, _)| *field == 5) {
            for (_, value) in fields(summary) {
                let value = fields(&value);
                let tag = String::from_utf8(value[0].1.clone()).unwrap();
                values.push((tag, f32::from_le_bytes(value[1].1.as_slice().try_into().unwrap())));
            }
        }
        events.push((step, values));
    }
    events
}

fn event_bytes(folder: &Path) -> Vec<u8> {
    let only = fs::read_dir(folder.join(EVENTS)).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!(only.len(), 1, "{only:?}");
    assert!(only[0].display().to_string().contains("tfevents"));
    fs::read(&only[0]).unwrap()
}

#[test]
fn every_step_is_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (mut telemetry, cut) = Telemetry::open(folder.path(), 0).unwrap();
    assert_eq!(cut, Cut::default());
    (1..=4).for_each(|step| telemetry.record(&metrics(step)).unwrap());
    let text = fs::read_to_string(folder.path().join(METRICS)).unwrap();
    insta::assert_snapshot!(text);
    let read = read_metrics(&folder.path().join(METRICS)).unwrap();
    assert!(read[2].get("grad_norm").unwrap().is_nan());
    assert_eq!((&read[3], read.len()), (&metrics(4), 4));
    let events = events(&event_bytes(folder.path()));
    assert_eq!(events.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let tags: Vec<&str> = events[4].1.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(tags, ["train/loss", "train/learning_rate", "train/grad_norm", "train/rewards/margins", "eval/loss"]);
    assert_eq!(events[4].1[0].1, 1.75);
}

#[test]
fn a_run_that_goes_on_tells_each_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(METRICS);
    let (mut telemetry, _) = Telemetry::open(folder.path(), 0).unwrap();
    (1..=6).for_each(|step| telemetry.record(&metrics(step)).unwrap());
    let whole = (fs::read(&path).unwrap(), event_bytes(folder.path()));
    // It ended in the middle of a line.
    fs::write(&path, &whole.0[..whole.0.len() - 20]).unwrap();
    let (mut telemetry, cut) = Telemetry::open(folder.path(), 3).unwrap();
    assert_eq!(cut, Cut { lines: 2, torn: true });
    (4..=6).for_each(|step| telemetry.record(&metrics(step)).unwrap());
    assert!((fs::read(&path).unwrap(), event_bytes(folder.path())) == whole);
    let (_, cut) = Telemetry::open(folder.path(), 0).unwrap();
    assert_eq!((cut.lines, fs::read(&path).unwrap().len()), (6, 0));
    fs::write(&path, b"{\"step\": 1}\n{}\n").unwrap();
    let error = Telemetry::open(folder.path(), 3).unwrap_err().to_string();
    assert!(error.ends_with("metrics.jsonl: line 1: not an object with step, time, tokens and numbers"), "{error}");
}

fn recipe() -> Recipe {
    let text = "kind: sft\nmodel: a<b\noutput: o\noptimizer: {learning_rate: 1e-3}\nbatch: {rows: 4}\n\
                duration: {epochs: 2}\ndata: {sources: [{path: a.jsonl}]}\n";
    Recipe::read(text, "r", Path::new("/"), &[], &|_| false).unwrap()
}

use crate::train::recipe::Recipe;

#[test]
fn a_report_is_one_page() {
    let metrics: Vec<Metrics> = (1..=8).map(metrics).collect();
    let results = [("ended".to_owned(), "all steps are \"done\" & <written>".to_owned())];
    let report = Report { title: "Run <1>", recipe: &recipe(), results: &results, metrics: &metrics };
    let html = report.to_html();
    insta::assert_snapshot!(html);
    // Nothing is fetched from anywhere.
    for word in ["http", "src=", "href", "url(", "@import", "<script", "//"] {
        assert!(!html.contains(word), "{word}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(REPORT);
    write_report(&path, &report).unwrap();
    write_report(&path, &report).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), html);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_report_of_any_numbers_is_well_formed() {
    let odd = [0.0, f64::NAN, f64::INFINITY, 1e300, -1e300, 1e-300, f64::MAX, f64::MIN];
    for count in 0..=odd.len() {
        let metrics: Vec<Metrics> = odd[..count]
            .iter()
            .zip(1..)
            .map(|(&value, step)| Metrics { step, values: vec![("loss".into(), value)], ..Metrics::default() })
            .collect();
        let html = Report { title: "t", recipe: &recipe(), results: &[], metrics: &metrics }.to_html();
        assert!(!html.contains("NaN") && !html.contains("inf,") && !html.contains(",inf"), "{html}");
        assert_eq!(html.matches("<figure>").count(), html.matches("</figure>").count());
    }
    // Ten thousand steps are as many points as can be seen.
    let many: Vec<Metrics> =
        (1..=10_000).map(|step| Metrics { step, values: vec![("loss".into(), 1.0)], ..Metrics::default() }).collect();
    let html = Report { title: "t", recipe: &recipe(), results: &[], metrics: &many }.to_html();
    assert!(html.len() < 30_000 && html.contains("each point the mean of 25"), "{}", html.len());
}
