//! From the tree to a recipe: defaults, ranges, and which keys go together.

use super::data;
use super::error::RecipeError;
use super::scalar::{MOST, Read, choice, flag, json_map, list, number, positive, text, unless, whole, wrong};
use super::section::Section;
use super::tree::{Names, Node};
use super::{
    Batch, Checkpoint, Compute, Curve, Duration, Evaluation, ExportType, Extent, Form, Init, Keeping, Kind, Lora,
    Objective, Optimizer, Precision, PreferenceLoss, Recipe, Reference, Schedule, Start,
};
use crate::built_in::BUILT_IN;
use smollm_model::ModelConfig;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, RecipeError>;

pub(super) const KINDS: &[(&str, Kind)] =
    &[(Kind::Pretrain.name(), Kind::Pretrain), (Kind::Sft.name(), Kind::Sft), (Kind::Dpo.name(), Kind::Dpo)];
pub(super) const LOSSES: &[(&str, PreferenceLoss)] =
    &[("sigmoid", PreferenceLoss::Sigmoid), ("ipo", PreferenceLoss::Ipo), ("apo-zero", PreferenceLoss::ApoZero)];
pub(super) const REFERENCES: &[(&str, Reference)] =
    &[("precomputed", Reference::Precomputed), ("live", Reference::Live)];
pub(super) const CURVES: &[(&str, Curve)] =
    &[("linear", Curve::Linear), ("cosine", Curve::Cosine), ("1-sqrt", Curve::OneMinusSqrt)];
pub(super) const PRECISIONS: &[(&str, Precision)] = &[("bf16", Precision::Bf16), ("f32", Precision::F32)];
pub(super) const KEEPINGS: &[(&str, Keeping)] = &[("keep", Keeping::Keep), ("recompute", Keeping::Recompute)];
pub(super) const EXPORTS: &[(&str, ExportType)] =
    &[("bf16", ExportType::Bf16), ("f16", ExportType::F16), ("f32", ExportType::F32)];

/// Tokens that are computed together if nothing is said.
const MICRO_TOKENS: u64 = 8192;
/// The modules of a layer that may have adapters, and a word for all of them.
const MODULES: [&str; 8] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "all-linear"];

/// Rows of the largest step: the numbers of a step's rows are held in memory.
const MOST_ROWS: u64 = 1 << 20;

/// Where relative paths begin, and what is there.
pub(super) struct Paths<'a> {
    pub(super) folder: &'a Path,
    pub(super) exists: &'a dyn Fn(&Path) -> bool,
}

impl Paths<'_> {
    /// A path.
    pub(super) fn path(&self, node: &Node) -> Read<PathBuf> {
        Ok(self.join(&text(node)?))
    }

    /// From the recipe's folder, without the `.` that says so.
    fn join(&self, path: &str) -> PathBuf {
        self.folder.join(path).components().collect()
    }

    /// The name of a model, which is a path if it looks like one or if there is such a thing; the built-in model comes first.
    fn model(&self, node: &Node) -> Read<String> {
        let name = text(node)?;
        if name == BUILT_IN {
            return Ok(name);
        }
        let path = self.join(&name);
        if name.starts_with(['.', '/', '\\']) || name.ends_with(".gguf") && !name.contains(':') || (self.exists)(&path)
        {
            let path = path.display().to_string();
            // `nano/` became `nano` above
            return Ok(if path == BUILT_IN { format!("./{path}") } else { path });
        }
        Ok(name)
    }

    /// A released shape, or the path of a file.
    fn shape(&self, node: &Node) -> Read<String> {
        let name = text(node)?;
        match smollm_model::preset(&name) {
            Some(_) => Ok(name),
            None if name.contains(['.', '/', '\\']) => Ok(self.join(&name).display().to_string()),
            None => {
                let known = smollm_model::preset_names();
                let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(&name, known));
                let nearest = nearest.map_or("", String::as_str);
                wrong(
                    node,
                    format!("neither a released shape nor the path of a config.json; the nearest is `{nearest}`"),
                )
            }
        }
    }
}

