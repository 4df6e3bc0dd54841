//! The binary from end to end: what it reads, what it prints, and how it fails.

mod agent;
mod built_in;
mod chat;
mod contract;
mod convert;
mod examples;
mod faults;
mod generate;
mod help;
mod hub;
mod init;
#[cfg(unix)]
mod interrupted;
mod lora;
mod merge;
mod models;
mod nano;
mod quantize;
mod score;
mod serve;
mod shell;
#[cfg(target_os = "linux")]
mod streams;
mod text;
mod tokenizer;
mod tools;
#[cfg(unix)]
mod tour;
mod train;
#[cfg(unix)]
mod training;
#[cfg(unix)]
mod truncated;
mod world;
