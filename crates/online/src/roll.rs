//! Every open socket, admitted or not: for what concerns them all, which is time, and the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::link::Link;

/// Parts of the roll, so that thousands of sockets that come at once do not wait for one lock.
const PARTS: usize = 16;

/// Every open socket.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    parts: [Mutex<HashMap<u64, Arc<Link>>>; PARTS],
    next: AtomicU64,
    len: AtomicUsize,
    emptied: Notify,
}

/// A socket's line in the roll.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    roll: &'a Roll,
    at: u64,
}

impl Roll {
    fn part(&self, at: u64) -> &Mutex<HashMap<u64, Arc<Link>>> {
        &self.parts[at as usize % PARTS]
    }

    pub(crate) fn add(&self, link: Arc<Link>) -> Entry<'_> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        self.len.fetch_add(1, Ordering::AcqRel);
        self.part(at).lock().insert(at, link);
        Entry { roll: self, at }
    }

    /// Visits every socket.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Link)) {
        for part in &self.parts {
            part.lock().values().for_each(|link| visit(link));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Waits until there is no socket.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.roll.part(self.at).lock().remove(&self.at);
        if self.roll.len.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.roll.emptied.notify_waiters();
        }
    }
}

/// Leave to hold a socket open, for as long as it is kept.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// A seat, if fewer than `seats_max` are taken.
    pub(crate) fn take(taken: &Arc<AtomicUsize>, seats_max: usize) -> Option<Self> {
        let one_more = |taken: usize| (taken < seats_max).then_some(taken + 1);
        taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()
            .map(|_| Self(Arc::clone(taken)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_and_come_back() {
        let taken = Arc::default();
        let first = Seat::take(&taken, 2).unwrap();
        let second = Seat::take(&taken, 2);
        assert!(second.is_some() && Seat::take(&taken, 2).is_none());
        drop(first);
        assert!(Seat::take(&taken, 2).is_some());
    }
}
