//! The log.

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_ledger::Batch;

use crate::StoreError;
use crate::ports::{BatchVisitor, Log, LogReport, Position};

#[derive(Debug, Default)]
pub(super) struct MemoryLog(Mutex<Vec<Batch>>);

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError> {
        let mut batches = self.0.lock();
        batches.push(batch.clone());
        Ok(Position::single(batches.len() as u64))
    }

    async fn replay(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        let batches = self.0.lock().clone();
        for (at, batch) in (1..).zip(batches).skip_while(|(at, _)| *at <= after.of(0)) {
            if visit(Position::single(at), batch).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn read_on(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        for at in after.of(0) + 1.. {
            let next = self.0.lock().get(at as usize - 1).cloned();
            let Some(batch) = next else { break };
            if visit(Position::single(at), batch).is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn report(&self) -> Result<LogReport, StoreError> {
        let next = self.0.lock().len() as u64 + 1;
        Ok(LogReport {
            first: 1,
            next,
            ..LogReport::default()
        })
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn drop_before(&self, _: &Position, _: i64) -> Result<usize, StoreError> {
        Ok(0)
    }
}
