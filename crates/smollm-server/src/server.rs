//! Listening, answering, and stopping without leaving anybody in the middle of an answer.

use crate::app::{App, Shared, compilers, unix_seconds};
use crate::catalog::{Catalog, Loader, Room, Source};
use crate::edge::keys::{KeyFileError, Keys};
use crate::edge::{AccessLog, Hosts, Patient, Peer, gone};
use crate::routes::router;
use crate::settings::Settings;
use crate::unsent::Unsent;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often files and idle models are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// Room for the head of a request.
const MAX_HEAD: usize = 64 << 10;

/// A server that listens already but answers nobody yet.
pub struct Server {
    listener: StdListener,
    address: SocketAddr,
    app: Shared,
    access_log: AccessLog,
    notes: AccessLog,
}

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ServerError {
    #[error("cannot resolve the address {host}:{port}: {error}")]
    Resolve { host: String, port: u16, error: std::io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("cannot listen on {address}: {error}{}", advice(error))]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error(
        "{address} can be reached from other machines, and there are no API keys; give a key file (--key-file), or say that it is \
         meant so (--insecure)"
    )]
    Open { address: SocketAddr },
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    #[error("cannot start the server's threads: {0}")]
    Runtime(std::io::Error),
    #[error("{0}")]
    Model(String),
}

/// What to do about an address that cannot be had.
fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; another program listens there, choose another --port",
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 are for the administrator, choose another --port",
        _ => "",
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Listens. Connections wait until [`Server::run`].
    ///
    /// # Errors
    /// The address cannot be had, or is public and nobody said that it may be; the key file cannot be used.
    pub fn bind(settings: Settings, sources: Vec<Source>, loader: Loader) -> Result<Self, ServerError> {
        let keys = settings.key_file.as_deref().map(Keys::open).transpose()?;
        let wanted = (settings.host.as_str(), settings.port);
        let mut addresses = wanted.to_socket_addrs().map_err(|error| ServerError::Resolve {
            host: settings.host.clone(),
            port: settings.port,
            error,
        })?;
        let address = addresses.next().ok_or_else(|| ServerError::NoAddress { host: settings.host.clone() })?;
        if !address.ip().is_loopback() && keys.is_none() && !settings.insecure {
            return Err(ServerError::Open { address });
        }
        let failed = |error| ServerError::Listen { address, error };
        let listener = StdListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let room = Room { memory: settings.memory, models: settings.max_models };
        let app = App {
            hosts: Hosts::new(&settings, address),
            unsent: Unsent::new(settings.answer_memory),
            compilers: compilers(),
            settings,
            catalog: Arc::new(Catalog::new(sources, loader, room)),
            keys,
            started: unix_seconds(),
        };
        let nowhere: AccessLog = Arc::new(|_| {});
        Ok(Self { listener, address, app: Arc::new(app), access_log: nowhere.clone(), notes: nowhere })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes the access log, a JSON object for each request without a line break, with `log`.
    pub fn log_access(&mut self, log: impl Fn(&str) + Send + Sync + 'static) {
        self.access_log = Arc::new(log);
    }

    /// Tells `notes` what the operator should know, one line each.
    pub fn note(&mut self, notes: impl Fn(&str) + Send + Sync + 'static) {
        self.notes = Arc::new(notes);
    }

    /// Answers until the process is asked to end (Ctrl-C, SIGTERM), then lets what is under way come to its end.
    ///
    /// # Errors
    /// The system gives no threads, or the only model cannot be loaded.
    pub fn run(self) -> Result<(), ServerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        let result = runtime.block_on(self.serve(asked_to_end()));
        runtime.shutdown_background(); // a model that is still being loaded must not keep us
        result
    }

    async fn serve(self, end: impl Future<Output = ()>) -> Result<(), ServerError> {
        let Self { listener, app, access_log, notes, .. } = self;
        let listener = TcpListener::from_std(listener).map_err(ServerError::Runtime)?;
        tokio::spawn(housekeeping(app.clone(), notes.clone()));
        let service = TowerToHyperService::new(router(&app, access_log));
        let connections = GracefulShutdown::new();
        let loading = app.clone();
        let mut load = tokio::spawn(async move {
            match loading.catalog.load_first().await {
                Ok(()) => std::future::pending().await, // nothing more to say
                Err(reason) => reason,
            }
        });
        tokio::pin!(end);
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                failed = &mut load => {
                    return Err(ServerError::Model(failed.unwrap_or_else(|_| "loading the model failed unexpectedly".into())));
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        // an answer's pieces are small, and each is to arrive when it is there
                        let _ = stream.set_nodelay(true);
                        let inner = service.clone();
                        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                            request.extensions_mut().insert(Peer(peer));
                            inner.call(request)
                        });
                        let stream = Arc::new(stream);
                        let connection = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(app.settings.read_limit)
                            .max_buf_size(MAX_HEAD)
                            .title_case_headers(true) // for clients that tell `Content-Type` from `content-type`
                            .serve_connection(TokioIo::new(Patient::new(stream.clone(), app.settings.read_limit)), service);
                        let connection = connections.watch(connection);
                        // whatever ends a connection early is the client's doing
                        tokio::spawn(async move {
                            tokio::select! {
                                ended = connection => drop(ended),
                                () = gone(&stream) => {}
                            }
                        });
                    }
                    Err(error) => {
                        notes(&format!("cannot accept a connection: {error}"));
                        tokio::time::sleep(Duration::from_millis(100)).await; // out of files: some will be closed
                    }
                },
            }
        }
        drop(listener); // whoever balances loads sees that nobody listens, and another server may take the port
        notes("stopping: requests under way are answered, new ones are not taken");
        tokio::select! {
            () = connections.shutdown() => {}
            () = tokio::time::sleep(app.settings.drain_limit) => notes("stopped with requests under way: they took too long"),
            () = asked_to_end() => notes("stopped with requests under way: asked a second time"),
        }
        Ok(())
    }
}

/// Looks after the files of keys and models, and after idle models.
async fn housekeeping(app: Shared, notes: AccessLog) {
    let mut ticks = tokio::time::interval(HOUSEKEEPING);
    loop {
        ticks.tick().await;
        app.catalog.check_files().iter().for_each(|change| notes(change));
        let renewed = app.clone();
        tokio::spawn(async move { renewed.catalog.renew().await });
        if let Some(idle) = app.settings.idle_unload {
            app.catalog.unload_idle(idle);
        }
        if app.keys.is_some() {
            let app = app.clone();
            let refreshed = tokio::task::spawn_blocking(move || app.keys.as_ref().map(Keys::refresh)).await;
            if let Ok(Some(Err(error))) = refreshed {
                notes(&format!("{error}; the keys stay as they were"));
            }
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn asked_to_end() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // without signals there is no asking
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
