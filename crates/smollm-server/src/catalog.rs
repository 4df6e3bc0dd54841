//! The models that a server knows: by which names they are asked for, and how they share memory.

mod entry;

pub(crate) use entry::Entry;

use crate::adapters::{Adapter, AdapterSource};
use crate::error::ApiError;
use crate::metrics::ModelMetrics;
use crate::model::Model;
use axum::http::StatusCode;
use smollm_model::LoraWeights;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Makes a model of a source, which may take so many bytes; called on a thread that may block.
pub type Loader = Arc<dyn Fn(&Source, Option<usize>) -> Result<Model, LoadError> + Send + Sync>;

/// Why a model is not in memory. The texts are one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It needs more bytes than it may take.
    #[error("{0}")]
    NoRoom(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// A model that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What requests call it.
    pub name: String,
    /// What the loader is given: a path or a name of the hub.
    pub location: String,
    /// The adapters that it begins with.
    pub adapters: Vec<AdapterSource>,
}

/// What all models in memory may take together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Bytes.
    pub(crate) memory: Option<usize>,
    /// Models.
    pub(crate) models: usize,
}

/// All models.
pub(crate) struct Catalog {
    entries: Vec<Arc<Entry>>,
    loader: Loader,
    room: Room,
    /// Held by who loads: one model after the other, since each takes of what the others leave.
    loading: tokio::sync::Mutex<()>,
}

/// A model for one request.
#[derive(Clone)]
pub(crate) struct Lease {
    pub(crate) model: Arc<Model>,
    pub(crate) adapter: Option<Adapter>,
    pub(crate) metrics: Arc<ModelMetrics>,
    /// What the answer calls the model.
    pub(crate) name: String,
    /// The model is in use as long as one of these is there.
    _use: Arc<Use>,
}

/// The use of a model: it is idle since the last has ended.
struct Use(Arc<Entry>);

impl Drop for Use {
    fn drop(&mut self) {
        self.0.touch();
    }
}

impl Lease {
    /// What the engine is told of the adapter.
    pub(crate) fn weights(&self) -> Option<Arc<LoraWeights>> {
        self.adapter.as_ref().map(|adapter| adapter.weights.clone())
    }
}

impl Catalog {
    pub(crate) fn new(sources: Vec<Source>, loader: Loader, room: Room) -> Self {
        let entries = sources.into_iter().map(|source| Arc::new(Entry::new(source))).collect();
        Self { entries, loader, room, loading: tokio::sync::Mutex::default() }
    }

    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The only model, which answers whatever it is called, and is loaded from the start.
    pub(crate) fn only(&self) -> Option<&Arc<Entry>> {
        match self.entries.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The model that a request names, loaded if it is not.
    ///
    /// # Errors
    /// 404 for a name that nothing has, 503 while the only model is being loaded and where busy models leave no room, 500 if a model
    /// cannot be loaded.
    pub(crate) async fn lease(self: &Arc<Self>, name: Option<&str>) -> Result<Lease, ApiError> {
        let name = name.filter(|name| !name.is_empty());
        let (entry, adapter) = self.find(name)?;
        let in_use = Arc::new(Use(entry.clone()));
        let model = self.loaded(entry).await?;
        let called = name.unwrap_or(&entry.source.name);
        let adapter = match adapter {
            None => None,
            Some(adapter) => Some(entry.adapter(&model, adapter).await?.ok_or_else(|| unknown(called))?),
        };
        Ok(Lease { model, adapter, metrics: entry.metrics.clone(), name: called.to_owned(), _use: in_use })
    }

    /// The model that a request about models means: the one of this name, without an adapter, or the only one.
    ///
    /// # Errors
    /// There is none, or there are several and no name.
    pub(crate) fn entry(&self, name: Option<&str>) -> Result<&Arc<Entry>, ApiError> {
        match self.find(name.filter(|name| !name.is_empty()))? {
            (entry, None) => Ok(entry),
            (_, Some(adapter)) => Err(ApiError::bad(format!("`{adapter}` is an adapter and no model")).param("model")),
        }
    }

    /// As [`Catalog::entry`], with the model in memory. It does not count as use: who looks at a model does not keep it there.
    ///
    /// # Errors
    /// As [`Catalog::entry`] and [`Catalog::lease`].
    pub(crate) async fn look(self: &Arc<Self>, name: Option<&str>) -> Result<(&Arc<Entry>, Arc<Model>), ApiError> {
        let entry = self.entry(name)?;
        Ok((entry, self.loaded(entry).await?))
    }

    /// The entry that a name means, and the adapter in it. An adapter's own name will do where one model alone has such an adapter.
    fn find<'n>(&self, name: Option<&'n str>) -> Result<(&Arc<Entry>, Option<&'n str>), ApiError> {
        let Some(name) = name else {
            return self.only().map(|entry| (entry, None)).ok_or_else(|| {
                ApiError::bad("`model` is missing, and there are several; /v1/models lists them").param("model")
            });
        };
        let exactly = |wanted: &str| self.entries.iter().find(|entry| entry.source.name == wanted);
        if let Some(entry) = exactly(name) {
            return Ok((entry, None));
        }
        if let Some((base, adapter)) = name.rsplit_once('+') {
            let known = |entry: &&Arc<Entry>| entry.adapters.knows(adapter);
            match exactly(base).or(self.only().filter(known)) {
                Some(entry) if known(&entry) => return Ok((entry, Some(adapter))),
                Some(_) => return Err(unknown(name)),
                None => {}
            }
        }
        let mut having = self.entries.iter().filter(|entry| entry.adapters.knows(name));
        if let (Some(entry), None) = (having.next(), having.next()) {
            return Ok((entry, Some(name)));
        }
        self.only().map(|entry| (entry, None)).ok_or_else(|| unknown(name))
    }

