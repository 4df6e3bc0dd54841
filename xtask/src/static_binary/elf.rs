//! As much of an executable of Linux (ELF, 64 bits, little-endian) as says what it wants to be loaded with.
//!
//! Offsets are those of the System V ABI, chapters "Object Files" and "Dynamic Linking".

use anyhow::{Context, Result, ensure};

/// A program header that names the loader, and one for the table of what is wanted at run time.
const PT_INTERP: u64 = 3;
const PT_DYNAMIC: u64 = 2;
/// An entry of that table: a library by name, and the end.
const DT_NEEDED: u64 = 1;
const DT_NULL: u64 = 0;
const PROGRAM_HEADER: usize = 56;

/// What a file wants of the machine before it runs: its loader by path, and a word for each library. Nothing for a static one.
///
/// # Errors
/// It is no such executable, or ends too early.
pub(super) fn libraries(file: &[u8]) -> Result<Vec<String>> {
    ensure!(file.starts_with(b"\x7fELF\x02\x01"), "not an ELF file of 64 bits, little-endian");
    let table = number(file, 32, 8)? as usize;
    let count = number(file, 56, 2)? as usize;
    ensure!(number(file, 54, 2)? as usize == PROGRAM_HEADER, "program headers of an unknown size");
    let mut wanted = Vec::new();
    for index in 0..count {
        let header = table + index * PROGRAM_HEADER;
        let kind = number(file, header, 4)?;
        let (start, length) = (number(file, header + 8, 8)? as usize, number(file, header + 32, 8)? as usize);
        let content = file.get(start..start.saturating_add(length)).context("a segment ends after the file")?;
        match kind {
            PT_INTERP => wanted.push(String::from_utf8_lossy(content).trim_end_matches('\0').to_owned()),
            PT_DYNAMIC => {
                let tags = (0..length / 16).map(|entry| number(content, entry * 16, 8)).collect::<Result<Vec<_>>>()?;
                let needed = tags.iter().take_while(|tag| **tag != DT_NULL).filter(|tag| **tag == DT_NEEDED);
                wanted.extend(needed.map(|_| "a library".to_owned()));
            }
            _ => {}
        }
    }
    Ok(wanted)
}

/// `bytes` bytes at `offset`, the lowest first.
fn number(file: &[u8], offset: usize, bytes: usize) -> Result<u64> {
    let taken = file.get(offset..offset.saturating_add(bytes)).context("it ends too early")?;
    Ok(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these segments: their kinds and contents.
    fn file(segments: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(64, 0);
        file[32] = 64; // the table follows the head
        file[54] = PROGRAM_HEADER as u8;
        file[56] = segments.len() as u8;
        let mut start = 64 + segments.len() * PROGRAM_HEADER;
        for (kind, content) in segments {
            let mut header = vec![0; PROGRAM_HEADER];
            header[..8].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&(start as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(content.len() as u64).to_le_bytes());
            file.extend(header);
            start += content.len();
        }
        segments.iter().for_each(|(_, content)| file.extend(*content));
        file
    }

    /// A table of what is wanted.
    fn dynamic(tags: &[u64]) -> Vec<u8> {
        tags.iter().flat_map(|tag| [tag.to_le_bytes(), [7; 8]].concat()).collect()
    }

    #[test]
    fn loaders_and_libraries_are_wanted() {
        let loader = b"/lib64/ld-linux-x86-64.so.2\0";
        let wanted = libraries(&file(&[(6, b"x"), (PT_INTERP, loader), (PT_DYNAMIC, &dynamic(&[5, 1, 1, 0, 1]))]));
        assert_eq!(wanted.unwrap(), ["/lib64/ld-linux-x86-64.so.2", "a library", "a library"]);
        // position-independent, but whole: it has a table, and wants nothing
        assert!(libraries(&file(&[(1, b"code"), (PT_DYNAMIC, &dynamic(&[5, 6, 0]))])).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_executable_is_refused() {
        let whole = file(&[(1, b"code")]);
        for broken in [&b"#!/bin/sh\n"[..], b"", &whole[..60], &whole[..whole.len() - 1], b"\x7fELF\x01\x01"] {
            assert!(libraries(broken).is_err(), "{broken:?}");
        }
    }

    /// On this machine tests are linked as programs usually are.
    #[cfg(all(
        target_os = "linux",
        target_env = "gnu",
        target_pointer_width = "64",
        not(target_feature = "crt-static")
    ))]
    #[test]
    fn this_test_wants_libraries() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(libraries(&own).unwrap().len() > 1);
    }
}
