//! The files of one folder, and of nowhere else: every path is looked up from the open folder, and what would lead out of it (`..`, an
//! absolute path, a symbolic link) is refused by cap-std while it is looked up, so that nothing can be put in its way between check and use.
//!
//! What is written is a new file that takes the place of the old one when it is whole, so that a full disk leaves the old one. It has the
//! permissions of the old one, and is refused where the old one could not be written. It does not keep the owner, extended attributes and
//! access lists, and other names (hard links) of the old file keep the old text. A symbolic link stays: what it leads to is written.

use super::arguments;
use crate::agent::tool::AgentTool;
use crate::error::Error;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes of the longest file that is read or written: more would fill a small model's context.
const LARGEST: usize = 16 << 10;
/// Entries of the longest list.
const MOST_ENTRIES: usize = 200;
/// Names that are tried for the file that is written beside another.
const NAMES: usize = 8;

/// Tools that list, read and write the files of `folder`, which stays open.
///
/// # Errors
/// The folder cannot be opened.
pub fn folder(folder: &Path) -> Result<Vec<AgentTool<'static>>, Error> {
    let opened = Dir::open_ambient_dir(folder, ambient_authority());
    let list_in = Rc::new(opened.map_err(|error| Error::Read { path: folder.into(), error })?);
    let (read_in, write_in) = (list_in.clone(), list_in.clone());
    let path = json!({ "type": "string", "description": "The path in the folder, as notes.txt or letters/june.txt." });
    Ok(vec![
        AgentTool::new(
            "list_files",
            "Lists the files in the folder, or in a folder in it.",
            arguments(json!({ "path": { "type": "string", "description": "The folder; . is all of it." } }), &["path"]),
            move |arguments| list(&list_in, &arguments.get::<String>("path")?),
        )?,
        AgentTool::new(
            "read_file",
            "Reads a text file in the folder.",
            arguments(json!({ "path": path }), &["path"]),
            move |arguments| read(&read_in, &arguments.get::<String>("path")?),
        )?,
        AgentTool::new(
            "write_file",
            "Writes a text file in the folder; what it held before is lost.",
            arguments(
                json!({ "path": path, "text": { "type": "string", "description": "What the file is to hold." } }),
                &["path", "text"],
            ),
            move |arguments| write(&write_in, &arguments.get::<String>("path")?, &arguments.get::<String>("text")?),
        )?,
    ])
}

/// Names, with a slash behind those of folders.
fn list(folder: &Dir, path: &str) -> Result<Value, String> {
    let failed = |error: io::Error| told(path, &error);
    let path_in = if path.is_empty() { "." } else { path };
    let mut names = Vec::new();
    for entry in folder.read_dir(path_in).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        let slash = if is_folder { "/" } else { "" };
        names.push(format!("{}{slash}", entry.file_name().to_string_lossy()));
        if names.len() > MOST_ENTRIES {
            return Err(format!("{path} has more than {MOST_ENTRIES} entries"));
        }
    }
    names.sort_unstable();
    Ok(names.into())
}

fn read(folder: &Dir, path: &str) -> Result<Value, String> {
    is_file(path, folder.metadata(path))?;
    let mut bytes = Vec::new();
    let file = open(folder, path)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|error| told(path, &error))?;
    if bytes.len() > LARGEST {
        return Err(format!("{path} is larger than {LARGEST} bytes"));
    }
    String::from_utf8(bytes).map(Value::from).map_err(|_| format!("{path} is not a text file"))
}

fn write(folder: &Dir, path: &str, text: &str) -> Result<Value, String> {
    let failed = |error: io::Error| told(path, &error);
    if text.len() > LARGEST {
        return Err(format!("the text is longer than {LARGEST} bytes"));
    }
    let (place, before) = match folder.symlink_metadata(path) {
        // what would be renamed in the place of a link would leave what it leads to as it is
        Ok(_) => {
            let place = folder.canonicalize(path).map_err(failed)?;
            is_file(path, folder.metadata(&place))?;
            // not cut yet: only whoever could write it may put another in its place
            let file = opened(folder, &place, OpenOptions::new().write(true)).map_err(failed)?;
            (place, Some(is_file(path, file.metadata())?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (PathBuf::from(path), None),
        Err(error) => return Err(failed(error)),
    };
    // Written beside it and renamed: on a full disk the file keeps what it holds.
    let (aside, mut file) = beside(folder, path, &place)?;
    let written = fill(&mut file, text, before).and_then(|()| folder.rename(&aside, folder, &place));
    if let Err(error) = written {
        let _ = folder.remove_file(&aside); // what is told is the first error
        return Err(told(path, &error));
    }
    Ok(format!("{} bytes written", text.len()).into())
}

/// A new file in the folder of `place`, and its path. What a killed program left there is in nobody's way.
fn beside(folder: &Dir, path: &str, place: &Path) -> Result<(PathBuf, File), String> {
    if place.file_name().is_none() {
        return Err(format!("{path} is not a file"));
    }
    for _ in 0..NAMES {
        let aside = place.with_file_name(hidden_name());
        match folder.open_with(&aside, OpenOptions::new().write(true).create_new(true)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            found => return found.map(|file| (aside, file)).map_err(|error| told(path, &error)),
        }
    }
    Err(format!("{path}: no name is free beside it"))
}

/// Short, since that of the file may be as long as names can be.
pub(super) fn hidden_name() -> String {
    format!(".{:08x}.smollm", fastrand::u32(..))
}

/// Writes a new file, with the permissions of the one whose place it will take.
fn fill(file: &mut File, text: &str, like: Option<Metadata>) -> io::Result<()> {
    if let Some(like) = like {
        file.set_permissions(like.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Opens a file, and nothing else: to open a pipe would wait for whoever is at its other end, for ever if need be. So that nothing comes of
/// a pipe that is put there after a look at what the path leads to, this waits for nobody, and looks again at what it has got.
pub(super) fn open(folder: &Dir, path: &str) -> Result<File, String> {
    let file = opened(folder, Path::new(path), OpenOptions::new().read(true)).map_err(|error| told(path, &error))?;
    is_file(path, file.metadata())?;
    Ok(file)
}

fn opened(folder: &Dir, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        use rustix::fs::OFlags;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    folder.open_with(path, options)
}

fn is_file(path: &str, found: io::Result<Metadata>) -> Result<Metadata, String> {
    let found = found.map_err(|error| told(path, &error))?;
    if found.is_file() { Ok(found) } else { Err(format!("{path} is not a file")) }
}

/// What the model is told of an error: not where the folder lies.
fn told(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no {path} in the folder"),
        io::ErrorKind::PermissionDenied => format!("{path} is outside of the folder, or closed to this program"),
        _ => format!("{path}: {error}"),
    }
}
