//! Parses a GGUF file from a byte slice and checks every rule of the format; the tensors' numbers stay unread.

use std::collections::HashSet;

use super::cursor::{Cursor, Place};
use super::error::GgufError;
use super::metadata::GgufMetadata;
use super::types::{GgmlType, ggml_type};
use super::value::{GgufArray, GgufValue};
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, MAGIC, MOST_DIMENSIONS};
use crate::tensor::elements;

/// Arrays in arrays are read this deep; nothing known writes more than two.
const DEEPEST_ARRAY: usize = 8;
/// Fewest bytes of a metadata pair: an empty key and a one-byte value with its type.
const SMALLEST_PAIR: usize = 8 + 4 + 1;
/// Fewest bytes of a tensor record: an empty name, no dimensions, type and offset.
const SMALLEST_RECORD: usize = 8 + 4 + 4 + 8;

/// A valid GGUF file.
#[derive(Debug, Clone, PartialEq)]
pub struct Gguf {
    /// 2 or 3; they differ in nothing that matters here (3 allows big-endian files, which are refused).
    pub version: u32,
    /// Alignment of tensor data in bytes.
    pub alignment: u64,
    /// The metadata in file order.
    pub metadata: GgufMetadata,
    /// The tensors in the order of their records.
    pub tensors: Vec<GgufTensor>,
    /// Offset in the file of the data section.
    pub data_start: usize,
}

/// One tensor as its record describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufTensor {
    /// Its name.
    pub name: String,
    /// How its elements are stored.
    pub dtype: &'static GgmlType,
    /// Rows first: the file's dimensions reversed.
    pub shape: Vec<usize>,
    /// Offset in the file of the first byte.
    pub begin: usize,
    /// Offset in the file of the byte after the last.
    pub end: usize,
}

/// Parses `bytes`, a whole GGUF file. Allocates no more than a small multiple of the metadata's own length.
///
/// # Errors
/// The first rule that is broken, naming key or tensor, and offset.
pub fn parse(bytes: &[u8]) -> Result<Gguf, GgufError> {
    let mut cursor = Cursor { bytes, offset: 0, place: Place::Header };
    let magic: [u8; 4] = cursor.array()?;
    if magic != MAGIC {
        let what = crate::sniff::other_than_gguf(bytes)
            .map_or_else(|| format!("its first bytes are \"{}\", not \"GGUF\"", magic.escape_ascii()), str::to_owned);
        return Err(GgufError::OtherFormat { what });
    }
    let version = cursor.u32()?;
    match version {
        2 | 3 => {}
        _ if (1..=3).contains(&version.swap_bytes()) => return Err(GgufError::BigEndian),
        _ => return Err(GgufError::Version { version }),
    }
    let tensor_count = cursor.count("tensors", SMALLEST_RECORD)?;
    let pair_count = cursor.count("metadata pairs", SMALLEST_PAIR)?;

    let metadata = read_metadata(&mut cursor, pair_count)?;
    let alignment = match metadata.get(ALIGNMENT_KEY) {
        None => DEFAULT_ALIGNMENT,
        Some(GgufValue::U32(alignment)) if alignment.is_power_of_two() => u64::from(*alignment),
        Some(other) => return Err(GgufError::Alignment { found: other.describe() }),
    };
    let mut records = Vec::with_capacity(tensor_count);
    let mut names = HashSet::new();
    for index in 0..tensor_count {
        let offset = cursor.offset;
        let record = read_record(&mut cursor, index as u64)?;
        if !names.insert(record.name) {
            return Err(GgufError::DuplicateTensor { name: record.name.to_owned(), offset });
        }
        records.push(record);
    }

    // A file without tensors may end before the data section would begin.
    let data_start = match usize::try_from((cursor.offset as u64).next_multiple_of(alignment)) {
        Ok(start) if start <= bytes.len() => start,
        _ if records.is_empty() => bytes.len(),
        _ => {
            let place = "the padding before the tensor data".to_owned();
            return Err(GgufError::Cut { place, offset: cursor.offset, len: bytes.len() });
        }
    };
    let place = |record: &Record<'_>| record.place(alignment, data_start, bytes.len());
    let tensors: Vec<GgufTensor> = records.iter().map(place).collect::<Result<_, _>>()?;
    check_overlap(&tensors)?;
    Ok(Gguf { version, alignment, metadata, tensors, data_start })
}