pub(super) fn recipe(root: &Node, names: Names<'_>, paths: &Paths<'_>) -> Result<Recipe> {
    let root = Section::root(root, names)?;
    let kind = root.required("kind", choice(KINDS))?;
    let seed = root.get("seed", whole(0..=MOST))?.unwrap_or(42);
    let start = match root.one_of(&["model", "init"])? {
        Some("init") if kind == Kind::Pretrain => Start::Init(init(&root.section("init")?, seed, paths)?),
        Some("init") => return Err(root.wrong("init", "is for `kind: pretrain`; give a `model`")),
        _ => Start::Model(root.required("model", |node| paths.model(node))?),
    };
    let data = data::read(&root.required_section("data")?, kind, paths)?;
    let tokenizer = root.get("tokenizer", |node| paths.model(node))?;
    if tokenizer.is_none() && matches!(start, Start::Init(_)) {
        return Err(root.missing("tokenizer"));
    }
    let validation = data.validation.is_some();
    let batch_section = root.required_section("batch")?;
    let lora = if root.has("lora") { Some(lora(&root.section("lora")?)?) } else { None };
    if lora.is_some() && matches!(start, Start::Init(_)) {
        return Err(root.wrong("lora", "is laid over a `model`, not over random weights"));
    }
    let recipe = Recipe {
        kind,
        start,
        tokenizer,
        template: root.get("template", |node| paths.path(node))?,
        license: root.get("license", text)?,
        output: root.required("output", |node| paths.path(node))?,
        seed,
        objective: objective(&root.section("objective")?, kind)?,
        optimizer: optimizer(&root.required_section("optimizer")?, kind)?,
        schedule: schedule(&root.section("schedule")?)?,
        batch: batch(&batch_section, u64::from(data.sequence_length))?,
        duration: duration(&root.required_section("duration")?)?,
        lora,
        compute: compute(&root.section("compute")?)?,
        checkpoint: checkpoint(&root.section("checkpoint")?, validation)?,
        evaluation: evaluation(&root, validation)?,
        export: root.section("export")?.get("dtype", choice(EXPORTS))?.unwrap_or(ExportType::Bf16),
        data,
    };
    if !matches!(recipe.duration, Duration::Epochs(_)) {
        // Otherwise it depends on the data, which are not looked at here.
        recipe
            .schedule
            .fits(recipe.steps(0))
            .map_err(|problem| root.wrong("schedule", format!("does not fit: {problem}")))?;
    }
    Ok(recipe)
}

fn init(section: &Section<'_>, seed: u64, paths: &Paths<'_>) -> Result<Init> {
    let set = section.get("set", json_map)?.unwrap_or_default();
    if let Some(key) = set.keys().find(|key| !ModelConfig::JSON_KEYS.contains(&key.as_str())) {
        let nearest = ModelConfig::JSON_KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(key, known));
        let (key, nearest) = (super::error::shown(key), nearest.copied().unwrap_or_default());
        let problem =
            format!("has `{key}`, which is no key of config.json that this program reads; the nearest is `{nearest}`");
        return Err(section.wrong("set", problem));
    }
    Ok(Init {
        shape: section.required("shape", |node| paths.shape(node))?,
        seed: section.get("seed", whole(0..=MOST))?.unwrap_or(seed),
        std: section.get("std", positive)?,
        depth_scaled: section.get("depth_scaled", flag)?.unwrap_or(false),
        set,
    })
}

fn objective(section: &Section<'_>, kind: Kind) -> Result<Objective> {
    if kind == Kind::Dpo {
        section.refuse(&["z_loss"], "is not for `kind: dpo`")?;
        return Ok(Objective::Preference {
            loss: section.get("loss", choice(LOSSES))?.unwrap_or(PreferenceLoss::Sigmoid),
            beta: section.get("beta", positive)?.unwrap_or(0.1),
            reference: section.get("reference", choice(REFERENCES))?.unwrap_or(Reference::Precomputed),
        });
    }
    section.refuse(&["loss", "beta", "reference"], "is for `kind: dpo`")?;
    Ok(Objective::NextToken { z_loss: section.get("z_loss", number(0.0..=f64::MAX))?.unwrap_or(0.0) })
}

