//! Reads little-endian numbers and strings off a byte slice; every failure says where it was and what it was reading.

use std::fmt;

use super::error::GgufError;
use crate::error::quote;

/// What is being read, for messages.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Header,
    Key(u64),
    Value(&'a str),
    TensorName(u64),
    Tensor(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => write!(f, "the header"),
            Self::Key(index) => write!(f, "the name of metadata key number {index}"),
            Self::Value(key) => write!(f, "the value of metadata key {}", quote(key)),
            Self::TensorName(index) => write!(f, "the name of tensor number {index}"),
            Self::Tensor(name) => write!(f, "the record of tensor {}", quote(name)),
        }
    }
}

/// A position in a file, and what stands there.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) offset: usize,
    pub(super) place: Place<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], GgufError> {
        let taken = self.bytes[self.offset..].get(..count).ok_or_else(|| GgufError::Cut {
            place: self.place.to_string(),
            offset: self.offset,
            len: self.bytes.len(),
        })?;
        self.offset += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things that take at least `smallest` bytes each, checked against what is left of the file: whoever
    /// reserves memory for that many reserves no more than the file justifies.
    pub(super) fn count(&mut self, what: &'static str, smallest: usize) -> Result<usize, GgufError> {
        let offset = self.offset;
        let count = self.u64()?;
        let left = self.bytes.len() - self.offset;
        usize::try_from(count).ok().filter(|&count| count <= left / smallest).ok_or_else(|| GgufError::TooMany {
            place: self.place.to_string(),
            what,
            count,
            offset,
            left,
        })
    }

    pub(super) fn string(&mut self) -> Result<&'a str, GgufError> {
        let len = self.count("bytes of text", 1)?;
        let start = self.offset;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes)
            .map_err(|error| GgufError::NotUtf8 { place: self.place.to_string(), offset: start + error.valid_up_to() })
    }
}
