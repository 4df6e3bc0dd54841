//! Files to a data set that is found again.

use super::{Text, Watch};
use crate::error::Error;
use crate::train::recipe::{Documents, Recipe, Source};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use smollm_corpus::dataset::{Dataset, MANIFEST};
use smollm_corpus::examples::{ExampleOptions, Loss, OnLost};
use smollm_corpus::prepare::{Job, PrepareError, prepare};
use smollm_corpus::records::{Documents as Divided, ReadOptions};
use smollm_tokenizer::Specials;
use smollm_tokenizer::template::local_time;
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
    let folder = all.join(hash(recipe, source, files, text)?);
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
            now: local_time(),
        },
        shard_tokens: SHARD_TOKENS,
    };
    // A data set is made beside its place: one that was not finished is never taken for one, and never in the way.
    let partial = folder.with_extension("partial");
    let refuse = |path: &Path, error| Error::Write { path: path.into(), error };
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(|error| refuse(&partial, error))?;
    }
    std::fs::create_dir_all(&all).map_err(|error| refuse(&all, error))?;
    match prepare(&job, &partial, &mut |at| watch(&source.name, at)) {
        Ok(_) => {}
        Err(PrepareError::Interrupted) => return Err(Error::Interrupted),
        Err(error) => return Err(error.into()),
    }
    std::fs::rename(&partial, &folder).map_err(|error| refuse(&folder, error))?;
    Ok(Dataset::open(&folder)?)
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
    let loss = match data.loss {
        Loss::All => "all",
        Loss::Answers => "answers",
        Loss::LastAnswer => "last-answer",
    };
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
        "loss": loss,
        "max_tokens": data.max_tokens,
        "max_prompt": data.max_prompt,
        "parse_special": data.parse_special,
        "skip": data.on_lost == OnLost::Count,
        "variables": data.variables,
    });
    let digest = Sha256::digest(all.to_string().as_bytes());
    Ok(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
