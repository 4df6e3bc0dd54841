//! Where a record stands, so that whatever is wrong with it can be found.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What is counted in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Lines of text.
    Line,
    /// Rows of a table.
    Row,
}

/// A record's file and where in it the record begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// Line or row, from 1.
    pub number: u64,
    /// Which of the two.
    pub unit: Unit,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Line => "line",
            Unit::Row => "row",
        };
        write!(f, "{}: {unit} {}", self.file.display(), self.number)
    }
}
