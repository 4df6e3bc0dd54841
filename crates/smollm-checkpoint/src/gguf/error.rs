//! What can be wrong with a GGUF file, naming the key or tensor and the offset.

use crate::error::quote;

/// A rule of the format that a file breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The file begins like something else.
    #[error("is not a GGUF file: {what}")]
    OtherFormat {
        /// What it looks like, and what to do.
        what: String,
    },
    /// A file for big-endian machines.
    #[error("is a big-endian GGUF file; only little-endian ones are read, convert it again")]
    BigEndian,
    /// A version of the format that is not 2 or 3.
    #[error("is GGUF version {version}; versions 2 and 3 are read, convert it again")]
    Version {
        /// The version in the file.
        version: u32,
    },
    /// The file ends in the middle of something.
    #[error("ends at byte {len}, inside {place} (byte {offset}); it was cut short, fetch it again")]
    Cut {
        /// What was being read.
        place: String,
        /// Offset in the file of what was being read.
        offset: usize,
        /// Bytes in the file.
        len: usize,
    },
    /// A count or length that the rest of the file cannot hold.
    #[error("{place} declares {count} {what} at byte {offset}, more than the {left} bytes left can hold")]
    TooMany {
        /// Where the count stands.
        place: String,
        /// What is counted.
        what: &'static str,
        /// The count.
        count: u64,
        /// Offset in the file of the count.
        offset: usize,
        /// Bytes after it.
        left: usize,
    },
    /// A string that is not UTF-8.
    #[error("{place} is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// Which string.
        place: String,
        /// Offset in the file of the first bad byte.
        offset: usize,
    },
    /// A metadata type that GGUF does not define.
    #[error("{place} has the unknown value type {number} at byte {offset}")]
    UnknownValueType {
        /// Which value.
        place: String,
        /// The type's number.
        number: u32,
        /// Offset in the file.
        offset: usize,
    },
    /// A bool that is neither 0 nor 1.
    #[error("{place} holds the bool {byte} at byte {offset}, which is neither 0 nor 1")]
    BadBool {
        /// Which value.
        place: String,
        /// The byte.
        byte: u8,
        /// Offset in the file.
        offset: usize,
    },
    /// Arrays in arrays in arrays.
    #[error("{place} nests arrays more than {deepest} deep at byte {offset}")]
    TooDeep {
        /// Which value.
        place: String,
        /// The limit.
        deepest: usize,
        /// Offset in the file.
        offset: usize,
    },
    /// A metadata key that appears twice.
    #[error("metadata key {} appears twice, again at byte {offset}", quote(key))]
    DuplicateKey {
        /// The key.
        key: String,
        /// Offset in the file of the second.
        offset: usize,
    },
    /// A tensor name that appears twice.
    #[error("tensor {} appears twice, again at byte {offset}", quote(name))]
    DuplicateTensor {
        /// The name.
        name: String,
        /// Offset in the file of the second record.
        offset: usize,
    },
    /// An alignment that cannot be.
    #[error("general.alignment is {found}; it must be a u32 that is a power of two")]
    Alignment {
        /// What stands there.
        found: String,
    },
    /// More dimensions than ggml has.
    #[error("tensor {} has {dimensions} dimensions at byte {offset}; at most 4 are possible", quote(name))]
    TooManyDimensions {
        /// The tensor.
        name: String,
        /// The count.
        dimensions: u32,
        /// Offset in the file.
        offset: usize,
    },
    /// A tensor type that ggml does not define.
    #[error("tensor {} has the unknown type number {number} at byte {offset}", quote(name))]
    UnknownTensorType {
        /// The tensor.
        name: String,
        /// The number.
        number: u32,
        /// Offset in the file.
        offset: usize,
    },
    /// A row that is not a whole number of blocks.
    #[error("tensor {} of type {dtype} has rows of {row} elements, not a multiple of {block}", quote(name))]
    PartialBlock {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: &'static str,
        /// Elements of a row.
        row: usize,
        /// Elements of a block.
        block: usize,
    },
    /// A size beyond any memory.
    #[error("tensor {} of type {dtype} and dimensions {dimensions:?} has an impossible size", quote(name))]
    ImpossibleSize {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: &'static str,
        /// Dimensions as in the file, contiguous first.
        dimensions: Vec<u64>,
    },
    /// A tensor that does not start at a multiple of the alignment.
    #[error("tensor {} has data offset {offset}, not a multiple of the alignment {alignment}", quote(name))]
    Misaligned {
        /// The tensor.
        name: String,
        /// Its offset in the data section.
        offset: u64,
        /// The alignment.
        alignment: u64,
    },
    /// A tensor that ends after the file does.
    #[error(
        "tensor {} needs {bytes} bytes at data offset {offset}, but the data has {available}; cut short, fetch it again",
        quote(name)
    )]
    PastEnd {
        /// The tensor.
        name: String,
        /// Its offset in the data section.
        offset: u64,
        /// Its size.
        bytes: usize,
        /// Bytes of the data section.
        available: usize,
    },
    /// Two tensors that share bytes.
    #[error("tensors {} and {} overlap at byte {offset}", quote(first), quote(second))]
    Overlap {
        /// The tensor that begins first.
        first: String,
        /// The tensor that begins inside it.
        second: String,
        /// Offset in the file where the second begins.
        offset: usize,
    },
    /// A part of a split model that does not fit the others.
    #[error("{problem}")]
    Split {
        /// What does not fit.
        problem: String,
    },
}

/// What is wrong with a metadata key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GgufKeyError {
    /// The key is not there.
    #[error("metadata key {} is missing; it should hold {expected}", quote(key))]
    Missing {
        /// The key.
        key: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The key holds something else.
    #[error("metadata key {} holds {found}, not {expected}", quote(key))]
    Mismatch {
        /// The key.
        key: String,
        /// What is there.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
}
