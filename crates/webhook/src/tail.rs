//! The log's end, read once for all apps that are up to date. Apps that are not read the log themselves (`reading`).
//!
//! Invariant: a ring holds every event of its app after `from` up to what was read, but those that were taken and those that
//! repeat one that was seen lately. One that is full forgets its oldest and says so: its app is behind then, no other.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pushtally_ledger::Batch;
use pushtally_model::AppId;
use pushtally_store::{Log, Position, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::found::{Found, Recent, find};
use crate::place::end_of;
use crate::settings::{RECENT_LEN, RING_EVENTS_MAX};

/// Reads the log's end.
pub(crate) struct Tail {
    log: Arc<dyn Log>,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    /// The last batch that was read.
    position: u64,
    rings: BTreeMap<AppId, Ring>,
    recent: Recent,
}

#[derive(Debug)]
struct Ring {
    from: u64,
    found: VecDeque<Found>,
    bell: Arc<Notify>,
}

/// What an app takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The next events, and the place up to which there are no others.
    Next { found: Vec<Found>, up_to: u64 },
    /// They are no longer here: everything up to this place has to be read from the log.
    Behind { until: u64 },
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}

impl Tail {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        let read = Read {
            position: 0,
            rings: BTreeMap::new(),
            recent: Recent::new(RECENT_LEN),
        };
        Self {
            log,
            read: Mutex::new(read),
        }
    }

    /// Keeps an app's events from now on, and answers where that is.
    pub(crate) async fn follow(&self, app: AppId) -> Result<u64, StoreError> {
        let end = self.log.report().await?.next.saturating_sub(1);
        let read = &mut *self.read.lock();
        if read.rings.is_empty() {
            read.position = end;
        }
        let ring = Ring {
            from: end_of(read.position),
            found: VecDeque::new(),
            bell: Arc::default(),
        };
        let from = ring.from;
        read.rings.insert(app, ring);
        Ok(from)
    }

    /// Keeps them no longer.
    pub(crate) fn leave(&self, app: AppId) {
        self.read.lock().rings.remove(&app);
    }

    /// What rings when there are events of an app that follows.
    pub(crate) fn bell(&self, app: AppId) -> Arc<Notify> {
        let read = self.read.lock();
        let bell = read.rings.get(&app).map(|ring| Arc::clone(&ring.bell));
        bell.unwrap_or_default()
    }

    /// Takes an app's next events after a place, at most so many. They are gone then.
    pub(crate) fn take(&self, app: AppId, after: u64, max: usize) -> Taken {
        let read = &mut *self.read.lock();
        let end = end_of(read.position);
        let Some(ring) = read.rings.get_mut(&app) else {
            return Taken::Behind { until: end };
        };
        if after < ring.from {
            return Taken::Behind { until: ring.from };
        }
        while ring.found.front().is_some_and(|found| found.place <= after) {
            ring.found.pop_front();
        }
        let found: Vec<Found> = ring.found.drain(..max.min(ring.found.len())).collect();
        let up_to = match found.last() {
            Some(last) if !ring.found.is_empty() => last.place,
            _ => end.max(after),
        };
        ring.from = up_to;
        Taken::Next { found, up_to }
    }

    /// Reads until it is stopped. On a thread of its own: reading blocks.
    pub(crate) async fn run(&self, every: Duration, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            match self.read_on(&stop).await {
                Ok(()) => failing = false,
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "the log cannot be read for webhooks, tried again");
                    }
                    failing = true;
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    async fn read_on(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let after = {
            let read = self.read.lock();
            if read.rings.is_empty() {
                return Ok(());
            }
            Position::single(read.position)
        };
        let mut visit = |position: Position, batch: Batch| {
            self.add(position.of(0), &batch);
            match stop.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        self.log.read_on(&after, &mut visit).await
    }

    fn add(&self, position: u64, batch: &Batch) {
        let Read {
            position: at,
            rings,
            recent,
        } = &mut *self.read.lock();
        // The rings may have been emptied and begun anew at the log's end meanwhile.
        if position <= *at {
            return;
        }
        *at = position;
        let mut found = Vec::new();
        let wants = |app| rings.contains_key(&app);
        find(position, batch, wants, |one| found.push(one));
        for one in found {
            if !recent.repeats(&one)
                && let Some(ring) = rings.get_mut(&one.event.app)
            {
                ring.add(one);
            }
        }
    }
}

