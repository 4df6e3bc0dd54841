//! A mutable slice that several threads write at places which do not overlap.

use std::marker::PhantomData;

/// An exclusive borrow that can be handed out in pieces from several threads.
pub(crate) struct Disjoint<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: this is a `&mut [T]` whose pieces are used on one thread each (the contract of `piece`), which `T: Send` allows.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), borrow: PhantomData }
    }

    /// The `len` elements from `start`.
    ///
    /// # Safety
    /// No two pieces that are in use at the same time may overlap.
    ///
    /// # Panics
    /// If the piece does not lie inside the slice.
    #[allow(clippy::mut_from_ref)] // that pieces do not overlap is the caller's obligation
    #[inline(always)]
    pub(crate) unsafe fn piece(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start, "piece {start}+{len} of {}", self.len);
        // SAFETY: inside the slice (checked above), which is borrowed mutably for as long as `self` lives; exclusive by
        // this function's contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }

    /// The first of `rows` runs of `len` elements, `stride` elements apart, for code that writes through pointers: then no two blocks
    /// or pieces that are in use at the same time may overlap.
    ///
    /// # Panics
    /// If a run does not lie inside the slice.
    #[inline(always)]
    pub(crate) fn block(&self, start: usize, rows: usize, len: usize, stride: usize) -> *mut T {
        let end = start + (rows - 1) * stride + len;
        assert!(end <= self.len, "{rows} runs of {len} from {start}, {stride} apart, of {}", self.len);
        self.start.wrapping_add(start)
    }
}
