//! Training a tokenizer on files, and writing what a Hugging Face directory has of one.

use super::TokenRoles;
use super::texts::{Piece, TextFile};
use crate::error::Error;
use crate::outputs::{json_file, write_small_files};
use crate::tokenizer_files;
use serde_json::{Map, Value};
use smollm_tokenizer::template::ChatTemplate;
use smollm_tokenizer::train::{Feed, TrainOptions, Trained, train};
use std::cell::RefCell;
use std::fs::File;
use std::path::Path;

/// What is to be made.
#[derive(Debug, Clone, Default)]
pub struct TokenizerOptions {
    /// The vocabulary.
    pub vocabulary: TrainOptions,
    /// Roles of special tokens.
    pub roles: TokenRoles,
    /// The chat template, which `tokenizer_config.json` will have.
    pub chat_template: Option<String>,
}

/// How far training is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// So many bytes of the files are read. Of standard input nobody knows how many there are: then the total is what was read.
    Reading {
        /// Bytes read.
        bytes: u64,
        /// Bytes in all.
        of: u64,
    },
    /// There are so many tokens.
    Merging {
        /// Tokens made.
        tokens: usize,
        /// Tokens wanted.
        of: usize,
    },
}

/// Trains on the texts of `files` and writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json` to the
/// directory `out`, which is made if need be. `progress` may stop the work with an error; until the end nothing is written there.
///
/// # Errors
/// A file or a line of one that has no text, options that cannot be met, or the file system.
pub fn train_tokenizer(
    files: &[TextFile],
    options: &TokenizerOptions,
    out: &Path,
    progress: impl FnMut(Stage) -> Result<(), Error>,
) -> Result<Trained, Error> {
    let specials = &options.vocabulary.specials;
    let roles = &options.roles;
    if let Some((role, token)) = roles.named().find(|(_, token)| !specials.iter().any(|special| special == token)) {
        return Err(Error::Role { role, token: token.to_owned() });
    }
    let named: Vec<(String, String)> = roles.named().map(|(name, token)| (name.to_owned(), token.to_owned())).collect();
    let template = options.chat_template.as_ref().map(|text| ChatTemplate::new(text, &named)).transpose()?;
    let sizes = files.iter().map(TextFile::size).collect::<Result<Vec<_>, Error>>()?;
    check(out)?;
    let total = sizes.into_iter().flatten().sum();
    let progress = RefCell::new(progress);
    let feed = |feed: &mut Feed<'_>| read(files, total, feed, &mut *progress.borrow_mut());
    let merging = |tokens, of| progress.borrow_mut()(Stage::Merging { tokens, of });
    let mut trained = train(&options.vocabulary, &|| scratch(out), feed, merging)?;
    let config: Map<String, Value> = named.into_iter().map(|(name, token)| (name, token.into())).collect();
    trained.tokenizer.set_roles_from_config(Value::Object(config).to_string().as_bytes(), "the roles")?;
    let mut made = tokenizer_files::of(&trained.tokenizer, template.as_ref())?;
    made.push(json_file("special_tokens_map.json", &roles.map(specials)));
    write_small_files(out, &made)?;
    Ok(trained)
}

/// Whether a tokenizer may be written to `out`, before there is one.
fn check(out: &Path) -> Result<(), Error> {
    if out.exists() && !out.is_dir() {
        return Err(Error::Write { path: out.into(), error: std::io::ErrorKind::NotADirectory.into() });
    }
    let template = "chat_template.jinja";
    if out.join(template).exists() {
        let problem = format!("holds a {template}, which the new tokenizer would be read with; give another directory");
        return Err(Error::NotAModel { path: out.into(), problem });
    }
    Ok(())
}

/// Feeds the texts of all files.
fn read(
    files: &[TextFile],
    total: u64,
    feed: &mut Feed<'_>,
    progress: &mut dyn FnMut(Stage) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut bytes = 0;
    for file in files {
        file.read(&mut |piece, read| {
            bytes += read;
            match piece {
                Piece::Part(text) => feed.part(text),
                Piece::End => feed.end(),
            }
            progress(Stage::Reading { bytes, of: total.max(bytes) })
        })?;
    }
    Ok(())
}

/// An empty file of no name, on the disk that the tokenizer will be written to: counts may be larger than a folder for temporary
/// files in memory.
fn scratch(out: &Path) -> std::io::Result<File> {
    let there = out.ancestors().find(|folder| folder.is_dir());
    tempfile::tempfile_in(there.unwrap_or(Path::new(".")))
}
