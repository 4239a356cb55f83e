//! Gathers the events of many reports into few calls of the ledger: what waits while one call runs is the next call.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{Event, Source};
use pushtally_store::{Report, StoreError};
use tokio::sync::{Notify, oneshot};

use crate::limits::{GATHERED_EVENTS_MAX, WAITING_EVENTS_MAX};

struct Caller {
    events: Vec<Event>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

#[derive(Default)]
struct Waiting {
    callers: VecDeque<Caller>,
    events: usize,
}

/// The events that wait for the ledger.
pub(crate) struct Gatherer {
    report: Arc<dyn Report>,
    waiting: Mutex<Waiting>,
    more: Notify,
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gatherer")
    }
}

impl Gatherer {
    pub(crate) fn new(report: Arc<dyn Report>) -> Self {
        Self {
            report,
            waiting: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Answers after the events are durable, or says that they may not be. `Busy` when too many wait.
    pub(crate) async fn record(&self, events: Vec<Event>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let answered = self.wait(events)?;
        self.more.notify_one();
        answered.await.unwrap_or_else(|_| Err(busy("reports end")))
    }

    fn wait(
        &self,
        events: Vec<Event>,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let mut waiting = self.waiting.lock();
        if waiting.events + events.len() > WAITING_EVENTS_MAX {
            return Err(busy("reports wait for the ledger"));
        }
        let (answer, answered) = oneshot::channel();
        waiting.events += events.len();
        waiting.callers.push_back(Caller { events, answer });
        Ok(answered)
    }

    /// Calls the ledger, for ever.
    pub(crate) async fn run(&self) {
        loop {
            let (events, answers) = self.take();
            if answers.is_empty() {
                self.more.notified().await;
                continue;
            }
            let outcome = self.report.report(Source::Client, events).await;
            if let Err(error) = &outcome
                && !error.may_pass()
            {
                tracing::error!(%error, "the ledger refused reports");
            }
            for answer in answers {
                // Who no longer listens has lost the connection, and will report again.
                let _ = answer.send(outcome.clone());
            }
        }
    }

    /// Whole callers, up to the bound of one call.
    fn take(&self) -> (Vec<Event>, Vec<oneshot::Sender<Result<(), StoreError>>>) {
        let mut waiting = self.waiting.lock();
        let mut events = Vec::with_capacity(waiting.events.min(GATHERED_EVENTS_MAX));
        let mut answers = Vec::new();
        while let Some(next) = waiting.callers.front()
            && (events.is_empty() || events.len() + next.events.len() <= GATHERED_EVENTS_MAX)
            && let Some(caller) = waiting.callers.pop_front()
        {
            waiting.events -= caller.events.len();
            events.extend(caller.events);
            answers.push(caller.answer);
        }
        (events, answers)
    }
}

fn busy(what: &str) -> StoreError {
    StoreError::Busy {
        what: what.to_owned(),
    }
}
