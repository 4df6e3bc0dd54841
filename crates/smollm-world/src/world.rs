//! The world as files: what each part is, how much there is of it, and where it lies.

use crate::draw::Draw;
use crate::item::Item;
use crate::split::Split;
use crate::{
    arithmetic, calls, copies, follow_ups, instructions, pairs, questions, refusals, rewriting, small_talk, stories,
    summaries, textbook, web,
};
use serde::Deserialize;
use serde_json::{Value, json};
use smollm_tokenizer::template::python_json;
use smollm_tokenizer::tools::{self, Call, CallForm, Tool};
use smollm_verify::Check;
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// In a folder in which a world is being made; gone when it is made.
const MARKER: &str = "smollm-world.lock";
/// What `world.json` calls the form of the files.
const FORMAT: u64 = 1;
/// Items of each held-out part, at any scale.
const HELD_OUT: usize = 2_000;
/// So many drawn in vain say that a part has no more.
const MOST_VAIN: usize = 200_000;

/// Which world, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldOptions {
    /// Everything that is drawn goes by it.
    pub seed: u64,
    /// Records of what is learnt, as a multiple of the smallest world that trains well; more than 0.
    pub scale: f64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Files in the folder, and how many records each has.
    pub files: Vec<(&'static str, usize)>,
}

/// A world that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file system refuses.
    #[error("{}: {error}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// There is something at the place already.
    #[error("{} is there already; give another folder or remove it", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// Another process is making it, or something that is not a half-made world has the name under which it is made.
    #[error("{} is in use or has something that is not part of a world; remove it, or give another folder", path.display())]
    InUse {
        /// The place.
        path: PathBuf,
    },
    /// Not so many different items exist.
    #[error("{file}: only {found} different items exist, {wanted} are wanted")]
    TooFew {
        /// The file.
        file: &'static str,
        /// What there is.
        found: usize,
        /// What was wanted.
        wanted: usize,
    },
}

/// What a part consists of.
#[derive(Clone, Copy)]
enum Content {
    /// Texts.
    Texts(fn(&mut Draw) -> String),
    /// Texts whose probability is known, as what is given, what follows, and its nats.
    Known(fn(&mut Draw) -> (String, String, f64)),
    /// Exercises and their answers.
    Chats(fn(&mut Draw, Split) -> Item),
    /// Preference pairs.
    Pairs,
    /// What chats say and call, as plain texts, for a tokenizer to be trained on.
    Words,
}

/// A file.
struct Part {
    file: &'static str,
    content: Content,
    split: Split,
    /// Records at scale 1, or of what is held out, at any.
    records: usize,
}

const fn learnt(file: &'static str, content: Content, records: usize) -> Part {
    Part { file, content, split: Split::Train, records }
}

const fn held_out(file: &'static str, content: Content) -> Part {
    Part { file, content, split: Split::HeldOut, records: HELD_OUT }
}

const PARTS: [Part; 31] = [
    learnt("texts/lists.jsonl", Content::Texts(copies::repeated), 4_000),
    learnt("texts/copies.jsonl", Content::Texts(copies::text), 6_000),
    learnt("texts/textbook.jsonl", Content::Texts(|draw| whole(textbook::known(draw))), 8_000),
    learnt("texts/questions.jsonl", Content::Texts(|draw| whole(questions::known(draw))), 16_000),
    learnt("texts/stories.jsonl", Content::Texts(stories::text), 3_000),
    learnt("texts/arithmetic.jsonl", Content::Texts(arithmetic::text), 5_000),
    learnt("chats/facts.jsonl", Content::Chats(questions::item), 12_000),
    learnt("chats/follow-ups.jsonl", Content::Chats(follow_ups::item), 5_000),
    learnt("chats/refusals.jsonl", Content::Chats(refusals::item), 4_000),
    learnt("chats/arithmetic.jsonl", Content::Chats(arithmetic::item), 8_000),
    learnt("chats/instructions.jsonl", Content::Chats(instructions::item), 6_000),
    learnt("chats/rewriting.jsonl", Content::Chats(rewriting::item), 5_000),
    learnt("chats/summaries.jsonl", Content::Chats(summaries::item), 4_000),
    learnt("chats/calls.jsonl", Content::Chats(calls::item), 5_000),
    learnt("chats/stories.jsonl", Content::Chats(stories::item), 3_000),
    learnt("chats/small-talk.jsonl", Content::Chats(small_talk::item), 4_000),
    learnt("pairs.jsonl", Content::Pairs, 3_000),
    learnt("words/chats.jsonl", Content::Words, 10_000),
    held_out("held-out/facts.jsonl", Content::Chats(questions::item)),
    held_out("held-out/follow-ups.jsonl", Content::Chats(follow_ups::item)),
    held_out("held-out/refusals.jsonl", Content::Chats(refusals::item)),
    held_out("held-out/arithmetic.jsonl", Content::Chats(arithmetic::item)),
    held_out("held-out/instructions.jsonl", Content::Chats(instructions::item)),
    held_out("held-out/rewriting.jsonl", Content::Chats(rewriting::item)),
    held_out("held-out/summaries.jsonl", Content::Chats(summaries::item)),
    held_out("held-out/calls.jsonl", Content::Chats(calls::item)),
    held_out("held-out/stories.jsonl", Content::Chats(stories::item)),
    held_out("held-out/small-talk.jsonl", Content::Chats(small_talk::item)),
    held_out("held-out/pairs.jsonl", Content::Pairs),
    // of the same distribution as what is learnt: what is measured is how well that is known
    held_out("held-out/textbook-entropy.jsonl", Content::Known(textbook::known)),
    held_out("held-out/questions-entropy.jsonl", Content::Known(questions::known)),
];

