//! The chosen row of kernels and the threads: what every op is given.

use std::error::Error;
use std::fmt;
use std::sync::Mutex;

use crate::aligned::Scratch;
use crate::arch;
use crate::pool::Pool;
use crate::table::Kernels;

/// The environment variable that forces a row.
const ISA_VARIABLE: &str = "SMOLLM_ISA";

/// The instruction set in use and the thread pool. Ops of several threads on one `Cpu` take turns.
pub struct Cpu {
    pub(crate) kernels: &'static Kernels,
    pub(crate) pool: Pool,
    /// Scratch memory of each thread of the pool.
    pub(crate) scratch: Vec<Mutex<Scratch>>,
    /// Scratch memory of an op as a whole, such as activations rounded to the weight type.
    pub(crate) shared_scratch: Mutex<Scratch>,
}

/// Why there is no [`Cpu`].
#[derive(Debug)]
#[non_exhaustive]
pub enum IsaError {
    /// No such row in this build.
    Unknown {
        /// The name asked for.
        name: String,
        /// What there is, best first.
        available: String,
    },
    /// The row exists, but this machine lacks its instructions.
    Unavailable {
        /// The name asked for.
        name: String,
        /// What there is, best first.
        available: String,
    },
    /// The environment variable is not text.
    NotText,
    /// The system gives no more threads.
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, available } => {
                write!(f, "unknown instruction set `{name}` (available here: {available})")
            }
            Self::Unavailable { name, available } => {
                write!(f, "this machine has no `{name}` instructions (available here: {available})")
            }
            Self::NotText => f.write_str("SMOLLM_ISA is not valid UTF-8"),
            Self::Threads { threads, source } => {
                write!(f, "cannot start {threads} threads: {source}; try fewer with --threads")
            }
        }
    }
}

impl Error for IsaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Threads { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Cpu {
    /// The best available row, or the one named by `SMOLLM_ISA`, with `threads` threads (at least one), of which the
    /// calling thread is one; see [`crate::granted_threads`].
    ///
    /// # Errors
    /// If `SMOLLM_ISA` names a row that is unknown or unavailable, or threads cannot be started.
    pub fn new(threads: usize) -> Result<Self, IsaError> {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) if !name.is_empty() => Self::with_isa(&name, threads),
            Err(std::env::VarError::NotUnicode(_)) => Err(IsaError::NotText),
            _ => {
                let best = arch::available().next().expect("the scalar row is always available");
                Self::with_row(best, threads)
            }
        }
    }

    /// The row called `name`, with `threads` threads.
    ///
    /// # Errors
    /// If the row is unknown or unavailable, or threads cannot be started.
    pub fn with_isa(name: &str, threads: usize) -> Result<Self, IsaError> {
        if let Some(row) = arch::available().find(|row| row.name == name) {
            return Self::with_row(row, threads);
        }
        let (name, available) = (name.to_owned(), Self::available_isas().join(", "));
        Err(if arch::names().any(|known| known == name) {
            IsaError::Unavailable { name, available }
        } else {
            IsaError::Unknown { name, available }
        })
    }

    fn with_row(kernels: &'static Kernels, threads: usize) -> Result<Self, IsaError> {
        let pool = Pool::new(threads).map_err(|source| IsaError::Threads { threads, source })?;
        let scratch = (0..pool.threads()).map(|_| Mutex::default()).collect();
        Ok(Self { kernels, pool, scratch, shared_scratch: Mutex::default() })
    }

    /// The names of the rows this machine can run, best first; the last is `scalar`.
    pub fn available_isas() -> Vec<&'static str> {
        arch::available().map(|row| row.name).collect()
    }

    /// The name of the row in use.
    pub fn isa(&self) -> &'static str {
        self.kernels.name
    }

    /// Threads that work, the caller included.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cpu({}, {} threads)", self.isa(), self.threads())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cpu, IsaError};

    #[test]
    fn rows_are_found_by_name_or_refused_with_the_list() {
        let isas = Cpu::available_isas();
        assert_eq!(isas.last(), Some(&"scalar"));
        for name in &isas {
            assert_eq!(Cpu::with_isa(name, 1).expect("available").isa(), *name);
        }
        let error = Cpu::with_isa("mmx", 1).expect_err("unknown");
        assert!(matches!(error, IsaError::Unknown { .. }));
        assert_eq!(error.to_string(), format!("unknown instruction set `mmx` (available here: {})", isas.join(", ")));
    }

    #[test]
    fn no_threads_means_the_caller_alone() {
        assert_eq!(Cpu::with_isa("scalar", 0).expect("available").threads(), 1);
        assert_eq!(Cpu::with_isa("scalar", 3).expect("available").threads(), 3);
    }
}
