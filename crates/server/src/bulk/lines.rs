//! Rows of an NDJSON file: a line each. Empty lines are none; one that is too long is told and passed over.

use std::io::{self, BufRead, BufReader, Read};

use super::rows::{At, Found, Rows};
use super::{Fault, ROW_LEN_MAX};

/// Bytes read at once.
const BUFFER_LEN: usize = 256 << 10;
const BOM: &[u8] = "\u{feff}".as_bytes();

pub(super) struct Lines<R> {
    input: BufReader<R>,
    at: At,
}

impl<R: Read> Lines<R> {
    /// Rows of what begins at a place of its file.
    pub(super) fn new(input: R, at: At) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_LEN, input),
            at,
        }
    }

    /// Passes over the rest of a line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let held = self.input.fill_buf()?;
            let end = held.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(held.len(), |end| end + 1);
            if len == 0 {
                return Ok(());
            }
            self.input.consume(len);
            self.at.offset += len as u64;
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl<R: Read + Send> Rows for Lines<R> {
    fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            let line = self.at.line;
            let mut bytes = Vec::new();
            // With its end, and a byte more to know that it is too long.
            let max = ROW_LEN_MAX as u64 + 2;
            let read = self
                .input
                .by_ref()
                .take(max)
                .read_until(b'\n', &mut bytes)?;
            if read == 0 {
                return Ok(None);
            }
            let first = self.at.offset == 0;
            self.at.offset += read as u64;
            if bytes.last() != Some(&b'\n') && read as u64 == max {
                self.skip()?;
            }
            self.at.line += 1;
            if first && bytes.starts_with(BOM) {
                bytes.drain(..BOM.len());
            }
            let end = bytes.trim_ascii_end().len();
            bytes.truncate(end);
            if bytes.is_empty() {
                continue;
            }
            let json = if bytes.len() > ROW_LEN_MAX {
                Err(Fault::of_row(format!(
                    "the line has more than {ROW_LEN_MAX} bytes"
                )))
            } else {
                String::from_utf8(bytes).map_err(|_| Fault::of_row("the line must be UTF-8"))
            };
            let end = self.at;
            return Ok(Some(Found { line, end, json }));
        }
    }
}
