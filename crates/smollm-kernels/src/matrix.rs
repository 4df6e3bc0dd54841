//! A weight matrix: the only type that knows how weights are stored.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::aligned::{Lines, bytes_of, view};
use crate::bytes::Bytes;
use crate::cpu::Cpu;
use crate::dtype::Dtype;
use crate::half;
use crate::ops::{narrow, row_major};
use crate::pair_panels::PairPanels;
use crate::panels::{Layout, Panels};
use crate::quant;
use crate::tiles::ROWS;
use crate::view::View;

/// A matrix of weights, `rows` outputs by `cols` inputs, row-major. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Matrix {
    dtype: Dtype,
    rows: usize,
    cols: usize,
    data: Data,
}

/// Where the numbers are.
#[derive(Clone, Debug)]
enum Data {
    /// Row after row, as in a file.
    Rows(Bytes),
    /// Sixteen rows of blocks side by side.
    Panels(Arc<Panels>),
    /// Sixteen rows of bf16 side by side.
    PairPanels(Arc<PairPanels>),
}

/// Why bytes are no matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatrixError {
    /// The number of bytes does not fit the shape.
    WrongLength {
        /// Element type.
        dtype: Dtype,
        /// Outputs.
        rows: usize,
        /// Inputs.
        cols: usize,
        /// Bytes the shape takes.
        expected: usize,
        /// Bytes there are.
        actual: usize,
    },
    /// The shape has no size in bytes: a row is not a whole number of blocks, or the product overflows.
    Shape {
        /// Element type.
        dtype: Dtype,
        /// Outputs.
        rows: usize,
        /// Inputs.
        cols: usize,
    },
}

impl fmt::Display for MatrixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { dtype, rows, cols, expected, actual } => {
                write!(f, "a {rows} x {cols} matrix of type {dtype} takes {expected} bytes, not {actual}")
            }
            Self::Shape { dtype, rows, cols } => {
                let block = dtype.block_len();
                write!(f, "a {rows} x {cols} matrix cannot be stored as {dtype} (blocks of {block})")
            }
        }
    }
}

impl Error for MatrixError {}

/// The numbers of some rows, as they lie in memory.
#[derive(Clone, Copy)]
pub(crate) enum Rows<'a> {
    F32(&'a [f32]),
    F16(&'a [u16]),
    Bf16(&'a [u16]),
    /// Whole blocks of a type.
    Blocks(Dtype, &'a [u8]),
}

impl Rows<'_> {
    /// Some of the numbers.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[range]),
            Self::F16(values) => Self::F16(&values[range]),
            Self::Bf16(values) => Self::Bf16(&values[range]),
            Self::Blocks(dtype, bytes) => Self::Blocks(dtype, &bytes[block_bytes(dtype, &range)]),
        }
    }

    /// Where they lie.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(values) => bytes_of(values),
            Self::F16(values) | Self::Bf16(values) => bytes_of(values),
            Self::Blocks(_, bytes) => bytes,
        }
    }

    /// Writes all of them, widened to f32.
    pub(crate) fn to_f32(self, out: &mut [f32]) {
        match self {
            Self::F32(values) => out.copy_from_slice(values),
            Self::F16(values) => half::f16s_to_f32s(values, out),
            Self::Bf16(values) => half::bf16s_to_f32s(values, out),
            Self::Blocks(dtype, blocks) => quant::dequantize(dtype, blocks, out),
        }
    }
}

/// Where the bytes of some elements lie, which must be whole blocks.
fn block_bytes(dtype: Dtype, range: &Range<usize>) -> Range<usize> {
    let at = |element| dtype.bytes_for(element).unwrap_or_else(|| panic!("element {element} begins no {dtype} block"));
    at(range.start)..at(range.end)
}

impl Matrix {
    /// A matrix over `data`, little-endian as in every weight file. Plain numbers that do not start on an element border are
    /// copied; blocks may start anywhere.
    ///
    /// # Errors
    /// If the bytes do not fit the shape.
    pub fn new(dtype: Dtype, rows: usize, cols: usize, data: Bytes) -> Result<Self, MatrixError> {
        let row_bytes = dtype.bytes_for(cols);
        let expected = row_bytes.and_then(|bytes| bytes.checked_mul(rows));
        let Some(expected) = expected else {
            return Err(MatrixError::Shape { dtype, rows, cols });
        };
        if data.len() != expected {
            return Err(MatrixError::WrongLength { dtype, rows, cols, expected, actual: data.len() });
        }
        let aligned = match dtype {
            Dtype::F32 => view::<f32>(data.as_slice()).is_some(),
            Dtype::F16 | Dtype::BF16 => view::<u16>(data.as_slice()).is_some(),
            _ => true,
        };
        let data = if aligned { data } else { realigned(dtype, data.as_slice()) };
        Ok(Self { dtype, rows, cols, data: Data::Rows(data) })
    }

