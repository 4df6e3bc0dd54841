//! Opening a model: from a name to something that answers.

use crate::built_in::{self, BUILT_IN};
use crate::defaults::Defaults;
use crate::error::Error;
use crate::files::ModelFiles;
use crate::text_parts::TextParts;
use serde_json::Value;
use smollm_checkpoint::{Checkpoint, adapter::Adapter};
use smollm_engine::{Session, SessionOptions};
use smollm_hub::{Hub, ModelRef, Progress};
use smollm_kernels::{Cpu, KvDtype, granted_threads};
use smollm_model::{ModelConfig, Storage};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::constrain::{Grammar, GrammarSource, Grammars};
use smollm_tokenizer::template::ChatTemplate;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Context used where nobody asks for more: the models' own maximum would reserve gigabytes for SmolLM3.
pub const DEFAULT_CONTEXT_LIMIT: usize = 8192;

/// How to open a model; everything has a sensible default.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Threads; what the affinity mask and the cgroup grant where absent.
    pub threads: Option<usize>,
    /// Tokens of context; the model's own, at most [`DEFAULT_CONTEXT_LIMIT`], where absent.
    pub context: Option<usize>,
    /// What the weights become while loading.
    pub storage: Storage,
    /// Element type of the K/V cache.
    pub kv_dtype: Option<KvDtype>,
    /// PEFT adapter to lay over the weights.
    pub lora: Option<PathBuf>,
}

/// A model with everything that belongs to it: weights, tokenizer, chat template and its makers' settings.
#[derive(Debug)]
pub struct Model {
    name: String,
    files: ModelFiles,
    decoder: Arc<smollm_model::Model>,
    cpu: Arc<Cpu>,
    tokenizer: Option<Arc<Tokenizer>>,
    grammars: Option<Grammars>,
    template: Option<ChatTemplate>,
    defaults: Defaults,
    stop_ids: Vec<u32>,
    session: SessionOptions,
}

impl Model {
    /// Opens a model by path, hub id, short name or as [`BUILT_IN`], with default options and without showing progress.
    ///
    /// # Errors
    /// The name means nothing, the files cannot be had, or they are damaged or unsupported.
    pub fn open(name: &str) -> Result<Self, Error> {
        Self::open_with(name, &OpenOptions::default(), &smollm_hub::Silent)
    }

    /// Opens a model; downloads report to `progress`.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open_with(name: &str, options: &OpenOptions, progress: &dyn Progress) -> Result<Self, Error> {
        let files = local_files(name, progress)?;
        let mut parts = Parts::read(&files)?;
        parts.checkpoint.forget_gguf_arrays(); // the vocabulary is in the tokenizer now
        let config = parts.config;
        let limit = config.max_position_embeddings;
        if let Some(requested) = options.context.filter(|&c| c == 0 || c > limit) {
            return Err(Error::Context { requested, limit, model: name.into() });
        }
        if let Some(dtype) = options.kv_dtype.filter(|&dtype| config.kv_bytes_per_token(dtype).is_none()) {
            return Err(Error::KvDtype { model: name.into(), dtype: dtype.name(), head_dim: config.head_dim });
        }
        let session = SessionOptions {
            context: Some(options.context.unwrap_or(limit.min(DEFAULT_CONTEXT_LIMIT))),
            kv_dtype: options.kv_dtype,
            ..SessionOptions::default()
        };
        if let Some(tokenizer) = &parts.text.tokenizer
            && tokenizer.vocab_size() > config.vocab_size
        {
            let largest = tokenizer.vocab_size() - 1;
            return Err(Error::VocabularyMismatch { model: name.into(), largest, vocab_size: config.vocab_size });
        }
        let generation_config = parts.generation_config.as_ref();
        let defaults = Defaults::new(generation_config, config.architecture, parts.text.template.is_some())
            .map_err(|problem| Error::Json { path: files.named().join(GENERATION_CONFIG), problem })?;
        let stop_ids = stop_ids(&config, generation_config, parts.text.tokenizer.as_ref());
        let cpu = Cpu::new(options.threads.unwrap_or_else(granted_threads))?;
        let mut decoder = smollm_model::Model::load(&cpu, Arc::new(parts.checkpoint), config, options.storage)?;
        decoder.pack(&cpu);
        if let Some(path) = &options.lora {
            decoder.apply_adapter(&Adapter::open(path)?)?;
        }
        let tokenizer = parts.text.tokenizer.map(Arc::new);
        Ok(Self {
            name: name.into(),
            files,
            decoder: Arc::new(decoder),
            cpu: Arc::new(cpu),
            grammars: tokenizer.clone().map(Grammars::new),
            tokenizer,
            template: parts.text.template,
            defaults,
            stop_ids,
            session,
        })
    }

    /// A fresh sequence with an empty cache.
    pub fn session(&self) -> Session {
        Session::new(self.decoder.clone(), self.cpu.clone(), &self.session)
    }

    /// The name it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as a person would say it: of a path only its last part.
    pub fn short_name(&self) -> &str {
        let path = Path::new(&self.name);
        match path.file_name().and_then(|name| name.to_str()) {
            Some(last) if path.exists() => last,
            _ => &self.name,
        }
    }

    /// Where it lies.
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// Configuration and weights.
    pub fn decoder(&self) -> &smollm_model::Model {
        &self.decoder
    }

    /// The same, to be kept by an engine.
    pub fn shared_decoder(&self) -> Arc<smollm_model::Model> {
        self.decoder.clone()
    }

    /// As [`Model::cpu`], to be kept by an engine.
    pub fn shared_cpu(&self) -> Arc<Cpu> {
        self.cpu.clone()
    }

    /// Gives tokenizer and template away.
    pub(crate) fn take_text(&mut self) -> (Option<Arc<Tokenizer>>, Option<ChatTemplate>) {
        (self.tokenizer.take(), self.template.take())
    }

    /// The instruction set and threads it runs on.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Tokens of context its sessions have.
    pub fn context(&self) -> usize {
        self.session.context.unwrap_or(self.decoder.config.max_position_embeddings)
    }

    /// Element type of their cache.
    pub fn kv_dtype(&self) -> KvDtype {
        self.session.kv_dtype.unwrap_or_else(|| self.decoder.natural_kv_dtype())
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// There is none beside the weights.
    pub fn tokenizer(&self) -> Result<&Tokenizer, Error> {
        self.shared_tokenizer().map(Arc::as_ref)
    }

    /// The same, to be shared.
    ///
    /// # Errors
    /// There is none beside the weights.
    pub(crate) fn shared_tokenizer(&self) -> Result<&Arc<Tokenizer>, Error> {
        self.tokenizer.as_ref().ok_or_else(|| Error::NoTokenizer { model: self.name.clone() })
    }

    /// A grammar for answers of this model.
    ///
    /// # Errors
    /// There is no tokenizer, or the grammar is refused.
    pub fn grammar(&self, source: &GrammarSource) -> Result<Grammar, Error> {
        Ok(self.grammars()?.compile(source)?)
    }

    /// Compiles grammars for its tokens.
    ///
    /// # Errors
    /// There is no tokenizer.
    pub(crate) fn grammars(&self) -> Result<&Grammars, Error> {
        self.grammars.as_ref().ok_or_else(|| Error::NoTokenizer { model: self.name.clone() })
    }

    /// The chat template.
    ///
    /// # Errors
    /// There is none: a base model.
    pub fn template(&self) -> Result<&ChatTemplate, Error> {
        self.template.as_ref().ok_or_else(|| Error::NoTemplate { model: self.name.clone() })
    }

    /// The text of the chat template, if there is one.
    pub fn template_source(&self) -> Option<&str> {
        self.template.as_ref().map(ChatTemplate::source)
    }

    /// The settings of its makers.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// The tokens that end an answer.
    pub fn stop_ids(&self) -> &[u32] {
        &self.stop_ids
    }
}