impl Ring {
    fn add(&mut self, found: Found) {
        if self.found.len() >= RING_EVENTS_MAX
            && let Some(oldest) = self.found.pop_front()
        {
            self.from = oldest.place;
        }
        if self.found.is_empty() {
            self.bell.notify_one();
        }
        self.found.push_back(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::place;
    use pushtally_ledger::{Record, Section};
    use pushtally_model::{
        Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Second, Source, TaskKey,
        TaskNumber,
    };
    use pushtally_store::memory;

    const APP: AppId = AppId(5);

    fn batch(app: AppId, numbers: std::ops::Range<u32>) -> Batch {
        let event = |number| Event {
            app,
            task: TaskKey {
                number: TaskNumber(3),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            cell: Cell::new(Route::Offline, Channel::Fcm, Lane::Sent),
            number: Number(number),
            at: Second(1_700_000_000),
            loss: LossId::NONE,
        };
        Batch {
            recorded_ms: 1_700_000_000_000,
            records: vec![Record::Events(Section::new(
                Source::Us,
                numbers.map(event).collect(),
            ))],
        }
    }

    async fn read(tail: &Tail) {
        tail.read_on(&CancellationToken::new()).await.unwrap();
    }

    fn places(taken: Taken) -> (Vec<u64>, u64) {
        match taken {
            Taken::Next { found, up_to } => (found.iter().map(|one| one.place).collect(), up_to),
            Taken::Behind { until } => panic!("behind until {until}"),
        }
    }

    #[tokio::test]
    async fn an_app_takes_what_was_recorded_since_it_follows_and_each_event_once() {
        let log = memory::engine().log;
        log.append(&batch(APP, 0..5)).await.unwrap();
        let tail = Tail::new(Arc::clone(&log));
        let from = tail.follow(APP).await.unwrap();
        assert_eq!(from, end_of(1));
        log.append(&batch(APP, 0..3)).await.unwrap();
        log.append(&batch(AppId(7), 0..3)).await.unwrap();
        log.append(&batch(APP, 2..4)).await.unwrap();
        read(&tail).await;
        assert_eq!(
            places(tail.take(APP, from, 2)),
            (vec![place(2, 0), place(2, 1)], place(2, 1))
        );
        assert_eq!(
            places(tail.take(APP, place(2, 1), 9)),
            (vec![place(2, 2), place(4, 1)], end_of(4)),
            "the repeated one is passed over, its place is not given to another"
        );
        assert_eq!(places(tail.take(APP, end_of(4), 9)), (vec![], end_of(4)));
        assert_eq!(
            tail.take(APP, from, 9),
            Taken::Behind { until: end_of(4) },
            "what was taken has to be read again by who wants it again"
        );
    }

    #[tokio::test]
    async fn a_full_ring_puts_its_app_behind_and_no_other() {
        let log = memory::engine().log;
        let tail = Tail::new(Arc::clone(&log));
        let quiet = AppId(7);
        let (from, _) = (
            tail.follow(APP).await.unwrap(),
            tail.follow(quiet).await.unwrap(),
        );
        let len = RING_EVENTS_MAX as u32;
        log.append(&batch(quiet, 0..1)).await.unwrap();
        log.append(&batch(APP, 0..len + 10)).await.unwrap();
        read(&tail).await;
        assert_eq!(
            tail.take(APP, from, 1),
            Taken::Behind { until: place(2, 9) }
        );
        assert_eq!(
            places(tail.take(APP, place(2, 9), 1)).0,
            [place(2, 10)],
            "and it goes on here when it has read so far"
        );
        assert_eq!(
            places(tail.take(quiet, from, 9)),
            (vec![place(1, 0)], end_of(2))
        );
    }
}
