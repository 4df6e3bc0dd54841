//! Children's stories in which things have a place and an owner, and questions on that.

pub(crate) mod pools;
