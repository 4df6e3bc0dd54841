//! The APIs over the engine: the only crate that serves HTTP.
//!
//! [`Server`] takes an address and a [`Loader`] that turns names into [`Model`]s, and answers until it is told to stop. Handlers are
//! thin: a body is read by `body.rs`, becomes engine submissions in `ask.rs`, runs as a `Call`, and comes back as text through a
//! `Transcript`; a dialect is a module that puts its own words around these four.

#![forbid(unsafe_code)]

mod adapters;
mod answer;
mod app;
mod ask;
mod body;
mod call;
mod catalog;
mod deadline;
mod edge;
mod error;
mod grammar;
mod guidance;
mod metrics;
mod model;
mod native;
mod openai;
mod openapi;
mod prompts;
mod reasoning;
mod refused;
mod routes;
mod server;
mod settings;
mod sse;
mod transcript;
mod unsent;

pub use adapters::{AdapterLoader, AdapterSource};
pub use catalog::{LoadError, Loader, Source};
pub use edge::keys::KeyFileError;
pub use grammar::GrammarMask;
pub use model::{FileCheck, Model};
pub use openapi::document;
pub use reasoning::{AfterThoughts, Split, Splitter, can_think};
pub use server::{Server, ServerError};
pub use settings::Settings;