/// Pages of the dirty web at scale 1.
const PAGES: usize = 4_000;
/// What some of them quote: items of this part, of which the first so many.
const LEAKED: &str = "held-out/facts.jsonl";
const LEAKS: usize = 200;

/// What is given of a text of known probability, and what follows.
fn whole((given, rest, _): (String, String, f64)) -> String {
    given + &rest
}

/// Writes the world into a folder that is not there yet, whole or not at all. `progress` hears of records done and in all.
///
/// # Errors
/// The folder is there, the file system refuses, or a part has too few different items. `None` if `progress` stopped it.
pub fn write(
    folder: &Path,
    options: WorldOptions,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Summary>, WorldError> {
    // without a slash at its end, behind which the name beside it would lie within it
    let folder = &folder.components().collect::<PathBuf>();
    if folder.symlink_metadata().is_ok() {
        return Err(WorldError::Exists { path: folder.into() });
    }
    let mut partial = folder.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let marker = partial.join(MARKER);
    let _held = hold(&partial, &marker)?;
    let written = fill(&partial, options, progress);
    if !matches!(written, Ok(Some(_))) {
        // what stays of it stays beside, under a name that says so
        let _ = std::fs::remove_dir_all(&partial);
        return written;
    }
    let refuse = |error| WorldError::Write { path: folder.into(), error };
    std::fs::rename(&partial, folder).map_err(refuse)?;
    // in its place it marks nothing
    let _ = std::fs::remove_file(folder.join(MARKER));
    written
}

/// The folder in which a world is made, empty but for the file that says so, which is locked for as long as this value is there. One that was
/// left behind half-made is emptied; nothing else is touched.
fn hold(partial: &Path, marker: &Path) -> Result<File, WorldError> {
    let refuse = |error| WorldError::Write { path: partial.into(), error };
    let in_use = || WorldError::InUse { path: partial.into() };
    let is_empty = || std::fs::read_dir(partial).is_ok_and(|mut entries| entries.next().is_none());
    if partial.symlink_metadata().is_ok() && !marker.is_file() && !is_empty() {
        return Err(in_use());
    }
    std::fs::create_dir_all(partial).map_err(refuse)?;
    let lock = File::options().create(true).append(true).open(marker).map_err(refuse)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use()),
        Err(TryLockError::Error(error)) => return Err(refuse(error)),
    }
    for entry in std::fs::read_dir(partial).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        let path = entry.path();
        let is_folder = entry.file_type().map_err(refuse)?.is_dir();
        if path != marker {
            if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.map_err(refuse)?;
        }
    }
    Ok(lock)
}

