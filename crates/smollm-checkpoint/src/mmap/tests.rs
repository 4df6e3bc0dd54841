//! Files that change under a mapping; the fault itself ends the program and is tested in `tests/truncated.rs`.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

use super::*;

/// What `still_intact` says after `change` was done to a mapped file of 10 bytes.
fn after(change: impl FnOnce(&Path)) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    fs::write(&path, [1; 10]).expect("written");
    // Far enough back that whatever happens now has another time stamp.
    let past = SystemTime::now() - Duration::from_secs(60);
    OpenOptions::new().write(true).open(&path).and_then(|file| file.set_modified(past)).expect("stamped");
    let mapping = Mapping::open(&path).expect("mapped");
    assert_eq!(mapping.bytes().as_slice(), [1; 10]);
    change(&path);
    let prefix = format!("{}: ", path.display());
    mapping.still_intact().map_err(|error| error.to_string().strip_prefix(&prefix).expect("the file first").to_owned())
}

#[test]
fn a_changed_file_is_noticed() {
    let writer = |path: &Path| OpenOptions::new().write(true).open(path).expect("opened");
    assert_eq!(after(|_| ()), Ok(()));
    let hint = "while in use; restore the file and run again";
    assert_eq!(
        after(|path| writer(path).set_len(9).expect("cut")),
        Err(format!("was truncated from 10 to 9 bytes {hint}"))
    );
    assert_eq!(after(|path| writer(path).set_len(11).expect("grown")), Err(format!("grew from 10 to 11 bytes {hint}")));
    let overwrite = |path: &Path| {
        let mut file = writer(path);
        file.seek(SeekFrom::Start(3)).expect("moved");
        file.write_all(&[2]).expect("written");
    };
    assert_eq!(after(overwrite), Err(format!("was written to {hint}")));
    assert_eq!(
        after(|path| fs::write(path, [3; 10]).expect("replaced in place")),
        Err(format!("was written to {hint}"))
    );
}

#[test]
#[cfg(unix)]
fn a_file_renamed_over_or_removed_lives_on() {
    let renamed = |path: &Path| {
        fs::write(path.with_extension("new"), [9; 3]).expect("written");
        fs::rename(path.with_extension("new"), path).expect("renamed");
    };
    assert_eq!(after(renamed), Ok(()));
    assert_eq!(after(|path| fs::remove_file(path).expect("removed")), Ok(()));
}

#[test]
fn the_bytes_keep_the_mapping_alive() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model");
    fs::write(&path, b"0123456789").expect("written");
    let bytes = Mapping::open(&path).expect("mapped").bytes().slice(3..6);
    assert_eq!(bytes.as_slice(), b"345");
}
