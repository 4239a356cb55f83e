//! The folder's second hand: a thread that folds half of a large section beside it. It lives as long as the folder,
//! since starting a thread for each section costs as much as folding hundreds of events.

use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use pushtally_ledger::{Half, HalfFolded, Waiting};
use pushtally_store::StoreError;
use tokio::runtime::Handle;

use crate::folder::CachedPages;
use crate::priority;
use crate::shared::Shared;

/// A half, and who waits for it.
type Task = (Half, Sender<HalfFolded<StoreError>>);

/// The thread.
#[derive(Debug)]
pub(crate) struct SecondHand {
    tasks: Option<SyncSender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl SecondHand {
    /// Starts it; `None` when the system has no thread to give, and everything is folded by one.
    pub(crate) fn start(shared: &Arc<Shared>, runtime: &Handle) -> Option<Self> {
        // The folder gives one half at a time and waits for it.
        let (tasks, waiting) = sync_channel::<Task>(1);
        let (shared, runtime) = (Arc::clone(shared), runtime.clone());
        let run = move || {
            priority::yield_to_callers(priority::FOLD);
            for (half, done) in waiting {
                let mut pages = CachedPages {
                    shared: &shared,
                    runtime: &runtime,
                    second: None,
                };
                // The folder waits for the answer unless it has panicked.
                let _ = done.send(half.fold(&mut pages));
            }
        };
        let thread = std::thread::Builder::new()
            .name("pushtally-second".to_owned())
            .spawn(run)
            .inspect_err(|error| tracing::warn!(%error, "sections are folded by one thread"));
        Some(Self {
            tasks: Some(tasks),
            thread: Some(thread.ok()?),
        })
    }

    /// Folds a half while the caller does something else.
    pub(crate) fn fold(&self, half: Half) -> Result<Waiting<StoreError>, Half> {
        let Some(tasks) = &self.tasks else {
            return Err(half);
        };
        let (done, folded) = channel();
        tasks.send((half, done)).map_err(|unsent| unsent.0.0)?;
        Ok(Box::new(move || {
            #[expect(
                clippy::expect_used,
                reason = "a fold that panicked has changed half of the pages: the folder must stop too"
            )]
            folded
                .recv()
                .expect("the folder's second hand has panicked")
        }))
    }
}

impl Drop for SecondHand {
    fn drop(&mut self) {
        self.tasks.take();
        if let Some(thread) = self.thread.take() {
            // A panic was told to whoever waited for that half.
            let _ = thread.join();
        }
    }
}
