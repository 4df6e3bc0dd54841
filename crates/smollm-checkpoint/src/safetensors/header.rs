//! The header of one safetensors file: parsed, and every rule of the format checked, without touching the data.

use serde::Deserialize;
use smollm_kernels::Dtype;

use crate::error::quote;
use crate::json::{self, RawMembers};
use crate::tensor::elements;

/// Bytes of the length field in front of the header.
const LENGTH_FIELD: u64 = 8;
/// Longest header accepted, in bytes; the limit of the reference implementation.
const LONGEST_HEADER: u64 = 100_000_000;

/// An element type as safetensors names it.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredDtype {
    /// Its name in the header ("BF16").
    pub name: &'static str,
    /// Bits of one element.
    pub bits: u8,
    /// What it is as a weight; `None` for types that only get listed.
    pub weight: Option<Dtype>,
}

/// Every type of safetensors 0.8 (`Dtype` in its `tensor.rs`).
static DTYPES: [StoredDtype; 22] = {
    const fn other(name: &'static str, bits: u8) -> StoredDtype {
        StoredDtype { name, bits, weight: None }
    }
    const fn weight(name: &'static str, bits: u8, dtype: Dtype) -> StoredDtype {
        StoredDtype { name, bits, weight: Some(dtype) }
    }
    [
        weight("F32", 32, Dtype::F32),
        weight("BF16", 16, Dtype::BF16),
        weight("F16", 16, Dtype::F16),
        other("F64", 64),
        other("C64", 64),
        other("I64", 64),
        other("U64", 64),
        other("I32", 32),
        other("U32", 32),
        other("I16", 16),
        other("U16", 16),
        other("I8", 8),
        other("U8", 8),
        other("BOOL", 8),
        other("F8_E4M3", 8),
        other("F8_E5M2", 8),
        other("F8_E8M0", 8),
        other("F8_E4M3FNUZ", 8),
        other("F8_E5M2FNUZ", 8),
        other("F6_E2M3", 6),
        other("F6_E3M2", 6),
        other("F4", 4),
    ]
};

/// One tensor as the header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorEntry {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: &'static StoredDtype,
    /// Rows first.
    pub shape: Vec<usize>,
    /// Offset in the file of the first byte.
    pub begin: u64,
    /// Offset in the file of the byte after the last.
    pub end: u64,
}

/// A valid header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `__metadata__`, in file order.
    pub metadata: Vec<(String, String)>,
    /// Every tensor, in the order of their data.
    pub tensors: Vec<TensorEntry>,
    /// Offset in the file of the first byte after the header.
    pub data_start: u64,
}

/// A rule of the format that a file breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The file begins like something else.
    #[error("is not a safetensors file: {what}")]
    OtherFormat {
        /// What it looks like, and what to do.
        what: &'static str,
    },
    /// Not even the header length is there.
    #[error("has only {len} bytes, too few for a safetensors file; it was cut short, fetch it again")]
    TooShort {
        /// Bytes in the file.
        len: u64,
    },
    /// The header would be longer than any real one.
    #[error("declares a header of {declared} bytes, more than the {LONGEST_HEADER} allowed; not a safetensors file")]
    HeaderTooLong {
        /// The length field.
        declared: u64,
    },
    /// The header runs past the end.
    #[error("declares a header of {declared} bytes, but only {available} follow; cut short or not a safetensors file")]
    HeaderPastEnd {
        /// The length field.
        declared: u64,
        /// Bytes after the length field.
        available: u64,
    },
    /// The header is not UTF-8.
    #[error("the header is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Offset in the file.
        offset: u64,
    },
    /// The header is not the JSON it should be.
    #[error("the header is not valid at byte {offset}: {reason}")]
    Json {
        /// Offset in the file.
        offset: u64,
        /// The JSON parser's reason.
        reason: String,
    },
    /// A tensor's description is not what it should be.
    #[error("the entry of tensor {} is not valid at byte {offset}: {reason}", quote(name))]
    Entry {
        /// The tensor.
        name: String,
        /// Offset in the file.
        offset: u64,
        /// The JSON parser's reason.
        reason: String,
    },
    /// A type that safetensors does not define.
    #[error("tensor {} has the unknown dtype {}", quote(name), quote(dtype))]
    UnknownDtype {
        /// The tensor.
        name: String,
        /// The dtype as written.
        dtype: String,
    },
    /// Offsets in the wrong order.
    #[error("tensor {} has data_offsets [{begin}, {end}], which run backwards", quote(name))]
    Backwards {
        /// The tensor.
        name: String,
        /// First offset, from the start of the data.
        begin: u64,
        /// Second offset.
        end: u64,
    },
    /// Shape times type is not a whole number of bytes that fits in memory.
    #[error("tensor {} of dtype {dtype} and shape {shape:?} has an impossible size", quote(name))]
    ImpossibleSize {
        /// The tensor.
        name: String,
        /// Its dtype.
        dtype: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Offsets and shape disagree.
    #[error(
        "tensor {} of dtype {dtype} and shape {shape:?} needs {needed} bytes, its data_offsets give {given}",
        quote(name)
    )]
    WrongLength {
        /// The tensor.
        name: String,
        /// Its dtype.
        dtype: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes by dtype and shape.
        needed: u64,
        /// Bytes by offsets.
        given: u64,
    },
    /// A tensor ends after the file does.
    #[error("tensor {} ends at byte {end}, but the file has {len}; it was cut short, fetch it again", quote(name))]
    PastEnd {
        /// The tensor.
        name: String,
        /// Offset in the file of its end.
        end: u64,
        /// Bytes in the file.
        len: u64,
    },
    /// Two tensors share bytes.
    #[error("tensors {} and {} overlap at byte {offset}", quote(first), quote(second))]
    Overlap {
        /// The tensor that begins first.
        first: String,
        /// The tensor that begins inside it.
        second: String,
        /// Offset in the file where the second begins.
        offset: u64,
    },
    /// Bytes that belong to no tensor.
    #[error("bytes {begin} to {end} belong to no tensor")]
    Gap {
        /// Offset in the file of the first such byte.
        begin: u64,
        /// Offset in the file of the byte after the last.
        end: u64,
    },
}

