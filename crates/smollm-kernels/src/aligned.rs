//! Scratch memory in whole vectors on cache-line borders, and typed views of bytes.

use crate::lanes::{Chunk, LANES};

/// One cache line, one vector of f32.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct CacheLine(Chunk<f32>);

/// A vector of f32 that starts on a cache line and only grows; what it holds between uses is nobody's business.
#[derive(Default)]
pub(crate) struct Scratch {
    lines: Vec<CacheLine>,
}

impl Scratch {
    /// `chunks` vectors with whatever they held before.
    pub(crate) fn take(&mut self, chunks: usize) -> &mut [Chunk<f32>] {
        if self.lines.len() < chunks {
            self.lines.resize(chunks, CacheLine([0.0; LANES]));
        }
        let lines = &mut self.lines[..chunks];
        // SAFETY: `CacheLine` is `repr(C)` with one field of 64 bytes and an alignment of 64, so a slice of lines has exactly
        // the layout of a slice of chunks; the borrow is passed on.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<Chunk<f32>>(), lines.len()) }
    }
}

/// What fills a cache line, for which every bit pattern is a value.
///
/// # Safety
/// Only for types of 64 bytes without padding, pointers or invalid bit patterns, whose alignment is that of f32 or less.
pub(crate) unsafe trait Line: Copy + Send + Sync {}
// SAFETY: sixteen times four bytes, all of them numbers.
unsafe impl Line for Chunk<f32> {}
// SAFETY: sixteen times four bytes, all of them numbers.
unsafe impl Line for Chunk<i32> {}
// SAFETY: 32 times two bytes, all of them numbers.
unsafe impl Line for [u16; 2 * LANES] {}

/// The same lines, seen as another kind of them, aligned no more strictly.
pub(crate) fn lines<T: Line, F: Line>(lines: &[F]) -> &[T] {
    const { assert!(align_of::<T>() <= align_of::<F>()) };
    // SAFETY: both are lines: of the same size, any bits valid, and `T` is aligned no more strictly.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast::<T>(), lines.len()) }
}

/// The same lines, seen as another kind of them, aligned no more strictly.
pub(crate) fn lines_mut<T: Line, F: Line>(lines: &mut [F]) -> &mut [T] {
    const { assert!(align_of::<T>() <= align_of::<F>()) };
    // SAFETY: as in `lines`, and the exclusive borrow is passed on.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<T>(), lines.len()) }
}