fn read_metadata(cursor: &mut Cursor<'_>, count: usize) -> Result<GgufMetadata, GgufError> {
    let mut metadata = GgufMetadata::new();
    for index in 0..count {
        cursor.place = Place::Key(index as u64);
        let offset = cursor.offset;
        let key = cursor.string()?;
        cursor.place = Place::Value(key);
        let type_number = cursor.u32()?;
        let value = read_value(cursor, type_number)?;
        if metadata.get(key).is_some() {
            return Err(GgufError::DuplicateKey { key: key.to_owned(), offset });
        }
        metadata.set(key, value);
    }
    Ok(metadata)
}

fn read_value(cursor: &mut Cursor<'_>, type_number: u32) -> Result<GgufValue, GgufError> {
    Ok(match type_number {
        0 => GgufValue::U8(cursor.array::<1>()?[0]),
        1 => GgufValue::I8(cursor.array().map(i8::from_le_bytes)?),
        2 => GgufValue::U16(cursor.array().map(u16::from_le_bytes)?),
        3 => GgufValue::I16(cursor.array().map(i16::from_le_bytes)?),
        4 => GgufValue::U32(cursor.u32()?),
        5 => GgufValue::I32(cursor.array().map(i32::from_le_bytes)?),
        6 => GgufValue::F32(cursor.array().map(f32::from_le_bytes)?),
        7 => GgufValue::Bool(read_bool(cursor)?),
        8 => GgufValue::String(cursor.string()?.to_owned()),
        9 => GgufValue::Array(read_array(cursor, 1)?),
        10 => GgufValue::U64(cursor.u64()?),
        11 => GgufValue::I64(cursor.array().map(i64::from_le_bytes)?),
        12 => GgufValue::F64(cursor.array().map(f64::from_le_bytes)?),
        number => return Err(unknown_type(cursor, number)),
    })
}

/// The error for a type number just read.
fn unknown_type(cursor: &Cursor<'_>, number: u32) -> GgufError {
    GgufError::UnknownValueType { place: cursor.place.to_string(), number, offset: cursor.offset - 4 }
}

fn read_bool(cursor: &mut Cursor<'_>) -> Result<bool, GgufError> {
    let offset = cursor.offset;
    match cursor.array::<1>()?[0] {
        0 => Ok(false),
        1 => Ok(true),
        byte => Err(GgufError::BadBool { place: cursor.place.to_string(), byte, offset }),
    }
}

/// An array: type of the elements, count, elements without further types.
fn read_array(cursor: &mut Cursor<'_>, depth: usize) -> Result<GgufArray, GgufError> {
    fn plain<const N: usize, T>(cursor: &mut Cursor<'_>, read: fn([u8; N]) -> T) -> Result<Vec<T>, GgufError> {
        let count = cursor.count("array elements", N)?;
        let bytes = cursor.take(count * N)?;
        Ok(bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect())
    }
    if depth > DEEPEST_ARRAY {
        let (place, offset) = (cursor.place.to_string(), cursor.offset);
        return Err(GgufError::TooDeep { place, deepest: DEEPEST_ARRAY, offset });
    }
    Ok(match cursor.u32()? {
        0 => GgufArray::U8(plain(cursor, u8::from_le_bytes)?),
        1 => GgufArray::I8(plain(cursor, i8::from_le_bytes)?),
        2 => GgufArray::U16(plain(cursor, u16::from_le_bytes)?),
        3 => GgufArray::I16(plain(cursor, i16::from_le_bytes)?),
        4 => GgufArray::U32(plain(cursor, u32::from_le_bytes)?),
        5 => GgufArray::I32(plain(cursor, i32::from_le_bytes)?),
        6 => GgufArray::F32(plain(cursor, f32::from_le_bytes)?),
        7 => {
            let count = cursor.count("array elements", 1)?;
            GgufArray::Bool((0..count).map(|_| read_bool(cursor)).collect::<Result<_, _>>()?)
        }
        8 => {
            let count = cursor.count("array elements", 8)?;
            let mut strings = Vec::with_capacity(count);
            for _ in 0..count {
                strings.push(cursor.string()?.to_owned());
            }
            GgufArray::String(strings)
        }
        9 => {
            let count = cursor.count("array elements", 12)?;
            let mut arrays = Vec::with_capacity(count);
            for _ in 0..count {
                arrays.push(read_array(cursor, depth + 1)?);
            }
            GgufArray::Array(arrays)
        }
        10 => GgufArray::U64(plain(cursor, u64::from_le_bytes)?),
        11 => GgufArray::I64(plain(cursor, i64::from_le_bytes)?),
        12 => GgufArray::F64(plain(cursor, f64::from_le_bytes)?),
        number => return Err(unknown_type(cursor, number)),
    })
}

