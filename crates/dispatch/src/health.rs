//! Counters and gauges for metrics. They start anew with the process; the ledger is what counts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use pushtally_model::{Channel, Second};
use pushtally_store::TaskSeq;

use crate::brakes::Brakes;
use crate::ends::End;
use crate::record::Record;

/// How dispatch is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Devices planned since the start, by channel.
    pub planned: BTreeMap<Channel, u64>,
    /// Devices sent to since the start, by channel.
    pub sent: BTreeMap<Channel, u64>,
    /// Devices lost before sending since the start, by name and channel.
    pub losses: BTreeMap<(&'static str, Channel), u64>,
    /// Tasks that have jobs left.
    pub tasks_open: u64,
    /// Jobs that are left.
    pub jobs_open: u64,
    /// Seconds since the oldest of those tasks was accepted; 0 when there is none.
    pub oldest_job_age_s: u32,
    /// Tasks that were found done at the start but had something pending.
    pub reopened: u64,
    /// Tokens that were dropped since the start, because their vendor said that they reach nobody.
    pub dropped: u64,
    /// Those that were not, because too many were said to be.
    pub spared: u64,
    /// Brakes that are on, by channel.
    pub braked: BTreeMap<Channel, u64>,
    /// Sends whose outcome could not be recorded: they are sent again after a restart.
    pub unrecorded: u64,
    /// Why no job is taken any more, if so.
    pub failed: Option<String>,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    ends: Mutex<Ends>,
    open: Mutex<BTreeMap<TaskSeq, (Second, usize)>>,
    pub(crate) reopened: AtomicU64,
    pub(crate) unrecorded: AtomicU64,
    failed: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Ends {
    planned: BTreeMap<Channel, u64>,
    sent: BTreeMap<Channel, u64>,
    losses: BTreeMap<(&'static str, Channel), u64>,
}

impl Ends {
    fn add(&mut self, more: Self) {
        for (channel, count) in more.planned {
            *self.planned.entry(channel).or_default() += count;
        }
        for (channel, count) in more.sent {
            *self.sent.entry(channel).or_default() += count;
        }
        for (loss, count) in more.losses {
            *self.losses.entry(loss).or_default() += count;
        }
    }
}

impl Counters {
    /// Counts what was recorded: ends on one channel, and what is planned.
    pub(crate) fn count(&self, channel: Channel, record: &Record) {
        // Summed first, so that the lock is held for a few sums and not for every device.
        let mut more = Ends::default();
        for (_, channel) in &record.planned {
            *more.planned.entry(*channel).or_default() += 1;
        }
        for (_, end) in &record.ends {
            match end {
                End::Sent => *more.sent.entry(channel).or_default() += 1,
                End::Lost(loss) => {
                    *more.losses.entry((loss.name(), channel)).or_default() += 1;
                }
            }
        }
        self.ends.lock().add(more);
    }

    /// Notes how many jobs a task has left.
    pub(crate) fn set_open(&self, task: TaskSeq, accepted_at: Second, jobs: usize) {
        let mut open = self.open.lock();
        if jobs == 0 {
            open.remove(&task);
        } else {
            open.insert(task, (accepted_at, jobs));
        }
    }

    /// Takes no job any more. The first reason stays.
    pub(crate) fn fail(&self, why: String) {
        let mut failed = self.failed.lock();
        if failed.is_none() {
            tracing::error!(
                why,
                "dispatch has failed and sends nothing more; restart the process"
            );
            *failed = Some(why);
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.lock().is_some()
    }

    pub(crate) fn health(&self, brakes: &Brakes, now: Second) -> Health {
        let (dropped, spared) = brakes.dropped();
        let ends = self.ends.lock();
        let open = self.open.lock();
        let oldest = open.values().map(|(accepted_at, _)| *accepted_at).min();
        Health {
            planned: ends.planned.clone(),
            sent: ends.sent.clone(),
            losses: ends.losses.clone(),
            tasks_open: open.len() as u64,
            jobs_open: open.values().map(|(_, jobs)| *jobs as u64).sum(),
            oldest_job_age_s: oldest.map_or(0, |at| now.0.saturating_sub(at.0)),
            reopened: self.reopened.load(Ordering::Relaxed),
            dropped,
            spared,
            braked: brakes.counts(),
            unrecorded: self.unrecorded.load(Ordering::Relaxed),
            failed: self.failed.lock().clone(),
        }
    }
}
