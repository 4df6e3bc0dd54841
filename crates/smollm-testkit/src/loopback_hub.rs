//! A model hub on 127.0.0.1 that speaks the Hugging Face protocol and breaks on request.
//!
//! It answers what a client of the real hub needs: `/api/models/ID[/revision/REV]`, `/api/models/ID/tree/REV`,
//! `/ID/resolve/REV/PATH`. Large files (LFS) redirect to a second port, the "CDN", as the real hub does; small ones
//! redirect to `/api/resolve-cache/...` on the same host. The Python `huggingface_hub` takes it for the real thing
//! (`reference/hub_check.py`). Every request is recorded, and [`Fault`]s can be injected at any moment.
//! Deliberately absent: uploads, Xet, datasets and spaces.

mod fault;
mod repo;
mod routes;
mod stand_in;
mod tls;
mod wire;

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

pub use fault::{Effect, Fault, Port};
pub use repo::Repo;
pub use stand_in::{stand_in_repos, tiny_safetensors, tiny_tokenizer_json};

use tls::Identity;
use wire::{Request, Response};

/// A token that is valid and may read gated and private repositories.
pub const GRANTED_TOKEN: &str = "hf_granted";
/// A token that is valid but was not granted access to gated repositories.
pub const PLAIN_TOKEN: &str = "hf_plain";

/// One request as the hub saw it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Which of the two ports it came in on.
    pub port: Port,
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// Status of the answer; 0 where the connection was dropped without one.
    pub status: u16,
}

/// State shared by the two listening threads and their connections.
struct Shared {
    repos: Mutex<Vec<Repo>>,
    faults: Mutex<Vec<Fault>>,
    records: Mutex<Vec<Record>>,
    connections: Mutex<Vec<TcpStream>>,
    stopping: AtomicBool,
    hub_url: String,
    cdn_url: String,
    tree_page: usize,
    /// Who the hub says it is, where it speaks HTTPS.
    identity: Option<Identity>,
}

/// The running hub; it stops when dropped.
pub struct LoopbackHub {
    shared: Arc<Shared>,
    listeners: Vec<JoinHandle<()>>,
}

impl LoopbackHub {
    /// Serves `repos` on two free ports of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start(repos: Vec<Repo>) -> io::Result<Self> {
        Self::start_paged(repos, 1000)
    }

    /// As [`LoopbackHub::start`], listing at most `tree_page` files per answer (the real hub: 1,000).
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start_paged(repos: Vec<Repo>, tree_page: usize) -> io::Result<Self> {
        Self::listen(repos, tree_page, None)
    }

    /// As [`LoopbackHub::start`], by HTTPS and under the name `host`, with a certificate that it signs itself.
    ///
    /// # Errors
    /// If no port can be bound, or `host` is no name.
    pub fn start_tls(repos: Vec<Repo>, host: &str) -> io::Result<Self> {
        Self::listen(repos, 1000, Some(Identity::of(host)?))
    }

    fn listen(repos: Vec<Repo>, tree_page: usize, identity: Option<Identity>) -> io::Result<Self> {
        let hub = TcpListener::bind("127.0.0.1:0")?;
        let cdn = TcpListener::bind("127.0.0.1:0")?;
        let url = |listener: &TcpListener| match (&identity, listener.local_addr()) {
            (_, Err(error)) => Err(error),
            (None, Ok(address)) => Ok(format!("http://{address}")),
            (Some(Identity { host, .. }), Ok(address)) => Ok(format!("https://{host}:{}", address.port())),
        };
        let shared = Arc::new(Shared {
            repos: Mutex::new(repos),
            faults: Mutex::default(),
            records: Mutex::default(),
            connections: Mutex::default(),
            stopping: AtomicBool::new(false),
            hub_url: url(&hub)?,
            cdn_url: url(&cdn)?,
            tree_page,
            identity,
        });
        let listeners = [(hub, Port::Hub), (cdn, Port::Cdn)]
            .into_iter()
            .map(|(listener, port)| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || accept(&listener, port, &shared))
            })
            .collect();
        Ok(Self { shared, listeners })
    }

    /// What `HF_ENDPOINT` must be: `http://127.0.0.1:PORT`, or `https://HOST:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.shared.hub_url
    }

    /// Base URL of the second port, where large files come from.
    pub fn cdn(&self) -> &str {
        &self.shared.cdn_url
    }

    /// What a client must trust to speak to a hub of [`LoopbackHub::start_tls`]: its certificate in PEM.
    pub fn certificate(&self) -> Option<&str> {
        self.shared.identity.as_ref().map(|identity| identity.pem.as_str())
    }

    /// Breaks some of the next answers.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Takes back every fault that has not happened yet.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Replaces the repository of the same id, or adds it.
    pub fn put(&self, repo: Repo) {
        let mut repos = lock(&self.shared.repos);
        repos.retain(|old| old.id() != repo.id());
        repos.push(repo);
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<Record> {
        lock(&self.shared.records).clone()
    }

    /// Requests so far, and forgets them.
    pub fn take_requests(&self) -> Vec<Record> {
        std::mem::take(&mut *lock(&self.shared.records))
    }
}

