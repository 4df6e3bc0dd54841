//! Snapshot entries: symbolic links to blobs where the file system has them, real files where it has not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Creates a symbolic link to a file. The one place that differs between operating systems.
#[cfg(unix)]
pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Creates a symbolic link to a file. The one place that differs between operating systems.
#[cfg(windows)]
pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

/// Creates a symbolic link to a file. The one place that differs between operating systems.
#[cfg(not(any(unix, windows)))]
pub(crate) fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes the snapshot entry `entry` show the content of `blob`; `relative` is the way from the entry to the blob.
///
/// Without links the blob moves into the snapshot if it is `fresh` (nothing else can show it), else it is copied: what
/// `huggingface_hub` does.
pub(crate) fn place(blob: &Path, entry: &Path, relative: &Path, symlinks: bool, fresh: bool) -> io::Result<()> {
    if symlinks {
        match replace_with_link(relative, entry) {
            Ok(()) => return Ok(()),
            // What a file system without links or an account without the right answers (Windows: error 1314).
            Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {}
            Err(error) if error.raw_os_error() == Some(1314) => {}
            Err(error) => return Err(error),
        }
    }
    if fresh {
        return fs::rename(blob, entry);
    }
    let temporary = beside(entry, "copy");
    fs::copy(blob, &temporary)?;
    fs::rename(&temporary, entry)
}

/// A link that other processes see either as before or as new.
fn replace_with_link(relative: &Path, entry: &Path) -> io::Result<()> {
    match symlink(relative, entry) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let temporary = beside(entry, "link");
            symlink(relative, &temporary)?;
            fs::rename(&temporary, entry)
        }
        other => other,
    }
}

/// Writes a small file so that a reader never sees half of it.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = beside(path, "tmp");
    fs::write(&temporary, content)?;
    fs::rename(&temporary, path)
}

/// A name in the same folder that no other process or thread uses.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let thread: String = format!("{:?}", std::thread::current().id()).chars().filter(char::is_ascii_digit).collect();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{thread}.{suffix}", std::process::id()));
    path.with_file_name(name)
}