fn optimizer(section: &Section<'_>, kind: Kind) -> Result<Optimizer> {
    let betas = |node: &Node| match list(number(0.0..=1.0))(node)?.as_slice() {
        &[first, second] if first < 1.0 && second < 1.0 => Ok([first, second]),
        _ => wrong(node, "expected two numbers, each below 1"),
    };
    Ok(Optimizer {
        learning_rate: section.required("learning_rate", positive)?,
        betas: section.get("betas", betas)?.unwrap_or(if kind == Kind::Pretrain { [0.9, 0.95] } else { [0.9, 0.999] }),
        eps: section.get("eps", positive)?.unwrap_or(1e-8),
        weight_decay: section.get("weight_decay", number(0.0..=f64::MAX))?.unwrap_or(0.0),
        decay_embeddings: section.get("decay_embeddings", flag)?.unwrap_or(true),
        decay_norms: section.get("decay_norms", flag)?.unwrap_or(true),
        max_grad_norm: section.get("max_grad_norm", unless("none", positive))?.unwrap_or(Some(1.0)),
    })
}

/// A number of steps or a share of all, whichever of the two keys is there.
fn extent(section: &Section<'_>, steps: &'static str, ratio: &'static str) -> Result<Option<Extent>> {
    Ok(match section.one_of(&[steps, ratio])? {
        None => None,
        Some(key) if key == steps => section.get(key, whole(0..=MOST))?.map(Extent::Steps),
        Some(key) => section.get(key, number(0.0..=1.0))?.map(Extent::Ratio),
    })
}

/// The forms of a schedule as the key names them.
#[derive(Clone, Copy, PartialEq)]
enum FormName {
    Wsd,
    Cosine,
    Linear,
    Constant,
}

const FORMS: &[(&str, FormName)] = &[
    ("wsd", FormName::Wsd),
    ("cosine", FormName::Cosine),
    ("linear", FormName::Linear),
    ("constant", FormName::Constant),
];

fn schedule(section: &Section<'_>) -> Result<Schedule> {
    let name = section.get("type", choice(FORMS))?.unwrap_or(FormName::Cosine);
    let warmup = extent(section, "warmup_steps", "warmup_ratio")?.unwrap_or(Extent::Ratio(0.0));
    if name != FormName::Wsd {
        section.refuse(&["decay_steps", "decay_ratio", "decay"], "is for `type: wsd`")?;
    }
    if name == FormName::Constant {
        section.refuse(&["final_ratio"], "is for schedules that fall")?;
    }
    let form = match name {
        FormName::Wsd => Form::Wsd {
            decay: extent(section, "decay_steps", "decay_ratio")?.ok_or_else(|| section.missing("decay_steps"))?,
            curve: section.get("decay", choice(CURVES))?.unwrap_or(Curve::Linear),
        },
        FormName::Cosine => Form::Cosine,
        FormName::Linear => Form::Linear,
        FormName::Constant => Form::Constant,
    };
    if let (Form::Wsd { decay: Extent::Ratio(decay), .. }, Extent::Ratio(warmup)) = (form, warmup)
        && decay + warmup > 1.0
    {
        return Err(section.wrong("decay_ratio", "and `warmup_ratio` are more than all steps"));
    }
    Ok(Schedule { form, warmup, final_ratio: section.get("final_ratio", number(0.0..=1.0))?.unwrap_or(0.0) })
}

fn batch(section: &Section<'_>, row_tokens: u64) -> Result<Batch> {
    let rows = section.required("rows", whole(1..=MOST_ROWS))?;
    let default = (MICRO_TOKENS / row_tokens).clamp(1, rows);
    let micro_rows = section.get("micro_rows", whole(1..=MOST))?.unwrap_or(default);
    if micro_rows > rows {
        return Err(section.wrong("micro_rows", format!("is more than the {rows} rows of a step")));
    }
    Ok(Batch { rows, micro_rows })
}

