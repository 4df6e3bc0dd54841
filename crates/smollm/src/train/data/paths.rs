//! What lies at the paths of a source.

use crate::error::Error;
use crate::train::recipe::Source;
use smollm_corpus::dataset::MANIFEST;
use smollm_corpus::records::Records;
use std::path::{Path, PathBuf};

/// What a source is made of.
pub(super) enum Found {
    /// A folder that `smollm train tokenize` made.
    Dataset(PathBuf),
    /// Files, in the order in which they are read.
    Files(Vec<PathBuf>),
}

pub(super) fn found(source: &Source) -> Result<Found, Error> {
    let refuse = |problem: String| Error::Source { name: source.name.clone(), problem };
    if let [folder] = source.paths.as_slice()
        && folder.join(MANIFEST).is_file()
    {
        return Ok(Found::Dataset(folder.clone()));
    }
    let mut files = Vec::new();
    for path in &source.paths {
        let before = files.len();
        let unread = |error| Error::Read { path: path.clone(), error };
        if path.join(MANIFEST).is_file() {
            return Err(refuse(format!("{} is a data set, which is a source by itself", path.display())));
        } else if path.is_dir() {
            files_below(path, &mut files).map_err(unread)?;
        } else if let Some((folder, pattern)) = pattern(path) {
            let entries = sorted(folder).map_err(|error| Error::Read { path: folder.into(), error })?;
            files.extend(entries.into_iter().filter(|entry| entry.is_file() && fits(entry, pattern)));
        } else {
            std::fs::metadata(path).map_err(unread)?;
            files.push(path.clone());
        }
        if files.len() == before {
            return Err(refuse(format!("{} has no file of a known form", path.display())));
        }
    }
    Ok(Found::Files(files))
}

/// The folder and the name of a path whose name has a `*`.
fn pattern(path: &Path) -> Option<(&Path, &str)> {
    let name = path.file_name()?.to_str()?;
    Some((path.parent()?, name)).filter(|(_, name)| name.contains('*'))
}

/// Files of known forms in a folder and below, in the order of their names.
fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in sorted(folder)? {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link to a folder may lead back here.
        if hidden || entry.is_symlink() && entry.is_dir() {
            continue;
        }
        if entry.is_dir() {
            files_below(&entry, files)?;
        } else if Records::knows(&entry) {
            files.push(entry);
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// Whether a file's name fits a pattern in which `*` is any text.
fn fits(path: &Path, pattern: &str) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        let fit = |name: &str, pattern: &str| fits(Path::new(name), pattern);
        assert!(fit("a/train-00-of-01.parquet", "train-*.parquet") && fit("x", "*") && fit("abcabc", "a*b*c"));
        assert!(fit("ab", "a*b*") && fit("aa", "a*a"));
        assert!(!fit("a", "a*a") && !fit("test-1.parquet", "train-*") && !fit("abx", "a*b"));
    }
}
