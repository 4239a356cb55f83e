//! Reading the log alone: for an app that is behind, for a dead letter, to count what is given up.

use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_ledger::Batch;
use pushtally_model::AppId;
use pushtally_store::{Log, Position, StoreError};
use tokio::sync::Semaphore;

use crate::found::{Found, find};
use crate::place::{end_of, passed};
use crate::settings::{READ_BATCHES_MAX, READ_EVENTS_MAX, READERS_MAX};

/// What readers share: the log, and whose turn it is.
#[derive(Clone)]
pub(crate) struct Reading {
    log: Arc<dyn Log>,
    turns: Arc<Semaphore>,
}

/// A piece of the log, as far as it is one app's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) found: Vec<Found>,
    /// There are no others up to this place.
    pub(crate) up_to: u64,
    /// The log no longer has anything up to this place.
    pub(crate) dropped: Option<u64>,
}

/// How much of the log is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Old {
    pub(crate) to: u64,
    pub(crate) events: u64,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Reading {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self {
            log,
            turns: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// Reads an app's events after a place up to another one, or fewer: what one turn gives.
    pub(crate) async fn read(
        &self,
        app: AppId,
        after: u64,
        until: u64,
    ) -> Result<Piece, StoreError> {
        self.turn(move |log| async move {
            let first = passed(after) + 1;
            let mut piece = Piece {
                up_to: until,
                ..Piece::default()
            };
            let mut batches = 0;
            let mut visit = |position: Position, batch: Batch| {
                let position = position.of(0);
                if batches == 0 && position > first {
                    piece.dropped = Some(end_of(position - 1));
                }
                batches += 1;
                let is_past = end_of(position) > until;
                find(
                    position,
                    &batch,
                    |one| one == app,
                    |found| {
                        if found.place > after && found.place <= until {
                            piece.found.push(found);
                        }
                    },
                );
                if is_past {
                    return ControlFlow::Break(());
                }
                if batches >= READ_BATCHES_MAX || piece.found.len() >= READ_EVENTS_MAX {
                    piece.up_to = end_of(position);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            log.read_on(&Position::single(first - 1), &mut visit)
                .await?;
            Ok(piece)
        })
        .await
    }

    /// How far after a place batches were recorded before a moment, and how many of the app's events they hold.
    pub(crate) async fn old(
        &self,
        app: AppId,
        after: u64,
        before_ms: i64,
    ) -> Result<Old, StoreError> {
        let mut old = Old {
            to: after,
            events: 0,
        };
        loop {
            let (piece, ended) = self
                .turn(move |log| async move {
                    let (mut piece, mut ended, mut batches) = (old, true, 0);
                    let mut visit = |position: Position, batch: Batch| {
                        if batch.recorded_ms >= before_ms {
                            return ControlFlow::Break(());
                        }
                        let position = position.of(0);
                        find(
                            position,
                            &batch,
                            |one| one == app,
                            |found| piece.events += u64::from(found.place > after),
                        );
                        piece.to = end_of(position);
                        batches += 1;
                        ended = batches < READ_BATCHES_MAX;
                        match ended {
                            true => ControlFlow::Continue(()),
                            false => ControlFlow::Break(()),
                        }
                    };
                    let from = Position::single(passed(old.to));
                    log.read_on(&from, &mut visit).await?;
                    Ok((piece, ended))
                })
                .await?;
            old = piece;
            if ended {
                return Ok(old);
            }
        }
    }

    /// When the first batch of which something lies after a place was recorded, in milliseconds since 1970 UTC; `None` when
    /// there is none.
    pub(crate) async fn recorded_ms(&self, after: u64) -> Result<Option<i64>, StoreError> {
        self.turn(move |log| async move {
            let mut recorded = None;
            let mut visit = |_: Position, batch: Batch| {
                recorded = Some(batch.recorded_ms);
                ControlFlow::Break(())
            };
            let from = Position::single(passed(after));
            log.read_on(&from, &mut visit).await?;
            Ok(recorded)
        })
        .await
    }

    /// Reading blocks, so it has a thread for as long as it is its turn.
    async fn turn<T: Send + 'static, F>(
        &self,
        read: impl FnOnce(Arc<dyn Log>) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let log = Arc::clone(&self.log);
        // It is never closed.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let runtime = tokio::runtime::Handle::current();
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            runtime.block_on(read(log))
        });
        read.await.unwrap_or_else(|error| {
            Err(StoreError::Io {
                what: format!("read the log for webhooks: {error}"),
            })
        })
    }
}
