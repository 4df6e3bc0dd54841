//! The data of a recipe: sources, how they are mixed, and what is learnt of them.

use super::Kind;
use super::error::{RecipeError, shown};
use super::read::Paths;
use super::scalar::{MOST, choice, flag, json_map, number, positive, some, text, unless, weights, whole};
use super::section::Section;
use serde_json::{Map, Value};
use smollm_corpus::examples::{Loss, OnLost};
use smollm_corpus::packing::Packing;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, RecipeError>;

pub(super) const PACKINGS: &[(&str, Packing)] =
    &[("best-fit", Packing::BestFit), ("wrapped", Packing::Wrapped), ("none", Packing::None)];
pub(super) const LOSSES: &[(&str, Loss)] = &[
    (Loss::All.name(), Loss::All),
    (Loss::Answers.name(), Loss::Answers),
    (Loss::LastAnswer.name(), Loss::LastAnswer),
];
pub(super) const ON_LOST: &[(&str, OnLost)] = &[("stop", OnLost::Stop), ("skip", OnLost::Count)];
pub(super) const DOCUMENTS: &[(&str, bool)] = &[("whole", false), ("lines", true)];

/// What is learnt from.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Where it comes from; at least one.
    pub sources: Vec<Source>,
    /// How much of each there is.
    pub mix: Mix,
    /// How documents share rows.
    pub packing: Packing,
    /// Inputs of a full row.
    pub sequence_length: u32,
    /// Which tokens are learnt; of pairs always the answers.
    pub loss: Loss,
    /// Examples are cut after so many tokens.
    pub max_tokens: Option<u64>,
    /// Of a pair's prompt, so many last tokens are kept.
    pub max_prompt: Option<u64>,
    /// Whether texts end with the end token.
    pub end_token: bool,
    /// Whether special tokens that are spelt in texts are special tokens.
    pub parse_special: bool,
    /// What becomes of examples with nothing to learn.
    pub on_lost: OnLost,
    /// Variables of the chat template.
    pub variables: Map<String, Value>,
    /// What is held out.
    pub validation: Option<Validation>,
}

/// Files, or a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// Folders made by `smollm train tokenize`, files, or folders of files; `*` in the last part is any text.
    pub paths: Vec<PathBuf>,
    /// The column of a text.
    pub text_column: Option<String>,
    /// What is a document in a text file.
    pub documents: Documents,
}

/// What is a document in a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Documents {
    /// All of it.
    Whole,
    /// Each line.
    Lines,
    /// What stands between lines of this text.
    Separator(String),
}

/// How much of each source there is.
#[derive(Debug, Clone, PartialEq)]
pub enum Mix {
    /// For each source, how often it is gone through in an epoch.
    Repeat(Vec<f64>),
    /// Shares of the rows; at least one stage, of which the first begins at 0.
    Stages(Vec<StageWeights>),
}

/// Weights that hold from a number of tokens on.
#[derive(Debug, Clone, PartialEq)]
pub struct StageWeights {
    /// Tokens after which it begins.
    pub from_tokens: u64,
    /// A weight for each source.
    pub weights: Vec<f64>,
}

/// What is held out.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// This share of the documents of all sources.
    Fraction(f64),
    /// Sources of its own.
    Sources(Vec<Source>),
}

