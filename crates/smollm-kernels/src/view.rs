//! Activations as the matrices of products: as they lie, or turned.

/// A matrix of f32 that lies row after row, or column after column.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    numbers: &'a [f32],
    rows: usize,
    cols: usize,
    turned: bool,
}

impl<'a> View<'a> {
    /// Rows of `cols` numbers, one after the other.
    ///
    /// # Panics
    /// If these are not whole rows.
    pub fn new(numbers: &'a [f32], cols: usize) -> Self {
        assert!(cols > 0 && numbers.len().is_multiple_of(cols), "{} numbers are not rows of {cols}", numbers.len());
        Self { numbers, rows: numbers.len() / cols, cols, turned: false }
    }

    /// The transpose.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { rows: self.cols, cols: self.rows, turned: !self.turned, ..self }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The numbers if they lie row after row.
    pub(crate) fn in_rows(&self) -> Option<&'a [f32]> {
        (!self.turned).then_some(self.numbers)
    }

    /// The numbers as they lie: those of the transpose row after row where it is turned.
    pub(crate) fn numbers(&self) -> &'a [f32] {
        self.numbers
    }
}
