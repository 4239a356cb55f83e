//! A file as rows, one after the other, whatever it is written in.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::csv::CsvRows;
use super::lines::Lines;
use super::{Fault, Kind};

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A JSON object a line.
    Ndjson,
    /// Columns, the first line naming them.
    Csv,
}

impl Format {
    /// What a file's name says: CSV if it ends so, else NDJSON.
    pub(crate) fn of(path: &Path) -> Self {
        let extension = path.extension().unwrap_or_default();
        if extension.eq_ignore_ascii_case("csv") {
            Self::Csv
        } else {
            Self::Ndjson
        }
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) offset: u64,
    /// The line that begins there, from 1.
    pub(super) line: u64,
}

impl At {
    pub(super) const START: Self = Self { offset: 0, line: 1 };
}

/// A row as it was read.
pub(super) struct Found {
    /// Where it begins.
    pub(super) line: u64,
    /// Where the next one begins.
    pub(super) end: At,
    /// Its JSON, or why it has none.
    pub(super) json: Result<String, Fault>,
}

/// The rows of a file. An error ends the reading.
pub(super) trait Rows: Send {
    fn next(&mut self) -> io::Result<Option<Found>>;
}

type Source = Box<dyn Read + Send>;

/// The rows of a file from a place on.
pub(super) fn open(path: &Path, kind: Kind, format: Format, at: At) -> io::Result<Box<dyn Rows>> {
    let mut file = File::open(path)?;
    match format {
        Format::Ndjson => {
            file.seek(SeekFrom::Start(at.offset))?;
            Ok(Box::new(Lines::new(Box::new(file) as Source, at)))
        }
        Format::Csv => {
            let rows = CsvRows::new(kind, Box::new(file) as Source)?;
            if at == At::START {
                return Ok(Box::new(rows));
            }
            // The columns are named at the start, whichever row is next.
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(at.offset))?;
            Ok(Box::new(rows.go_on(Box::new(file) as Source, at)))
        }
    }
}

/// The rows of standard input.
pub(super) fn standard_input(kind: Kind, format: Format) -> io::Result<Box<dyn Rows>> {
    let input = Box::new(io::stdin()) as Source;
    Ok(match format {
        Format::Ndjson => Box::new(Lines::new(input, At::START)),
        Format::Csv => Box::new(CsvRows::new(kind, input)?),
    })
}
