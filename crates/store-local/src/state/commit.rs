//! The thread that writes: groups of acts become frames of the log, and the tables follow.
//!
//! An act is done when its frame is durable; whatever becomes of the database then, it catches up from the log. The database
//! is saved now and then, so that the log to be read at a start stays short.

use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_store::StoreError;
use pushtally_store::job_queue::JobQueue;

use super::changes::Changes;
use super::database::{Saved, StateDatabase, include};
use super::index::{moves_of, write_pages};
use super::numbers::Numbers;
use super::tables::{ActError, Tables};
use super::writer::{Act, WriteQueue};
use crate::segments::SegmentLog;

/// What the thread owns.
pub(super) struct Writer {
    pub(super) database: Arc<StateDatabase>,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) jobs: Arc<Mutex<JobQueue>>,
    pub(super) numbers: Numbers,
    pub(super) log: SegmentLog,
    /// Bytes of the log after which the database is saved.
    pub(super) save_len: u64,
    /// Bytes of the log that the file of the database does not have.
    pub(super) unsaved: u64,
    /// The first frame that a copy being written will need; `None` when there is none.
    pub(super) keep_from: Option<u64>,
}

/// However the thread ends, nobody waits for it in vain.
struct Abandon(Arc<WriteQueue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Writer {
    pub(super) fn run(mut self) {
        let _abandon = Abandon(Arc::clone(&self.queue));
        let mut answered = 0;
        while let Some(acts) = self.queue.take(answered, self.database.is_open()) {
            answered = acts.len();
            self.perform(acts);
            if let Some(order) = self.queue.take_order() {
                order(&mut self);
            }
            let moved = self.database.index().fresh_bytes();
            if self.unsaved >= self.save_len || moved >= super::INDEX_FRESH_MAX {
                self.save();
            }
        }
        if self.database.is_open() && self.unsaved > 0 {
            self.save();
        }
        if let Err(error) = self.log.seal() {
            tracing::warn!(%error, "the log of devices and tasks was not closed in order");
        }
    }

    /// Does the acts, in as many transactions as their changes need, and answers each.
    fn perform(&mut self, mut acts: Vec<Box<dyn Act>>) {
        let opened = if self.database.is_open() {
            Ok(())
        } else {
            self.database.reopen(&self.log)
        };
        while !acts.is_empty() {
            let (done, fate) = match &opened {
                Ok(()) => self.write(&mut acts),
                Err(error) => (acts.len(), Err(error.clone())),
            };
            let mut written: Vec<Box<dyn Act>> = acts.drain(..done).collect();
            if fate.is_ok() {
                let mut jobs = self.jobs.lock();
                for effect in written.iter_mut().flat_map(|act| act.effects()) {
                    effect.apply(&mut jobs);
                }
            }
            for act in written {
                act.answer(fate.clone());
            }
        }
    }

    /// Does acts from the front within one transaction; answers how many, at least one, and what became of them.
    fn write(&mut self, acts: &mut [Box<dyn Act>]) -> (usize, Result<(), StoreError>) {
        let write = match self.database.begin_write(Saved::Later) {
            Ok(write) => write,
            Err(ActError::Refused(error)) => return (acts.len(), Err(error)),
            Err(ActError::Broken(error)) => {
                return (acts.len(), Err(self.database.mend(&error, &self.log)));
            }
        };
        let changes = Changes::default();
        let mut done = 0;
        let ran = Tables::open(&write, &changes).and_then(|mut tables| {
            for act in acts.iter_mut() {
                done += 1;
                act.run(&mut tables, &mut self.numbers)?;
                if changes.len() >= super::FRAME_LEN_MAX {
                    break;
                }
            }
            moves_of(&tables, changes.take_before())
        });
        let done = done.max(1);
        let (moves, frame) = match (ran, changes.into_frame()) {
            (Ok(moves), Some(frame)) => (moves, frame),
            (Ok(_), None) => {
                // Nothing to keep; an abort that fails shows in the next transaction.
                let _ = write.abort();
                return (done, Ok(()));
            }
            (Err(error), _) => {
                let _ = write.abort();
                return (done, Err(self.database.mend(&error, &self.log)));
            }
        };
        let included = include(&write, self.log.next_position());
        let kept = included.map(|()| self.log.append(&frame));
        match kept {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                let _ = write.abort();
                let error = StoreError::from(error);
                let what = error.to_string();
                let unknown = self.log.is_poisoned();
                let error = if unknown {
                    StoreError::Failed { what }
                } else {
                    error
                };
                return (done, Err(error));
            }
            Err(error) => {
                let _ = write.abort();
                return (done, Err(self.database.mend(&error, &self.log)));
            }
        }
        self.unsaved += frame.len() as u64;
        if let Err(error) = self.database.index().commit(write, moves) {
            // The log has it: what is opened anew has it too.
            self.database.mend(&error.into(), &self.log);
        }
        (done, Ok(()))
    }

    /// Saves the database; what of the log it has then goes. Answers whether it is saved.
    pub(super) fn save(&mut self) -> bool {
        let next = self.log.next_position();
        // Also after a failure: it is tried again when as much has come together, not with every act.
        self.unsaved = 0;
        let fresh = self.database.index().fresh();
        let saved = self.database.begin_write(Saved::Now);
        let saved = saved.and_then(|write| {
            write_pages(&write, &fresh)?;
            include(&write, next - 1)?;
            Ok(write.commit().map_err(redb::Error::from)?)
        });
        let is_saved = saved.is_ok();
        match saved {
            Ok(()) => {
                self.database.index().forget(&fresh);
                let unneeded = self.keep_from.map_or(next, |kept| kept.min(next));
                if let Err(error) = self.log.drop_before(unneeded) {
                    tracing::warn!(%error, "the log of devices and tasks keeps what it no longer needs");
                }
            }
            Err(ActError::Refused(error)) => {
                tracing::warn!(%error, "devices and tasks were not saved")
            }
            Err(ActError::Broken(error)) => {
                let error = self.database.mend(&error, &self.log);
                tracing::warn!(%error, "devices and tasks were not saved; the log has them");
            }
        }
        is_saved
    }
}
