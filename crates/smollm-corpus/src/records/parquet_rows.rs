//! Rows of a Parquet file, by the format's own record reader: no arrow is needed for them.

use super::error::{RecordError, shortened};
use super::reader::{Fault, Found, Raw};
use parquet::basic::Repetition;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Number, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The rows of a file, each an object of its columns, group by group.
pub(super) struct ParquetRows {
    /// `None` after a fault: what would follow is unknown.
    reader: Option<SerializedFileReader<File>>,
    group: usize,
    rows: Option<ReaderIter>,
    number: u64,
    count: u64,
    bytes: u64,
    read: Arc<AtomicU64>,
}

impl ParquetRows {
    pub(super) fn open(path: &Path, read: Arc<AtomicU64>) -> Result<Self, RecordError> {
        let refuse = |problem: String| RecordError::File { file: path.into(), problem };
        let file = File::open(path).map_err(|source| RecordError::Read { file: path.into(), source })?;
        let bytes = file.metadata().map_err(|source| RecordError::Read { file: path.into(), source })?.len();
        let opened = caught(|| {
            let reader = SerializedFileReader::new(file).map_err(|e| e.to_string())?;
            let metadata = reader.metadata().file_metadata();
            let (count, schema) = (metadata.num_rows(), metadata.schema_descr().root_schema());
            if let Some(column) = bare_repeated(schema) {
                return Err(format!("column `{column}` repeats outside of a list, which is not supported"));
            }
            Ok((u64::try_from(count).unwrap_or(0), reader))
        });
        let (count, reader) = opened.map_err(|problem| refuse(format!("no Parquet file: {}", shortened(&problem))))?;
        Ok(Self { reader: Some(reader), group: 0, rows: None, number: 0, count, bytes, read })
    }

    /// The next row of the groups; `None` behind the last.
    fn row(&mut self) -> Result<Option<Row>, String> {
        let Some(reader) = &self.reader else { return Ok(None) };
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                return row.map(Some).map_err(|e| e.to_string());
            }
            if self.group >= reader.num_row_groups() {
                return Ok(None);
            }
            let group = reader.get_row_group(self.group).map_err(|e| e.to_string())?;
            let schema = group.metadata().schema_descr_ptr();
            self.rows = Some(TreeBuilder::new().as_iter(schema, &*group).map_err(|e| e.to_string())?);
            self.group += 1;
        }
    }
}

/// The first field that repeats by itself: the record reader is known to get those wrong (apache/arrow-rs#2394). Inside of a list or map
/// the repeated field is the one that the format asks for.
fn bare_repeated(group: &Type) -> Option<String> {
    let annotated = group.get_basic_info().converted_type() != parquet::basic::ConvertedType::NONE
        || group.get_basic_info().logical_type_ref().is_some();
    group.get_fields().iter().find_map(|field| {
        let info = field.get_basic_info();
        let repeats = info.has_repetition() && info.repetition() == Repetition::REPEATED;
        if repeats && !annotated {
            return Some(field.name().to_owned());
        }
        if field.is_group() { bare_repeated(field) } else { None }
    })
}

impl Iterator for ParquetRows {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        self.reader.as_ref()?;
        let raw = match caught(|| self.row()) {
            Ok(None) => {
                self.reader = None;
                if self.number >= self.count {
                    return None;
                }
                let problem = format!("the file ends here although it has {} rows", self.count);
                self.number += 1;
                return Some(Found { number: self.number, raw: Err(Fault::Record(problem)) });
            }
            Ok(Some(row)) => object(row).map(Raw::Json).map_err(Fault::Record),
            Err(problem) => {
                self.reader = None;
                Err(Fault::Record(shortened(&problem)))
            }
        };
        self.number += 1;
        let share = self.number as f64 / self.count.max(1) as f64;
        self.read.store((self.bytes as f64 * share.min(1.0)) as u64, Ordering::Relaxed);
        Some(Found { number: self.number, raw })
    }
}

/// A file must not be able to take the program down with a panic of the format's reader.
fn caught<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("the file is damaged".into()))
}

fn object(row: Row) -> Result<Value, String> {
    row.into_columns()
        .into_iter()
        .map(|(name, field)| Ok((name, value(&field)?)))
        .collect::<Result<_, _>>()
        .map(Value::Object)
}

/// What a field is in JSON. Columns of types that no record has (times, decimals, bytes that are no text) count as empty.
fn value(field: &Field) -> Result<Value, String> {
    Ok(match field {
        Field::Bool(value) => Value::Bool(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        Field::Float(value) => Number::from_f64(f64::from(*value)).map_or(Value::Null, Value::Number),
        Field::Double(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Group(row) => {
            let columns = row.get_column_iter().map(|(name, field)| Ok((name.clone(), value(field)?)));
            Value::Object(columns.collect::<Result<_, String>>()?)
        }
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(value).collect::<Result<_, _>>()?),
        Field::MapInternal(map) => {
            let entry = |(key, field): &(Field, Field)| match key {
                Field::Str(key) => Ok((key.clone(), value(field)?)),
                _ => Err("a map whose keys are no text".to_owned()),
            };
            Value::Object(map.entries().iter().map(entry).collect::<Result<_, _>>()?)
        }
        _ => Value::Null,
    })
}
