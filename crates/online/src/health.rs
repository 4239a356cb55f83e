//! What the gateway counts, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::CloseCode;

/// What the gateway has done since the start, and what it holds now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Open sockets, admitted or not.
    pub sockets: u64,
    /// Connected devices.
    pub devices: u64,
    /// Frames that arrived.
    pub frames: u64,
    /// Pushes that sockets took, repetitions included.
    pub pushes: u64,
    /// Pushes sent again on connecting.
    pub redelivered: u64,
    /// Revocations handed to sockets, repetitions included.
    pub revocations: u64,
    /// Reports that became events.
    pub reports_recorded: u64,
    /// Reports of ids that are no task of their app.
    pub reports_unknown: u64,
    /// Reports whose time had to be corrected.
    pub reports_clamped: u64,
    /// Reports that were told to come again.
    pub reports_busy: u64,
    /// Sockets closed by us, by close code; 0 is those that their peer closed.
    pub closes: BTreeMap<u16, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) frames: AtomicU64,
    pub(crate) pushes: AtomicU64,
    pub(crate) redelivered: AtomicU64,
    pub(crate) revocations: AtomicU64,
    pub(crate) reports_recorded: AtomicU64,
    pub(crate) reports_unknown: AtomicU64,
    pub(crate) reports_clamped: AtomicU64,
    pub(crate) reports_busy: AtomicU64,
    pub(crate) closed_by_peer: AtomicU64,
    closes: [AtomicU64; CloseCode::ALL.len()],
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn closed(&self, code: CloseCode) {
        let codes = CloseCode::ALL.iter().zip(&self.closes);
        for (_, counter) in codes.filter(|(known, _)| **known == code) {
            count(counter, 1);
        }
    }

    pub(crate) fn health(&self, sockets: usize, devices: usize) -> Health {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let codes = CloseCode::ALL.into_iter().zip(&self.closes);
        let closes = codes.map(|(code, counter)| (code as u16, read(counter)));
        let by_peer = (0, read(&self.closed_by_peer));
        Health {
            sockets: sockets as u64,
            devices: devices as u64,
            frames: read(&self.frames),
            pushes: read(&self.pushes),
            redelivered: read(&self.redelivered),
            revocations: read(&self.revocations),
            reports_recorded: read(&self.reports_recorded),
            reports_unknown: read(&self.reports_unknown),
            reports_clamped: read(&self.reports_clamped),
            reports_busy: read(&self.reports_busy),
            closes: closes.chain([by_peer]).collect(),
        }
    }
}
