//! The metadata of a GGUF file: ordered keys and values, asked for by type, with errors that name key and file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::GgufKeyError;
use super::value::{GgufArray, GgufValue};
use crate::error::CheckpointError;

/// Key-value pairs in order; no key twice.
#[derive(Clone, Debug)]
pub struct GgufMetadata {
    /// Where it came from, for messages.
    file: PathBuf,
    pairs: Vec<(String, GgufValue)>,
    index: HashMap<String, usize>,
}

impl Default for GgufMetadata {
    fn default() -> Self {
        Self { file: PathBuf::from("(GGUF metadata)"), pairs: Vec::new(), index: HashMap::new() }
    }
}

/// Equal if the pairs are, wherever they came from.
impl PartialEq for GgufMetadata {
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs
    }
}

impl GgufMetadata {
    /// No pairs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the file for messages.
    pub(crate) fn set_file(&mut self, file: &Path) {
        self.file = file.to_path_buf();
    }

    /// Sets `key`: in its old place if it is there, else at the end.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<GgufValue>) {
        let key = key.into();
        match self.index.get(&key) {
            Some(&place) => self.pairs[place].1 = value.into(),
            None => {
                self.index.insert(key.clone(), self.pairs.len());
                self.pairs.push((key, value.into()));
            }
        }
    }

    /// Takes all arrays out.
    pub(crate) fn forget_arrays(&mut self) {
        self.pairs.retain(|(_, value)| !matches!(value, GgufValue::Array(_)));
        self.index = self.pairs.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
    }

    /// The value of `key`, whatever its type.
    pub fn get(&self, key: &str) -> Option<&GgufValue> {
        self.index.get(key).map(|&place| &self.pairs[place].1)
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &GgufValue)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of `key` as a `T`: `u32`, `u64`, `usize`, `i32`, `f32`, `bool`, `&str`, `&[String]`, `Vec<f32>`, `Vec<i32>`,
    /// `Vec<u32>`, `Vec<bool>`. Integers are taken from any integer type if they fit (writers differ in the width they
    /// choose), floats from either float type.
    ///
    /// # Errors
    /// If the key is missing or holds something else.
    pub fn require<'a, T: FromGguf<'a>>(&'a self, key: &str) -> Result<T, CheckpointError> {
        self.optional(key)?
            .ok_or_else(|| self.key_error(GgufKeyError::Missing { key: key.to_owned(), expected: T::EXPECTED }))
    }

    /// As [`Self::require`], but a missing key is `None`.
    ///
    /// # Errors
    /// If the key holds something else.
    pub fn optional<'a, T: FromGguf<'a>>(&'a self, key: &str) -> Result<Option<T>, CheckpointError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        T::from_gguf(value).map(Some).ok_or_else(|| {
            let (key, found) = (key.to_owned(), value.describe());
            self.key_error(GgufKeyError::Mismatch { key, found, expected: T::EXPECTED })
        })
    }

    fn key_error(&self, error: GgufKeyError) -> CheckpointError {
        CheckpointError::GgufKey { file: self.file.clone(), error }
    }
}

/// A type that metadata can be asked for.
pub trait FromGguf<'a>: Sized {
    /// What messages call it ("a u32").
    const EXPECTED: &'static str;
    /// The value as this type; `None` if it is something else or does not fit.
    fn from_gguf(value: &'a GgufValue) -> Option<Self>;
}

macro_rules! from_integers {
    ($($plain:ty, $expected:literal;)*) => {$(
        impl FromGguf<'_> for $plain {
            const EXPECTED: &'static str = $expected;
            fn from_gguf(value: &GgufValue) -> Option<Self> {
                value.as_integer()?.try_into().ok()
            }
        }
    )*};
}

from_integers! {
    u32, "an integer of the u32 range";
    i32, "an integer of the i32 range";
    u64, "an integer of the u64 range";
    usize, "an integer of the usize range";
}

macro_rules! from_integer_arrays {
    ($($plain:ty, $expected:literal;)*) => {$(
        impl FromGguf<'_> for Vec<$plain> {
            const EXPECTED: &'static str = $expected;
            fn from_gguf(value: &GgufValue) -> Option<Self> {
                let GgufValue::Array(array) = value else { return None };
                array.integers()?.into_iter().map(|n| n.try_into().ok()).collect()
            }
        }
    )*};
}

from_integer_arrays! {
    u32, "an array of integers of the u32 range";
    i32, "an array of integers of the i32 range";
}

impl FromGguf<'_> for f32 {
    const EXPECTED: &'static str = "a float";
    fn from_gguf(value: &GgufValue) -> Option<Self> {
        match *value {
            GgufValue::F32(x) => Some(x),
            GgufValue::F64(x) => Some(x as Self),
            _ => None,
        }
    }
}

impl FromGguf<'_> for bool {
    const EXPECTED: &'static str = "a bool";
    fn from_gguf(value: &GgufValue) -> Option<Self> {
        if let GgufValue::Bool(b) = value { Some(*b) } else { None }
    }
}

impl<'a> FromGguf<'a> for &'a str {
    const EXPECTED: &'static str = "a string";
    fn from_gguf(value: &'a GgufValue) -> Option<Self> {
        if let GgufValue::String(s) = value { Some(s) } else { None }
    }
}

impl<'a> FromGguf<'a> for &'a [String] {
    const EXPECTED: &'static str = "an array of strings";
    fn from_gguf(value: &'a GgufValue) -> Option<Self> {
        if let GgufValue::Array(GgufArray::String(strings)) = value { Some(strings) } else { None }
    }
}

impl FromGguf<'_> for Vec<f32> {
    const EXPECTED: &'static str = "an array of floats";
    fn from_gguf(value: &GgufValue) -> Option<Self> {
        match value {
            GgufValue::Array(GgufArray::F32(v)) => Some(v.clone()),
            GgufValue::Array(GgufArray::F64(v)) => Some(v.iter().map(|&x| x as f32).collect()),
            _ => None,
        }
    }
}

impl FromGguf<'_> for Vec<bool> {
    const EXPECTED: &'static str = "an array of bools";
    fn from_gguf(value: &GgufValue) -> Option<Self> {
        if let GgufValue::Array(GgufArray::Bool(v)) = value { Some(v.clone()) } else { None }
    }
}