/// The files behind a name, downloaded if need be; [`BUILT_IN`] beats whatever else is called so.
///
/// # Errors
/// The name means nothing, or the hub cannot give the files.
pub fn local_files(name: &str, progress: &dyn Progress) -> Result<ModelFiles, Error> {
    if name == BUILT_IN {
        return Ok(ModelFiles::BuiltIn);
    }
    match ModelRef::parse(name)? {
        ModelRef::Path(path) => ModelFiles::at(&path),
        reference => ModelFiles::at(&Hub::from_env()?.fetch(&reference, progress)?.path),
    }
}

const GENERATION_CONFIG: &str = "generation_config.json";

/// What lies in the files of one model, read but not yet put together.
pub(crate) struct Parts {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) config: ModelConfig,
    pub(crate) text: TextParts,
    pub(crate) generation_config: Option<Value>,
}

impl Parts {
    pub(crate) fn read(files: &ModelFiles) -> Result<Self, Error> {
        match files {
            ModelFiles::Gguf(path) => Self::of_gguf(Checkpoint::open_gguf(path)?),
            ModelFiles::BuiltIn => Self::of_gguf(built_in::open()?),
            ModelFiles::Directory(directory) => {
                let config = ModelConfig::from_json_file(&directory.join("config.json"))?;
                let checkpoint = Checkpoint::open_safetensors(directory)?;
                let generation_config = read_json(&directory.join(GENERATION_CONFIG))?;
                Ok(Self { checkpoint, config, text: TextParts::read(files)?, generation_config })
            }
        }
    }

    fn of_gguf(checkpoint: Checkpoint) -> Result<Self, Error> {
        let config = ModelConfig::from_gguf(&checkpoint)?;
        let text = TextParts::of_gguf(&checkpoint)?;
        Ok(Self { checkpoint, config, text, generation_config: None })
    }
}

/// A JSON file that may be absent.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(path).map_err(|error| Error::Read { path: path.into(), error })?;
    let json = |e: serde_json::Error| Error::Json { path: path.into(), problem: e.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(json)
}

/// Tokens that end an answer: those of config.json and generation_config.json, and the end-of-text and end-of-turn
/// tokens of the SmolLM and Llama 3 families where the vocabulary has them as special tokens. A base checkpoint that was
/// fine-tuned on conversations keeps the base end token in its configuration and would never stop without the latter.
pub(crate) fn stop_ids(
    config: &ModelConfig,
    generation_config: Option<&Value>,
    tokenizer: Option<&Tokenizer>,
) -> Vec<u32> {
    let mut ids = config.eos_token_ids.clone();
    // no token has an id that is no u32, so nothing is lost
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match generation_config.map(|c| &c["eos_token_id"]) {
        Some(Value::Array(list)) => ids.extend(list.iter().filter_map(id)),
        Some(value) => ids.extend(id(value)),
        None => {}
    }
    if let Some(tokenizer) = tokenizer {
        let ends = ["<|endoftext|>", "<|im_end|>", "<|end_of_text|>", "<|eot_id|>"];
        ids.extend(ends.iter().filter_map(|end| tokenizer.id_of(end)).filter(|&id| tokenizer.is_special(id)));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}
