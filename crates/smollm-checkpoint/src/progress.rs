//! How far a writer has come.

/// Bytes of a file under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes handed to the file so far.
    pub written: u64,
    /// Bytes the finished file will have.
    pub total: u64,
}
