//! The LoRA adapters of one model: the names by which requests ask for them, and those that are in memory.

use crate::error::ApiError;
use axum::http::StatusCode;
use smollm_model::LoraWeights;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Makes an adapter of what lies at a location; called on a thread that may block. The error is one line.
pub type AdapterLoader = Arc<dyn Fn(&str) -> Result<LoraWeights, String> + Send + Sync>;

/// An adapter that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterSource {
    /// What requests call it, after the model's name and a `+`.
    pub name: String,
    /// What the loader is given: a path.
    pub location: String,
}

/// One of them for a request, which keeps it whatever happens to the name.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    pub(crate) weights: Arc<LoraWeights>,
}

/// All of a model.
#[derive(Debug, Default)]
pub(crate) struct Adapters(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    source: AdapterSource,
    weights: Option<Arc<LoraWeights>>,
}

impl Adapters {
    pub(crate) fn new(sources: Vec<AdapterSource>) -> Self {
        Self(Mutex::new(sources.into_iter().map(|source| Known { source, weights: None }).collect()))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().iter().map(|known| known.source.name.clone()).collect()
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.lock().iter().any(|known| known.source.name == name)
    }

    /// Opens all that are not in memory.
    ///
    /// # Errors
    /// What the loader says of the first that cannot be opened.
    pub(crate) fn open_all(&self, loader: &AdapterLoader) -> Result<(), String> {
        self.names().iter().try_for_each(|name| self.open(name, loader).map(|_| ()))
    }

    /// The adapter of this name, if it is in memory and still what is in its file.
    pub(crate) fn loaded(&self, name: &str) -> Option<Adapter> {
        let all = self.lock();
        let known = all.iter().find(|known| known.source.name == name)?;
        let weights = known.weights.clone().filter(|weights| weights.still_intact().is_ok())?;
        Some(Adapter { weights })
    }

    /// The adapter of this name, opened if it is not in memory; `None` if there is none.
    ///
    /// # Errors
    /// What the loader says.
    pub(crate) fn open(&self, name: &str, loader: &AdapterLoader) -> Result<Option<Adapter>, String> {
        let find = |known: &&mut Known| known.source.name == name;
        if let Some(loaded) = self.loaded(name) {
            return Ok(Some(loaded));
        }
        let Some(source) = self.lock().iter_mut().find(find).map(|known| known.source.clone()) else { return Ok(None) };
        let opened = Arc::new(loader(&source.location)?);
        let mut all = self.lock();
        // meanwhile somebody else may have opened it, or put another one under its name
        let weights = match all.iter_mut().find(find) {
            Some(known) if known.source == source => {
                let current = known.weights.take().filter(|weights| weights.still_intact().is_ok());
                known.weights.insert(current.unwrap_or(opened)).clone()
            }
            _ => opened,
        };
        Ok(Some(Adapter { weights }))
    }

    /// Lets requests name an adapter from now on; `replace` puts it in the place of another of that name.
    ///
    /// # Errors
    /// The name is taken.
    pub(crate) fn add(&self, source: AdapterSource, weights: LoraWeights, replace: bool) -> Result<(), ApiError> {
        let mut all = self.lock();
        let weights = Some(Arc::new(weights));
        match all.iter_mut().find(|known| known.source.name == source.name) {
            None => all.push(Known { source, weights }),
            Some(_) if !replace => return Err(taken(&source.name)),
            Some(known) => *known = Known { source, weights },
        }
        Ok(())
    }

    /// Forgets an adapter; `false` if there is none of this name. Requests under way keep it.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut all = self.lock();
        let before = all.len();
        all.retain(|known| known.source.name != name);
        all.len() < before
    }

    /// Lets go of the memory of all; they are opened again when they are asked for.
    pub(crate) fn let_go(&self) {
        self.lock().iter_mut().for_each(|known| known.weights = None);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a name that is taken.
pub(crate) fn taken(name: &str) -> ApiError {
    let message = format!(
        "there is an adapter `{name}` already; unload it, give another name, or replace it with load_inplace: true"
    );
    ApiError::new(StatusCode::BAD_REQUEST, message).param("lora_name").code("adapter_exists")
}
