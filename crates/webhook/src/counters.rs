//! What relays have done, for metrics and for the operator.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pushtally_model::AppId;
use pushtally_store::RelayBacklog;

/// One app's relay since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayReport {
    /// The app.
    pub app: AppId,
    /// Calls that the receiver answered with status 200.
    pub passed_on: u64,
    /// Tries that failed; each was or will be repeated, unless its call is dropped.
    pub failed: u64,
    /// Calls given up.
    pub dropped: u64,
    /// What waits. Zero when the queue could not be asked.
    pub backlog: RelayBacklog,
    /// Whether the newest answer was a failure.
    pub failing: bool,
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

    pub(crate) fn report(&self, app: AppId, backlog: RelayBacklog) -> RelayReport {
        RelayReport {
            app,
            passed_on: self.passed_on.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            backlog,
            failing: self.failing.load(Ordering::Relaxed),
        }
    }
}
