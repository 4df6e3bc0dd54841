//! A recipe: the YAML file that says all about a training run, read strictly.
//!
//! A key that is not known, a value of another type or out of range, and keys that exclude each other are refused with their line. What a
//! recipe leaves out has a value all the same, and [`Recipe::to_yaml`] writes all of it: that file goes into the folder of a run, and reading
//! it gives the same recipe.

mod data;
mod error;
mod keys;
mod overrides;
mod read;
mod scalar;
mod section;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod tests;
mod tree;
mod written;

pub(crate) use data::default_max_tokens;
pub use data::{Data, Documents, Mix, Source, StageWeights, Validation};
pub use error::RecipeError;
pub use keys::{KEYS, Key};
pub(crate) use written::leaves;

use serde_json::{Map, Value};
use smollm_checkpoint::adapter::{AdapterConfig, TargetModules};
use std::path::{Path, PathBuf};

/// What is trained, from what, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// What the run learns.
    pub kind: Kind,
    /// The weights at the start.
    pub start: Start,
    /// The name of another tokenizer, with its template.
    pub tokenizer: Option<String>,
    /// A file with another chat template.
    pub template: Option<PathBuf>,
    /// What the model's card gives as its licence, in place of that of the base.
    pub license: Option<String>,
    /// The folder of the run.
    pub output: PathBuf,
    /// All that is drawn or shuffled goes by it.
    pub seed: u64,
    /// What is learnt from.
    pub data: Data,
    /// What is minimised.
    pub objective: Objective,
    /// AdamW.
    pub optimizer: Optimizer,
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// What makes a step.
    pub batch: Batch,
    /// How long it takes.
    pub duration: Duration,
    /// Adapters, if not all weights are learnt.
    pub lora: Option<Lora>,
    /// How it is computed.
    pub compute: Compute,
    /// What is kept of the run.
    pub checkpoint: Checkpoint,
    /// When the loss on what is held out is computed; `None` without such data.
    pub evaluation: Option<Evaluation>,
    /// The element type of the model that is written at the end.
    pub export: ExportType,
}

/// What a run learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The next token of texts.
    Pretrain,
    /// What is said in conversations.
    Sft,
    /// Which of two answers is preferred.
    Dpo,
}

impl Kind {
    /// The word for it in recipes, and the command that runs them.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pretrain => "pretrain",
            Self::Sft => "sft",
            Self::Dpo => "dpo",
        }
    }
}

/// The weights at the start.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Those of a model, by its name or path.
    Model(String),
    /// Random ones.
    Init(Init),
}

/// Random weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Init {
    /// The name of a released shape, or the path of a config.json.
    pub shape: String,
    /// Every weight is a function of it.
    pub seed: u64,
    /// Standard deviation of all matrices; `None` is the shape's.
    pub std: Option<f64>,
    /// Whether `o_proj` and `down_proj` have the standard deviation divided by sqrt(2 L).
    pub depth_scaled: bool,
    /// Keys of config.json that differ from the shape.
    pub set: Map<String, Value>,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// The mean of -log p over the tokens that are learnt.
    NextToken {
        /// What the square of log Z is multiplied with.
        z_loss: f64,
    },
    /// A function of two answers' log-ratios to a reference.
    Preference {
        /// Which function.
        loss: PreferenceLoss,
        /// What the log-ratios are multiplied with.
        beta: f64,
        /// When the reference is asked.
        reference: Reference,
    },
}

/// Losses of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreferenceLoss {
    /// Rafailov et al. 2023, equation 7.
    Sigmoid,
    /// Azar et al. 2023, equation 17.
    Ipo,
    /// D'Oosterlinck et al. 2024, APO-zero.
    ApoZero,
}

/// When the log-probabilities of the reference (the weights at the start) are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Once, before the first step.
    Precomputed,
    /// In each step.
    Live,
}

/// AdamW (Loshchilov and Hutter 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimizer {
    /// At its peak.
    pub learning_rate: f64,
    /// Decay of the first and the second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Whether embeddings decay.
    pub decay_embeddings: bool,
    /// Whether the weights of norms decay.
    pub decay_norms: bool,
    /// Gradients with a larger norm are scaled down to it.
    pub max_grad_norm: Option<f64>,
}

/// The learning rate over the steps: a linear warm-up from 0, then a form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// What follows the warm-up.
    pub form: Form,
    /// How long the warm-up takes.
    pub warmup: Extent,
    /// The last learning rate, as a share of the peak.
    pub final_ratio: f64,
}

impl Schedule {
    /// Whether warm-up and decay have room in so many steps; what is wrong if they have not.
    ///
    /// # Errors
    /// They have not.
    pub fn fits(&self, steps: u64) -> Result<(), String> {
        let warmup = self.warmup.steps(steps);
        let decay = match self.form {
            Form::Wsd { decay, .. } => decay.steps(steps),
            _ => 0,
        };
        // Two shares may both have been rounded up.
        let rounded = u64::from(matches!(self.warmup, Extent::Ratio(_)));
        if warmup.saturating_add(decay) > steps.saturating_add(rounded) {
            return Err(format!(
                "{warmup} steps of warm-up and {decay} of decay do not go into a run of {steps} steps"
            ));
        }
        Ok(())
    }
}

/// How the learning rate falls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Not until the end.
    Wsd {
        /// How long that end is.
        decay: Extent,
        /// How it falls there.
        curve: Curve,
    },
    /// Half a wave of a cosine.
    Cosine,
    /// In a line.
    Linear,
    /// Not at all.
    Constant,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// So many steps.
    Steps(u64),
    /// This share of all steps.
    Ratio(f64),
}

