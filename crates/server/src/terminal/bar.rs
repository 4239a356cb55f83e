//! How far something long is: one line that is written over on a terminal, a line every few seconds elsewhere. It goes to
//! standard error, beside what is asked for.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often a terminal's line is written over.
const EVERY: Duration = Duration::from_millis(200);
/// How often a line is written where it stays.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How long a terminal's bar is.
const BAR_LEN: u64 = 24;

#[derive(Debug)]
pub(crate) struct Bar {
    terminal: bool,
    total: Option<u64>,
    began: Instant,
    shown: Instant,
    /// Rows that were there when it began.
    rows_before: Option<u64>,
    dirty: bool,
}

impl Bar {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            terminal: std::io::stderr().is_terminal(),
            total: None,
            began: now,
            shown: now,
            rows_before: None,
            dirty: false,
        }
    }

    /// Says how many bytes there are in all.
    pub(crate) const fn set_total(&mut self, bytes: u64) {
        self.total = Some(bytes);
    }

    /// Says something that stays.
    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        write(format_args!("{what}\n"));
    }

    /// Tells how far it is, if it is time to.
    pub(crate) fn tick(&mut self, bytes: u64, rows: u64, bad: u64) {
        let now = Instant::now();
        let before = *self.rows_before.get_or_insert(0);
        let every = if self.terminal { EVERY } else { LINE_EVERY };
        if now.duration_since(self.shown) < every {
            return;
        }
        self.shown = now;
        let took = now.duration_since(self.began).as_secs_f64().max(0.001);
        let rate = (rows.saturating_sub(before)) as f64 / took;
        let said = line(bytes, self.total, rows, rate, bad, self.terminal);
        if self.terminal {
            write(format_args!("\r{said}\x1b[K"));
            self.dirty = true;
        } else {
            write(format_args!("{said}\n"));
        }
    }

    /// Counts the rate of rows from here on: those so far were there before.
    pub(crate) const fn set_rows_before(&mut self, rows: u64) {
        self.rows_before = Some(rows);
    }

    /// Leaves the line.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.dirty) {
            write(format_args!("\r\x1b[K"));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

/// Standard error may be closed; nothing depends on it.
fn write(what: fmt::Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(what);
}

fn line(bytes: u64, total: Option<u64>, rows: u64, rate: f64, bad: u64, bar: bool) -> String {
    const MIB: f64 = (1 << 20) as f64;
    let mut said = String::new();
    if let Some(total) = total {
        let done = bytes.min(total);
        let share = |of: u64| done.saturating_mul(of).checked_div(total).unwrap_or(of);
        if bar {
            for place in 0..BAR_LEN {
                said.push(if place < share(BAR_LEN) { '█' } else { '░' });
            }
            said.push(' ');
        }
        said.push_str(&format!(
            "{:3} % of {:.1} MiB, ",
            share(100),
            total as f64 / MIB
        ));
    } else {
        said.push_str(&format!("{:.1} MiB, ", bytes as f64 / MIB));
    }
    said.push_str(&format!("{rows} rows, {rate:.0}/s, {bad} bad"));
    said
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_tells_share_rows_rate_and_bad_rows() {
        for (bytes, total, bar, expected) in [
            (
                1 << 20,
                Some(4 << 20),
                false,
                " 25 % of 4.0 MiB, 10 rows, 5/s, 1 bad",
            ),
            (5, Some(4), false, "100 % of 0.0 MiB, 10 rows, 5/s, 1 bad"),
            (0, Some(0), false, "100 % of 0.0 MiB, 10 rows, 5/s, 1 bad"),
            (3 << 19, None, false, "1.5 MiB, 10 rows, 5/s, 1 bad"),
            (
                1,
                Some(2),
                true,
                "████████████░░░░░░░░░░░░  50 % of 0.0 MiB, 10 rows, 5/s, 1 bad",
            ),
        ] {
            assert_eq!(line(bytes, total, 10, 5.2, 1, bar), expected);
        }
    }
}
