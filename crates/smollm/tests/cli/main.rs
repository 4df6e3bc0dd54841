//! The binary from end to end: what it reads, what it prints, and how it fails.

mod chat;
mod contract;
mod convert;
mod faults;
mod generate;
mod help;
mod init;
mod lora;
mod models;
mod score;
mod text;
#[cfg(unix)]
mod truncated;
mod world;
