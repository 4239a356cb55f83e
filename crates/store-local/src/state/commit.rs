//! The thread that writes: groups of acts become transactions.

use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_store::StoreError;
use pushtally_store::job_queue::JobQueue;
use redb::ReadableTable;

use super::database::StateDatabase;
use super::numbers::Numbers;
use super::tables::Tables;
use super::writer::{Act, WriteQueue};

/// What the thread owns.
pub(super) struct Writer {
    pub(super) database: Arc<StateDatabase>,
    pub(super) queue: Arc<WriteQueue>,
    pub(super) jobs: Arc<Mutex<JobQueue>>,
    pub(super) numbers: Numbers,
}

/// However the thread ends, nobody waits for it in vain.
struct Abandon(Arc<WriteQueue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// How far a transaction came.
enum Written {
    /// It is durable, or nothing was to be written.
    Committed,
    /// It broke before or in its commit; the commit would have had this serial number.
    Broken(u64, redb::Error),
}

impl Writer {
    pub(super) fn run(mut self) {
        let _abandon = Abandon(Arc::clone(&self.queue));
        while let Some(mut acts) = self.queue.take() {
            let fate = match self.write(&mut acts) {
                Ok(Written::Committed) => Ok(()),
                Ok(Written::Broken(serial, error)) => self.database.settle(serial, &error),
                Err(error) => Err(error),
            };
            if fate.is_ok() {
                let mut jobs = self.jobs.lock();
                for effect in acts.iter_mut().flat_map(|act| act.effects()) {
                    effect.apply(&mut jobs);
                }
            }
            for act in acts {
                act.answer(fate.clone());
            }
        }
    }

    fn write(&mut self, acts: &mut [Box<dyn Act>]) -> Result<Written, StoreError> {
        let write = self.database.begin_write()?;
        let ran = Tables::open(&write).and_then(|mut tables| {
            let serial = tables
                .meta
                .get("serial")?
                .map_or(0, |serial| serial.value())
                + 1;
            let mut changed = false;
            for act in acts {
                match act.run(&mut tables, &mut self.numbers) {
                    Ok(wrote) => changed |= wrote,
                    Err(error) => return Ok((serial, Err(error))),
                }
            }
            if changed {
                tables.meta.insert("serial", serial)?;
            }
            Ok((serial, Ok(changed)))
        });
        match ran {
            Ok((_, Ok(false))) => {
                // Nothing to commit; an abort that fails shows in the next transaction.
                let _ = write.abort();
                Ok(Written::Committed)
            }
            Ok((serial, Ok(true))) => match write.commit() {
                Ok(()) => Ok(Written::Committed),
                Err(error) => Ok(Written::Broken(serial, error.into())),
            },
            Ok((serial, Err(error))) => {
                let _ = write.abort();
                Ok(Written::Broken(serial, error))
            }
            Err(error) => {
                let _ = write.abort();
                // No serial number: whatever the file has, it does not have this.
                Ok(Written::Broken(u64::MAX, error))
            }
        }
    }
}
