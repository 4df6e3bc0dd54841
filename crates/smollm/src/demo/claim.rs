//! The folder of a demo: which demo it is of, and that nobody else is at work in it.

use super::log::STEPS;
use super::steps::{Size, Step};
use super::{RECIPES, REPORT};
use crate::error::Error;
use crate::outputs::{FolderLock, write_file};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// What says which demo the folder is of. It is written before anything else.
const CLAIM: &str = "demo.txt";

/// The folder of a demo, in which no other demo works for as long as this value is there.
#[derive(Debug)]
pub struct Claim {
    _lock: FolderLock,
}

impl Claim {
    /// Claims `folder`, which is made if need be, for the demo of this size and seed, of which `steps` are the steps.
    ///
    /// # Errors
    /// Another process is at work there, the folder is that of another demo or has something that a step would take for its own, or the
    /// file system refuses.
    pub fn make(folder: &Path, size: Size, seed: u64, steps: &[Step]) -> Result<Self, Error> {
        let lock = FolderLock::take(folder, "another demo is at work in this folder")?;
        let refuse = |problem: String| Err(Error::Run { path: folder.into(), problem });
        let path = folder.join(CLAIM);
        let ours = written(size.name(), seed);
        match std::fs::read(&path) {
            Ok(text) if text == ours.as_bytes() => {}
            Ok(text) => {
                return refuse(match read(&text) {
                    Some((size, seed)) => format!(
                        "is the folder of another demo ({CLAIM} says which); go on with that by --size {size} --seed {seed}, \
                         or give this one another folder with -o"
                    ),
                    None => format!("{CLAIM} does not say which demo this folder is of; give another folder with -o"),
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if let Some(name) = foreign(folder, steps) {
                    return refuse(format!(
                        "has {} already, and no {CLAIM} says of which demo; give another folder with -o",
                        name.display()
                    ));
                }
                write_file(&path, ours.as_bytes())?;
            }
            Err(error) => return Err(Error::Read { path, error }),
        }
        Ok(Self { _lock: lock })
    }
}

fn written(size: &str, seed: u64) -> String {
    format!("size {size}\nseed {seed}\n")
}

/// Size and seed, if it is what [`written`] writes.
fn read(text: &[u8]) -> Option<(&'static str, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let (size, seed) = text.strip_prefix("size ")?.split_once("\nseed ")?;
    let size = Size::ALL.into_iter().find(|known| known.name() == size)?;
    Some((size.name(), seed.trim_end().parse().ok()?))
}

/// The first thing in the folder that bears the name of what a demo makes.
fn foreign(folder: &Path, steps: &[Step]) -> Option<OsString> {
    let made = steps.iter().filter_map(|step| step.makes.strip_prefix(folder).ok()?.components().next());
    let beside = RECIPES.iter().map(|(name, _)| *name).chain([STEPS, REPORT]).map(OsString::from);
    let names: BTreeSet<OsString> = made.map(|name| name.as_os_str().to_owned()).chain(beside).collect();
    names.into_iter().find(|name| folder.join(name).symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::steps::steps;
    use super::*;

    fn claimed(folder: &Path, size: Size, seed: u64) -> Result<Claim, String> {
        Claim::make(folder, size, seed, &steps(folder, size, seed))
            .map_err(|error| error.to_string().replace(&folder.display().to_string(), "FOLDER"))
    }

    #[test]
    fn a_folder_is_of_one_demo() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("demo");
        let first = claimed(&folder, Size::Smoke, 7).expect("nothing is there");
        assert_eq!(std::fs::read_to_string(folder.join(CLAIM)).expect("a claim"), "size smoke\nseed 7\n");
        let busy = claimed(&folder, Size::Smoke, 7).expect_err("it is held");
        assert_eq!(busy, "FOLDER: another demo is at work in this folder");
        drop(first);
        std::fs::create_dir(folder.join("world")).expect("the first step");
        drop(claimed(&folder, Size::Smoke, 7).expect("it goes on"));
        for (size, seed) in [(Size::Nano, 7), (Size::Smoke, 8)] {
            let other = claimed(&folder, size, seed).expect_err("it is of another");
            assert!(other.contains("by --size smoke --seed 7, or"), "{other}");
        }
        for broken in ["size tiny\nseed 7\n", "seed 7\n", "size smoke\nseed -1\n", ""] {
            std::fs::write(folder.join(CLAIM), broken).expect("written");
            let error = claimed(&folder, Size::Smoke, 7).expect_err("nobody knows");
            assert!(error.contains("demo.txt does not say"), "{error}");
        }
    }

    #[test]
    fn what_is_there_is_nobodys_step() {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::write(place.path().join("notes.txt"), "mine").expect("written");
        std::fs::create_dir(place.path().join("tokenizer")).expect("made");
        let error = claimed(place.path(), Size::Smoke, 7).expect_err("it would be taken for a step's");
        assert!(error.starts_with("FOLDER: has tokenizer already"), "{error}");
        std::fs::remove_dir(place.path().join("tokenizer")).expect("removed");
        for name in ["sft.yaml", "report.html", "steps.jsonl"] {
            std::fs::write(place.path().join(name), "mine").expect("written");
            let error = claimed(place.path(), Size::Smoke, 7).expect_err("it would be written over, or trained by");
            assert!(error.starts_with(&format!("FOLDER: has {name} already")), "{error}");
            std::fs::remove_file(place.path().join(name)).expect("removed");
        }
        claimed(place.path(), Size::Smoke, 7).expect("notes are in nobody's way");
    }
}