fn fill(
    folder: &Path,
    options: WorldOptions,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Summary>, WorldError> {
    let pages = scaled(PAGES, options.scale);
    let total = PARTS.iter().map(|part| part.wanted(options.scale)).sum::<usize>() + pages;
    let mut done = 0;
    let mut summary = Summary { files: Vec::new() };
    for part in &PARTS {
        let records = part.wanted(options.scale);
        let flow = part.write(folder, options.seed, records, &mut |records| progress(done + records, total))?;
        if flow.is_break() {
            return Ok(None);
        }
        done += records;
        summary.files.push((part.file, records));
    }
    let mut draw = Draw::new(options.seed, "web");
    let leaks = written_items(folder, LEAKED, LEAKS)?;
    let web = web::pages(&mut draw, pages, &leaks);
    lines(folder, "web/pages.jsonl", web.iter().map(|page| json!(page)))?;
    lines(folder, "web/truth.jsonl", web.iter().map(|page| json!(page.truth)))?;
    summary.files.extend([("web/pages.jsonl", pages), ("web/truth.jsonl", pages)]);
    let files: Vec<Value> =
        summary.files.iter().map(|(file, records)| json!({ "file": file, "records": records })).collect();
    let about = json!({ "format": FORMAT, "seed": options.seed, "scale": options.scale, "files": files });
    lines(folder, "world.json", std::iter::once(about))?;
    Ok(progress(total, total).is_continue().then_some(summary))
}

fn scaled(records: usize, scale: f64) -> usize {
    ((records as f64 * scale).round() as usize).max(1)
}

impl Part {
    fn wanted(&self, scale: f64) -> usize {
        match self.split {
            Split::Train => scaled(self.records, scale),
            Split::HeldOut => self.records,
        }
    }

    /// Writes the file; those that are held out have no item twice.
    fn write(
        &self,
        folder: &Path,
        seed: u64,
        records: usize,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, WorldError> {
        let path = folder.join(self.file);
        let refuse = |error| WorldError::Write { path: path.clone(), error };
        let mut out = create(&path).map_err(refuse)?;
        let mut draw = Draw::new(seed, self.file);
        let mut seen = HashSet::new();
        let (mut written, mut vain) = (0, 0);
        while written < records {
            let line = self.record(&mut draw).to_string();
            if self.split == Split::HeldOut && !seen.insert(line.clone()) {
                vain += 1;
                if vain > MOST_VAIN {
                    return Err(WorldError::TooFew { file: self.file, found: written, wanted: records });
                }
                continue;
            }
            writeln!(out, "{line}").map_err(refuse)?;
            written += 1;
            if written.is_multiple_of(1000) && progress(written).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        close(out).map_err(refuse)?;
        Ok(ControlFlow::Continue(()))
    }

    fn record(&self, draw: &mut Draw) -> Value {
        match self.content {
            Content::Texts(text) => json!({ "text": text(draw) }),
            Content::Known(text) => {
                let (prompt, completion, nats) = text(draw);
                // the last digits of logarithms differ between platforms
                json!({ "prompt": prompt, "completion": completion, "nats": (nats * 1e9).round() / 1e9 })
            }
            Content::Words => {
                let kinds: Vec<_> = PARTS
                    .iter()
                    .filter_map(|part| match (part.split, part.content) {
                        (Split::Train, Content::Chats(item)) => Some(item),
                        _ => None,
                    })
                    .collect();
                json!({ "text": words(&draw.pick(&kinds)(draw, Split::Train)) })
            }
            Content::Chats(item) => chat(item(draw, self.split), self.split),
            Content::Pairs => {
                let pair = pairs::pair(draw, self.split);
                let mut record = json!({ "prompt": pair.item.messages });
                if !pair.item.tools.is_empty() {
                    record["tools"] = pair.item.tools.into();
                }
                record["chosen"] = vec![pair.item.answer].into();
                record["rejected"] = vec![pair.rejected].into();
                record["kind"] = pair.kind.into();
                record
            }
        }
    }
}

/// The first items of a held-out part that was written.
fn written_items(folder: &Path, file: &str, n: usize) -> Result<Vec<Item>, WorldError> {
    let path = folder.join(file);
    let refuse = |error| WorldError::Write { path: path.clone(), error };
    let lines = BufReader::new(File::open(&path).map_err(refuse)?).lines().take(n);
    let item = |line: std::io::Result<String>| {
        let record: Record = serde_json::from_str(&line?)?;
        Ok(Item { messages: record.messages, tools: Vec::new(), answer: record.answer, check: record.check })
    };
    lines.map(|line| item(line).map_err(refuse)).collect()
}

/// A held-out exercise without tools, as [`chat`] writes it.
#[derive(Deserialize)]
struct Record {
    messages: Vec<Value>,
    answer: Value,
    check: Check,
}

/// All that a model reads and writes of an exercise, as prompts have it.
fn words(item: &Item) -> String {
    let tools: Vec<Tool> = item.tools.iter().filter_map(|tool| Tool::new(tool).ok()).collect();
    let mut texts: Vec<String> = Vec::new();
    if !tools.is_empty() {
        texts.extend(tools::system_prompt(&tools).ok());
    }
    for message in item.messages.iter().chain([&item.answer]) {
        texts.extend(message["content"].as_str().map(str::to_owned));
        let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| &call["function"]);
        let calls: Vec<Call> = calls
            .map(|call| Call {
                name: call["name"].as_str().unwrap_or_default().to_owned(),
                arguments: python_json(&call["arguments"]).unwrap_or_default(),
            })
            .collect();
        if !calls.is_empty() {
            texts.push(CallForm::List.written(&calls));
        }
    }
    texts.join("\n")
}

/// An exercise as a conversation to learn from, or as one to be answered and checked.
fn chat(item: Item, split: Split) -> Value {
    let Item { mut messages, tools, answer, check } = item;
    let mut record = json!({});
    match split {
        Split::Train => {
            messages.push(answer);
            record["messages"] = messages.into();
        }
        Split::HeldOut => {
            record["messages"] = messages.into();
            record["answer"] = answer;
            record["check"] = json!(check);
        }
    }
    if !tools.is_empty() {
        record["tools"] = tools.into();
    }
    record
}

fn create(path: &Path) -> std::io::Result<BufWriter<File>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(BufWriter::new(File::create(path)?))
}

fn lines(folder: &Path, file: &str, records: impl Iterator<Item = Value>) -> Result<(), WorldError> {
    let path = folder.join(file);
    let refuse = |error| WorldError::Write { path: path.clone(), error };
    let mut out = create(&path).map_err(refuse)?;
    for record in records {
        writeln!(out, "{record}").map_err(refuse)?;
    }
    close(out).map_err(refuse)
}

/// What was written is on the disk when this returns: the folder gets its name after that.
fn close(out: BufWriter<File>) -> std::io::Result<()> {
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}
