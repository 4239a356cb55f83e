//! What waits to be written, in lines that take turns.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::{Condvar, Mutex};
use pushtally_model::AppId;
use pushtally_store::StoreError;
use tokio::sync::oneshot;

use super::commit::Writer;
use super::numbers::Numbers;
use super::tables::{ActError, Tables};
use super::tasks::Effect;

/// What an act did, beside what it wrote.
pub(super) struct Outcome<R> {
    answer: R,
    effects: Vec<Effect>,
}

impl<R> Outcome<R> {
    /// It has an answer.
    pub(super) const fn of(answer: R) -> Self {
        Self {
            answer,
            effects: Vec::new(),
        }
    }

    /// The answer, of an act that is a part of another.
    pub(super) fn into_answer(self) -> R {
        self.answer
    }

    /// It has an answer, and changes the queue of jobs once it is committed.
    pub(super) const fn with_effects(answer: R, effects: Vec<Effect>) -> Self {
        Self { answer, effects }
    }
}

/// An act that waits, whatever it answers.
pub(super) trait Act: Send {
    /// Does it within a transaction. An error ends the transaction.
    fn run(&mut self, tables: &mut Tables<'_>, numbers: &mut Numbers) -> Result<(), redb::Error>;

    /// What a commit changes in the queue of jobs.
    fn effects(&mut self) -> Vec<Effect>;

    /// Tells the caller.
    fn answer(self: Box<Self>, fate: Result<(), StoreError>);
}

/// An act and who waits for it.
pub(super) struct Asked<F, R> {
    run: Option<F>,
    done: Option<Result<Outcome<R>, StoreError>>,
    reply: oneshot::Sender<Result<R, StoreError>>,
}

impl<F, R> Asked<F, R> {
    pub(super) fn new(run: F) -> (Self, oneshot::Receiver<Result<R, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let asked = Self {
            run: Some(run),
            done: None,
            reply,
        };
        (asked, answer)
    }
}

impl<F, R> Act for Asked<F, R>
where
    F: FnOnce(&mut Tables<'_>, &mut Numbers) -> Result<Outcome<R>, ActError> + Send,
    R: Send,
{
    fn run(&mut self, tables: &mut Tables<'_>, numbers: &mut Numbers) -> Result<(), redb::Error> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        self.done = match run(tables, numbers) {
            Ok(outcome) => Some(Ok(outcome)),
            Err(ActError::Refused(error)) => Some(Err(error)),
            Err(ActError::Broken(error)) => return Err(error),
        };
        Ok(())
    }

    fn effects(&mut self) -> Vec<Effect> {
        match &mut self.done {
            Some(Ok(outcome)) => std::mem::take(&mut outcome.effects),
            Some(Err(_)) | None => Vec::new(),
        }
    }

    fn answer(self: Box<Self>, fate: Result<(), StoreError>) {
        let answer = match (fate, self.done) {
            (Err(error), _) | (Ok(()), Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(outcome))) => Ok(outcome.answer),
            (Ok(()), None) => Err(stopped()),
        };
        // Whoever asked may have gone: what was done stays done.
        let _ = self.reply.send(answer);
    }
}

/// The store of devices and tasks takes no more acts.
pub(super) fn stopped() -> StoreError {
    StoreError::Failed {
        what: "the store of devices and tasks has stopped".to_owned(),
    }
}

/// Who waits in one line: acts of one app, those on devices apart from those on tasks, so that a flood of registrations
/// holds up no push.
pub(super) type Line = (Class, AppId);

/// The two kinds of acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Tasks,
    Devices,
}

/// Something that is done to the files themselves, on the writer's thread, between two transactions.
pub(super) type Order = Box<dyn FnOnce(&mut Writer) + Send>;

/// What waits, in lines that take turns.
#[derive(Default)]
struct Waiting {
    lines: BTreeMap<Line, VecDeque<Box<dyn Act>>>,
    turns: VecDeque<Line>,
    len: usize,
    /// How many acts the writer waits for.
    wanted: usize,
    /// At most one at a time: whoever gives one waits for it, and has a turn.
    order: Option<Order>,
    stopped: bool,
}

/// The queue before the writer.
#[derive(Default)]
pub(super) struct WriteQueue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

impl WriteQueue {
    /// Adds an act, if there is room in its line and in all.
    pub(super) fn put(&self, line: Line, act: Box<dyn Act>) -> Result<(), StoreError> {
        let waiting = &mut *self.waiting.lock();
        if waiting.stopped {
            return Err(stopped());
        }
        let acts = waiting.lines.entry(line).or_default();
        if acts.len() >= super::LINE_LEN_MAX || waiting.len >= super::QUEUE_LEN_MAX {
            let (of_app, of_all) = (super::LINE_LEN_MAX, super::QUEUE_LEN_MAX);
            return Err(StoreError::Busy {
                what: format!(
                    "acts on devices and tasks, at most `{of_app}` of one app and `{of_all}` in all"
                ),
            });
        }
        if acts.is_empty() {
            waiting.turns.push_back(line);
        }
        acts.push_back(act);
        waiting.len += 1;
        if waiting.len >= waiting.wanted {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits for acts and takes as many as go into one transaction, a line after the other; `None` after `stop`, when
    /// none is left. The `expected` callers that were answered last are on their way back: it gives them a moment, else
    /// the first of them would have a transaction alone and the others wait for it. Answers none, after a while, when
    /// the database is not open: somebody must try.
    pub(super) fn take(&self, expected: usize, is_open: bool) -> Option<Vec<Box<dyn Act>>> {
        let mut waiting = self.waiting.lock();
        while waiting.len == 0 && waiting.order.is_none() {
            if waiting.stopped {
                return None;
            }
            waiting.wanted = 1;
            if is_open {
                self.wake.wait(&mut waiting);
            } else if self
                .wake
                .wait_for(&mut waiting, super::REOPEN_EVERY)
                .timed_out()
            {
                return Some(Vec::new());
            }
        }
        waiting.wanted = expected.min(super::GROUP_LEN_MAX);
        if waiting.len < waiting.wanted && !waiting.stopped && waiting.order.is_none() {
            self.wake.wait_for(&mut waiting, super::GATHER_MAX);
        }
        let mut group = Vec::new();
        while group.len() < super::GROUP_LEN_MAX {
            let Some(line) = waiting.turns.pop_front() else {
                break;
            };
            let acts = waiting.lines.get_mut(&line);
            let left = acts.is_some_and(|acts| {
                group.extend(acts.pop_front());
                !acts.is_empty()
            });
            if left {
                waiting.turns.push_back(line);
            } else {
                waiting.lines.remove(&line);
            }
        }
        waiting.len -= group.len();
        Some(group)
    }

    /// Gives an order to the writer.
    pub(super) fn order(&self, order: Order) -> Result<(), StoreError> {
        let waiting = &mut *self.waiting.lock();
        if waiting.stopped {
            return Err(stopped());
        }
        waiting.order = Some(order);
        self.wake.notify_one();
        Ok(())
    }

    /// What was ordered.
    pub(super) fn take_order(&self) -> Option<Order> {
        self.waiting.lock().order.take()
    }

    /// Takes no more; what waits is still written.
    pub(super) fn stop(&self) {
        self.waiting.lock().stopped = true;
        self.wake.notify_all();
    }

    /// Takes no more and forgets what waits: nobody is left to write it.
    pub(super) fn abandon(&self) {
        *self.waiting.lock() = Waiting {
            stopped: true,
            ..Waiting::default()
        };
    }
}
