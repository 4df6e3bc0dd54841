//! What a model is, without running it: shape, types, memory, licence, template; and a search for damage.

use crate::built_in;
use crate::error::Error;
use crate::files::ModelFiles;
use crate::model::Model;
use serde::Serialize;
use smollm_checkpoint::Tensor;
use smollm_kernels::Matrix;
use smollm_model::parameter_count;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// The JSON of `smollm info --json`.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "names are those of config.json; the rest is documented")]
pub struct Info {
    pub name: String,
    /// Directory or file, or "the built-in model".
    pub path: String,
    /// `safetensors` or `gguf`.
    pub format: &'static str,
    pub architecture: &'static str,
    pub parameters: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub num_key_value_heads: usize,
    pub head_dim: usize,
    pub vocab_size: usize,
    pub max_position_embeddings: usize,
    pub rope_theta: f64,
    pub tie_word_embeddings: bool,
    /// Tensors and bytes of each type.
    pub dtypes: BTreeMap<&'static str, DtypeShare>,
    /// Bytes of the weight files.
    pub file_bytes: u64,
    /// Tokens of context that `kv_bytes` is for.
    pub context: usize,
    pub kv_dtype: &'static str,
    pub kv_bytes: usize,
    /// From the GGUF metadata or the model card's front matter, where either says.
    pub licence: Option<String>,
    /// Kind and size of the tokenizer, if there is one.
    pub tokenizer: Option<String>,
    /// Length of the chat template in characters, if there is one.
    pub template_chars: Option<usize>,
    /// Where the sampling defaults come from, and what they are.
    pub defaults: String,
    /// Tokens that end an answer.
    pub stop_ids: Vec<u32>,
    /// The kernel row that would run it.
    pub isa: &'static str,
    pub threads: usize,
    /// What is odd about its configuration.
    pub notes: Vec<String>,
}

/// How much of a checkpoint is stored in one type.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct DtypeShare {
    /// Tensors.
    pub tensors: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Model {
    /// Everything worth knowing about the model.
    ///
    /// # Errors
    /// The files cannot be read any more.
    pub fn info(&self) -> Result<Info, Error> {
        let config = &self.decoder().config;
        let kv_dtype = self.kv_dtype();
        let checkpoint = self.decoder().checkpoint();
        let mut dtypes: BTreeMap<_, DtypeShare> = BTreeMap::new();
        for tensor in checkpoint.into_iter().flat_map(|c| c.tensors()) {
            let share = dtypes.entry(tensor.dtype.name()).or_default();
            share.tensors += 1;
            share.bytes += tensor.data.len();
        }
        let mut file_bytes = match self.files() {
            ModelFiles::BuiltIn => built_in::file_bytes(),
            _ => 0, // counted below
        };
        for path in checkpoint.into_iter().flat_map(|c| c.files()) {
            let length = std::fs::metadata(path).map_err(|error| Error::Read { path: path.clone(), error })?.len();
            if path.extension().is_none_or(|e| e != "json") {
                file_bytes += length;
            }
        }
        Ok(Info {
            name: self.name().into(),
            path: self.files().to_string(),
            format: match self.files() {
                ModelFiles::Directory(_) => "safetensors",
                ModelFiles::Gguf(_) | ModelFiles::BuiltIn => "gguf",
            },
            architecture: config.architecture.hf_name(),
            parameters: parameter_count(config),
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            vocab_size: config.vocab_size,
            max_position_embeddings: config.max_position_embeddings,
            rope_theta: config.rope.theta,
            tie_word_embeddings: config.tie_word_embeddings,
            dtypes,
            file_bytes,
            context: self.context(),
            kv_dtype: kv_dtype.name(),
            kv_bytes: self.context() * config.kv_bytes_per_token(kv_dtype).expect("sessions have such a cache"),
            licence: self.licence()?,
            tokenizer: self.tokenizer().ok().map(|t| format!("{} tokens", t.vocab_size())),
            template_chars: self.template_source().map(|source| source.chars().count()),
            defaults: self.defaults().to_string(),
            stop_ids: self.stop_ids().to_vec(),
            isa: self.cpu().isa(),
            threads: self.cpu().threads(),
            notes: config.notes.clone(),
        })
    }

    fn licence(&self) -> Result<Option<String>, Error> {
        match self.files() {
            ModelFiles::Gguf(_) | ModelFiles::BuiltIn => {
                let metadata = self.decoder().checkpoint().and_then(|c| c.gguf_metadata());
                Ok(metadata.map(|m| m.optional::<&str>("general.license")).transpose()?.flatten().map(str::to_owned))
            }
            ModelFiles::Directory(directory) => Ok(licence_of_card(directory)),
        }
    }
}

/// The `license:` line in the YAML front matter of a directory's model card; a card without one says nothing.
pub(crate) fn licence_of_card(directory: &Path) -> Option<String> {
    let text = std::fs::read_to_string(directory.join("README.md")).ok()?;
    let front = text.strip_prefix("---")?.split("\n---").next()?;
    let line = front.lines().find_map(|line| line.strip_prefix("license:"))?;
    Some(line.trim().trim_matches('"').to_owned()).filter(|licence| !licence.is_empty())
}

/// What a look at every number of a checkpoint found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Tensors with NaN or infinite elements, and how many.
    pub not_finite: Vec<(String, usize)>,
    /// Tensors that are zero throughout, and rows of matrices that are.
    pub dead: Vec<(String, usize)>,
}

impl Model {
    /// Reads every tensor and looks for NaN, infinities and zeros. `progress` hears of tensors (done, total) and may stop.
    ///
    /// # Errors
    /// The files changed while they were read.
    pub fn check(&self, progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>) -> Result<Damage, Error> {
        let mut damage = Damage::default();
        let Some(checkpoint) = self.decoder().checkpoint() else { return Ok(damage) };
        let total = checkpoint.tensors().len();
        for (done, tensor) in checkpoint.tensors().enumerate() {
            if progress(done, total).is_break() {
                break;
            }
            let (not_finite, dead_rows) = inspect(tensor);
            if not_finite > 0 {
                damage.not_finite.push((tensor.name.clone(), not_finite));
            }
            if dead_rows > 0 {
                damage.dead.push((tensor.name.clone(), dead_rows));
            }
        }
        self.decoder().still_intact()?;
        Ok(damage)
    }
}

/// Elements that are not finite, and rows that are all zero.
fn inspect(tensor: &Tensor) -> (usize, usize) {
    let cols = tensor.shape.last().copied().unwrap_or(1);
    let rows = tensor.elements().checked_div(cols).unwrap_or(0);
    // a model that was loaded has only supported tensors of matching length
    let Ok(matrix) = Matrix::new(tensor.dtype, rows, cols, tensor.data.clone()) else { return (0, 0) };
    let mut row = vec![0.0; cols];
    let (mut not_finite, mut dead) = (0, 0);
    for r in 0..rows {
        matrix.row_to_f32(r, &mut row);
        not_finite += row.iter().filter(|v| !v.is_finite()).count();
        dead += usize::from(row.iter().all(|&v| v == 0.0));
    }
    (not_finite, dead)
}