/// A tensor record, not yet checked against the data section.
struct Record<'a> {
    name: &'a str,
    /// Contiguous first, as in the file.
    dimensions: Vec<u64>,
    dtype: &'static GgmlType,
    /// From the start of the data section.
    offset: u64,
}

fn read_record<'a>(cursor: &mut Cursor<'a>, index: u64) -> Result<Record<'a>, GgufError> {
    cursor.place = Place::TensorName(index);
    let name = cursor.string()?;
    cursor.place = Place::Tensor(name);
    let offset = cursor.offset;
    let dimensions = cursor.u32()?;
    if dimensions as usize > MOST_DIMENSIONS {
        return Err(GgufError::TooManyDimensions { name: name.to_owned(), dimensions, offset });
    }
    let dimensions = (0..dimensions).map(|_| cursor.u64()).collect::<Result<_, _>>()?;
    let offset = cursor.offset;
    let number = cursor.u32()?;
    let dtype =
        ggml_type(number).ok_or_else(|| GgufError::UnknownTensorType { name: name.to_owned(), number, offset })?;
    Ok(Record { name, dimensions, dtype, offset: cursor.u64()? })
}

impl Record<'_> {
    /// Where the tensor lies in the file of `file_len` bytes, after checking that it can.
    fn place(&self, alignment: u64, data_start: usize, file_len: usize) -> Result<GgufTensor, GgufError> {
        let name = || self.name.to_owned();
        let impossible =
            || GgufError::ImpossibleSize { name: name(), dtype: self.dtype.name, dimensions: self.dimensions.clone() };
        let shape: Option<Vec<usize>> = self.dimensions.iter().rev().map(|&n| usize::try_from(n).ok()).collect();
        let shape = shape.ok_or_else(impossible)?;
        let row = shape.last().copied().unwrap_or(1);
        let block = self.dtype.block_len;
        if !row.is_multiple_of(block) {
            return Err(GgufError::PartialBlock { name: name(), dtype: self.dtype.name, row, block });
        }
        let bytes = elements(&shape).and_then(|n| (n / block).checked_mul(self.dtype.block_bytes));
        let bytes = bytes.ok_or_else(impossible)?;
        if !self.offset.is_multiple_of(alignment) {
            return Err(GgufError::Misaligned { name: name(), offset: self.offset, alignment });
        }
        let available = file_len - data_start;
        let ends_inside = |begin: &usize| begin.checked_add(bytes).is_some_and(|end| end <= available);
        let begin = usize::try_from(self.offset).ok().filter(ends_inside).ok_or_else(|| GgufError::PastEnd {
            name: name(),
            offset: self.offset,
            bytes,
            available,
        })?;
        let begin = data_start + begin;
        Ok(GgufTensor { name: name(), dtype: self.dtype, shape, begin, end: begin + bytes })
    }
}

/// No two tensors share a byte.
fn check_overlap(tensors: &[GgufTensor]) -> Result<(), GgufError> {
    let mut sorted: Vec<&GgufTensor> = tensors.iter().filter(|tensor| tensor.begin < tensor.end).collect();
    sorted.sort_by_key(|tensor| tensor.begin);
    for pair in sorted.windows(2) {
        if pair[1].begin < pair[0].end {
            let (first, second) = (pair[0].name.clone(), pair[1].name.clone());
            return Err(GgufError::Overlap { first, second, offset: pair[1].begin });
        }
    }
    Ok(())
}
