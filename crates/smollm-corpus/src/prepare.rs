//! Files to a data set, in one go: what `smollm train tokenize` does.

#[cfg(test)]
mod tests;

use crate::dataset::{DatasetWriter, Manifest};
use crate::examples::{Example, ExampleError, ExampleOptions, Examples, Loss};
use crate::hash::hex_of;
use crate::records::{ReadOptions, RecordError, Records};
use crate::shards::{ShardError, ShardKind};
use serde_json::{Map, Value, json};
use smollm_tokenizer::template::ChatTemplate;
use smollm_tokenizer::{Specials, Tokenizer};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Why files did not become a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// A record could not be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record gave no example.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// The data set could not be written.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// There was nothing in the files, or all of it was skipped.
    #[error("not one example comes of these files")]
    Nothing,
    /// Whoever watched asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// What a data set is made of.
#[derive(Debug)]
pub struct Job<'a> {
    /// The files, read in this order.
    pub files: &'a [PathBuf],
    /// How they are read.
    pub read: ReadOptions,
    /// The tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The template, if there are conversations.
    pub template: Option<&'a ChatTemplate>,
    /// How records become examples.
    pub examples: ExampleOptions,
    /// Tokens after which a shard ends.
    pub shard_tokens: u64,
}

/// How far the work is, in bytes of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes of all files.
    pub total: u64,
}

/// Records between two looks at whoever watches.
const OFTEN: u64 = 64;

/// Makes the data set `folder` of files. If anything goes wrong, nothing of it is left.
///
/// # Errors
/// A record that is wrong, that gives no example or has nothing to learn (as the options say), a folder that is taken or cannot be written,
/// or `watch` breaks off.
pub fn prepare(
    job: &Job<'_>,
    folder: &Path,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Manifest, PrepareError> {
    let size = |file: &PathBuf| std::fs::metadata(file).map(|metadata| metadata.len());
    let unread = |file: &PathBuf, source| RecordError::Read { file: file.clone(), source };
    let sizes = job.files.iter().map(|file| size(file).map_err(|source| unread(file, source)));
    let sizes: Vec<u64> = sizes.collect::<Result<_, _>>()?;
    let total = sizes.iter().sum();
    let mut examples = Examples::new(job.tokenizer, job.template, job.examples.clone());
    let (mut writer, mut before, mut seen) = (None, 0, 0u64);
    for (file, size) in job.files.iter().zip(sizes) {
        let mut records = Records::open(file, &job.read)?;
        while let Some(record) = records.next() {
            let (place, record) = record?;
            if let Some(example) = examples.example(&place, &record)? {
                let writer = match &mut writer {
                    Some(writer) => writer,
                    None => writer.insert(DatasetWriter::create(folder, kind(job, &example), job.shard_tokens)?),
                };
                writer.push(&place, record.hash(), &example)?;
            }
            seen += 1;
            let progress = Progress { read: before + records.bytes_read().min(size), total };
            if seen.is_multiple_of(OFTEN) && watch(progress).is_break() {
                return Err(PrepareError::Interrupted);
            }
        }
        before += size;
    }
    if watch(Progress { read: before, total }).is_break() {
        return Err(PrepareError::Interrupted);
    }
    let writer = writer.ok_or(PrepareError::Nothing)?;
    let made_with = made_with(job, writer.kind());
    Ok(writer.finish(made_with, *examples.tally())?)
}

fn kind(job: &Job<'_>, example: &Example) -> ShardKind {
    let vocabulary = u32::try_from(job.tokenizer.vocab_size()).unwrap_or(u32::MAX);
    ShardKind { vocabulary, pairs: matches!(example, Example::Pair { .. }) }
}

/// What a trainer, or a person, may want to know of how the tokens came about.
fn made_with(job: &Job<'_>, kind: ShardKind) -> Map<String, Value> {
    let options = &job.examples;
    // Of pairs the answers are learnt, whatever is said of other records.
    let loss = if kind.pairs { Loss::Answers } else { options.loss };
    let made_with = [
        ("tokenizer", json!(tokenizer_hash(job.tokenizer))),
        ("template", json!(job.template.map(template_hash))),
        ("variables", Value::Object(options.variables.clone())),
        ("loss", json!(loss.name())),
        ("max_tokens", json!(options.max_tokens)),
        ("max_prompt", json!(options.max_prompt)),
        ("end_token", json!(options.end_token)),
        ("parse_special", json!(options.specials == Specials::Parse)),
        ("files", job.files.iter().map(|file| file.display().to_string()).collect()),
    ];
    made_with.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What tells templates apart: SHA-256 of the source.
pub fn template_hash(template: &ChatTemplate) -> String {
    hex_of(template.source().as_bytes())
}

/// What tells tokenizers apart: SHA-256 over the spellings of all ids in order. Data sets of one model share it.
pub fn tokenizer_hash(tokenizer: &Tokenizer) -> String {
    let mut spellings = Vec::new();
    for id in (0..).take(tokenizer.vocab_size()) {
        let spelling = tokenizer.token_str(id).unwrap_or_default();
        spellings.extend((spelling.len() as u32).to_le_bytes());
        spellings.extend(spelling.as_bytes());
    }
    hex_of(&spellings)
}
