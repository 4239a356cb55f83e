//! What only so many callers may have done for them at a time; who comes later is told to come again.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{ESTIMATES_AT_ONCE_MAX, LIVE_STREAMS_MAX, TURN_RETRY_S};
use crate::problem::Problem;

/// The turns of all callers together.
#[derive(Debug, Clone)]
pub struct Turns {
    live: Arc<Semaphore>,
    estimates: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let of = |count| Arc::new(Semaphore::new(count));
        Self {
            live: of(LIVE_STREAMS_MAX),
            estimates: of(ESTIMATES_AT_ONCE_MAX),
        }
    }
}

impl Turns {
    /// To watch a task. Held until it is dropped.
    pub(crate) fn live(&self) -> Result<OwnedSemaphorePermit, Problem> {
        take(&self.live)
    }

    /// To have an audience looked through.
    pub(crate) fn estimate(&self) -> Result<OwnedSemaphorePermit, Problem> {
        take(&self.estimates)
    }
}

fn take(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let taken = Arc::clone(turns).try_acquire_owned();
    taken.map_err(|_| Problem::overloaded(TURN_RETRY_S))
}
