//! Ids in, ids out: sampling and the generation loop.

#![forbid(unsafe_code)]
