//! The data of a recipe: files become data sets, once, and data sets rows.
//!
//! A source is a data set (`smollm train tokenize` made it) or files. Those are tokenised at the first use, into a folder of the run whose
//! name is a hash of all that the tokens depend on; at the next start they are there.

mod counts;
mod job;
mod paths;
mod ready;
#[cfg(test)]
mod tests;

pub use counts::{Counts, FeedCounts, Lost};

use crate::error::Error;
use crate::train::recipe::{Data, Kind, Mix, Recipe, Source, Start, Validation};
use crate::{ModelFiles, TextParts, local_files};
use paths::Found;
use smollm_corpus::dataset::Dataset;
use smollm_corpus::feed::{Feed, FeedOptions, Part, Source as FeedSource};
use smollm_corpus::mixture::Stage;
use smollm_corpus::prepare::{Progress, tokenizer_hash};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::ChatTemplate;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Hears how far the tokenising of a source is, and may stop it.
pub type Watch<'a> = dyn FnMut(&str, Progress) -> ControlFlow<()> + 'a;

/// The data of a recipe, ready for any step.
#[derive(Debug)]
pub struct Prepared {
    /// The rows that are learnt.
    pub training: Feed,
    /// The rows that are held out, in an order that never changes.
    pub validation: Option<Feed>,
    /// What there is of both.
    pub counts: FeedCounts,
}

/// Tokenizer and chat template of a recipe: those of its `tokenizer`, or else of its model, with its `template` in place of theirs.
///
/// # Errors
/// The model is not there, has no tokenizer, or a file is broken.
pub fn text_parts(
    recipe: &Recipe,
    progress: &dyn smollm_hub::Progress,
) -> Result<(Tokenizer, Option<ChatTemplate>), Error> {
    let name = match (&recipe.tokenizer, &recipe.start) {
        (Some(name), _) | (None, Start::Model(name)) => name,
        // A recipe that reads has a tokenizer then.
        (None, Start::Init(init)) => &init.shape,
    };
    let read = || -> Result<TextParts, Error> {
        let files: ModelFiles = local_files(name, progress)?;
        TextParts::read(&files)
    };
    // Of a model it is plain what it is for; a tokenizer of another name stands in the recipe alone.
    let text = read().map_err(|error| match &recipe.tokenizer {
        Some(_) => Error::Source { name: "`tokenizer` of the recipe".into(), problem: chain(&error) },
        None => error,
    })?;
    let tokenizer = text.tokenizer.ok_or_else(|| Error::NoTokenizer { model: name.clone() })?;
    let template = match &recipe.template {
        Some(path) => {
            let source = std::fs::read_to_string(path).map_err(|error| Error::Read { path: path.clone(), error })?;
            Some(ChatTemplate::new(&source, &crate::special_tokens(Some(&tokenizer)))?)
        }
        None => text.template,
    };
    Ok((tokenizer, template))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// Whether there is something at every path of a recipe's data. If not, [`FeedCounts::of_full_rows`] may do for an estimate.
pub fn are_at_hand(recipe: &Recipe) -> bool {
    let held_out: &[Source] = match &recipe.data.validation {
        Some(Validation::Sources(sources)) => sources,
        _ => &[],
    };
    recipe.data.sources.iter().chain(held_out).all(|source| paths::found(source).is_ok())
}

/// Opens or makes the data sets of a recipe, and packs their rows. Files are tokenised into `<output>/data/` unless they have been.
///
/// # Errors
/// A source is not there, cannot be read, or does not go with the recipe; `watch` breaks off ([`Error::Interrupted`]).
pub fn prepare(
    recipe: &Recipe,
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    watch: &mut Watch<'_>,
) -> Result<Prepared, Error> {
    let text = Text { tokenizer, template, hash: tokenizer_hash(tokenizer) };
    let data = &recipe.data;
    let mut open = |source: &Source| dataset(recipe, source, &text, watch).map(Arc::new);
    let learnt = data.sources.iter().map(&mut open).collect::<Result<Vec<_>, _>>()?;
    let (part, held_out) = match &data.validation {
        None => (Part::All, None),
        Some(Validation::Fraction(share)) => (Part::Train(*share), Some((learnt.clone(), Part::Validation(*share)))),
        Some(Validation::Sources(sources)) => {
            let sets = sources.iter().map(&mut open).collect::<Result<Vec<_>, _>>()?;
            (Part::All, Some((sets, Part::All)))
        }
    };
    let training_sources = with_part(&learnt, part);
    let mut training = Feed::new(&training_sources, &options(recipe, true, equal(learnt.len())))?;
    let rows = training.rows();
    training.set_stages(&stages(&data.mix, &rows))?;
    let names = data.sources.iter().map(|source| source.name.clone());
    let training_counts = counts::count(names.collect(), &training_sources, &rows, data)?;
    let (validation, held_out) = match held_out {
        None => (None, Vec::new()),
        Some((sets, part)) => held_out_rows(recipe, &sets, part)?,
    };
    let epoch_rows = epoch_rows(&data.mix, &rows);
    let counts = FeedCounts { training: training_counts, validation: held_out, epoch_rows };
    Ok(Prepared { training, validation, counts })
}

/// What tokens depend on beside the recipe.
struct Text<'a> {
    tokenizer: &'a Tokenizer,
    template: Option<&'a ChatTemplate>,
    /// Of the tokenizer.
    hash: String,
}

