//! Counts in scratch files: each a run of words in the order of their bytes, read together as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Error, ErrorKind, Read, Result, Seek, Write};

use super::table::WordTable;

/// Bytes in memory for each run that is read.
const BUFFER: usize = 1 << 16;

/// Writes a table to an empty file, from which [`read`] takes it.
pub(super) fn write(table: &WordTable, file: File) -> Result<File> {
    let mut words: Vec<(&[u8], u64)> = table.iter().collect();
    words.sort_unstable();
    let mut out = BufWriter::with_capacity(BUFFER, file);
    for (word, count) in words {
        out.write_all(&(word.len() as u32).to_le_bytes())?;
        out.write_all(&count.to_le_bytes())?;
        out.write_all(word)?;
    }
    out.into_inner().map_err(std::io::IntoInnerError::into_error)
}

/// Calls `each` with every word of the runs and the sum of its counts, in the order of words.
pub(super) fn read(runs: &mut [File], each: &mut dyn FnMut(&[u8], u64)) -> Result<()> {
    let mut readers = Vec::with_capacity(runs.len());
    let mut next = BinaryHeap::with_capacity(runs.len());
    for (i, run) in runs.iter_mut().enumerate() {
        run.rewind()?;
        let mut reader = BufReader::with_capacity(BUFFER, run);
        if let Some((word, count)) = record(&mut reader, Vec::new())? {
            next.push(Reverse((word, i, count)));
        }
        readers.push(reader);
    }
    let (mut current, mut total) = (Vec::new(), 0);
    while let Some(Reverse((word, i, count))) = next.pop() {
        let free = if total > 0 && word == current {
            total += count;
            word
        } else {
            if total > 0 {
                each(&current, total);
            }
            total = count;
            std::mem::replace(&mut current, word)
        };
        if let Some((word, count)) = record(&mut readers[i], free)? {
            next.push(Reverse((word, i, count)));
        }
    }
    if total > 0 {
        each(&current, total);
    }
    Ok(())
}

/// The next word and its count; `None` at the end. The buffer is used again.
fn record(reader: &mut impl Read, mut word: Vec<u8>) -> Result<Option<(Vec<u8>, u64)>> {
    let mut head = [0; 12];
    let begun = reader.read(&mut head)?;
    if begun == 0 {
        return Ok(None);
    }
    reader.read_exact(&mut head[begun..])?;
    let [length, low, high] =
        [0, 4, 8].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    word.clear();
    if reader.take(u64::from(length)).read_to_end(&mut word)? < length as usize {
        return Err(Error::from(ErrorKind::UnexpectedEof));
    }
    Ok(Some((word, u64::from(high) << 32 | u64::from(low))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[(&str, u64)]) -> File {
        let mut table = WordTable::default();
        words.iter().for_each(|(word, count)| table.add(word.as_bytes(), *count));
        write(&table, tempfile::tempfile().unwrap()).unwrap()
    }

    #[test]
    fn runs_are_read_as_one() {
        let large = u64::from(u32::MAX) * 5;
        let mut runs = [
            run(&[("b", 2), ("a", 1), ("abc", large)]),
            run(&[]),
            run(&[("", 7), ("abc", 4), ("c", 1)]),
            run(&[("a", 1)]),
        ];
        for _ in 0..2 {
            let mut words = Vec::new();
            read(&mut runs, &mut |word, count| words.push((String::from_utf8(word.to_vec()).unwrap(), count))).unwrap();
            let expected = [("", 7), ("a", 2), ("abc", large + 4), ("b", 2), ("c", 1)];
            assert_eq!(words, expected.map(|(word, count)| (word.to_owned(), count)));
        }
        assert_eq!(read(&mut [], &mut |_, _| panic!("there is no word")).ok(), Some(()));
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        for length in [5, 12, 14] {
            let file = run(&[("word", 1)]);
            file.set_len(length).unwrap();
            let error = read(&mut [file], &mut |_, _| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }
}
