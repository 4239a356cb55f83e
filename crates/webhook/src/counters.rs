//! What relays have done. Written by `relay`, read by `http` for the metrics page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use pushtally_store::RelayLine;

/// One line's relay since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayReport {
    /// Whose calls, and of which kind.
    pub line: RelayLine,
    /// Calls that the receiver answered with status 200.
    pub passed_on: u64,
    /// Tries that failed; each was or will be repeated, unless its call is dropped.
    pub failed: u64,
    /// Calls given up.
    pub dropped: u64,
    /// Whether the newest answer was a failure.
    pub failing: bool,
}

/// What each relay has done since the process started, by line; also of relays that were stopped in the meantime.
///
/// A clone reads the same counters. Only lines that had a relay have an entry, so strangers cannot make it grow.
#[derive(Debug, Clone, Default)]
pub struct RelayCounters {
    lines: Arc<Mutex<BTreeMap<RelayLine, Arc<Counters>>>>,
}

impl RelayCounters {
    /// One report for each line that has or had a relay, by line.
    #[must_use]
    pub fn report(&self) -> Vec<RelayReport> {
        let lines = self.lines.lock();
        lines
            .iter()
            .map(|(line, counters)| counters.report(*line))
            .collect()
    }

    /// The counters of one line, made when they are first asked for.
    pub(crate) fn of(&self, line: RelayLine) -> Arc<Counters> {
        Arc::clone(self.lines.lock().entry(line).or_default())
    }
}

/// The counters behind a report. They outlive a relay that is stopped and started again.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    passed_on: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    failing: AtomicBool,
}

impl Counters {
    /// Counts a success; answers whether it ends a time of failure.
    pub(crate) fn pass(&self) -> bool {
        self.passed_on.fetch_add(1, Ordering::Relaxed);
        self.failing.swap(false, Ordering::Relaxed)
    }

    /// Counts a failed try; answers whether it begins a time of failure.
    pub(crate) fn fail(&self) -> bool {
        self.failed.fetch_add(1, Ordering::Relaxed);
        !self.failing.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn drop_call(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn report(&self, line: RelayLine) -> RelayReport {
        RelayReport {
            line,
            passed_on: self.passed_on.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            failing: self.failing.load(Ordering::Relaxed),
        }
    }
}