fn duration(section: &Section<'_>) -> Result<Duration> {
    match section.one_of(&["epochs", "steps", "tokens"])? {
        Some("epochs") => Ok(Duration::Epochs(section.required("epochs", positive)?)),
        Some("steps") => Ok(Duration::Steps(section.required("steps", whole(1..=MOST))?)),
        Some(_) => Ok(Duration::Tokens(section.required("tokens", whole(1..=MOST))?)),
        None => Err(section.missing("epochs")),
    }
}

fn lora(section: &Section<'_>) -> Result<Lora> {
    let module = |node: &Node| {
        let name = text(node)?;
        // Which of them it means (`self_attn.q_proj`, `layers.3.mlp.up_proj`) only the model can tell: `Lora::new` asks that.
        let last = name.rsplit('.').next().unwrap_or(&name);
        if MODULES.contains(&last) {
            return Ok(name);
        }
        let nearest = MODULES.iter().min_by_key(|known| strsim::damerau_levenshtein(last, known));
        let nearest = nearest.copied().unwrap_or_default();
        wrong(node, format!("`{}` is no module with a matrix; did you mean `{nearest}`?", super::error::shown(&name)))
    };
    let modules = |node: &Node| super::scalar::some(module)(node);
    let targets = section.get("target_modules", modules)?;
    let mut target_modules = targets.unwrap_or_else(|| vec!["q_proj".into(), "v_proj".into()]);
    if target_modules.iter().any(|name| name == "all-linear") {
        target_modules = MODULES.iter().filter(|name| **name != "all-linear").map(|name| (*name).to_owned()).collect();
    }
    let dropout = section.get("dropout", number(0.0..=1.0))?.unwrap_or(0.0);
    if dropout >= 1.0 {
        return Err(section.wrong("dropout", "must be less than 1: nothing would be left"));
    }
    Ok(Lora {
        rank: section.required("rank", whole(1..=65_536))?,
        alpha: section.required("alpha", positive)?,
        rslora: section.get("rslora", flag)?.unwrap_or(false),
        dropout,
        target_modules,
        modules_to_save: section.get("modules_to_save", list(text))?.unwrap_or_default(),
    })
}

fn compute(section: &Section<'_>) -> Result<Compute> {
    Ok(Compute {
        dtype: section.get("dtype", choice(PRECISIONS))?.unwrap_or(Precision::Bf16),
        activations: section.get("activations", choice(KEEPINGS))?.unwrap_or(Keeping::Keep),
        threads: section.get("threads", unless("auto", whole(1..=4096)))?.flatten(),
    })
}

fn checkpoint(section: &Section<'_>, validation: bool) -> Result<Checkpoint> {
    let keep_best = section.get("keep_best", whole(0..=MOST))?;
    if keep_best.is_some_and(|count| count > 0) && !validation {
        return Err(section.wrong("keep_best", "needs `data.validation`: the best is told by the loss on that"));
    }
    Ok(Checkpoint {
        every_steps: section.get("every_steps", whole(1..=MOST))?.unwrap_or(500),
        keep_last: section.get("keep_last", whole(1..=MOST))?.unwrap_or(2),
        keep_best: keep_best.unwrap_or(u64::from(validation)),
    })
}

fn evaluation(root: &Section<'_>, validation: bool) -> Result<Option<Evaluation>> {
    if !validation {
        root.refuse(&["evaluation"], "needs `data.validation`")?;
        return Ok(None);
    }
    let section = root.section("evaluation")?;
    Ok(Some(Evaluation {
        every_steps: section.get("every_steps", whole(1..=MOST))?.unwrap_or(100),
        rows: section.get("rows", unless("all", whole(1..=MOST)))?.flatten(),
        patience: section.get("patience", unless("none", whole(1..=MOST)))?.flatten(),
    }))
}
