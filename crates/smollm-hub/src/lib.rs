//! A model name and revision to verified local files: the Hugging Face hub and its cache.
//!
//! [`ModelRef::parse`] reads what a user writes (a path, `org/name@revision`, `org/name:Q4_K_M`, `smollm2:135m`),
//! [`Hub::fetch`] turns it into a [`LocalModel`]: it downloads what is missing into the standard cache layout
//! (`models--org--name/{blobs,refs,snapshots}`), resumes what was cut, and refuses what does not have the hash and
//! size that the hub lists. The cache is shared with the Python `huggingface_hub`, in both directions and at the same
//! time. This crate does not know what the files mean.
//!
//! Deliberately absent: uploads, datasets and spaces, the Xet chunk protocol (the hub serves every file over plain
//! HTTP too), and parallel connections (one saturates an ordinary line, and files stay resumable by their length).

#![forbid(unsafe_code)]

mod address;
mod api;
mod backoff;
mod cache;
mod client;
mod config;
mod digest;
mod download;
mod error;
mod fetch;
mod file_lock;
mod gguf_choice;
mod inventory;
mod links;
mod model_ref;
mod names;
mod progress;
mod remove;
mod selection;
mod shared_blobs;
mod short_names;
mod tree;

pub use config::{HubConfig, Retry, Token};
pub use error::HubError;
pub use fetch::{Hub, LocalKind, LocalModel};
pub use inventory::{CachedFile, CachedRepo, CachedRevision};
pub use model_ref::{HubFile, ModelRef};
pub use names::{NameError, RepoId, RepoPath, Revision};
pub use progress::{Event, PlannedFile, Progress, Silent};
pub use remove::Removed;
pub use short_names::{GgufRepo, ShortName, short_names};
