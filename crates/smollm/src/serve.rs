//! Models for the server: which there are behind the names that a user gives, and how each is loaded.

use crate::built_in::BUILT_IN;
use crate::error::Error;
use crate::files::ModelFiles;
use crate::model::{Model, OpenOptions};
use crate::text::GenerateOptions;
use crate::text_parts::special_tokens;
use sha2::{Digest, Sha256};
use smollm_checkpoint::adapter::Adapter;
use smollm_engine::{Engine, EngineError, EngineHandle, EngineOptions, MemoryPlan, ModelDrafter};
use smollm_hub::{ModelRef, Progress};
use smollm_model::LoraWeights;
use smollm_server::{AdapterSource, Source};
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::constrain::Grammars;
use smollm_tokenizer::template::ChatTemplate;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Contexts that the cache of a model holds which shares a budget with others.
const CONTEXTS: usize = 4;

/// How models of a server are loaded and run.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// As for every other command.
    pub open: OpenOptions,
    /// How answers are drawn where a request does not say; what is absent here comes from the model.
    pub answers: GenerateOptions,
    /// Whether models that can think do so where a request does not say; as they are used to where absent.
    pub thinking: Option<bool>,
    /// A file with the chat template, in place of the model's own.
    pub chat_template: Option<PathBuf>,
    /// The engine; context and type of the cache come from `open`.
    pub engine: EngineOptions,
    /// A smaller model of the family that guesses tokens, which the model then verifies many at once.
    pub draft: Option<String>,
    /// Whether other models are to have room beside each: then its cache does not take all that the budget leaves.
    pub shares_memory: bool,
}

impl ServeOptions {
    /// Loads a model, which may take `memory` bytes, and gives it an engine on a thread of its own.
    ///
    /// # Errors
    /// It cannot be opened, has no tokenizer, an adapter is not for it, or the memory it may take is too little.
    pub fn load(
        &self,
        source: &Source,
        memory: Option<usize>,
        progress: &dyn Progress,
    ) -> Result<smollm_server::Model, Error> {
        let mut model = Model::open_with(&source.location, &self.open, progress)?;
        model.tokenizer()?;
        let mut options = EngineOptions { memory, ..model.engine_options(&self.engine) };
        if self.shares_memory {
            options.kv_tokens.get_or_insert(CONTEXTS.saturating_mul(model.context()));
        }
        let drafter = self.drafter(&model, progress)?;
        let taken = drafter.as_ref().map_or(0, ModelDrafter::bytes);
        options.memory = options.memory.map(|memory| memory.saturating_sub(taken));
        let files = model.files().to_string();
        let build = format!(
            "smollm {} {:?} {} {:?}",
            env!("CARGO_PKG_VERSION"),
            self.open.storage,
            model.cpu().isa(),
            model.kv_dtype()
        );
        let slots = options.max_running;
        let digest = digest(&model)?;
        // the budget that the user knows has the smaller model in it
        let over_budget = |error| match (error, memory) {
            (EngineError::OverBudget { needed, .. }, Some(memory)) => {
                EngineError::OverBudget { needed: needed + taken, memory }
            }
            (error, _) => error,
        };
        let plan = MemoryPlan::new(model.decoder(), &options).map_err(over_budget)?;
        let context = model.context();
        if let Some(memory) = memory.filter(|left| Some(*left) < self.engine.memory && plan.kv_tokens < context) {
            // alone it takes what there is; beside others it waits until there is enough
            let context_bytes = plan.kv / plan.kv_tokens * context;
            return Err(
                EngineError::OverBudget { needed: plan.total() - plan.kv + context_bytes + taken, memory }.into()
            );
        }
        let bytes = plan.total() + taken;
        let mut engine = Engine::new(model.shared_decoder(), model.shared_cpu(), &options)?;
        if let Some(drafter) = drafter {
            engine.set_drafter(Box::new(drafter));
        }
        let handle = EngineHandle::spawn(engine)?;
        let decoder = model.shared_decoder();
        let files_of = decoder.clone();
        let still_intact = move || files_of.still_intact().map_err(|error| error.to_string());
        let open_adapter = move |path: &str| -> Result<LoraWeights, String> {
            let adapter = Adapter::open(Path::new(path)).map_err(|error| error.to_string())?;
            LoraWeights::new(&decoder, &adapter).map_err(|error| error.to_string())
        };
        let (tokenizer, own) = model.take_text();
        let tokenizer = tokenizer.ok_or_else(|| Error::NoTokenizer { model: source.location.clone() })?;
        let template = match &self.chat_template {
            Some(path) => Some(read_template(path, &tokenizer)?),
            None => own,
        };
        Ok(smollm_server::Model {
            grammars: Grammars::new(tokenizer.clone()),
            tokenizer,
            template,
            sampling: self.answers.sampling(&model.defaults().sampling),
            seed: self.answers.seed,
            max_tokens: self.answers.max_tokens.or(model.defaults().max_tokens),
            stop_ids: model.stop_ids().to_vec(),
            engine: handle,
            slots,
            bytes,
            open_adapter: Arc::new(open_adapter),
            still_intact: Arc::new(still_intact),
            path: files,
            build,
            digest,
            thinking: self.thinking,
        })
    }

