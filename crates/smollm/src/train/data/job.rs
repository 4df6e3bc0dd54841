//! Files to a data set that is found again.

use super::{Text, Watch};
use crate::error::Error;
use crate::train::recipe::{Documents, IN_A_RUN, Recipe, Source};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use smollm_corpus::dataset::{Dataset, MANIFEST};
use smollm_corpus::examples::{ExampleOptions, OnLost};
use smollm_corpus::prepare::{Job, PrepareError, prepare};
use smollm_corpus::records::{Documents as Divided, ReadOptions};
use smollm_tokenizer::Specials;
use smollm_tokenizer::template::{DateTime, local_time};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Tokens after which a file of a data set ends.
const SHARD_TOKENS: u64 = 1 << 28;
/// A new way to make tokens of the same files has a new number.
const VERSION: u32 = 1;

/// The data set of these files: the one that is there, or a new one.
pub(super) fn made(
    recipe: &Recipe,
    source: &Source,
    files: &[PathBuf],
    text: &Text<'_>,
    watch: &mut Watch<'_>,
) -> Result<Dataset, Error> {
    let all = recipe.output.join("data");
    let now = local_time();
    let folder = all.join(name(&recipe.output, hash(recipe, source, files, text)?, text, now));
    if folder.join(MANIFEST).is_file() {
        return Ok(Dataset::open(&folder)?);
    }
    let data = &recipe.data;
    let end_token = match (data.end_token, text.tokenizer.eos()) {
        (false, _) => None,
        (true, Some(end)) => Some(end),
        (true, None) => {
            let problem = "the tokenizer names no end token; set `data.end_token` to false to do without".into();
            return Err(Error::Source { name: source.name.clone(), problem });
        }
    };
    let divided = match &source.documents {
        Documents::Whole => Divided::Whole,
        Documents::Lines => Divided::Lines,
        Documents::Separator(line) => Divided::Separator(line.clone()),
    };
    let job = Job {
        files,
        read: ReadOptions { text_column: source.text_column.clone(), documents: divided },
        tokenizer: text.tokenizer,
        template: text.template,
        examples: ExampleOptions {
            loss: data.loss,
            max_tokens: length(data.max_tokens),
            max_prompt: length(data.max_prompt),
            end_token,
            specials: if data.parse_special { Specials::Parse } else { Specials::AsText },
            on_lost: data.on_lost,
            variables: data.variables.clone(),
            now,
        },
        shard_tokens: SHARD_TOKENS,
    };
    // A data set is made beside its place: one that was not finished is never taken for one, and never in the way.
    std::fs::create_dir_all(&all).map_err(|error| unwritten(&all, error))?;
    let (partial, _lock) = workplace(&all)?;
    match prepare(&job, &partial, &mut |at| watch(&source.name, at)) {
        Ok(_) => {}
        Err(PrepareError::Interrupted) => return Err(Error::Interrupted),
        Err(error) => return Err(error.into()),
    }
    put(&partial, &folder)?;
    Ok(Dataset::open(&folder)?)
}

fn unwritten(path: &Path, error: std::io::Error) -> Error {
    Error::Write { path: path.into(), error }
}

/// A folder name in `all` under which no other process works: dry runs and `train show` make data without the lock of the run. What a process
/// that died left there is removed. The place is this process's for as long as the file is open.
fn workplace(all: &Path) -> Result<(PathBuf, File), Error> {
    for number in 0u32.. {
        let lock = all.join(format!("partial-{number}.lock"));
        let file = File::create(&lock).map_err(|error| unwritten(&lock, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(unwritten(&lock, error)),
        }
        let partial = all.join(format!("partial-{number}"));
        if partial.exists() {
            std::fs::remove_dir_all(&partial).map_err(|error| unwritten(&partial, error))?;
        }
        return Ok((partial, file));
    }
    unreachable!("there are not so many processes")
}

/// Puts a data set to its place. If another process was there first, its data set has the same tokens, and stays.
fn put(partial: &Path, folder: &Path) -> Result<(), Error> {
    match std::fs::rename(partial, folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.join(MANIFEST).is_file() => {
            std::fs::remove_dir_all(partial).map_err(|error| unwritten(partial, error))
        }
        Err(error) => Err(unwritten(folder, error)),
    }
}

/// The name of a data set: the hash, and the day if the template asks for the time. A run that has begun stays with the day of its data,
/// the newest that is there, or else it could not go on the day after.
fn name(output: &Path, hash: String, text: &Text<'_>, now: DateTime) -> String {
    if !text.template.is_some_and(|template| template.source().contains("strftime_now")) {
        return hash;
    }
    let today = format!("{hash}-{}", now.date());
    let begun = output.join(IN_A_RUN).exists();
    let entries = std::fs::read_dir(output.join("data")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let of_run = names.filter(|name| begun && name.strip_prefix(&hash).is_some_and(|day| day.starts_with('-'))).max();
    of_run.unwrap_or(today)
}

/// A number of tokens beyond what memory can address is no limit.
fn length(tokens: Option<u64>) -> Option<usize> {
    tokens.and_then(|tokens| usize::try_from(tokens).ok())
}

/// A hash of all that the tokens depend on. Files count by path, size and time of change, so that large ones are not read for it.
fn hash(recipe: &Recipe, source: &Source, files: &[PathBuf], text: &Text<'_>) -> Result<String, Error> {
    let file = |path: &PathBuf| -> Result<Value, Error> {
        let unread = |error| Error::Read { path: path.clone(), error };
        let metadata = std::fs::metadata(path).map_err(unread)?;
        let whole = std::fs::canonicalize(path).map_err(unread)?;
        let changed = metadata.modified().map_err(unread)?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(json!([whole.display().to_string(), metadata.len(), changed.as_secs(), changed.subsec_nanos()]))
    };
    let data = &recipe.data;
    let documents = match &source.documents {
        Documents::Whole => json!("whole"),
        Documents::Lines => json!("lines"),
        Documents::Separator(line) => json!({ "separator": line }),
    };
    let all = json!({
        "version": VERSION,
        "files": files.iter().map(file).collect::<Result<Vec<_>, _>>()?,
        "text_column": source.text_column,
        "documents": documents,
        "tokenizer": text.hash,
        // Roles are no part of the spellings that the hash of a tokenizer is made of.
        "end_token": data.end_token.then(|| text.tokenizer.eos()),
        "template": text.template.map(|template| template.source()),
        "pairs": recipe.kind == crate::train::recipe::Kind::Dpo,
        "loss": data.loss.name(),
        "max_tokens": data.max_tokens,
        "max_prompt": data.max_prompt,
        "parse_special": data.parse_special,
        "skip": data.on_lost == OnLost::Count,
        "variables": data.variables,
    });
    let digest = Sha256::digest(all.to_string().as_bytes());
    Ok(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
