//! Recovery: the log after the newest snapshot goes the way of any batch, with the same bounds on memory.
//! Blocks: it runs on a thread of its own.

use std::ops::ControlFlow;
use std::sync::mpsc::SyncSender;

use pushtally_ledger::{Batch, Record};
use pushtally_model::Event;
use pushtally_store::{Position, StoreError};
use tokio::runtime::Handle;

use crate::folder::Work;
use crate::shared::Shared;
use crate::warm::warm;

/// Events whose pages are brought in together: enough that each place of a snapshot is read about once.
const WARM_EVENTS: usize = 262_144;

/// Hands everything after the snapshot to the folder, its pages warmed, then `Work::Recovered`.
pub(crate) fn recover(
    shared: &Shared,
    runtime: &Handle,
    after: &Position,
    folder: &SyncSender<Work>,
) -> Result<(), StoreError> {
    let (read, ready) = std::sync::mpsc::sync_channel::<Vec<(Position, Batch)>>(1);
    std::thread::scope(|scope| {
        // Reading goes on while pages are brought in, and both while the folder folds.
        let warming = scope.spawn(|| {
            for batches in ready {
                runtime.block_on(warm(shared, &events_of(&batches)))?;
                for (at, batch) in batches {
                    if folder
                        .send(Work::Batch {
                            at,
                            batch,
                            answers: Vec::new(),
                        })
                        .is_err()
                    {
                        return Ok(());
                    }
                }
            }
            Ok(())
        });
        let mut batches = Vec::new();
        let mut events = 0;
        let mut gather = |at, batch: Batch| {
            events += batch.events_len();
            batches.push((at, batch));
            if events < WARM_EVENTS {
                return ControlFlow::Continue(());
            }
            events = 0;
            match read.send(std::mem::take(&mut batches)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        };
        let replayed = runtime.block_on(shared.engine.log.replay(after, &mut gather));
        let sent = read.send(std::mem::take(&mut batches));
        drop(read);
        let warmed: Result<(), StoreError> = warming.join().unwrap_or_else(|_| {
            Err(StoreError::Failed {
                what: "recovery panicked".to_owned(),
            })
        });
        replayed.and(warmed)?;
        sent.map_err(|_| StoreError::Failed {
            what: "recovery stopped".to_owned(),
        })
    })?;
    let stopped = |_| StoreError::Failed {
        what: "the folder has stopped".to_owned(),
    };
    folder.send(Work::Recovered).map_err(stopped)
}

fn events_of(batches: &[(Position, Batch)]) -> Vec<Event> {
    let records = batches.iter().flat_map(|(_, batch)| &batch.records);
    records
        .flat_map(|record| match record {
            Record::Events(section) => section.events(),
            Record::Control(_) | Record::Calls(_) => &[],
        })
        .copied()
        .collect()
}