    /// A matrix of f32 that owns its values.
    ///
    /// # Panics
    /// If there are not `rows` x `cols` values.
    pub fn from_f32(rows: usize, cols: usize, values: Vec<f32>) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(cols), "values of a {rows} x {cols} matrix");
        Self { dtype: Dtype::F32, rows, cols, data: Data::Rows(Bytes::new(Owned(values))) }
    }

    /// Activations or weights in training, f32 or rounded to bf16, to nearest even, in the form in which products take them fastest.
    ///
    /// # Panics
    /// If the type is another one.
    pub fn of(cpu: &Cpu, view: View<'_>, dtype: Dtype) -> Self {
        let (rows, cols) = (view.rows(), view.cols());
        if let (Dtype::BF16, Some(tiles)) = (dtype, cpu.kernels.tiles.as_ref().filter(|_| rows > 0)) {
            let panels = PairPanels::of(cpu, tiles, view, Lines::default());
            return Self { dtype, rows, cols, data: Data::PairPanels(Arc::new(panels)) };
        }
        let numbers = row_major(cpu, view);
        match dtype {
            Dtype::F32 => Self::from_f32(rows, cols, numbers.into_owned()),
            Dtype::BF16 => {
                let mut values = vec![0u16; numbers.len()];
                narrow(cpu, &numbers, &mut values);
                Self { dtype, rows, cols, data: Data::Rows(Bytes::new(Owned(values))) }.pack(cpu)
            }
            _ => panic!("products in training are of f32 or bf16, not {dtype}"),
        }
    }

    /// Becomes [`Matrix::of`] the view, in the memory that it has where that suffices and is nobody else's.
    ///
    /// # Panics
    /// If the type is another one.
    pub fn lay(&mut self, cpu: &Cpu, view: View<'_>, dtype: Dtype) {
        let (rows, cols) = (view.rows(), view.cols());
        let tiles = cpu.kernels.tiles.as_ref().filter(|_| dtype == Dtype::BF16 && rows > 0);
        let Some(tiles) = tiles else { return *self = Self::of(cpu, view, dtype) };
        let none = Data::Rows(Bytes::new(Owned(Vec::<u16>::new())));
        let before = match std::mem::replace(&mut self.data, none) {
            Data::PairPanels(panels) => Arc::try_unwrap(panels).map(PairPanels::into_lines).unwrap_or_default(),
            _ => Lines::default(),
        };
        let panels = PairPanels::of(cpu, tiles, view, before);
        *self = Self { dtype, rows, cols, data: Data::PairPanels(Arc::new(panels)) };
    }

    /// Some of its rows, from a multiple of sixteen on, in the same memory.
    ///
    /// # Panics
    /// If there are no such rows, they begin elsewhere, or the matrix is packed as one of blocks.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        assert!(rows.start.is_multiple_of(ROWS) && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let at = |row| self.dtype.bytes_for(row * self.cols).expect("rows are whole blocks");
        let data = match &self.data {
            Data::Rows(bytes) => Data::Rows(bytes.slice(at(rows.start)..at(rows.end))),
            Data::PairPanels(panels) => {
                Data::PairPanels(Arc::new(panels.part(rows.start / ROWS..rows.end.div_ceil(ROWS))))
            }
            Data::Panels(_) => panic!("part of a matrix that is packed as one of blocks"),
        };
        Self { rows: rows.len(), data, ..*self }
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes that a pass over the whole matrix reads.
    pub fn bytes_len(&self) -> usize {
        self.dtype.bytes_for(self.rows * self.cols).expect("the shape was checked when the matrix was made")
    }

    /// The values as they are stored, row after row, little-endian.
    ///
    /// # Panics
    /// If the matrix was made by [`Matrix::pack`].
    pub fn bytes(&self) -> &Bytes {
        match &self.data {
            Data::Rows(bytes) => bytes,
            _ => panic!("a packed matrix does not lie row after row"),
        }
    }

    /// The matrix as products take it fastest: quantised rows side by side, and bf16 rows where there is a tile unit, in memory of
    /// its own (as much as before, but for what fills up tiles). Types and shapes that are multiplied as they lie stay as they
    /// are; see [`Matrix::is_packed`].
    ///
    /// A packed matrix is multiplied in another arithmetic than the same matrix in place: activations are rounded to bytes, or
    /// sums are taken in the order of tiles.
    pub fn pack(&self, cpu: &Cpu) -> Self {
        let Data::Rows(bytes) = &self.data else { return self.clone() };
        let data = match (self.dtype, Layout::of(self.dtype, self.rows, self.cols)) {
            (_, Some(layout)) => Data::Panels(Arc::new(Panels::new(cpu, layout, self.rows, bytes.as_slice()))),
            (Dtype::BF16, _) if cpu.kernels.tiles.is_some() && !bytes.is_empty() => {
                Data::PairPanels(Arc::new(PairPanels::new(cpu, self.cols, typed(bytes.as_slice()))))
            }
            _ => return self.clone(),
        };
        Self { data, ..*self }
    }

    /// Whether [`Matrix::pack`] made it.
    pub fn is_packed(&self) -> bool {
        !matches!(self.data, Data::Rows(_))
    }

    /// Whether products with this matrix have two arithmetics on this row of the table: packed quantised weights where there is
    /// a tile unit. Then [`ops::matmul_expanded`](crate::ops::matmul_expanded) differs from [`ops::matmul`](crate::ops::matmul).
    pub fn expands(&self, cpu: &Cpu) -> bool {
        self.panels().is_some() && cpu.kernels.tiles.is_some()
    }

    pub(crate) fn panels(&self) -> Option<&Panels> {
        match &self.data {
            Data::Panels(panels) => Some(panels),
            _ => None,
        }
    }

    pub(crate) fn pair_panels(&self) -> Option<&PairPanels> {
        match &self.data {
            Data::PairPanels(panels) => Some(panels),
            _ => None,
        }
    }

    /// Writes one row, widened to f32.
    ///
    /// # Panics
    /// If there is no such row or `out` does not have `cols` elements.
    pub fn row_to_f32(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.rows && out.len() == self.cols, "row {row} of {}, {} numbers", self.rows, out.len());
        match &self.data {
            Data::Rows(_) => self.rows_in(row, 1).to_f32(out),
            Data::Panels(panels) => panels.row_to_f32(row, out),
            Data::PairPanels(panels) => panels.row_to_f32(row, out),
        }
    }

    /// The same matrix in another plain type, rounded to nearest even.
    ///
    /// # Panics
    /// If the type is another one of blocks.
    pub fn to_dtype(&self, dtype: Dtype) -> Self {
        if dtype == self.dtype {
            return self.clone();
        }
        assert!(!dtype.is_quantized(), "rounding to the nearest does not make {dtype} blocks");
        let mut row = vec![0.0; self.cols];
        if dtype == Dtype::F32 {
            let mut values = vec![0.0; self.rows * self.cols];
            for r in 0..self.rows {
                self.row_to_f32(r, &mut values[r * self.cols..][..self.cols]);
            }
            return Self::from_f32(self.rows, self.cols, values);
        }
        let narrow = if dtype == Dtype::F16 { half::f32s_to_f16s } else { half::f32s_to_bf16s };
        let mut values = vec![0u16; self.rows * self.cols];
        for r in 0..self.rows {
            self.row_to_f32(r, &mut row);
            narrow(&row, &mut values[r * self.cols..][..self.cols]);
        }
        Self { dtype, data: Data::Rows(Bytes::new(Owned(values))), ..*self }
    }

    /// `count` rows from `first`, as they lie in memory.
    pub(crate) fn rows_in(&self, first: usize, count: usize) -> Rows<'_> {
        assert!(first <= self.rows && count <= self.rows - first, "rows {first}+{count} of {}", self.rows);
        let bytes = self.bytes().as_slice();
        let range = first * self.cols..(first + count) * self.cols;
        match self.dtype {
            Dtype::F32 => Rows::F32(&typed(bytes)[range]),
            Dtype::F16 => Rows::F16(&typed(bytes)[range]),
            Dtype::BF16 => Rows::Bf16(&typed(bytes)[range]),
            dtype => Rows::Blocks(dtype, &bytes[block_bytes(dtype, &range)]),
        }
    }
}

/// A vector of numbers, seen as bytes.
struct Owned<T>(Vec<T>);

impl<T: crate::aligned::Plain> AsRef<[u8]> for Owned<T> {
    fn as_ref(&self) -> &[u8] {
        bytes_of(&self.0)
    }
}

fn typed<T: crate::aligned::Plain>(bytes: &[u8]) -> &[T] {
    view(bytes).expect("alignment was checked when the matrix was made")
}

/// A copy of plain numbers that starts on an element border.
fn realigned(dtype: Dtype, bytes: &[u8]) -> Bytes {
    match dtype {
        Dtype::F32 => Bytes::new(Owned(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect())),
        _ => Bytes::new(Owned(bytes.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b)).collect())),
    }
}

#[cfg(test)]
mod tests;
