//! Models for the server: which there are behind the names that a user gives, and how each is loaded.

use crate::error::Error;
use crate::files::ModelFiles;
use crate::model::{Model, OpenOptions};
use crate::text::GenerateOptions;
use crate::text_parts::special_tokens;
use smollm_checkpoint::adapter::Adapter;
use smollm_engine::{Engine, EngineHandle, EngineOptions};
use smollm_hub::{ModelRef, Progress};
use smollm_model::LoraWeights;
use smollm_server::Source;
use smollm_tokenizer::Tokenizer;
use smollm_tokenizer::template::ChatTemplate;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How models of a server are loaded and run.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// As for every other command.
    pub open: OpenOptions,
    /// How answers are drawn where a request does not say; what is absent here comes from the model.
    pub answers: GenerateOptions,
    /// A file with the chat template, in place of the model's own.
    pub chat_template: Option<PathBuf>,
    /// The engine; context and type of the cache come from `open`.
    pub engine: EngineOptions,
    /// LoRA adapters in PEFT form that requests may name, each for every model.
    pub adapters: Vec<(String, PathBuf)>,
}

impl ServeOptions {
    /// Loads a model and gives it an engine on a thread of its own.
    ///
    /// # Errors
    /// It cannot be opened, has no tokenizer, an adapter is not for it, or the memory it may take is too little.
    pub fn load(&self, source: &Source, progress: &dyn Progress) -> Result<smollm_server::Model, Error> {
        let mut model = Model::open_with(&source.location, &self.open, progress)?;
        model.tokenizer()?;
        let (context, kv_dtype) = (Some(model.context()), self.open.kv_dtype);
        let engine = EngineOptions { context, kv_dtype, ..self.engine.clone() };
        let adapters = self.adapters.iter().map(|(name, path)| {
            Ok((name.clone(), Arc::new(LoraWeights::new(model.decoder(), &Adapter::open(path)?)?)))
        });
        let adapters = adapters.collect::<Result<Vec<_>, Error>>()?;
        let files = model.files().path().display().to_string();
        let build = format!(
            "smollm {} {files} {:?} {} {:?}",
            env!("CARGO_PKG_VERSION"),
            self.open.storage,
            model.cpu().isa(),
            kv_dtype
        );
        let slots = engine.max_running;
        let handle = EngineHandle::spawn(Engine::new(model.shared_decoder(), model.shared_cpu(), &engine)?)?;
        let (tokenizer, own) = model.take_text();
        let tokenizer = tokenizer.ok_or_else(|| Error::NoTokenizer { model: source.location.clone() })?;
        let template = match &self.chat_template {
            Some(path) => Some(read_template(path, &tokenizer)?),
            None => own,
        };
        Ok(smollm_server::Model {
            tokenizer: Arc::new(tokenizer),
            template,
            sampling: self.answers.sampling(&model.defaults().sampling),
            seed: self.answers.seed,
            max_tokens: self.answers.max_tokens.or(model.defaults().max_tokens),
            stop_ids: model.stop_ids().to_vec(),
            engine: handle,
            slots,
            adapters,
            path: files,
            build,
        })
    }
}

/// The chat template in a file, for this vocabulary.
fn read_template(path: &Path, tokenizer: &Tokenizer) -> Result<ChatTemplate, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Read { path: path.into(), error })?;
    Ok(ChatTemplate::new(&text, &special_tokens(Some(tokenizer)))?)
}

/// The models behind what a user names: each name is a model, or a folder of models.
///
/// # Errors
/// A name means nothing, a path is no model and holds none, or two models are called alike.
pub fn sources(names: &[String], adapters: &[String]) -> Result<Vec<Source>, Error> {
    let mut sources: Vec<Source> = Vec::new();
    for name in names {
        let found = match ModelRef::parse(name)? {
            ModelRef::Path(path) => local(&path)?,
            _ => vec![(name.clone(), name.clone())],
        };
        for (name, location) in found {
            if let Some(other) = sources.iter().find(|source| source.name == name) {
                let (first, second) = (other.location.clone(), location);
                return Err(Error::EqualNames { name, first, second });
            }
            sources.push(Source { name, location, adapters: adapters.to_vec() });
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