    /// The smaller model, made ready to guess for `model`. Its cache holds one context: guesses pay while few sequences run.
    fn drafter(&self, model: &Model, progress: &dyn Progress) -> Result<Option<ModelDrafter>, Error> {
        let Some(name) = self.draft.as_deref().filter(|_| self.engine.draft_tokens > 0) else { return Ok(None) };
        let options = OpenOptions { context: None, kv_dtype: None, lora: None, ..self.open.clone() };
        let draft = Model::open_with(name, &options, progress)?;
        if let Some(id) = differing_token(model.tokenizer()?, draft.tokenizer()?) {
            return Err(Error::DraftTokenizer { draft: name.into(), model: model.name().into(), id });
        }
        let decoder = draft.shared_decoder();
        Ok(Some(ModelDrafter::new(decoder, model.shared_cpu(), model.decoder(), model.context())?))
    }
}

/// A digest of weights and vocabulary.
fn digest(model: &Model) -> Result<[u8; 32], Error> {
    let tokenizer = model.tokenizer()?;
    let weights = model.decoder().checkpoint().map(|checkpoint| {
        let digest = checkpoint.digest();
        // With each piece that was looked at the system maps what lies around it: in all a good part of the files.
        checkpoint.release_pages();
        digest
    });
    let mut hash = Sha256::new_with_prefix(weights.unwrap_or_default());
    for id in 0..tokenizer.vocab_size() as u32 {
        hash.update(tokenizer.token_str(id).unwrap_or_default());
        hash.update([0]);
    }
    Ok(hash.finalize().into())
}

/// The chat template in a file, for this vocabulary.
fn read_template(path: &Path, tokenizer: &Tokenizer) -> Result<ChatTemplate, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Read { path: path.into(), error })?;
    Ok(ChatTemplate::new(&text, &special_tokens(Some(tokenizer)))?)
}

/// The first id that means different text to two tokenizers; special tokens may differ.
fn differing_token(one: &Tokenizer, other: &Tokenizer) -> Option<u32> {
    let ids = 0..one.vocab_size().max(other.vocab_size()) as u32;
    let special = |id: &u32| one.is_special(*id) && other.is_special(*id);
    ids.into_iter().filter(|id| !special(id)).find(|&id| one.token_bytes(id) != other.token_bytes(id))
}

/// The models behind what a user names: each name is a model, or a folder of models. Each begins with the adapters of these names and
/// paths.
///
/// # Errors
/// A name means nothing, a path is no model and holds none, or two models are called alike.
pub fn sources(names: &[String], adapters: &[(String, PathBuf)]) -> Result<Vec<Source>, Error> {
    let adapters: Vec<AdapterSource> = adapters
        .iter()
        .map(|(name, path)| AdapterSource { name: name.clone(), location: path.display().to_string() })
        .collect();
    let mut sources: Vec<Source> = Vec::new();
    for name in names {
        let itself = || vec![(name.clone(), name.clone())];
        let found = match name.as_str() {
            BUILT_IN => itself(),
            name => match ModelRef::parse(name)? {
                ModelRef::Path(path) => local(&path)?,
                ModelRef::Hub { .. } => itself(),
            },
        };
        for (name, location) in found {
            if let Some(other) = sources.iter().find(|source| source.name == name) {
                let (first, second) = (other.location.clone(), location);
                return Err(Error::EqualNames { name, first, second });
            }
            sources.push(Source { name, location, adapters: adapters.clone() });
        }
    }
    Ok(sources)
}

/// Name and location of the model at a path, or of those in a folder.
fn local(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let one = |path: &Path| {
        let files = ModelFiles::at(path)?;
        Ok((files.model_name(), path.display().to_string()))
    };
    let problem = match one(path) {
        Ok(model) => return Ok(vec![model]),
        Err(problem) => problem,
    };
    let Ok(entries) = std::fs::read_dir(path) else { return Err(problem) };
    let mut inside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    inside.sort();
    let is_later_part = |path: &PathBuf| {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        name.contains("-of-") && !name.contains("-00001-of-")
    };
    let models: Vec<_> = inside.iter().filter(|path| !is_later_part(path)).filter_map(|path| one(path).ok()).collect();
    if models.is_empty() { Err(problem) } else { Ok(models) }
}

#[cfg(test)]
mod tests;