/// The data set of a source, made if need be.
fn dataset(recipe: &Recipe, source: &Source, text: &Text<'_>, watch: &mut Watch<'_>) -> Result<Dataset, Error> {
    let refuse = |problem: String| Error::Source { name: source.name.clone(), problem };
    let (dataset, ready) = match paths::found(source)? {
        Found::Dataset(folder) => (Dataset::open(&folder)?, true),
        Found::Files(files) => (job::made(recipe, source, &files, text, watch)?, false),
    };
    let kind = dataset.kind();
    if (recipe.kind == Kind::Dpo) != kind.pairs {
        return Err(refuse(match recipe.kind {
            Kind::Dpo => "has no preference pairs, which `kind: dpo` learns from".into(),
            _ => "has preference pairs, which are for `kind: dpo`".into(),
        }));
    }
    if ready {
        ready::goes_with(&dataset.manifest().made_with, recipe, source, text).map_err(refuse)?;
    }
    Ok(dataset)
}

fn with_part(sets: &[Arc<Dataset>], part: Part) -> Vec<FeedSource> {
    sets.iter().map(|dataset| FeedSource { dataset: dataset.clone(), part }).collect()
}

fn equal(count: usize) -> Vec<Stage> {
    vec![Stage { from_tokens: 0, weights: vec![1.0; count] }]
}

fn options(recipe: &Recipe, shuffle: bool, stages: Vec<Stage>) -> FeedOptions {
    let Data { packing, sequence_length, .. } = recipe.data;
    FeedOptions { packing, row_tokens: sequence_length, seed: recipe.seed, shuffle, stages }
}

/// The stages of a mix, now that it is known how many rows each source has.
fn stages(mix: &Mix, rows: &[u64]) -> Vec<Stage> {
    match mix {
        Mix::Repeat(repeats) => {
            let weights = rows.iter().zip(repeats).map(|(&rows, repeat)| rows as f64 * repeat).collect();
            vec![Stage { from_tokens: 0, weights }]
        }
        Mix::Stages(stages) => {
            let stage = |stage: &crate::train::recipe::StageWeights| Stage {
                from_tokens: stage.from_tokens,
                weights: stage.weights.clone(),
            };
            stages.iter().map(stage).collect()
        }
    }
}

/// Rows of an epoch: with `repeat` so many as that says, with weights all that there are.
fn epoch_rows(mix: &Mix, rows: &[u64]) -> u64 {
    match mix {
        Mix::Repeat(repeats) => {
            let sum: f64 = rows.iter().zip(repeats).map(|(&rows, repeat)| rows as f64 * repeat).sum();
            (sum.round() as u64).max(1)
        }
        Mix::Stages(_) => rows.iter().sum(),
    }
}

/// The rows that are held out: each of them once, in the order of packing. A source of which nothing is held out gives none.
fn held_out_rows(recipe: &Recipe, sets: &[Arc<Dataset>], part: Part) -> Result<(Option<Feed>, Vec<Counts>), Error> {
    let mut sources = Vec::new();
    for dataset in sets {
        let hashes = if part == Part::All { Vec::new() } else { dataset.hashes()? };
        if part == Part::All || hashes.iter().any(|&hash| part.has(hash)) {
            sources.push(FeedSource { dataset: dataset.clone(), part });
        }
    }
    if sources.is_empty() {
        let problem = "holds nothing out: there are too few documents for this fraction".into();
        return Err(Error::Source { name: "data.validation".into(), problem });
    }
    let mut feed = Feed::new(&sources, &options(recipe, false, equal(sources.len())))?;
    let rows = feed.rows();
    feed.set_stages(&stages(&Mix::Repeat(vec![1.0; rows.len()]), &rows))?;
    let name = |source: &FeedSource| folder_name(source.dataset.folder());
    let counts = counts::count(sources.iter().map(name).collect(), &sources, &rows, &recipe.data)?;
    Ok((Some(feed), counts))
}

fn folder_name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}
