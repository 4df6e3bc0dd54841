//! `smollm serve` over a real socket: every endpoint, every refusal, and what happens when clients or the server leave.

mod chat;
mod client;
mod completions;
mod edge;
mod models;
mod native;
mod other;
mod recorded;
