//! One model that a server knows: whether it is in memory, still what is in its files, and since when nobody has used it.

use super::{LoadError, Loader, Source};
use crate::adapters::{Adapter, Adapters};
use crate::error::ApiError;
use crate::metrics::ModelMetrics;
use crate::model::Model;
use axum::http::StatusCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One model, in memory or not.
pub(crate) struct Entry {
    pub(crate) source: Source,
    pub(crate) adapters: Adapters,
    pub(crate) metrics: Arc<ModelMetrics>,
    loaded: Mutex<Option<Arc<Model>>>,
    /// Whether it was in memory, as it is in its files: from then on, requests wait for it to be loaded again.
    was_loaded: AtomicBool,
    /// When and why the last attempt to load it failed.
    failure: Mutex<Option<(Instant, String)>>,
    /// Milliseconds after `since` when it was last used.
    used: AtomicU64,
    since: Instant,
}

impl Entry {
    pub(super) fn new(source: Source) -> Self {
        Self {
            adapters: Adapters::new(source.adapters.clone()),
            source,
            metrics: Arc::default(),
            loaded: Mutex::default(),
            was_loaded: AtomicBool::new(false),
            failure: Mutex::default(),
            used: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    /// The model, if it is in memory.
    pub(crate) fn peek(&self) -> Option<Arc<Model>> {
        lock(&self.loaded).clone()
    }

    /// Whether the only model can answer, or could if it were asked to.
    ///
    /// # Errors
    /// Why it cannot, yet.
    pub(crate) fn ready(&self) -> Result<(), ApiError> {
        if let Some((_, failure)) = &*lock(&self.failure) {
            return Err(not_loaded(failure.clone()));
        }
        match self.peek().map(|model| model.fit()) {
            Some(Ok(())) => Ok(()),
            None if self.was_loaded.load(Ordering::Acquire) => Ok(()),
            Some(Err(reason)) => Err(loading(format!("{reason}; the model is loaded anew"))),
            None => Err(loading("the model is being loaded".into())),
        }
    }

    /// The model, if it is in memory and fit to answer. One that is not is let go of.
    pub(super) fn current(&self) -> Option<Arc<Model>> {
        self.retire();
        self.peek()
    }

    /// Lets go of the model if it is not fit to answer any more; why it is not. Requests under way keep it, and end with an error.
    pub(super) fn retire(&self) -> Option<String> {
        let model = self.peek()?;
        let reason = model.fit().err()?;
        let mut loaded = lock(&self.loaded);
        if loaded.as_ref().is_some_and(|now| Arc::ptr_eq(now, &model)) {
            *loaded = None;
            self.was_loaded.store(false, Ordering::Release);
            self.adapters.let_go();
        }
        Some(reason)
    }

    /// Whether it has to be loaded anew: it failed, or was let go of because it was not fit.
    pub(super) fn is_stale(&self) -> bool {
        !self.was_loaded.load(Ordering::Acquire)
    }

    /// How the last attempt to load it failed, if that was after `asked`.
    pub(super) fn failure_since(&self, asked: Instant) -> Option<ApiError> {
        lock(&self.failure).clone().filter(|(when, _)| *when > asked).map(|(_, failure)| not_loaded(failure))
    }

    /// Lets go of the model if no request has it, and gives it out.
    pub(super) fn take_unused(&self) -> Option<Model> {
        let mut loaded = lock(&self.loaded);
        let model = Arc::into_inner(loaded.take_if(|model| Arc::strong_count(model) == 1)?);
        self.adapters.let_go();
        model
    }

    /// Opens the model, which may take so many bytes, and its adapters.
    pub(super) async fn open(self: &Arc<Self>, loader: &Loader, memory: Option<usize>) -> Result<Model, LoadError> {
        let (entry, loader) = (self.clone(), loader.clone());
        let made = tokio::task::spawn_blocking(move || {
            let model = loader(&entry.source, memory)?;
            if entry.is_stale() {
                // those of the command line; whatever comes later is the business of who asks for it
                entry.adapters.open_all(&model.open_adapter).map_err(LoadError::Failed)?;
            }
            model.fit().map_err(LoadError::Failed)?; // somebody may be writing to the file right now
            Ok(model)
        });
        made.await.unwrap_or_else(|_| Err(LoadError::Failed("loading the model failed unexpectedly".into())))
    }

    /// Gives the model to requests from now on, or tells them why there is none.
    pub(super) fn publish(&self, made: Result<Model, LoadError>) -> Result<Arc<Model>, ApiError> {
        self.touch();
        let mut failure = lock(&self.failure);
        match made {
            Ok(model) => {
                let model = Arc::new(model);
                *failure = None;
                *lock(&self.loaded) = Some(model.clone());
                self.was_loaded.store(true, Ordering::Release);
                Ok(model)
            }
            Err(LoadError::NoRoom(reason) | LoadError::Failed(reason)) => {
                *failure = Some((Instant::now(), reason.clone()));
                Err(not_loaded(reason))
            }
        }
    }

    /// One of its adapters, opened if it is not in memory; `None` if there is none of this name.
    pub(super) async fn adapter(self: &Arc<Self>, model: &Model, name: &str) -> Result<Option<Adapter>, ApiError> {
        if let Some(loaded) = self.adapters.loaded(name) {
            return Ok(Some(loaded));
        }
        let (entry, loader, name) = (self.clone(), model.open_adapter.clone(), name.to_owned());
        let opened = tokio::task::spawn_blocking(move || entry.adapters.open(&name, &loader)).await;
        let opened = opened.map_err(|_| ApiError::internal("loading the adapter failed unexpectedly"))?;
        opened.map_err(|reason| ApiError::internal(reason).code("adapter_not_loaded"))
    }

    /// It is being used.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used.store(now, Ordering::Relaxed);
    }

    /// For how long nobody has used it.
    pub(super) fn idle(&self) -> Duration {
        self.since.elapsed().saturating_sub(Duration::from_millis(self.used.load(Ordering::Relaxed)))
    }
}

fn not_loaded(reason: String) -> ApiError {
    ApiError::internal(reason).code("model_not_loaded")
}

fn loading(reason: String) -> ApiError {
    ApiError { retry_after: Some(1), ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, reason).code("loading") }
}

/// The lock; a panic elsewhere leaves whole values behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
