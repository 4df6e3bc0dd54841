//! What is learnt from: records, tokens with a loss mask, shards of them, and which rows make which step.
//!
//! The way of a file: [`records`] reads it record by record, [`examples`] makes tokens of a record and tells which of them are learnt,
//! [`dataset`] keeps them in [`shards`]; [`prepare`] does all that. The way to a step: a [`feed`] puts documents into rows ([`packing`]), deals the rows of several data
//! sets ([`mixture`]), and gives the rows of any step as a batch.

#![forbid(unsafe_code)]

pub mod dataset;
pub mod examples;
pub mod feed;
mod hash;
pub mod mixture;
pub mod packing;
mod permutation;
pub mod prepare;
pub mod records;
pub mod shards;
