//! Metadata values: the thirteen types of GGUF, arrays of one type kept as plain vectors.

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each variant is the type of its name
pub enum GgufValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(GgufArray),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// A metadata array: elements of one type, which an empty array has too.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // each variant is the type of its name
pub enum GgufArray {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<Self>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

/// Names of the types by their numbers (`enum gguf_type` in gguf.h).
pub(super) const TYPE_NAMES: [&str; 13] =
    ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"];

impl GgufValue {
    /// The number of the type in a file.
    pub(super) fn type_number(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    /// What a message says was found: the type, and the value where it is short ("the u32 7", "an array of 3 string").
    pub(super) fn describe(&self) -> String {
        match self {
            Self::U8(n) => format!("the u8 {n}"),
            Self::I8(n) => format!("the i8 {n}"),
            Self::U16(n) => format!("the u16 {n}"),
            Self::I16(n) => format!("the i16 {n}"),
            Self::U32(n) => format!("the u32 {n}"),
            Self::I32(n) => format!("the i32 {n}"),
            Self::U64(n) => format!("the u64 {n}"),
            Self::I64(n) => format!("the i64 {n}"),
            Self::F32(x) => format!("the f32 {x}"),
            Self::F64(x) => format!("the f64 {x}"),
            Self::Bool(b) => format!("the bool {b}"),
            Self::String(s) => format!("the string {}", crate::error::quote(s)),
            Self::Array(array) => format!("an array of {} {}", array.len(), array.element_type()),
        }
    }

    /// Any integer type, if the value fits.
    pub(super) fn as_integer(&self) -> Option<i128> {
        match *self {
            Self::U8(n) => Some(n.into()),
            Self::I8(n) => Some(n.into()),
            Self::U16(n) => Some(n.into()),
            Self::I16(n) => Some(n.into()),
            Self::U32(n) => Some(n.into()),
            Self::I32(n) => Some(n.into()),
            Self::U64(n) => Some(n.into()),
            Self::I64(n) => Some(n.into()),
            _ => None,
        }
    }
}

impl GgufArray {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::String(v) => v.len(),
            Self::Array(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the elements' type.
    pub fn element_type(&self) -> &'static str {
        TYPE_NAMES[self.element_type_number() as usize]
    }

    /// The number of the elements' type in a file.
    pub(super) fn element_type_number(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    /// The elements as integers, if they are of an integer type.
    pub(super) fn integers(&self) -> Option<Vec<i128>> {
        Some(match self {
            Self::U8(v) => v.iter().map(|&n| n.into()).collect(),
            Self::I8(v) => v.iter().map(|&n| n.into()).collect(),
            Self::U16(v) => v.iter().map(|&n| n.into()).collect(),
            Self::I16(v) => v.iter().map(|&n| n.into()).collect(),
            Self::U32(v) => v.iter().map(|&n| n.into()).collect(),
            Self::I32(v) => v.iter().map(|&n| n.into()).collect(),
            Self::U64(v) => v.iter().map(|&n| n.into()).collect(),
            Self::I64(v) => v.iter().map(|&n| n.into()).collect(),
            _ => return None,
        })
    }
}

macro_rules! from_plain {
    ($($variant:ident: $plain:ty),*) => {$(
        impl From<$plain> for GgufValue {
            fn from(value: $plain) -> Self {
                Self::$variant(value)
            }
        }
        impl From<Vec<$plain>> for GgufValue {
            fn from(values: Vec<$plain>) -> Self {
                Self::Array(GgufArray::$variant(values))
            }
        }
    )*};
}

from_plain!(U8: u8, I8: i8, U16: u16, I16: i16, U32: u32, I32: i32, F32: f32, Bool: bool, String: String, U64: u64, I64: i64, F64: f64);

impl From<&str> for GgufValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}
