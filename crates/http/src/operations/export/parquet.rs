//! The rows of an export as a Parquet file that is written as it is sent: row groups of some ten thousand rows, then the footer,
//! by which readers find them.
//!
//! What is kept until the end is what the footer says of each row group, some kilobytes; not the rows. Columns are encoded with
//! dictionaries and not compressed further, as the connection may do.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::ExportRow;

/// Rows of a group: some ten megabytes of memory, and some ten milliseconds of work.
pub(super) const GROUP_LEN: usize = 32_768;

/// A file on its way. It works for some ten milliseconds at a time: for a thread that may.
pub(super) struct ParquetFile(SerializedFileWriter<Vec<u8>>);

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParquetFile")
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

impl ParquetFile {
    /// A file without rows.
    pub(super) fn begin() -> Result<Self> {
        let properties = WriterProperties::builder()
            // Of each group and column the least and the greatest value, so that readers pass by what they do not want.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_created_by(concat!("pushtally ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(Vec::new(), schema()?, Arc::new(properties))?;
        Ok(Self(file))
    }

    /// Adds rows as a group; answers the next bytes of the file.
    pub(super) fn push(&mut self, rows: &[ExportRow]) -> Result<Vec<u8>> {
        let mut group = self.0.next_row_group()?;
        write_rows(&mut group, rows)?;
        group.close()?;
        self.0.flush()?;
        Ok(std::mem::take(self.0.inner_mut()))
    }

    /// The last bytes: the footer.
    pub(super) fn end(self) -> Result<Vec<u8>> {
        self.0.into_inner()
    }
}

/// The columns, in the order of [`write_rows`]. Parquet has no seconds, so `at` is in milliseconds, too.
fn schema() -> Result<TypePtr> {
    const OPTIONAL: Repetition = Repetition::OPTIONAL;
    const REQUIRED: Repetition = Repetition::REQUIRED;
    let column = |name: &str, physical, logical, repetition| {
        let column = Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition);
        column.build().map(Arc::new)
    };
    let text = |name, repetition| {
        let logical = Some(LogicalType::String);
        column(name, Physical::BYTE_ARRAY, logical, repetition)
    };
    let time = |name| {
        let logical = Some(LogicalType::timestamp(true, TimeUnit::MILLIS));
        column(name, Physical::INT64, logical, REQUIRED)
    };
    let unsigned = Some(LogicalType::integer(32, false));
    let fields = vec![
        column("device", Physical::INT32, unsigned, REQUIRED)?,
        text("registration_id", OPTIONAL)?,
        text("account", OPTIONAL)?,
        text("route", REQUIRED)?,
        text("channel", REQUIRED)?,
        text("step", REQUIRED)?,
        text("before", OPTIONAL)?,
        column("code", Physical::INT64, None, OPTIONAL)?,
        text("text", OPTIONAL)?,
        time("at")?,
        time("recorded_ms")?,
        text("source", REQUIRED)?,
    ];
    let schema = Type::group_type_builder("event").with_fields(fields);
    schema.build().map(Arc::new)
}

fn write_rows(group: &mut Group<'_>, rows: &[ExportRow]) -> Result<()> {
    let text = |text: &'static str| ByteArray::from(text);
    let owned = |text: &Option<String>| text.as_deref().map(ByteArray::from);
    // The bits of an unsigned one are what an INT32 of the logical type holds.
    required::<Int32Type>(group, rows, |row| row.device.cast_signed())?;
    optional::<ByteArrayType>(group, rows, |row| owned(&row.registration_id))?;
    optional::<ByteArrayType>(group, rows, |row| owned(&row.account))?;
    required::<ByteArrayType>(group, rows, |row| text(row.route))?;
    required::<ByteArrayType>(group, rows, |row| text(row.channel))?;
    required::<ByteArrayType>(group, rows, |row| text(row.step))?;
    optional::<ByteArrayType>(group, rows, |row| row.before.map(text))?;
    optional::<Int64Type>(group, rows, |row| row.code)?;
    optional::<ByteArrayType>(group, rows, |row| owned(&row.text))?;
    required::<Int64Type>(group, rows, |row| i64::from(row.at) * 1000)?;
    required::<Int64Type>(group, rows, |row| row.recorded_ms)?;
    required::<ByteArrayType>(group, rows, |row| text(row.source))
}

fn required<T: DataType>(
    group: &mut Group<'_>,
    rows: &[ExportRow],
    value: impl Fn(&ExportRow) -> T::T,
) -> Result<()> {
    let values: Vec<T::T> = rows.iter().map(value).collect();
    write::<T>(group, &values, None)
}

fn optional<T: DataType>(
    group: &mut Group<'_>,
    rows: &[ExportRow],
    value: impl Fn(&ExportRow) -> Option<T::T>,
) -> Result<()> {
    let values: Vec<Option<T::T>> = rows.iter().map(value).collect();
    let levels: Vec<i16> = values.iter().map(|one| i16::from(one.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    write::<T>(group, &values, Some(&levels))
}

fn write<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<()> {
    let missing = || ParquetError::General("the schema has no such column".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn row(n: u32) -> ExportRow {
        let lost = n.is_multiple_of(3);
        ExportRow {
            device: u32::MAX - n,
            registration_id: n.is_multiple_of(2).then(|| format!("phone {n}")),
            account: n.is_multiple_of(4).then(|| format!("账号 {n}")),
            route: "offline",
            channel: "fcm",
            step: if lost { "lost" } else { "sent" },
            before: lost.then_some("sent"),
            code: lost.then_some(-2),
            text: lost.then(|| "token not uploaded".to_owned()),
            at: u32::MAX - n,
            recorded_ms: 1_741_190_000_123 + i64::from(n),
            source: "us",
        }
    }

    fn field(value: Option<&str>) -> Field {
        value.map_or(Field::Null, |text| Field::Str(text.to_owned()))
    }

    #[test]
    fn rows_are_read_back_as_they_were_written_group_by_group() {
        let rows: Vec<ExportRow> = (0..500).map(row).collect();
        let mut file = ParquetFile::begin().unwrap();
        let mut bytes = Vec::new();
        for rows in rows.chunks(200) {
            bytes.extend(file.push(rows).unwrap());
        }
        bytes.extend(file.end().unwrap());
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(file.num_row_groups(), 3);
        let read: Vec<_> = file
            .get_row_iter(None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(read.len(), rows.len());
        for (read, row) in read.iter().zip(&rows) {
            let expected = [
                Field::UInt(row.device),
                field(row.registration_id.as_deref()),
                field(row.account.as_deref()),
                field(Some(row.route)),
                field(Some(row.channel)),
                field(Some(row.step)),
                field(row.before),
                row.code.map_or(Field::Null, Field::Long),
                field(row.text.as_deref()),
                Field::TimestampMillis(i64::from(row.at) * 1000),
                Field::TimestampMillis(row.recorded_ms),
                field(Some(row.source)),
            ];
            let columns: Vec<Field> = read
                .get_column_iter()
                .map(|(_, field)| field.clone())
                .collect();
            assert_eq!(columns, expected);
        }
        let names: Vec<&str> = read[0]
            .get_column_iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names.join(","), super::super::NAMES.trim_end());
    }

    #[test]
    fn a_file_without_rows_is_one() {
        let bytes = ParquetFile::begin().unwrap().end().unwrap();
        let file = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(file.metadata().file_metadata().num_rows(), 0);
    }
}
