//! The gate between a task's last look at its state and the start of a channel's call.
//!
//! Invariant: a call starts only inside the gate, after the task was seen to go on inside it. So once an act has stored
//! that the task stops and has been through the gate after that, no further call starts. Calls that have started are
//! outside again: nobody waits for a channel here.

use pushtally_store::TaskSeq;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::settings::GATES;

/// The gates, shared by tasks. A task that waits at one waits for a few reads of the store.
#[derive(Debug)]
pub(crate) struct Gates(Vec<RwLock<()>>);

impl Default for Gates {
    fn default() -> Self {
        Self((0..GATES).map(|_| RwLock::default()).collect())
    }
}

impl Gates {
    fn of(&self, task: TaskSeq) -> Option<&RwLock<()>> {
        let at = task.0 as usize % self.0.len().max(1);
        self.0.get(at)
    }

    /// Lets a call in, for as long as the answer lives.
    pub(crate) async fn enter(&self, task: TaskSeq) -> Option<RwLockReadGuard<'_, ()>> {
        match self.of(task) {
            Some(gate) => Some(gate.read().await),
            None => None,
        }
    }

    /// Waits until every call that is inside now has started, or will not.
    pub(crate) async fn wait_through(&self, task: TaskSeq) {
        if let Some(gate) = self.of(task) {
            drop(gate.write().await);
        }
    }
}