pub(super) fn read(section: &Section<'_>, kind: Kind, paths: &Paths<'_>) -> Result<Data> {
    let dpo = kind == Kind::Dpo;
    let items = section.sections("sources")?;
    let sources = sources(section, &items, paths)?;
    let mix = mix(section, &items, &sources)?;
    let default = if dpo { Packing::None } else { Packing::BestFit };
    let packing = section.get("packing", choice(PACKINGS))?.unwrap_or(default);
    if dpo && packing == Packing::Wrapped {
        return Err(
            section.wrong("packing", "cannot be `wrapped` with `kind: dpo`: the parts of a pair would run together")
        );
    }
    let sequence_length = section.get("sequence_length", whole(2..=1 << 24))?.unwrap_or(2048);
    if dpo {
        section.refuse(&["loss"], "is not for `kind: dpo`, which learns both answers")?;
    } else {
        section.refuse(&["max_prompt"], "is for `kind: dpo`")?;
    }
    let loss = section.get("loss", choice(LOSSES))?;
    let default = default_max_tokens(kind, packing, sequence_length);
    let max_tokens = section.get("max_tokens", unless("none", whole(2..=MOST)))?.unwrap_or(default);
    // A sequence of n tokens takes n - 1 inputs of a row.
    let fits = |tokens: u64| (tokens - 1) * if dpo { 2 } else { 1 } <= sequence_length;
    let whole_examples = dpo || packing == Packing::None;
    if let Some(tokens) = max_tokens.filter(|&tokens| whole_examples && !fits(tokens)) {
        let what = if dpo { "two answers" } else { "an example" };
        let problem = format!(
            "lets {what} of {tokens} tokens through, which a `sequence_length` of {sequence_length} does not hold"
        );
        return Err(section.wrong("max_tokens", problem));
    }
    let max_prompt = section.get("max_prompt", unless("none", whole(1..=MOST)))?.flatten();
    if let (Some(prompt), Some(all)) = (max_prompt, max_tokens)
        && prompt >= all
    {
        return Err(section.wrong("max_prompt", format!("leaves nothing of {all} tokens for the answer")));
    }
    Ok(Data {
        validation: validation(section, paths)?,
        sources,
        mix,
        packing,
        sequence_length: sequence_length as u32,
        loss: loss.unwrap_or(if kind == Kind::Pretrain { Loss::All } else { Loss::Answers }),
        max_tokens,
        max_prompt,
        end_token: section.get("end_token", flag)?.unwrap_or(true),
        parse_special: section.get("parse_special", flag)?.unwrap_or(true),
        on_lost: section.get("on_lost", choice(ON_LOST))?.unwrap_or(OnLost::Stop),
        variables: section.get("variables", json_map)?.unwrap_or_default(),
    })
}

/// After how many tokens examples are cut if nothing is said.
pub(crate) fn default_max_tokens(kind: Kind, packing: Packing, sequence_length: u64) -> Option<u64> {
    match kind {
        Kind::Dpo => Some(sequence_length / 2 + 1),
        Kind::Sft if packing != Packing::Wrapped => Some(sequence_length),
        _ => None,
    }
}

/// At least one, and no two of one name.
fn sources(parent: &Section<'_>, items: &[Section<'_>], paths: &Paths<'_>) -> Result<Vec<Source>> {
    let mut sources: Vec<Source> = Vec::with_capacity(items.len());
    for item in items {
        let source = source(item, paths)?;
        if sources.iter().any(|other| other.name == source.name) {
            let problem = format!("is that of two sources, `{}`; give each its own", shown(&source.name));
            return Err(item.wrong("name", problem));
        }
        sources.push(source);
    }
    if sources.is_empty() { Err(parent.missing("sources")) } else { Ok(sources) }
}

fn source(section: &Section<'_>, paths: &Paths<'_>) -> Result<Source> {
    /// A name is a key of the map of weights.
    const LONGEST_NAME: usize = 100;
    let path = |node: &super::tree::Node| Ok((text(node)?, paths.path(node)?));
    let given = section.required("path", some(path))?;
    let default = || given.iter().map(|(text, _)| text.chars().take(LONGEST_NAME).collect()).next();
    let name: String = section.get("name", text)?.or_else(default).unwrap_or_default();
    if name.chars().count() > LONGEST_NAME {
        return Err(section.wrong("name", format!("is longer than {LONGEST_NAME} characters")));
    }
    let documents = match section.one_of(&["documents", "separator"])? {
        Some("separator") => Documents::Separator(section.required("separator", text)?),
        Some(_) if section.required("documents", choice(DOCUMENTS))? => Documents::Lines,
        _ => Documents::Whole,
    };
    let text_column = section.get("text_column", text)?;
    Ok(Source { name, paths: given.into_iter().map(|(_, path)| path).collect(), text_column, documents })
}

