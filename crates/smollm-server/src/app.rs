//! What all handlers share.

use crate::catalog::Catalog;
use crate::edge::Hosts;
use crate::edge::keys::Keys;
use crate::error::ApiError;
use crate::settings::Settings;
use crate::unsent::Unsent;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// The server's parts.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) keys: Option<Keys>,
    pub(crate) hosts: Hosts,
    /// What of answers has not gone out yet.
    pub(crate) unsent: Arc<Unsent>,
    /// Turns to compile a grammar.
    pub(crate) compilers: Arc<Semaphore>,
    /// Seconds since 1970 when it started.
    pub(crate) started: u64,
}

/// As handlers get it.
pub(crate) type Shared = Arc<App>;

/// Grammars that are compiled at once: half of what the machine has, so that answers go on beside it.
pub(crate) fn compilers() -> Arc<Semaphore> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new((threads / 2).max(1)))
}

impl App {
    /// Whether requests can be answered.
    ///
    /// # Errors
    /// 503 while the only model is being loaded, for the first time or because its file has changed; 500 if it cannot be loaded.
    pub(crate) fn ready(&self) -> Result<(), ApiError> {
        match self.catalog.only() {
            Some(entry) => entry.ready(),
            None => Ok(()),
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// An identifier that no other object has.
pub(crate) fn fresh_id(prefix: &str) -> String {
    format!("{prefix}{:016x}{:08x}", smollm_engine::random_seed(), smollm_engine::random_seed() as u32)
}
