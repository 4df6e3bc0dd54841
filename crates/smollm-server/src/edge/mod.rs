//! Everything between the network and the handlers that is no API: names, keys, request ids, the access log, origins, patience.

mod access_log;
mod cors;
mod host;
pub(crate) mod keys;
mod patience;

pub(crate) use access_log::{AccessLog, Peer, log_access};
pub(crate) use cors::cors;
pub(crate) use host::{Hosts, require_host};
pub(crate) use patience::{Patient, gone};