fn mix(section: &Section<'_>, items: &[Section<'_>], sources: &[Source]) -> Result<Mix> {
    let stages = section.sections("stages")?;
    let mut repeats = Vec::with_capacity(items.len());
    let mut shares = Vec::with_capacity(items.len());
    for item in items {
        if !stages.is_empty() {
            item.refuse(&["weight", "repeat"], "does not go with `data.stages`")?;
        }
        item.one_of(&["weight", "repeat"])?;
        repeats.push(item.get("repeat", positive)?);
        shares.push(item.get("weight", number(0.0..=f64::MAX))?);
    }
    if !stages.is_empty() {
        let stages = stages.iter().map(|stage| stage_weights(stage, sources)).collect::<Result<Vec<_>>>()?;
        return ordered(section, stages);
    }
    if shares.iter().all(Option::is_none) {
        return Ok(Mix::Repeat(repeats.into_iter().map(|repeat| repeat.unwrap_or(1.0)).collect()));
    }
    match shares.iter().position(Option::is_none) {
        Some(index) => Err(items[index].missing("weight")),
        None => {
            let weights: Vec<f64> = shares.into_iter().flatten().collect();
            if weights.iter().all(|&weight| weight == 0.0) {
                return Err(items[0].wrong("weight", "is 0, as all are: there is nothing to learn from"));
            }
            Ok(Mix::Stages(vec![StageWeights { from_tokens: 0, weights }]))
        }
    }
}

fn stage_weights(section: &Section<'_>, sources: &[Source]) -> Result<StageWeights> {
    let given = section.required("weights", weights)?;
    let mut by_source = vec![0.0; sources.len()];
    for (at, name, weight) in given {
        match sources.iter().position(|source| source.name == name) {
            Some(index) => by_source[index] = weight,
            None => {
                let names = sources.iter().map(|source| source.name.as_str());
                let nearest = names.min_by_key(|known| strsim::damerau_levenshtein(known, &name)).unwrap_or_default();
                let problem = format!("no source is called `{}`; the nearest is `{}`", shown(&name), shown(nearest));
                return Err(section.wrong_at(at, "weights", problem));
            }
        }
    }
    if by_source.iter().all(|&weight| weight == 0.0) {
        return Err(section.wrong("weights", "are all 0: there is nothing to learn from"));
    }
    Ok(StageWeights { from_tokens: section.required("from_tokens", whole(0..=MOST))?, weights: by_source })
}

fn ordered(section: &Section<'_>, stages: Vec<StageWeights>) -> Result<Mix> {
    if stages[0].from_tokens != 0 {
        return Err(section.wrong("stages", "do not begin at `from_tokens: 0`"));
    }
    match stages.windows(2).find(|pair| pair[0].from_tokens >= pair[1].from_tokens) {
        Some(pair) => {
            let problem = format!("are not in order: {} stands behind {}", pair[1].from_tokens, pair[0].from_tokens);
            Err(section.wrong("stages", problem))
        }
        None => Ok(Mix::Stages(stages)),
    }
}

fn validation(data: &Section<'_>, paths: &Paths<'_>) -> Result<Option<Validation>> {
    if !data.has("validation") {
        return Ok(None);
    }
    let section = data.section("validation")?;
    match section.one_of(&["fraction", "sources"])? {
        Some("sources") => {
            let items = section.sections("sources")?;
            Ok(Some(Validation::Sources(sources(&section, &items, paths)?)))
        }
        _ => {
            let fraction = section.required("fraction", positive)?;
            if fraction >= 1.0 {
                return Err(section.wrong("fraction", "must be less than 1: nothing would be left to learn from"));
            }
            Ok(Some(Validation::Fraction(fraction)))
        }
    }
}
