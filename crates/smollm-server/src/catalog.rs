//! The models that a server knows: by which names they are asked for, which of them are in memory, and since when nobody asked.

use crate::adapters::{Adapter, AdapterSource, Adapters};
use crate::error::ApiError;
use crate::metrics::ModelMetrics;
use crate::model::Model;
use axum::http::StatusCode;
use smollm_model::LoraWeights;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Makes a model of a source; called on a thread that may block. The error is one line.
pub type Loader = Arc<dyn Fn(&Source) -> Result<Model, String> + Send + Sync>;

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

/// All models.
pub(crate) struct Catalog {
    entries: Vec<Arc<Entry>>,
    loader: Loader,
}

/// One model, in memory or not.
pub(crate) struct Entry {
    pub(crate) source: Source,
    pub(crate) adapters: Adapters,
    pub(crate) metrics: Arc<ModelMetrics>,
    slot: Arc<tokio::sync::Mutex<Option<Arc<Model>>>>,
    /// The same once more, to look at without waiting for a model that is being loaded.
    loaded: Mutex<Option<Arc<Model>>>,
    /// Whether it was ever in memory: from then on, requests wait for it to be loaded again.
    was_loaded: AtomicBool,
    /// Why the last attempt to load it failed.
    failure: Mutex<Option<String>>,
    /// Milliseconds after `since` when it was last asked for.
    used: AtomicU64,
    since: Instant,
}

/// A model for one request.
#[derive(Clone)]
pub(crate) struct Lease {
    pub(crate) model: Arc<Model>,
    pub(crate) adapter: Option<Adapter>,
    pub(crate) metrics: Arc<ModelMetrics>,
    /// What the answer calls the model.
    pub(crate) name: String,
}

impl Lease {
    /// What the engine is told of the adapter.
    pub(crate) fn weights(&self) -> Option<Arc<LoraWeights>> {
        self.adapter.as_ref().map(|adapter| adapter.weights.clone())
    }
}

impl Catalog {
    pub(crate) fn new(sources: Vec<Source>, loader: Loader) -> Self {
        let entry = |source: Source| {
            Arc::new(Entry {
                adapters: Adapters::new(source.adapters.clone()),
                source,
                metrics: Arc::default(),
                slot: Arc::default(),
                loaded: Mutex::default(),
                was_loaded: AtomicBool::new(false),
                failure: Mutex::default(),
                used: AtomicU64::new(0),
                since: Instant::now(),
            })
        };
        Self { entries: sources.into_iter().map(entry).collect(), loader }
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
    /// 404 for a name that nothing has, 503 while the only model is being loaded, 500 if a model cannot be loaded.
    pub(crate) async fn lease(&self, name: Option<&str>) -> Result<Lease, ApiError> {
        let name = name.filter(|name| !name.is_empty());
        let (entry, adapter) = self.find(name)?;
        if self.only().is_some() {
            entry.ready()?;
        }
        let model = entry.load(&self.loader).await?;
        let called = name.unwrap_or(&entry.source.name);
        let adapter = match adapter {
            None => None,
            Some(adapter) => Some(entry.adapter(&model, adapter).await?.ok_or_else(|| unknown(called))?),
        };
        Ok(Lease { model, adapter, metrics: entry.metrics.clone(), name: called.to_owned() })
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

    /// As [`Catalog::entry`], with the model in memory.
    ///
    /// # Errors
    /// As [`Catalog::entry`] and [`Catalog::lease`].
    pub(crate) async fn base(&self, name: Option<&str>) -> Result<(&Arc<Entry>, Arc<Model>), ApiError> {
        let entry = self.entry(name)?;
        if self.only().is_some() {
            entry.ready()?;
        }
        Ok((entry, entry.load(&self.loader).await?))
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
    pub(crate) async fn load_first(&self) -> Result<(), String> {
        match self.only() {
            Some(entry) => entry.load(&self.loader).await.map(|_| ()).map_err(|error| error.message),
            None => Ok(()),
        }
    }

    /// Lets go of models that nobody has asked for in this time and that answer nobody now.
    pub(crate) fn unload_idle(&self, limit: Duration) {
        for entry in &self.entries {
            let idle = entry.since.elapsed().saturating_sub(Duration::from_millis(entry.used.load(Ordering::Relaxed)));
            if idle < limit {
                continue;
            }
            let Ok(mut slot) = entry.slot.try_lock() else { continue };
            let mut loaded = entry.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            // the two slots hold one each
            if slot.as_ref().is_some_and(|model| Arc::strong_count(model) == 2) {
                *loaded = None;
                *slot = None;
                entry.adapters.let_go();
            }
        }
    }
}

impl Entry {
    /// The model, if it is in memory.
    pub(crate) fn peek(&self) -> Option<Arc<Model>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it was loaded.
    ///
    /// # Errors
    /// Why it was not, yet.
    pub(crate) fn ready(&self) -> Result<(), ApiError> {
        if self.was_loaded.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(match self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(failure) => ApiError::internal(failure).code("model_not_loaded"),
            None => ApiError {
                retry_after: Some(1),
                ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the model is being loaded").code("loading")
            },
        })
    }

    /// The model, loaded if need be. The load goes on if who asked for it leaves.
    async fn load(self: &Arc<Self>, loader: &Loader) -> Result<Arc<Model>, ApiError> {
        self.touch();
        if let Some(model) = self.peek() {
            return Ok(model);
        }
        let (entry, loader) = (self.clone(), loader.clone());
        let task = tokio::spawn(async move {
            let mut slot = entry.slot.lock().await;
            if let Some(model) = &*slot {
                return Ok(model.clone()); // another request was first
            }
            let opened = entry.clone();
            let made = tokio::task::spawn_blocking(move || {
                let model = loader(&opened.source)?;
                if !opened.was_loaded.load(Ordering::Acquire) {
                    // those of the command line; whatever comes later is the business of who asks for it
                    opened.adapters.open_all(&model.open_adapter)?;
                }
                Ok::<_, String>(model)
            })
            .await;
            let made = made.unwrap_or_else(|_| Err("loading the model failed unexpectedly".into()));
            entry.touch();
            let mut failure = entry.failure.lock().unwrap_or_else(PoisonError::into_inner);
            match made {
                Ok(model) => {
                    let model = Arc::new(model);
                    *failure = None;
                    *entry.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(model.clone());
                    *slot = Some(model.clone());
                    entry.was_loaded.store(true, Ordering::Release);
                    Ok(model)
                }
                Err(reason) => {
                    *failure = Some(reason.clone());
                    Err(ApiError::internal(reason).code("model_not_loaded"))
                }
            }
        });
        task.await.unwrap_or_else(|_| Err(ApiError::internal("loading the model failed unexpectedly")))
    }

    /// One of its adapters, opened if it is not in memory; `None` if there is none of this name.
    async fn adapter(self: &Arc<Self>, model: &Model, name: &str) -> Result<Option<Adapter>, ApiError> {
        if let Some(loaded) = self.adapters.loaded(name) {
            return Ok(Some(loaded));
        }
        let (entry, loader, name) = (self.clone(), model.open_adapter.clone(), name.to_owned());
        let opened = tokio::task::spawn_blocking(move || entry.adapters.open(&name, &loader)).await;
        let opened = opened.map_err(|_| ApiError::internal("loading the adapter failed unexpectedly"))?;
        opened.map_err(|reason| ApiError::internal(reason).code("adapter_not_loaded"))
    }

    fn touch(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used.store(now, Ordering::Relaxed);
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no model `{name}`; /v1/models lists them"))
        .param("model")
        .code("model_not_found")
}