/// Words seen as numbers.
pub(crate) fn floats_of_mut(words: &mut [i32]) -> &mut [f32] {
    // SAFETY: both are four bytes of which any are a value, aligned alike; the exclusive borrow is passed on.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}

/// Lines of words seen as two halves a word.
#[inline(always)]
pub(crate) fn halves_of(lines: &[Chunk<i32>]) -> &[u16] {
    // SAFETY: a word is two halves of which any bits are a value, and is aligned more strictly.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), 2 * lines.as_flattened().len()) }
}

/// Lines of words seen as two halves a word.
pub(crate) fn halves_mut(lines: &mut [Chunk<i32>]) -> &mut [u16] {
    let len = 2 * lines.as_flattened().len();
    // SAFETY: as in `halves_of`, and the exclusive borrow is passed on.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), len) }
}

/// Whole cache lines of words that start on a border, in memory that the system zeroes when it is first touched.
#[derive(Default)]
pub(crate) struct Lines {
    words: Vec<i32>,
    /// Words before the first line.
    skip: usize,
    len: usize,
}

impl Lines {
    pub(crate) fn zeroed(len: usize) -> Self {
        let bytes = len * size_of::<Chunk<i32>>();
        let border = if bytes < WORTH_HUGE_PAGES { size_of::<Chunk<i32>>() } else { HUGE_PAGE };
        // (What stays before the border is never touched, so it takes no memory.)
        let mut words = vec![0i32; len * LANES + border / size_of::<i32>()];
        let skip = words.as_ptr().align_offset(border).min(border / size_of::<i32>());
        if bytes >= WORTH_HUGE_PAGES {
            ask_for_huge_pages(&mut words[skip..][..bytes / HUGE_PAGE * (HUGE_PAGE / size_of::<i32>())]);
        }
        Self { words, skip, len }
    }

    /// Lines of whatever they held before, or zero, in the same memory if it has a place for so many.
    pub(crate) fn resized(mut self, len: usize) -> Self {
        if self.words.len() < self.skip + len * LANES {
            return Self::zeroed(len);
        }
        self.len = len;
        self
    }

    pub(crate) fn as_slice(&self) -> &[Chunk<i32>] {
        &self.words[self.skip..].as_chunks().0[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Chunk<i32>] {
        &mut self.words[self.skip..].as_chunks_mut().0[..self.len]
    }
}

/// Bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes of a page on most machines; on others less is populated.
const SMALL_PAGE: usize = 4 << 10;
/// Bytes from which on a call to the system is worth its time: below, memory is mostly what was used before.
const WORTH_POPULATING: usize = 128 << 10;
/// Bytes from which on memory should lie in huge pages: streams of weights then miss fewer translations of addresses.
const WORTH_HUGE_PAGES: usize = 2 * HUGE_PAGE;

/// Asks the system for all pages of a long vector that will be written to from end to end, and for huge ones where they fit: in one call
/// instead of one fault for each page as it is touched.
pub(crate) fn populate(numbers: &mut [f32]) {
    let whole = |page: usize| {
        let (skip, numbers_in) = (numbers.as_ptr().align_offset(page).min(numbers.len()), page / size_of::<f32>());
        skip..skip + (numbers.len() - skip) / numbers_in * numbers_in
    };
    let (huge, small) = (whole(HUGE_PAGE), whole(SMALL_PAGE));
    if !huge.is_empty() {
        ask_for_huge_pages(&mut numbers[huge]);
    }
    if small.len() * size_of::<f32>() >= WORTH_POPULATING {
        ask_for_all(&mut numbers[small]);
    }
}

/// Asks the system to give whole huge pages for memory that nothing has touched yet. (A wish: a system that cannot or will not goes on
/// with small ones, so there is nothing to report.)
#[cfg(target_os = "linux")]
fn ask_for_huge_pages<T: Plain>(words: &mut [T]) {
    // SAFETY: the range is memory of ours, and the advice changes nothing that is in it.
    unsafe { libc::madvise(words.as_mut_ptr().cast(), size_of_val(words), libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages<T: Plain>(_: &mut [T]) {}

/// Asks the system to give all pages of this memory now. (A wish too: Linux before 5.14 does not know it.)
#[cfg(target_os = "linux")]
fn ask_for_all<T: Plain>(words: &mut [T]) {
    // SAFETY: the range is memory of ours, and the advice changes nothing that is in it.
    unsafe { libc::madvise(words.as_mut_ptr().cast(), size_of_val(words), libc::MADV_POPULATE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_all<T: Plain>(_: &mut [T]) {}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lines({})", self.len)
    }
}

/// Plain numbers, for which every bit pattern is a value.
///
/// # Safety
/// Only for types without padding, pointers or invalid bit patterns.
pub(crate) unsafe trait Plain: Copy {}
// SAFETY: every pattern of 32 bits is an f32.
unsafe impl Plain for f32 {}
// SAFETY: every pattern of 32 bits is an i32.
unsafe impl Plain for i32 {}
// SAFETY: every pattern of 16 bits is a u16.
unsafe impl Plain for u16 {}
// SAFETY: every pattern of eight bits is an i8.
unsafe impl Plain for i8 {}

/// The numbers that `bytes` are, or `None` where they are misaligned or not a whole number of them.
pub(crate) fn view<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: `T` is `Plain`, so any bytes are valid values.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// [`view`] for writing.
pub(crate) fn view_mut<T: Plain>(bytes: &mut [u8]) -> Option<&mut [T]> {
    // SAFETY: `T` is `Plain`, so any bytes are valid values, and values of it are valid bytes.
    let (before, numbers, after) = unsafe { bytes.align_to_mut::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// The bytes of numbers.
pub(crate) fn bytes_of<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: `T` is `Plain` (no padding), and a byte needs no alignment.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast::<u8>(), size_of_val(numbers)) }
}

/// Whole vectors of a slice whose length is a multiple of N.
pub(crate) fn vectors_of<T, const N: usize>(numbers: &[T]) -> &[[T; N]] {
    let (vectors, rest) = numbers.as_chunks();
    assert!(rest.is_empty(), "{} numbers are not whole vectors of {N}", numbers.len());
    vectors
}

#[cfg(test)]
mod tests {
    use super::{HUGE_PAGE, Lines, Scratch, WORTH_HUGE_PAGES, bytes_of, view};

    #[test]
    fn scratch_lies_on_cache_lines() {
        let mut scratch = Scratch::default();
        for chunks in [1, 3, 100, 0, 5] {
            let taken = scratch.take(chunks);
            assert_eq!(taken.len(), chunks);
            assert_eq!(taken.as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    fn lines_are_zero_and_lie_on_cache_lines() {
        for len in [0, 1, 3, WORTH_HUGE_PAGES / 64, WORTH_HUGE_PAGES / 64 + 1, 5 * HUGE_PAGE / 64 - 1] {
            let mut lines = Lines::zeroed(len);
            assert_eq!(lines.as_slice().len(), len);
            assert_eq!(lines.as_slice().as_ptr() as usize % 64, 0, "{len}");
            assert!(lines.as_slice().as_flattened().iter().all(|word| *word == 0), "{len}");
            lines.as_mut_slice().as_flattened_mut().fill(7);
        }
    }

    #[test]
    fn views_want_alignment_and_whole_numbers() {
        let numbers = [1.0f32, -2.5, 3.0];
        let bytes = bytes_of(&numbers);
        assert_eq!(view::<f32>(bytes), Some(&numbers[..]));
        assert!(view::<f32>(&bytes[1..9]).is_none());
        assert!(view::<f32>(&bytes[..10]).is_none());
    }
}
