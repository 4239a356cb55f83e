//! What waits for a commit: a bounded queue between callers and the committer.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use pushtally_ledger::Control;
use pushtally_model::{Event, Source, VendorCalls};
use pushtally_store::StoreError;
use tokio::sync::oneshot;

/// The queue's bound for what this server did itself, in bounds for what comes from outside. Its own is bounded by the
/// number of its workers.
const OWN_SHARE: usize = 2;
/// Events that are worth a commit of their own: what one costs is then little to each of them.
const COMMIT_EVENTS_MIN: usize = 1_000;

/// Answers one caller.
pub(crate) type Answer = oneshot::Sender<Result<(), StoreError>>;

/// What a caller wants recorded.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Events of one source.
    Events(Source, Vec<Event>),
    /// What this server sent, and the calls by which it did.
    Sent(Vec<Event>, VendorCalls),
    /// Another change of state.
    Control(Control),
}

impl Wanted {
    /// How many times the queue's bound it may fill.
    ///
    /// What this server did must be recorded before it can do more, and a whole shard is planned in one call: neither
    /// may starve because phones and vendors report faster than a disk takes it.
    fn share(&self) -> usize {
        match self {
            Self::Events(Source::Us, _) | Self::Sent(..) => OWN_SHARE,
            Self::Events(Source::Vendor | Source::Client | Source::Import, _)
            | Self::Control(_) => 1,
        }
    }

    /// What it weighs against the queue's bound.
    fn len(&self) -> usize {
        match self {
            Self::Events(_, events) => events.len().max(1),
            Self::Sent(events, calls) => (events.len() + calls.calls.len()).max(1),
            Self::Control(_) => 1,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<(Wanted, Answer)>,
    events: usize,
    closed: bool,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct Intake {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    events_max: usize,
}

impl Intake {
    pub(crate) fn new(events_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            events_max,
        }
    }

    /// Queues what a caller wants, or refuses it.
    pub(crate) fn put(
        &self,
        wanted: Wanted,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let len = wanted.len();
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(StoreError::Failed {
                what: "the ledger is closed".to_owned(),
            });
        }
        // A body larger than the whole queue would never fit, so an empty queue takes anything.
        let events_max = self.events_max.saturating_mul(wanted.share());
        if waiting.events > 0 && waiting.events + len > events_max {
            return Err(StoreError::Busy {
                what: format!("`{}` events wait for a commit", waiting.events),
            });
        }
        let before = waiting.events;
        waiting.events += len;
        waiting.queue.push_back((wanted, answer));
        // The committer waits for the first, or until there are enough; to be woken in between would be for nothing.
        let wakes = waiting.queue.len() == 1
            || (before < COMMIT_EVENTS_MIN && waiting.events >= COMMIT_EVENTS_MIN);
        drop(waiting);
        if wakes {
            self.arrived.notify_one();
        }
        Ok(answered)
    }

    /// Waits for work, and until there is enough of it or this moment has come; then takes whole calls up to this many
    /// events. `None` when closed and drained.
    pub(crate) fn take(
        &self,
        events_max: usize,
        gather_until: Option<Instant>,
    ) -> Option<Vec<(Wanted, Answer)>> {
        let mut waiting = self.waiting.lock();
        while waiting.queue.is_empty() {
            if waiting.closed {
                return None;
            }
            self.arrived.wait(&mut waiting);
        }
        if let Some(moment) = gather_until {
            while waiting.events < COMMIT_EVENTS_MIN && !waiting.closed {
                if self.arrived.wait_until(&mut waiting, moment).timed_out() {
                    break;
                }
            }
        }
        let mut taken = Vec::new();
        let mut events = 0;
        while let Some((wanted, _)) = waiting.queue.front() {
            let len = wanted.len();
            if events > 0 && events + len > events_max {
                break;
            }
            events += len;
            taken.extend(waiting.queue.pop_front());
        }
        waiting.events -= events;
        Some(taken)
    }

    pub(crate) fn waiting_events(&self) -> usize {
        self.waiting.lock().events
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }

    /// Refuses everything from now on; what waits is still taken.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{
        AppId, Cell, Channel, Kind, Lane, LossId, Number, Origin, Route, Second, TaskKey,
        TaskNumber,
    };

    fn events(source: Source, count: u32) -> Wanted {
        let event = |number| Event {
            app: AppId(1),
            task: TaskKey {
                number: TaskNumber(0),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            cell: Cell::new(Route::Online, Channel::Online, Lane::Planned),
            number: Number(number),
            at: Second(0),
            loss: LossId::NONE,
        };
        Wanted::Events(source, (0..count).map(event).collect())
    }

    #[test]
    fn what_this_server_did_finds_room_where_reports_find_none() {
        let intake = Intake::new(10);
        for (source, count, fits) in [
            (Source::Client, 10, true),
            (Source::Client, 1, false),
            (Source::Us, 8, true),
            (Source::Import, 1, false),
            (Source::Us, 3, false),
            (Source::Us, 2, true),
        ] {
            assert_eq!(
                intake.put(events(source, count)).is_ok(),
                fits,
                "{source:?} {count}"
            );
        }
        intake.take(usize::MAX, None);
        assert!(intake.put(events(Source::Client, 100)).is_ok());
    }
}
