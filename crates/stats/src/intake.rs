//! What waits for a commit: a bounded queue between callers and the committer.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use pushtally_ledger::Control;
use pushtally_model::{Event, Source};
use pushtally_store::StoreError;
use tokio::sync::oneshot;

/// Events that are worth a commit of their own: what one costs is then little to each of them.
const COMMIT_EVENTS_MIN: usize = 1_000;

/// Answers one caller.
pub(crate) type Answer = oneshot::Sender<Result<(), StoreError>>;

/// What a caller wants recorded.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Events of one source.
    Events(Source, Vec<Event>),
    /// Another change of state.
    Control(Control),
}

impl Wanted {
    /// What it weighs against the queue's bound.
    fn len(&self) -> usize {
        match self {
            Self::Events(_, events) => events.len().max(1),
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
        if waiting.events > 0 && waiting.events + len > self.events_max {
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