impl Extent {
    /// In steps, of `total`: a share is rounded up, as transformers' warm-up ratio is.
    pub fn steps(self, total: u64) -> u64 {
        match self {
            Self::Steps(steps) => steps,
            Self::Ratio(share) => (share * total as f64).ceil() as u64,
        }
    }
}

/// How the learning rate falls from 1 to 0 over x from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// 1 - x.
    Linear,
    /// (1 + cos(pi x)) / 2.
    Cosine,
    /// 1 - sqrt(x).
    OneMinusSqrt,
}

/// What makes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Rows of a step.
    pub rows: u64,
    /// Rows that are computed together; the last part of a step may have fewer.
    pub micro_rows: u64,
}

/// How long a run takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Duration {
    /// So often through all data.
    Epochs(f64),
    /// So many steps.
    Steps(u64),
    /// So many tokens, counted in full rows.
    Tokens(u64),
}

/// Low-rank adapters (Hu et al. 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// Rank of each pair.
    pub rank: u64,
    /// A pair counts alpha / rank times.
    pub alpha: f64,
    /// A pair counts alpha / sqrt(rank) times.
    pub rslora: bool,
    /// Share of the inputs of a pair that are dropped.
    pub dropout: f64,
    /// Which matrices have a pair, by their names or the ends of these.
    pub target_modules: Vec<String>,
    /// What is learnt whole beside them.
    pub modules_to_save: Vec<String>,
}

impl Lora {
    /// The same in PEFT's words; `base_model` is the name that stands in the adapter's files.
    pub(crate) fn adapter(&self, base_model: Option<String>) -> AdapterConfig {
        AdapterConfig {
            r: usize::try_from(self.rank).unwrap_or(usize::MAX),
            alpha: self.alpha,
            use_rslora: self.rslora,
            target_modules: TargetModules::Names(self.target_modules.clone()),
            rank_pattern: Vec::new(),
            alpha_pattern: Vec::new(),
            modules_to_save: self.modules_to_save.clone(),
            dropout: self.dropout,
            base_model,
        }
    }
}

/// How it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compute {
    /// The arithmetic of products.
    pub dtype: Precision,
    /// What becomes of activations between the way there and the way back.
    pub activations: Keeping,
    /// Threads; `None` is what the machine grants.
    pub threads: Option<u64>,
}

/// The arithmetic of products; weights, gradients and moments are f32 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Operands are rounded to bf16.
    Bf16,
    /// Operands are as they are.
    F32,
}

/// What becomes of activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// They are kept.
    Keep,
    /// The inputs of each layer are kept, and the rest is computed again.
    Recompute,
}

/// What is kept of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Steps between checkpoints.
    pub every_steps: u64,
    /// How many of the newest are kept.
    pub keep_last: u64,
    /// How many with the least validation loss are kept.
    pub keep_best: u64,
}

/// The loss on what is held out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    /// Steps between evaluations.
    pub every_steps: u64,
    /// Rows of an evaluation; `None` is all.
    pub rows: Option<u64>,
    /// Evaluations in a row without a new least loss that end the run.
    pub patience: Option<u64>,
}

/// The element type of the model that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportType {
    /// bfloat16.
    Bf16,
    /// IEEE half.
    F16,
    /// IEEE single.
    F32,
}

/// The name that the recipe of a run has in the run's folder.
pub const IN_A_RUN: &str = "recipe.yaml";
/// The largest recipe: one of that size is another file.
const LARGEST: u64 = 1 << 20;

impl Recipe {
    /// Reads the recipe `path`, with `overrides` of the form `key.key=value` laid over it. Paths in it, and names of models that are paths,
    /// are taken from the recipe's folder, and are absolute then.
    ///
    /// # Errors
    /// The file cannot be read, is no YAML, or is no recipe.
    pub fn open(path: &Path, overrides: &[String]) -> Result<Self, RecipeError> {
        let file = path.display().to_string();
        let refuse = |problem: String| RecipeError::new(&file, problem);
        let size = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
        if size > LARGEST {
            return Err(refuse(format!("{size} bytes are no recipe (at most {LARGEST})")));
        }
        let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        let text = String::from_utf8(bytes)
            .map_err(|error| refuse(format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())))?;
        let absolute = std::path::absolute(path).map_err(|error| refuse(error.to_string()))?;
        let folder = absolute.parent().unwrap_or(Path::new("/"));
        if folder.to_str().is_none() {
            return Err(refuse("the name of its folder is not UTF-8".into()));
        }
        Self::read(&text, &file, folder, overrides, &Path::exists)
    }

    /// Reads a recipe's text. `file` names it in messages, `folder` is where relative paths begin, and `exists` is asked for names of models
    /// that may be paths there.
    ///
    /// # Errors
    /// It is no YAML or no recipe.
    pub fn read(
        text: &str,
        file: &str,
        folder: &Path,
        overrides: &[String],
        exists: &dyn Fn(&Path) -> bool,
    ) -> Result<Self, RecipeError> {
        let names = tree::Names { file, overrides };
        let mut root = tree::parse(text, None, names)?;
        for number in 0..overrides.len() {
            overrides::apply(&mut root, number, names)?;
        }
        read::recipe(&root, names, &read::Paths { folder, exists })
    }
}

impl Recipe {
    /// Steps of the run, where an epoch has so many rows: the last step of an epoch that does not divide begins the next one.
    pub fn steps(&self, epoch_rows: u64) -> u64 {
        let rows = match self.duration {
            Duration::Steps(steps) => return steps,
            Duration::Epochs(epochs) => (epochs * epoch_rows as f64).round() as u64,
            Duration::Tokens(tokens) => tokens.div_ceil(u64::from(self.data.sequence_length)),
        };
        rows.div_ceil(self.batch.rows).max(1)
    }
}
