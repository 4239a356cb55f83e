//! Rows of a CSV file (RFC 4180, UTF-8): the first line names the columns; a cell that is empty says nothing.
//!
//! Of devices and attributes a record is a row. Of tags a record is one tag, and the records of an account that stand
//! one after the other are one row.

mod bounded;
mod object;

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use pushtally_model::Labels;

use super::rows::{At, Found, Rows};
use super::{Fault, Kind, ROW_LEN_MAX};
use bounded::Bounded;
use object::{Object, quote};

/// Bytes read at once.
const BUFFER_LEN: usize = 256 << 10;

/// What columns of a file of devices may be called, as far as they are fields of their own.
pub(super) const DEVICE_FIELDS: [&str; 11] = [
    "registration_id",
    "secret",
    "account",
    "vendor",
    "model",
    "system",
    "system_version",
    "app_version",
    "sdk_version",
    "notifications",
    "language",
];
/// And as far as they are fields of the one token that a record has.
pub(super) const TOKEN_FIELDS: [&str; 5] = ["channel", "kind", "token", "cert_id", "environment"];

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Field(&'static str),
    Token(&'static str),
    Tag,
    Attribute(String),
}

pub(super) struct CsvRows<R: Read> {
    kind: Kind,
    columns: Arc<[Column]>,
    reader: Reader<Bounded<R>>,
    /// Where what the reader reads begins in the file.
    base: At,
    record: ByteRecord,
    /// A record that was read ahead.
    pending: Option<Tagged>,
}

impl<R: Read> CsvRows<R> {
    /// Rows of a file from its start on: reads which columns it has.
    pub(super) fn new(kind: Kind, input: R) -> io::Result<Self> {
        let mut rows = Self::over(kind, Arc::default(), input, At::START);
        if !rows.read()? {
            return Err(wrong("the first line must name the columns"));
        }
        rows.columns = columns(kind, &rows.record)?;
        Ok(rows)
    }

    /// The rows of the same file from a place on.
    pub(super) fn go_on(self, input: R, at: At) -> Self {
        Self::over(self.kind, self.columns, input, at)
    }

    fn over(kind: Kind, columns: Arc<[Column]>, input: R, base: At) -> Self {
        let input = Bounded::new(input);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER_LEN)
            .from_reader(input);
        Self {
            kind,
            columns,
            reader,
            base,
            record: ByteRecord::new(),
            pending: None,
        }
    }

    /// Reads a record; `false` at the end.
    fn read(&mut self) -> io::Result<bool> {
        self.reader.get_mut().budget = ROW_LEN_MAX + BUFFER_LEN;
        let read = self.reader.read_byte_record(&mut self.record);
        read.map_err(io::Error::from)
    }

    fn end(&self) -> At {
        let at = self.reader.position();
        At {
            offset: self.base.offset + at.byte(),
            line: self.base.line + at.line() - 1,
        }
    }

    /// The line on which the record that was read last begins: counted from its end, because the reader's own place of
    /// its start is before the empty lines, and before what is left of a line end of two bytes.
    fn line(&self) -> u64 {
        let end = self.reader.position();
        let ended = self.reader.get_ref().ends_line(end.byte());
        let within = self.record.as_slice().iter();
        let within = within.filter(|byte| **byte == b'\n').count() as u64;
        self.base.line + end.line() - 1 - within - u64::from(ended)
    }

    /// The cells of the record that was read last.
    fn cells(&self) -> Result<Vec<&str>, Fault> {
        let (cells, columns) = (self.record.len(), self.columns.len());
        if cells != columns {
            return Err(Fault::of_row(format!(
                "the line has {cells} cells, the first one has {columns}"
            )));
        }
        let texts = self.record.iter().map(std::str::from_utf8);
        let texts: Result<Vec<&str>, _> = texts.collect();
        texts.map_err(|_| Fault::of_row("the line must be UTF-8"))
    }

    fn next_record(&mut self) -> io::Result<Option<Found>> {
        if !self.read()? {
            return Ok(None);
        }
        let cells = self.cells();
        let json = cells.map(|cells| match self.kind {
            Kind::Devices => device(&self.columns, &cells),
            Kind::Tags | Kind::Attributes => attributes(&self.columns, &cells),
        });
        Ok(Some(Found {
            line: self.line(),
            end: self.end(),
            json: json.and_then(bounded),
        }))
    }

    fn next_tagged(&mut self) -> io::Result<Option<Tagged>> {
        if let Some(pending) = self.pending.take() {
            return Ok(Some(pending));
        }
        if !self.read()? {
            return Ok(None);
        }
        let said = self.cells().map(|cells| {
            let cell = |column: &Column| {
                let at = self.columns.iter().position(|other| other == column);
                let cell = at.and_then(|at| cells.get(at)).copied();
                cell.unwrap_or_default().to_owned()
            };
            Pair {
                owner: (cell(&ACCOUNT), cell(&KIND)),
                tag: cell(&Column::Tag),
            }
        });
        Ok(Some(Tagged {
            line: self.line(),
            end: self.end(),
            said,
        }))
    }

    fn next_group(&mut self) -> io::Result<Option<Found>> {
        let mut group: Option<Group> = None;
        loop {
            let Some(Tagged { line, end, said }) = self.next_tagged()? else {
                return Ok(group.map(Group::found));
            };
            match (&mut group, said) {
                (Some(group), Ok(pair)) if group.owner == pair.owner => {
                    group.end = end;
                    group.add(pair.tag);
                }
                (Some(_), said) => {
                    self.pending = Some(Tagged { line, end, said });
                    return Ok(group.map(Group::found));
                }
                (None, Err(fault)) => {
                    let json = Err(fault);
                    return Ok(Some(Found { line, end, json }));
                }
                (None, Ok(pair)) => {
                    let mut first = Group {
                        line,
                        end,
                        owner: pair.owner,
                        tags: BTreeSet::new(),
                    };
                    first.add(pair.tag);
                    group = Some(first);
                }
            }
        }
    }
}

