//! The bytes of a CSV file on their way to its reader, which knows neither a longest record nor where lines ended.

use std::io::{self, Read};

use super::super::ROW_LEN_MAX;
use super::wrong;

/// An input of which a record may take only so much: a quote that is not closed would take the rest of the file.
pub(super) struct Bounded<R> {
    input: R,
    /// Bytes that the record may still take.
    pub(super) budget: usize,
    /// What was read last, and where it ends.
    last: Vec<u8>,
    end: u64,
}

impl<R> Bounded<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            input,
            budget: 0,
            last: Vec::new(),
            end: 0,
        }
    }

    /// Whether the byte before a place, which is within what was read last, ends a line.
    pub(super) fn ends_line(&self, place: u64) -> bool {
        let after = usize::try_from(self.end.saturating_sub(place)).unwrap_or(usize::MAX);
        let at = self.last.len().checked_sub(after + 1);
        at.and_then(|at| self.last.get(at)) == Some(&b'\n')
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget == 0 {
            return Err(wrong(format!(
                "a record has more than {ROW_LEN_MAX} bytes: is a quote not closed?"
            )));
        }
        let read = self.input.read(buffer)?;
        self.budget = self.budget.saturating_sub(read);
        if read > 0 {
            self.last.clear();
            self.last.extend(buffer.iter().take(read));
            self.end += read as u64;
        }
        Ok(read)
    }
}
