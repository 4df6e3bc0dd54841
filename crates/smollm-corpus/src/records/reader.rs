//! A file of any known form as a stream of records: by its name and first bytes, one record in memory at a time.

use super::json_array::JsonArray;
use super::lines::JsonLines;
use super::parquet_rows::ParquetRows;
use super::row::record;
use super::text::{TextDocuments, WholeText};
use super::{Place, Record, RecordError, Unit};
use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a plain text file is divided into documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Documents {
    /// The file is one document. It is the one form that is in memory whole.
    #[default]
    Whole,
    /// Each line that is not empty is one.
    Lines,
    /// Lines of just this text stand between two.
    Separator(String),
}

/// What a file itself does not say.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The column of a text to learn; without it the columns of a row tell what it is.
    pub text_column: Option<String>,
    /// How text files are divided.
    pub documents: Documents,
}

/// What a reader finds before anybody asks what it means.
pub(super) enum Raw {
    Json(Value),
    Text(String),
}

/// One item of a reader: where it begins, and what it is or what is wrong with it.
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) raw: Result<Raw, Fault>,
}

/// What is wrong in the middle of a file.
pub(super) enum Fault {
    /// The system could not read on.
    Read(std::io::Error),
    /// This is no record.
    Record(String),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

/// The longest record in bytes: beyond it a file is taken for one without line breaks.
pub(super) const LONGEST_RECORD: usize = 256 << 20;

/// The records of one file in their order.
pub struct Records {
    file: Arc<Path>,
    unit: Unit,
    found: Box<dyn Iterator<Item = Found> + Send>,
    text_column: Option<String>,
    read: Arc<AtomicU64>,
    /// Nothing comes after the system could not read on.
    ended: bool,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("file", &self.file).field("unit", &self.unit).finish_non_exhaustive()
    }
}

/// What the name of a file tells: its last extension, and whether `.gz` stands behind it.
fn form(path: &Path) -> (String, bool) {
    let extension = |path: &Path| path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension(path).as_str() {
        "gz" => (extension(Path::new(path.file_stem().unwrap_or_default())), true),
        other => (other.to_owned(), false),
    }
}

impl Records {
    /// Whether [`Records::open`] knows the form of files with this name.
    pub fn knows(path: &Path) -> bool {
        match form(path) {
            (form, false) if form == "parquet" => true,
            (form, _) => ["jsonl", "ndjson", "json", "txt", "md"].contains(&form.as_str()),
        }
    }

    /// Opens `.jsonl`, `.ndjson`, `.json` (lines or one list), `.txt`, `.md` or `.parquet`; all but the last also with `.gz` behind.
    ///
    /// # Errors
    /// The file cannot be read, its name tells of no known form, or it is no Parquet file.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, RecordError> {
        let file = File::open(path).map_err(|source| RecordError::Read { file: path.into(), source })?;
        let read = Arc::new(AtomicU64::new(0));
        let (form, zipped) = form(path);
        let counted = BufReader::with_capacity(1 << 16, Counted { file, read: read.clone() });
        let text = |counted: BufReader<Counted>| -> Box<dyn BufRead + Send> {
            if zipped { Box::new(BufReader::new(MultiGzDecoder::new(counted))) } else { Box::new(counted) }
        };
        let (unit, found): (Unit, Box<dyn Iterator<Item = Found> + Send>) = match form.as_str() {
            "jsonl" | "ndjson" | "json" => (Unit::Line, json(text(counted), &form)),
            "txt" | "md" => {
                let found: Box<dyn Iterator<Item = Found> + Send> = match &options.documents {
                    Documents::Whole => Box::new(WholeText::new(text(counted))),
                    Documents::Lines => Box::new(TextDocuments::new(text(counted), None)),
                    Documents::Separator(line) => Box::new(TextDocuments::new(text(counted), Some(line.clone()))),
                };
                (Unit::Line, found)
            }
            "parquet" if !zipped => (Unit::Row, Box::new(ParquetRows::open(path, read.clone())?)),
            _ => {
                let problem = "the name tells of no known form (.jsonl, .ndjson, .json, .txt, .md, each with or without .gz, .parquet)";
                return Err(RecordError::File { file: path.into(), problem: problem.into() });
            }
        };
        let file: Arc<Path> = path.into();
        Ok(Self { file, unit, found, text_column: options.text_column.clone(), read, ended: false })
    }

    /// How many bytes of the file have been read, as far as a progress bar is concerned.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// Lines, or one list: a `.json` file whose first character is `[` is a list.
fn json(mut input: Box<dyn BufRead + Send>, form: &str) -> Box<dyn Iterator<Item = Found> + Send> {
    // What cannot be read here cannot be read as a line either, and is said there.
    let start = input.fill_buf().unwrap_or_default();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let list = form == "json" && start.trim_ascii_start().first() == Some(&b'[');
    if list { Box::new(JsonArray::new(input)) } else { Box::new(JsonLines::new(input)) }
}

impl Iterator for Records {
    type Item = Result<(Place, Record), RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let Found { number, raw } = self.found.next()?;
        let place = Place { file: self.file.clone(), number, unit: self.unit };
        let record = match raw {
            Ok(Raw::Text(text)) => Ok(Record::Text(text)),
            Ok(Raw::Json(value)) => record(value, self.text_column.as_deref()),
            Err(Fault::Record(problem)) => Err(problem),
            Err(Fault::Read(source)) => {
                self.ended = true;
                return Some(Err(RecordError::Read { file: self.file.to_path_buf(), source }));
            }
        };
        Some(match record {
            Ok(record) => Ok((place, record)),
            Err(problem) => Err(RecordError::Record { place, problem }),
        })
    }
}

/// A file that tells how much of it has been read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
