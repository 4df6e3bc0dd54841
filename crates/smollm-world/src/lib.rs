//! A closed synthetic world: texts, conversations, calls and preference pairs to learn from, with their truth.
//!
//! All of it is a function of a seed. What is held out is withheld from everything that is learnt: phrasings, pairs of operands,
//! names of tools, combinations of templates ([`Split`]).
#![forbid(unsafe_code)]

mod arithmetic;
mod calendar;
mod calls;
mod copies;
mod draw;
mod english;
mod facts;
mod follow_ups;
mod grammar;
mod instructions;
mod item;
mod pairs;
pub mod presets;
mod questions;
mod refusals;
mod rewriting;
mod small_talk;
mod split;
mod stories;
mod summaries;
mod textbook;
mod web;
mod world;

pub use draw::Draw;
pub use grammar::Node;
pub use item::Item;
pub use split::Split;
pub use world::{Summary, WorldError, WorldOptions, write};