impl Drop for LoopbackHub {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for connection in lock(&self.shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        for url in [&self.shared.hub_url, &self.shared.cdn_url] {
            // Wakes the thread that waits in `accept`.
            let port = url.rsplit_once(':').map_or("", |(_, port)| port);
            let _ = TcpStream::connect(format!("127.0.0.1:{port}"));
        }
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
    }
}

/// A panic in one connection must not hide the state from the test that looks at it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn accept(listener: &TcpListener, port: Port, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(clone) = stream.try_clone() {
            lock(&shared.connections).push(clone);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that goes away in the middle is what half of the tests are about.
            let _ = open(stream, port, &shared);
        });
    }
}

/// Serves one connection, in the clear or not, and closes it.
fn open(stream: TcpStream, port: Port, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    match &shared.identity {
        None => serve(stream, port, shared)?,
        Some(identity) => serve(identity.meet(stream)?, port, shared)?,
    }
    socket.shutdown(Shutdown::Both)
}

/// Answers requests until the client leaves or a fault cuts the connection.
fn serve(stream: impl Read + Write, port: Port, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = wire::read_request(&mut reader)? {
        let effect = if request.path.starts_with("/_loopback/") { None } else { pick_fault(shared, port, &request) };
        let response = match &effect {
            Some(Effect::Drop) => None,
            Some(Effect::Status { code, retry_after }) => {
                let mut response = Response::error(*code, "", "injected fault");
                response.headers.extend(retry_after.map(|seconds| ("Retry-After".to_owned(), seconds.to_string())));
                Some(response)
            }
            _ => Some(routes::answer(shared, port, &request)),
        };
        record(shared, port, &request, response.as_ref().map_or(0, |response| response.status));
        let keep = match response {
            Some(response) => wire::write_response(reader.get_mut(), &request, response, effect.as_ref())?,
            None => false,
        };
        reader.get_mut().flush()?;
        if !keep {
            break;
        }
    }
    Ok(())
}

fn pick_fault(shared: &Shared, port: Port, request: &Request) -> Option<Effect> {
    let mut faults = lock(&shared.faults);
    let index = faults.iter().position(|fault| fault.matches(port, &request.method, &request.target))?;
    let effect = faults[index].effect.clone();
    faults[index].times -= 1;
    if faults[index].times == 0 {
        faults.remove(index);
    }
    Some(effect)
}

fn record(shared: &Shared, port: Port, request: &Request, status: u16) {
    if request.path.starts_with("/_loopback/") {
        return;
    }
    lock(&shared.records).push(Record {
        port,
        method: request.method.clone(),
        target: request.target.clone(),
        range: request.header("range").map(str::to_owned),
        authorization: request.header("authorization").map(str::to_owned),
        status,
    });
}
