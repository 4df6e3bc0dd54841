//! Shared immutable bytes: a range of a memory map or of a vector, kept alive by whoever looks at it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A range of bytes owned by something shared, such as a memory-mapped file. Cloning and slicing copy nothing.
#[derive(Clone)]
pub struct Bytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl Bytes {
    /// All bytes of `owner`.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let range = 0..owner.as_ref().len();
        Self { owner: Arc::new(owner), range }
    }

    /// The part of these bytes in `range`, counted from their own start.
    ///
    /// # Panics
    /// If the range does not lie inside.
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "range {range:?} of {} bytes", self.len());
        let start = self.range.start;
        Self { owner: Arc::clone(&self.owner), range: start + range.start..start + range.end }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.range.clone()]
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn slices_of_slices_count_from_their_own_start() {
        let bytes = Bytes::from((0..10).collect::<Vec<u8>>());
        let inner = bytes.slice(2..8).slice(1..3);
        assert_eq!(inner.as_slice(), [3, 4]);
        assert!(bytes.slice(10..10).is_empty());
    }

    #[test]
    #[should_panic(expected = "range 1..4 of 3 bytes")]
    fn a_range_outside_is_refused_even_where_the_owner_has_more() {
        Bytes::from(vec![0; 10]).slice(0..3).slice(1..4);
    }
}
