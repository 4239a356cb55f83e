//! Exports to a file: asks for one page after the other and writes it, as NDJSON or CSV.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::csv::{DEVICE_FIELDS, TOKEN_FIELDS};
use super::progress::beside;
use super::{Format, Kind, Page};
use crate::acts::{Act, Done};
use crate::terminal::Bar;

/// What to export, to where.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) kind: Kind,
    pub(crate) sdkappid: u32,
    /// `-` is standard output.
    pub(crate) file: PathBuf,
    pub(crate) format: Option<Format>,
    pub(crate) with_tokens: bool,
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// Devices, or accounts.
    pub(crate) rows: u64,
    /// Devices with more tokens than a CSV file shows.
    pub(crate) cut: u64,
}

impl Export {
    /// Writes everything. A file has its name only when it is whole, and is its owner's alone.
    pub(crate) fn run(
        &self,
        perform: &mut dyn FnMut(Act) -> anyhow::Result<Done>,
        bar: &mut Bar,
    ) -> anyhow::Result<Written> {
        if self.file == Path::new("-") {
            return self.write(io::stdout().lock(), perform, bar);
        }
        let told = || format!("`{}` cannot be written", self.file.display());
        if self.file.exists() {
            bail!("`{}` exists already", self.file.display());
        }
        let part = beside(&self.file, ".part");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&part).with_context(told)?;
        let written = self.write(&file, perform, bar)?;
        file.sync_all().with_context(told)?;
        fs::rename(&part, &self.file).with_context(told)?;
        Ok(written)
    }

    fn write(
        &self,
        out: impl Write,
        perform: &mut dyn FnMut(Act) -> anyhow::Result<Done>,
        bar: &mut Bar,
    ) -> anyhow::Result<Written> {
        let mut out = BufWriter::new(out);
        let format = self.format.unwrap_or_else(|| Format::of(&self.file));
        let (mut written, mut columns, mut bytes) = (Written::default(), None, 0);
        let mut from = None;
        loop {
            let act = Act::Export {
                sdkappid: self.sdkappid,
                kind: self.kind,
                from: from.take(),
                with_tokens: self.with_tokens,
            };
            let Done::Exported(page) = perform(act)? else {
                bail!("the server gave an answer that this release does not know");
            };
            written.rows += page.rows.len() as u64;
            let text = match format {
                Format::Ndjson => lines(&page),
                Format::Csv => {
                    let first = columns.is_none();
                    let columns = columns.get_or_insert_with(|| self.columns(&page));
                    self.records(columns, &page, first, &mut written.cut)?
                }
            };
            out.write_all(&text)
                .context("the export cannot be written")?;
            bytes += text.len() as u64;
            bar.tick(bytes, written.rows, 0);
            let Some(next) = page.next else { break };
            from = Some(next);
        }
        out.flush().context("the export cannot be written")?;
        bar.end();
        Ok(written)
    }

    /// What the columns of a CSV file are called: those that it could be imported with, but for secrets.
    fn columns(&self, page: &Page) -> Vec<String> {
        let mut columns: Vec<&str> = Vec::new();
        match self.kind {
            Kind::Devices => {
                columns.extend(DEVICE_FIELDS.iter().filter(|name| **name != "secret"));
                if self.with_tokens {
                    columns.extend(TOKEN_FIELDS);
                }
            }
            Kind::Tags => columns.extend(["account", "kind", "tag"]),
            Kind::Attributes => {
                columns.extend(["account", "kind"]);
                columns.extend(page.attributes.iter().map(String::as_str));
            }
        }
        columns.into_iter().map(str::to_owned).collect()
    }

    fn records(
        &self,
        columns: &[String],
        page: &Page,
        first: bool,
        cut: &mut u64,
    ) -> anyhow::Result<Vec<u8>> {
        let mut csv = ::csv::Writer::from_writer(Vec::new());
        if first {
            csv.write_record(columns)?;
        }
        for row in &page.rows {
            let row: Value = serde_json::from_str(row)?;
            let cell = |column: &str| cell(self.kind, &row, column);
            if let (Kind::Tags, Some(tags)) = (self.kind, row["tags"].as_array()) {
                for tag in tags {
                    let tag = text(tag);
                    csv.write_record([cell("account"), cell("kind"), tag])?;
                }
                continue;
            }
            let tokens = row["tokens"].as_array();
            *cut += u64::from(tokens.is_some_and(|tokens| tokens.len() > 1));
            csv.write_record(columns.iter().map(|column| cell(column)))?;
        }
        Ok(csv.into_inner()?)
    }
}

fn lines(page: &Page) -> Vec<u8> {
    let mut text = Vec::with_capacity(page.rows.iter().map(|row| row.len() + 1).sum());
    for row in &page.rows {
        text.extend(row.as_bytes());
        text.push(b'\n');
    }
    text
}

/// What a row says in a column; nothing is an empty cell.
fn cell(kind: Kind, row: &Value, column: &str) -> String {
    match kind {
        Kind::Devices if TOKEN_FIELDS.contains(&column) => text(&row["tokens"][0][column]),
        Kind::Attributes if column != "account" && column != "kind" => {
            text(&row["attributes"][column])
        }
        Kind::Devices | Kind::Tags | Kind::Attributes => text(&row[column]),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
