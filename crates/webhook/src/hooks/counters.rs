//! What webhooks have done. Written by couriers, read by `http` for the metrics page and by the command line.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use pushtally_model::{AppId, Second};
use pushtally_store::DeadLetter;

use crate::Book;
use crate::settings::TOLD_APART_S;

/// One app's webhooks since the process started, and how they stand now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookReport {
    /// The app.
    pub app: AppId,
    /// Calls that the receiver answered with status 200.
    pub calls: u64,
    /// Events in them.
    pub sent: u64,
    /// Tries that failed; each was or will be repeated, unless its events become a dead letter.
    pub failed: u64,
    /// Events of devices and tasks that no longer have a name, which are not sent.
    pub nameless: u64,
    /// Seconds since the oldest event that is not sent yet was recorded; 0 when there is none.
    pub lag_s: u32,
    /// Whether it reads the log alone, because it has more waiting than is kept in memory.
    pub behind: bool,
    /// Whether the newest try failed.
    pub failing: bool,
    /// Dead letters.
    pub letters: u64,
    /// Events in them, as far as they were counted.
    pub dead: u64,
}

/// What each app's webhooks have done since the process started; also of those that were taken away meanwhile.
#[derive(Debug, Clone, Default)]
pub struct HookCounters {
    apps: Arc<Mutex<BTreeMap<AppId, Arc<Counters>>>>,
    /// `None` where there are no webhooks at all.
    book: Option<Arc<Book>>,
}

/// The counters behind a report. They outlive a courier that is stopped and started again.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    nameless: AtomicU64,
    lag_s: AtomicU32,
    behind: AtomicBool,
    /// Tries that failed since one was answered.
    in_a_row: AtomicU32,
    /// Whether the log was told that it fails.
    is_told: AtomicBool,
    /// When the log was told last, in Unix seconds; 0 is never.
    told_at: AtomicU32,
}

impl HookCounters {
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self {
            apps: Arc::default(),
            book: Some(book),
        }
    }

    /// One report for each app that has or had webhooks, by app.
    #[must_use]
    pub fn report(&self) -> Vec<HookReport> {
        let book = self.book.as_ref();
        let outboxes = book.map(|book| book.all()).unwrap_or_default();
        let letters = |app: &AppId| match outboxes.get(app) {
            Some(outbox) => outbox.letters.as_slice(),
            None => &[],
        };
        let apps = self.apps.lock();
        apps.iter()
            .map(|(app, counters)| counters.report(*app, letters(app)))
            .collect()
    }

    pub(super) fn of(&self, app: AppId) -> Arc<Counters> {
        Arc::clone(self.apps.lock().entry(app).or_default())
    }
}

impl Counters {
    /// Counts a call that was answered; answers whether that ends a time of failure whose beginning was told.
    pub(super) fn pass(&self, events: usize) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.sent.fetch_add(events as u64, Ordering::Relaxed);
        self.in_a_row.swap(0, Ordering::Relaxed) > 0 && self.is_told.swap(false, Ordering::Relaxed)
    }

    /// Counts a failed try; answers whether it begins a time of failure to be told: of a receiver that fails every second call,
    /// one a minute.
    pub(super) fn fail(&self, now: Second) -> bool {
        self.failed.fetch_add(1, Ordering::Relaxed);
        if self.in_a_row.fetch_add(1, Ordering::Relaxed) > 0 {
            return false;
        }
        let told_at = self.told_at.load(Ordering::Relaxed);
        let is_due = told_at == 0 || now.0.saturating_sub(told_at) >= TOLD_APART_S;
        if is_due {
            self.told_at.store(now.0, Ordering::Relaxed);
            self.is_told.store(true, Ordering::Relaxed);
        }
        is_due
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failed_in_a_row() > 0
    }

    pub(super) fn failed_in_a_row(&self) -> u32 {
        self.in_a_row.load(Ordering::Relaxed)
    }

    pub(super) fn skip(&self, events: usize) {
        self.nameless.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn stand(&self, lag_s: u32, behind: bool) {
        self.lag_s.store(lag_s, Ordering::Relaxed);
        self.behind.store(behind, Ordering::Relaxed);
    }

    fn report(&self, app: AppId, letters: &[DeadLetter]) -> HookReport {
        HookReport {
            app,
            calls: self.calls.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            nameless: self.nameless.load(Ordering::Relaxed),
            lag_s: self.lag_s.load(Ordering::Relaxed),
            behind: self.behind.load(Ordering::Relaxed),
            failing: self.is_failing(),
            letters: letters.len() as u64,
            dead: letters.iter().filter_map(|letter| letter.events).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_once_a_minute_of_a_receiver_that_fails_every_second_call() {
        let counters = Counters::default();
        let mut told = (0, 0);
        for nth in 0..300_u32 {
            told.0 += u32::from(counters.fail(Second(1_000 + nth)));
            told.1 += u32::from(counters.pass(1));
        }
        assert_eq!(told, (5, 5));
        assert!(counters.fail(Second(1_300)));
        assert!(!counters.fail(Second(2_000)), "it went on failing");
        assert!(counters.pass(1) && !counters.pass(1));
    }
}
