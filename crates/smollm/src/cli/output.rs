//! Standard output, whose errors say so, and notes on standard error, which nobody has to read.

use std::fmt::Display;
use std::io::{Error, Result, StdoutLock, Write};

/// Standard output; an error names it.
pub(crate) struct Output(StdoutLock<'static>);

/// Standard output, for this thread alone until it is dropped.
pub(crate) fn output() -> Output {
    Output(std::io::stdout().lock())
}

/// The kind stays: a reader that left is told apart by it.
fn named(error: Error) -> Error {
    Error::new(error.kind(), format!("standard output: {error}"))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush().map_err(named)
    }
}

/// Writes a line to standard error. Where that is impossible there is nobody to tell, and the work goes on.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
