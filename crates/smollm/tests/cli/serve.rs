//! `smollm serve` over a real socket: every endpoint, every refusal, and what happens when clients or the server leave.

mod adapters;
mod budget;
mod chat;
mod client;
mod completions;
mod edge;
mod faults;
mod grammars;
mod held;
mod models;
mod native;
mod other;
mod recorded;
mod tools;