/// The description of one tensor in the header; members that safetensors does not define are ignored, as it does.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Parses and checks the header of a file of `file_len` bytes, of which `bytes` are the first (the header at least; giving
/// the whole file is fine). Allocates no more than a small multiple of the header's own length.
///
/// # Errors
/// The first rule that is broken, naming tensor and offset.
pub fn parse_header(bytes: &[u8], file_len: u64) -> Result<Header, HeaderError> {
    if let Some(what) = crate::sniff::other_than_safetensors(bytes) {
        return Err(HeaderError::OtherFormat { what });
    }
    let too_short = HeaderError::TooShort { len: file_len.min(bytes.len() as u64) };
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or(too_short)?;
    let declared = u64::from_le_bytes(*length);
    if declared > LONGEST_HEADER {
        return Err(HeaderError::HeaderTooLong { declared });
    }
    let available = file_len.saturating_sub(LENGTH_FIELD).min(rest.len() as u64);
    // `declared` is at most 100 million here, so it fits `usize` wherever the slice does.
    let text = rest.get(..declared as usize).filter(|_| declared <= available);
    let text = text.ok_or(HeaderError::HeaderPastEnd { declared, available })?;
    let text = std::str::from_utf8(text)
        .map_err(|error| HeaderError::NotUtf8 { offset: LENGTH_FIELD + error.valid_up_to() as u64 })?;

    let in_file = |offset: usize| LENGTH_FIELD + offset as u64;
    let members: RawMembers<'_> = json::parse(text)
        .map_err(|problem| HeaderError::Json { offset: in_file(problem.offset), reason: problem.reason })?;
    let data_start = LENGTH_FIELD + declared;
    let mut metadata = Vec::new();
    let mut tensors = Vec::with_capacity(members.0.len());
    for (name, value) in members.0 {
        let at = json::offset_in(text, value.get());
        if name == "__metadata__" {
            let members: json::Members<'_, String> = json::parse(value.get()).map_err(|problem| HeaderError::Json {
                offset: in_file(at + problem.offset),
                reason: format!("__metadata__: {}", problem.reason),
            })?;
            metadata = members.0.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
            continue;
        }
        let name = name.into_owned();
        let entry: Entry = json::parse(value.get()).map_err(|problem| HeaderError::Entry {
            name: name.clone(),
            offset: in_file(at + problem.offset),
            reason: problem.reason,
        })?;
        tensors.push(check_entry(name, entry, data_start, file_len)?);
    }
    tensors.sort_by_key(|tensor| (tensor.begin, tensor.end));
    check_cover(&tensors, data_start, file_len)?;
    Ok(Header { metadata, tensors, data_start })
}

/// One tensor by itself: known type, possible size, offsets that fit both.
fn check_entry(name: String, entry: Entry, data_start: u64, file_len: u64) -> Result<TensorEntry, HeaderError> {
    let Some(dtype) = DTYPES.iter().find(|dtype| dtype.name == entry.dtype) else {
        return Err(HeaderError::UnknownDtype { name, dtype: entry.dtype });
    };
    let (begin, end) = entry.data_offsets;
    let Some(given) = end.checked_sub(begin) else {
        return Err(HeaderError::Backwards { name, begin, end });
    };
    let shape: Option<Vec<usize>> = entry.shape.iter().map(|&n| usize::try_from(n).ok()).collect();
    // A dimension too large for this machine is shown as the largest one that is not.
    let shown = || entry.shape.iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
    let bits = shape.as_deref().and_then(elements).and_then(|n| (n as u64).checked_mul(u64::from(dtype.bits)));
    let (Some(shape), Some(bits)) = (shape, bits.filter(|bits| bits % 8 == 0)) else {
        return Err(HeaderError::ImpossibleSize { name, dtype: dtype.name, shape: shown() });
    };
    if bits / 8 != given {
        return Err(HeaderError::WrongLength { name, dtype: dtype.name, shape, needed: bits / 8, given });
    }
    let in_file = |offset: u64| data_start.saturating_add(offset);
    if in_file(end) > file_len {
        return Err(HeaderError::PastEnd { name, end: in_file(end), len: file_len });
    }
    Ok(TensorEntry { name, dtype, shape, begin: in_file(begin), end: in_file(end) })
}

/// All tensors together, sorted by offset: they cover the data from its first byte to its last, once.
fn check_cover(tensors: &[TensorEntry], data_start: u64, file_len: u64) -> Result<(), HeaderError> {
    let mut covered = data_start;
    let mut before = "";
    for tensor in tensors {
        if tensor.begin < covered {
            let (first, second) = (before.to_owned(), tensor.name.clone());
            return Err(HeaderError::Overlap { first, second, offset: tensor.begin });
        }
        if tensor.begin > covered {
            return Err(HeaderError::Gap { begin: covered, end: tensor.begin });
        }
        covered = tensor.end;
        before = &tensor.name;
    }
    if covered < file_len {
        return Err(HeaderError::Gap { begin: covered, end: file_len });
    }
    Ok(())
}
