//! Each algorithm once, over sixteen lanes; the rows of the table are instances of these.
//!
//! Everything here is `inline(always)`, down to the intrinsics: only so do the instructions of a row reach the loops, which
//! are compiled inside the row's `target_feature` functions. Closures are avoided in hot loops for the same reason.

pub(crate) mod adamw;
pub(crate) mod attention;
pub(crate) mod backward;
pub(crate) mod causal_tiles;
pub(crate) mod dot;
pub(crate) mod elementwise;
pub(crate) mod exp;
pub(crate) mod expand;
pub(crate) mod fit;
pub(crate) mod lay;
pub(crate) mod matmul;
pub(crate) mod pairs;
pub(crate) mod panel;
pub(crate) mod product;
pub(crate) mod roof;
pub(crate) mod softmax;
pub(crate) mod tile_attention;
pub(crate) mod tiles;
pub(crate) mod transpose;
