//! Gathers the events of many reports into few calls of the ledger: what waits while one call runs is the next call.
//!
//! When many phones of an app report at once, as after a push to all, answering them costs the server and them as much
//! as the push did. So who can wait is answered when the burst is over: pushing and counting come first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{AppId, Event, Source};
use pushtally_store::{Report, StoreError};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use crate::limits::{
    BURST_CALLERS_MIN, BURST_GATHER, BURST_LULL, BURST_WAIT_MAX, GATHERED_EVENTS_MAX,
    WAITING_EVENTS_MAX,
};

/// When the caller wants to be told that its events are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tell {
    AtOnce,
    /// When no burst of this app goes on.
    AfterBurst(AppId),
}

type Outcome = Result<(), StoreError>;

struct Caller {
    events: Vec<Event>,
    tell: Tell,
    answer: oneshot::Sender<Outcome>,
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
    pub(crate) async fn record(&self, events: Vec<Event>, tell: Tell) -> Outcome {
        if events.is_empty() {
            return Ok(());
        }
        let answered = self.wait(events, tell)?;
        self.more.notify_one();
        answered.await.unwrap_or_else(|_| Err(busy("reports end")))
    }

    fn wait(
        &self,
        events: Vec<Event>,
        tell: Tell,
    ) -> Result<oneshot::Receiver<Outcome>, StoreError> {
        let mut waiting = self.waiting.lock();
        if waiting.events + events.len() > WAITING_EVENTS_MAX {
            return Err(busy("reports wait for the ledger"));
        }
        let (answer, answered) = oneshot::channel();
        waiting.events += events.len();
        waiting.callers.push_back(Caller {
            events,
            tell,
            answer,
        });
        Ok(answered)
    }

    /// Calls the ledger, for ever.
    pub(crate) async fn run(&self) {
        let mut burst = Burst::default();
        loop {
            let (events, callers) = self.take();
            if events.is_empty() {
                self.idle(&mut burst).await;
                continue;
            }
            let outcome = self.report.report(Source::Client, events).await;
            match outcome {
                Ok(()) => {
                    burst.hold(callers);
                    if burst.over().is_some() {
                        sleep(BURST_GATHER).await;
                    }
                }
                Err(error) => {
                    if !error.may_pass() {
                        tracing::error!(%error, "the ledger refused reports");
                    }
                    callers.tell(&Err(error));
                }
            }
        }
    }

    /// Waits until there is more, and tells who waits for the end of a burst when it is over.
    async fn idle(&self, burst: &mut Burst) {
        let Some(over) = burst.over() else {
            return self.more.notified().await;
        };
        if timeout_at(over, self.more.notified()).await.is_err() {
            burst.end();
        }
    }

    /// Whole callers, up to the bound of one call.
    fn take(&self) -> (Vec<Event>, Callers) {
        let mut waiting = self.waiting.lock();
        let mut events = Vec::with_capacity(waiting.events.min(GATHERED_EVENTS_MAX));
        let mut callers = Callers::default();
        while let Some(next) = waiting.callers.front()
            && (events.is_empty() || events.len() + next.events.len() <= GATHERED_EVENTS_MAX)
            && let Some(caller) = waiting.callers.pop_front()
        {
            waiting.events -= caller.events.len();
            events.extend(caller.events);
            callers.add(caller.tell, caller.answer);
        }
        (events, callers)
    }
}

/// Who is to be told what came of one call of the ledger. Who no longer listens has lost the connection, and will report
/// again.
#[derive(Default)]
struct Callers {
    at_once: Vec<oneshot::Sender<Outcome>>,
    after_burst: HashMap<AppId, Vec<oneshot::Sender<Outcome>>>,
}

impl Callers {
    fn add(&mut self, tell: Tell, answer: oneshot::Sender<Outcome>) {
        match tell {
            Tell::AtOnce => self.at_once.push(answer),
            Tell::AfterBurst(app) => self.after_burst.entry(app).or_default().push(answer),
        }
    }

    fn tell(self, outcome: &Outcome) {
        let patient = self.after_burst.into_values().flatten();
        for answer in self.at_once.into_iter().chain(patient) {
            let _ = answer.send(outcome.clone());
        }
    }
}

/// Whose events are durable, and who will be told when the burst is over: when for a moment nobody has reported, or it
/// has lasted too long.
#[derive(Default)]
struct Burst {
    answers: Vec<oneshot::Sender<Outcome>>,
    since: Option<Instant>,
    last: Option<Instant>,
}

impl Burst {
    /// Tells those who do not wait; the apps of which many reported in this one call keep theirs waiting.
    fn hold(&mut self, mut callers: Callers) {
        let now = Instant::now();
        for answers in callers.after_burst.values_mut() {
            if answers.len() >= BURST_CALLERS_MIN {
                self.answers.append(answers);
                self.since.get_or_insert(now);
                self.last = Some(now);
            }
        }
        callers.tell(&Ok(()));
        if self.over().is_some_and(|over| over <= now) {
            self.end();
        }
    }

    /// When it will be over unless more comes.
    fn over(&self) -> Option<Instant> {
        let (since, last) = (self.since?, self.last?);
        Some((last + BURST_LULL).min(since + BURST_WAIT_MAX))
    }

    fn end(&mut self) {
        for answer in std::mem::take(self).answers {
            let _ = answer.send(Ok(()));
        }
    }
}

fn busy(what: &str) -> StoreError {
    StoreError::Busy {
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests;