impl<R: Read + Send> Rows for CsvRows<R> {
    fn next(&mut self) -> io::Result<Option<Found>> {
        match self.kind {
            Kind::Tags => self.next_group(),
            Kind::Devices | Kind::Attributes => self.next_record(),
        }
    }
}

const ACCOUNT: Column = Column::Field("account");
const KIND: Column = Column::Field("kind");

/// What the first line names.
fn columns(kind: Kind, names: &ByteRecord) -> io::Result<Arc<[Column]>> {
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for name in names {
        let name = std::str::from_utf8(name).map_err(|_| wrong("the first line must be UTF-8"))?;
        let column = column(kind, name).ok_or_else(|| {
            let (name, kind) = (name.escape_debug(), kind.name());
            wrong(format!("`{name}` is no column of a file of {kind}"))
        })?;
        if columns.contains(&column) {
            let name = name.escape_debug();
            return Err(wrong(format!("column `{name}` is there twice")));
        }
        columns.push(column);
    }
    let needed: &[(&str, Column)] = match kind {
        Kind::Devices => &[("registration_id", Column::Field("registration_id"))],
        Kind::Tags => &[("account", ACCOUNT), ("tag", Column::Tag)],
        Kind::Attributes => &[("account", ACCOUNT)],
    };
    for (name, column) in needed {
        if !columns.contains(column) {
            return Err(wrong(format!("the first line names no column `{name}`")));
        }
    }
    Ok(columns.into())
}

fn column(kind: Kind, name: &str) -> Option<Column> {
    let named = |names: &[&'static str]| names.iter().copied().find(|other| *other == name);
    let of_account = || match name {
        "account" => Some(ACCOUNT),
        "kind" => Some(KIND),
        _ => None,
    };
    match kind {
        Kind::Devices => named(&DEVICE_FIELDS)
            .map(Column::Field)
            .or_else(|| named(&TOKEN_FIELDS).map(Column::Token)),
        Kind::Tags => of_account().or_else(|| (name == "tag").then_some(Column::Tag)),
        Kind::Attributes => {
            of_account().or_else(|| (!name.is_empty()).then(|| Column::Attribute(name.to_owned())))
        }
    }
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// One record of a file of tags.
struct Tagged {
    line: u64,
    end: At,
    said: Result<Pair, Fault>,
}

struct Pair {
    /// Account and kind, as the cells say.
    owner: (String, String),
    tag: String,
}

/// The tags of one account, as far as they stand one after the other.
struct Group {
    line: u64,
    end: At,
    owner: (String, String),
    tags: BTreeSet<String>,
}

impl Group {
    fn add(&mut self, tag: String) {
        // One too many is kept, so that it is refused; with more of them it would take memory.
        if !tag.is_empty() && self.tags.len() <= Labels::TAGS_MAX {
            self.tags.insert(tag);
        }
    }

    fn found(self) -> Found {
        let mut row = Object::default();
        row.cell("account", &self.owner.0);
        row.cell("kind", &self.owner.1);
        row.name("tags");
        row.0.push('[');
        for (index, tag) in self.tags.iter().enumerate() {
            if index > 0 {
                row.0.push(',');
            }
            quote(&mut row.0, tag);
        }
        row.0.push(']');
        Found {
            line: self.line,
            end: self.end,
            json: bounded(row.close()),
        }
    }
}

fn bounded(json: String) -> Result<String, Fault> {
    if json.len() > ROW_LEN_MAX {
        let told = format!("the row has more than {ROW_LEN_MAX} bytes");
        return Err(Fault::of_row(told));
    }
    Ok(json)
}

fn device(columns: &[Column], cells: &[&str]) -> String {
    let (mut row, mut token) = (Object::default(), Object::default());
    for (column, cell) in columns.iter().zip(cells) {
        match column {
            Column::Field(name) => row.cell(name, cell),
            // What is no number is told by whoever reads the row.
            Column::Token(name @ "cert_id") if cell.parse::<u32>().is_ok() => {
                token.name(name);
                token.0.push_str(cell.trim_start_matches('+'));
            }
            Column::Token(name) => token.cell(name, cell),
            Column::Tag | Column::Attribute(_) => {}
        }
    }
    if !token.0.is_empty() {
        row.name("tokens");
        row.0.push('[');
        row.0.push_str(&token.close());
        row.0.push(']');
    }
    row.close()
}

fn attributes(columns: &[Column], cells: &[&str]) -> String {
    let (mut row, mut values) = (Object::default(), Object::default());
    for (column, cell) in columns.iter().zip(cells) {
        match column {
            Column::Field(name) => row.cell(name, cell),
            Column::Attribute(name) => values.cell(name, cell),
            Column::Tag | Column::Token(_) => {}
        }
    }
    row.name("attributes");
    row.0.push_str(&values.close());
    row.close()
}
