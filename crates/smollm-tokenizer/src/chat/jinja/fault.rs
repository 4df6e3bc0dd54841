//! What goes wrong in a template, and the budget that ends one which does not end by itself.

use std::cell::Cell;

/// Where in a template's life a fault belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The template text cannot be parsed.
    Syntax,
    /// An operation failed while rendering.
    Runtime,
    /// The template called `raise_exception`.
    Raised,
    /// The template asked for more work, depth or output than the limits grant.
    Limit,
}

/// One error with the template line it happened on, once that is known.
#[derive(Clone, Debug)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: FaultKind,
    message: String,
    line: Option<u32>,
}

impl Fault {
    pub(super) fn of(kind: FaultKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), line: None }))
    }

    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::of(FaultKind::Runtime, message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self::of(FaultKind::Limit, message)
    }

    pub(super) fn syntax(line: u32, message: impl Into<String>) -> Self {
        Self::of(FaultKind::Syntax, message).at(line)
    }

    /// The same fault on `line`, unless it already has a line (the innermost one stays).
    pub(super) fn at(mut self, line: u32) -> Self {
        self.0.line.get_or_insert(line);
        self
    }

    pub(crate) fn kind(&self) -> FaultKind {
        self.0.kind
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn line(&self) -> Option<u32> {
        self.0.line
    }
}

/// What a rendering may still spend: one unit per byte it makes or reads through, [`Budget::STEP`] per operation. This
/// bounds time and memory alike; the grant grows with the input, so that no honest conversation meets it.
pub(super) struct Budget {
    left: Cell<u64>,
}

impl Budget {
    const STEP: u64 = 16;
    /// What one value costs beside the bytes of its text.
    pub(super) const VALUE: usize = 48;
    const GRANT: u64 = 256 << 20;
    const GRANT_PER_INPUT_BYTE: u64 = 2048;
    /// No single string may be longer.
    const MAX_STRING: usize = 64 << 20;

    pub(super) fn new(input_bytes: usize) -> Self {
        let scaled = Self::GRANT_PER_INPUT_BYTE.saturating_mul(input_bytes as u64);
        Self { left: Cell::new(Self::GRANT.saturating_add(scaled)) }
    }

    fn spend(&self, units: u64) -> Result<(), Fault> {
        let Some(left) = self.left.get().checked_sub(units) else {
            return Err(Fault::limit("the template does not come to an end within its budget of work"));
        };
        self.left.set(left);
        Ok(())
    }

    /// One operation.
    pub(super) fn step(&self) -> Result<(), Fault> {
        self.spend(Self::STEP)
    }

    /// `count` values made or looked at.
    pub(super) fn values(&self, count: usize) -> Result<(), Fault> {
        self.spend((count as u64).saturating_mul(Self::VALUE as u64))
    }

    /// `count` bytes of text made or searched.
    pub(super) fn bytes(&self, count: usize) -> Result<(), Fault> {
        if count > Self::MAX_STRING {
            return Err(Fault::limit(format!("a string grows over {} MiB", Self::MAX_STRING >> 20)));
        }
        self.spend(count as u64)
    }
}
