//! Relay queues.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::ports::{RelayBacklog, RelayCall, RelayQueue};
use crate::{RelayLine, StoreError};

#[derive(Debug, Default)]
pub(super) struct MemoryRelays(Mutex<BTreeMap<RelayLine, (Vec<Bytes>, u64)>>);

#[async_trait]
impl RelayQueue for MemoryRelays {
    async fn push(&self, line: RelayLine, call: Bytes) -> Result<u64, StoreError> {
        let mut queues = self.0.lock();
        let (calls, _) = queues.entry(line).or_default();
        calls.push(call);
        Ok(calls.len() as u64)
    }

    async fn read(
        &self,
        line: RelayLine,
        after: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RelayCall>, StoreError> {
        let queues = self.0.lock();
        let Some((calls, _)) = queues.get(&line) else {
            return Ok(Vec::new());
        };
        let mut bytes = 0;
        let waiting = (1..)
            .zip(calls)
            .skip_while(|(at, _)| *at <= after)
            .take(calls_max.max(1));
        let fitting = waiting.take_while(|(_, call)| {
            let first = bytes == 0;
            bytes += call.len().max(1);
            first || bytes <= bytes_max
        });
        Ok(fitting
            .map(|(at, call)| RelayCall {
                at,
                call: call.clone(),
            })
            .collect())
    }

    async fn done(&self, line: RelayLine, up_to: u64) -> Result<(), StoreError> {
        let mut queues = self.0.lock();
        let (_, cursor) = queues.entry(line).or_default();
        *cursor = (*cursor).max(up_to);
        Ok(())
    }

    async fn cursor(&self, line: RelayLine) -> Result<u64, StoreError> {
        Ok(self.0.lock().get(&line).map_or(0, |(_, cursor)| *cursor))
    }

    async fn backlog(&self, line: RelayLine) -> Result<RelayBacklog, StoreError> {
        let queues = self.0.lock();
        let Some((calls, cursor)) = queues.get(&line) else {
            return Ok(RelayBacklog::default());
        };
        let waiting = calls.iter().skip(*cursor as usize);
        Ok(RelayBacklog {
            calls: waiting.clone().count() as u64,
            bytes: waiting.map(|call| call.len() as u64).sum(),
        })
    }
}
