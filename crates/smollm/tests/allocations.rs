//! No parser of outside bytes reserves more memory than a small multiple of what it was given.
//!
//! Every allocation of this executable is counted, so it holds one test, which runs alone. A chat template is a program, so
//! for templates this says that no single step takes much; one that doubles a string step by step is stopped by nothing here.

use serde_json::{Value, json};
use smollm_checkpoint::adapter::AdapterConfig;
use smollm_checkpoint::gguf;
use smollm_checkpoint::imatrix::Imatrix;
use smollm_checkpoint::safetensors::{parse_header, parse_index};
use smollm_model::ModelConfig;
use smollm_testkit::{byte_level, golden, testdata};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::{ChatTemplate, RenderOptions};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

/// The system's allocator with a count of the bytes that are in use, and of the most that ever were.
struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: isize) {
    MOST.fetch_max(IN_USE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: every call goes on to the system's allocator as it came; counting touches no memory but two integers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A parser by its name, and what it may take beside a multiple of its input: tables of a fixed size.
struct Parser {
    name: &'static str,
    parse: fn(&[u8]),
    fixed: usize,
}

/// Bytes that a parser may take for each byte of input: JSON of very many very small members is the worst.
const MULTIPLE: usize = 64;

const PARSERS: [Parser; 8] = [
    Parser { name: "safetensors", parse: |bytes| drop(parse_header(bytes, bytes.len() as u64)), fixed: 8 << 10 },
    Parser { name: "shard index", parse: |bytes| drop(parse_index(bytes)), fixed: 8 << 10 },
    Parser { name: "GGUF", parse: |bytes| drop(gguf::parse(bytes)), fixed: 8 << 10 },
    Parser { name: "importance matrix", parse: |bytes| drop(Imatrix::parse(bytes)), fixed: 8 << 10 },
    Parser { name: "adapter_config.json", parse: |bytes| drop(AdapterConfig::parse(bytes)), fixed: 8 << 10 },
    Parser { name: "config.json", parse: |bytes| drop(ModelConfig::from_json(bytes, "config.json")), fixed: 8 << 10 },
    // ids may lie 65,536 beyond the tokens; characters have a table of as many classes
    Parser {
        name: "tokenizer.json",
        parse: |bytes| drop(Tokenizer::from_json(bytes, "tokenizer.json")),
        fixed: 2 << 20,
    },
    // the engine's own tables of filters, tests and functions, and a rendering
    Parser { name: "chat template", parse: template, fixed: 1 << 20 },
];

fn template(bytes: &[u8]) {
    if let Ok(template) = ChatTemplate::new(&String::from_utf8_lossy(bytes), &[]) {
        drop(template.render(&json!([{"role": "user", "content": "x"}]), &RenderOptions::default()));
    }
}

/// Gives `bytes` to the parsers of this name, or to all, and checks what each took.
#[track_caller]
fn check(chosen: &str, what: &str, bytes: &[u8]) {
    for Parser { name, parse, fixed } in PARSERS.iter().filter(|parser| [parser.name, "all"].contains(&chosen)) {
        let before = IN_USE.load(Relaxed);
        MOST.store(before, Relaxed);
        parse(bytes);
        let taken = (MOST.load(Relaxed) - before) as usize;
        let allowed = fixed + MULTIPLE * bytes.len();
        assert!(taken <= allowed, "{name}, {what}: {taken} bytes for {} of input", bytes.len());
    }
}

/// Small valid inputs, each with the parser that it is for.
fn valid() -> Vec<(&'static str, Vec<u8>)> {
    let checkpoint = |name: &str| std::fs::read(testdata().join("checkpoint").join(name)).unwrap();
    let imatrix = std::fs::read(testdata().join("quant/imatrix.gguf")).unwrap();
    vec![
        ("importance matrix", imatrix),
        ("safetensors", checkpoint("mixed.safetensors")),
        ("shard index", checkpoint("sharded/model.safetensors.index.json")),
        ("GGUF", checkpoint("values.gguf")),
        ("GGUF", checkpoint("mixed.gguf")),
        ("adapter_config.json", checkpoint("adapter/adapter_config.json")),
        ("config.json", golden::logits_golden("smollm3-yarn").config.to_string().into_bytes()),
        ("tokenizer.json", byte_level::tokenizer_json(280).to_string().into_bytes()),
        ("chat template", b"{% for m in messages %}{{ m.content * 3 }}{{ range(9) | list }}{% endfor %}".to_vec()),
    ]
}

/// Numbers that break counts, lengths, shapes and offsets.
const ABSURD: [u64; 5] = [u32::MAX as u64, 1 << 40, 1 << 62, u64::MAX / 4, u64::MAX];

/// The text with the number that begins at `at` replaced.
fn with_number(text: &str, at: usize, number: u64) -> String {
    let end = text[at..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| at + length);
    format!("{}{number}{}", &text[..at], &text[end..])
}

#[test]
fn no_parser_takes_more_than_its_input_justifies() {
    for (name, bytes) in valid() {
        check("all", name, &bytes);
        // absurd numbers as little-endian bytes, at every place of what may be a header
        for at in 0..bytes.len().min(2048).saturating_sub(8) {
            for number in ABSURD {
                let mut absurd = bytes.clone();
                absurd[at..at + 8].copy_from_slice(&number.to_le_bytes());
                check(name, &format!("{number} at byte {at}"), &absurd);
            }
        }
        // and as text
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let starts = |(at, c): (usize, char)| {
            let before = text[..at].chars().next_back();
            (c.is_ascii_digit() && !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.')).then_some(at)
        };
        for at in text.char_indices().filter_map(starts).take(400) {
            for number in ABSURD {
                check(name, &format!("{number} at byte {at}"), with_number(&text, at, number).as_bytes());
            }
        }
    }
    many_of_the_smallest();
}

/// Inputs of some hundred kilobytes that hold as many things as they can.
fn many_of_the_smallest() {
    let members: String = (0..30_000).map(|i| format!("\"{i}\":0,")).collect();
    check("all", "many members", format!("{{{members}\"x\":0}}").as_bytes());
    let header = format!("{{{members}\"x\":0}}");
    check("all", "many tensors", &[&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat());
    check("all", "many elements", format!("{{\"weight_map\":[{}0]}}", "0,".repeat(100_000)).as_bytes());
    check("all", "deep", "[".repeat(200_000).as_bytes());
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    // one pair whose value is an array: of so many empty strings, of so many empty arrays
    for (element, size) in [(8_u32, 8), (9, 12), (0, 1), (12, 8)] {
        let count = 200_000 / size;
        let head = [&b"GGUF\x03\0\0\0"[..], &0_u64.to_le_bytes(), &1_u64.to_le_bytes(), &string("k")].concat();
        let array = [&9_u32.to_le_bytes()[..], &element.to_le_bytes(), &(count as u64).to_le_bytes()].concat();
        check("all", "a GGUF array", &[head, array, vec![0; count * size]].concat());
    }
    let records = (0..5000_u32).flat_map(|i| [string(&i.to_string()), vec![0; 16]].concat());
    let head = [&b"GGUF\x03\0\0\0"[..], &5000_u64.to_le_bytes(), &0_u64.to_le_bytes()].concat();
    check("all", "many GGUF tensors", &[head, records.collect()].concat());
    let mut file = byte_level::tokenizer_json(280);
    file["added_tokens"] = Value::from(Vec::<Value>::new());
    file["model"]["merges"] = json!(vec![["a", "b"]; 20_000]);
    check("all", "many merges", file.to_string().as_bytes());
    file["model"]["merges"] = json!([]);
    file["model"]["vocab"] =
        (0..20_000).map(|id| (id.to_string(), json!(id))).collect::<serde_json::Map<_, _>>().into();
    check("all", "many tokens", file.to_string().as_bytes());
    for source in
        ["{{ 'x' * 1000000000000 }}", "{{ 'x' | indent(1000000000000) }}", "{{ [1] | batch(1000000000000, 0) }}"]
    {
        check("chat template", source, source.as_bytes());
    }
}