    /// Loads the only model, if there is but one; several are loaded when they are asked for.
    pub(crate) async fn load_first(self: &Arc<Self>) -> Result<(), String> {
        match self.only() {
            Some(entry) => self.load(entry).await.map(|_| ()).map_err(|error| error.message),
            None => Ok(()),
        }
    }

    /// Lets go of models that nobody has used for this long.
    pub(crate) fn unload_idle(&self, limit: Duration) {
        for entry in self.entries.iter().filter(|entry| entry.idle() >= limit) {
            drop(entry.take_unused());
        }
    }

    /// Lets go of models that are not what is in their files any more; what to tell the operator.
    pub(crate) fn check_files(&self) -> Vec<String> {
        self.entries
            .iter()
            .filter_map(|entry| Some(format!("{}: {}; it is loaded anew", entry.source.name, entry.retire()?)))
            .collect()
    }

    /// Loads the only model if it has to be loaded anew.
    pub(crate) async fn renew(self: &Arc<Self>) {
        let nobody_loads = self.loading.try_lock().is_ok();
        if let Some(entry) = self.only().filter(|entry| nobody_loads && entry.is_stale()) {
            // if it cannot be, its entry says so, and the next time may be better
            drop(self.load(entry).await);
        }
    }

    /// The model of an entry, loaded if need be. While the only model is loaded for the first time, or anew, nobody waits for it:
    /// whoever asks is told.
    async fn loaded(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Arc<Model>, ApiError> {
        if self.only().is_some() {
            entry.ready()?;
        }
        match entry.current() {
            Some(model) => Ok(model),
            None => self.load(entry).await,
        }
    }

    /// Loads a model. That goes on if who asked for it leaves.
    async fn load(self: &Arc<Self>, entry: &Arc<Entry>) -> Result<Arc<Model>, ApiError> {
        let (catalog, entry, asked) = (self.clone(), entry.clone(), Instant::now());
        let task = tokio::spawn(async move {
            let _turn = catalog.loading.lock().await;
            if let Some(model) = entry.current() {
                return Ok(model); // another request was first
            }
            if let Some(failure) = entry.failure_since(asked) {
                return Err(failure); // was tried meanwhile
            }
            catalog.make(&entry).await
        });
        task.await.unwrap_or_else(|_| Err(ApiError::internal("loading the model failed unexpectedly")))
    }

    /// Loads a model, in the place of others that are idle if there is no room beside them.
    async fn make(&self, entry: &Arc<Entry>) -> Result<Arc<Model>, ApiError> {
        loop {
            let sizes: Vec<usize> = self.entries.iter().filter_map(|entry| Some(entry.peek()?.bytes)).collect();
            let (others, taken) = (sizes.len(), sizes.iter().sum());
            let left = self.room.memory.map(|memory| memory.saturating_sub(taken));
            let full = if others >= self.room.models {
                format!("{others} models are in memory, and there may be {}", self.room.models)
            } else {
                match entry.open(&self.loader, left).await {
                    Err(LoadError::NoRoom(reason)) if others > 0 => reason,
                    made => return entry.publish(made),
                }
            };
            if !self.evict().await {
                return Err(no_room(&entry.source.name, &full));
            }
        }
    }

    /// Lets go of the model that nobody has used for the longest time; `false` if all are in use.
    async fn evict(&self) -> bool {
        let mut entries: Vec<&Arc<Entry>> = self.entries.iter().collect();
        entries.sort_by_cached_key(|entry| std::cmp::Reverse(entry.idle()));
        let Some(model) = entries.into_iter().find_map(|entry| entry.take_unused()) else { return false };
        // its memory is there once its engine's thread has ended
        let ended = tokio::task::spawn_blocking(move || model.end()).await;
        ended.is_ok()
    }
}

/// The error of a model for which there is no room beside those that answer requests.
fn no_room(name: &str, reason: &str) -> ApiError {
    let message =
        format!("`{name}` cannot be loaded beside the models that are answering requests: {reason}; try again later");
    ApiError {
        retry_after: Some(1),
        ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).param("model").code("no_room")
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no model `{name}`; /v1/models lists them"))
        .param("model")
        .code("model_not_found")
}
