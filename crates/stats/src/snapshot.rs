//! The snapshot thread: turns what the folder changed into pages and installs them, while intake goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use pushtally_ledger::{Changes, Page, PageKey};
use pushtally_model::AppId;
use pushtally_store::{Position, Snapshot};
use tokio::runtime::Handle;

use crate::shared::Shared;

/// How long to wait before a snapshot that found no room is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Everything changed up to a moment.
pub(crate) struct Cut {
    pub(crate) epoch: u32,
    pub(crate) included: Position,
    pub(crate) tasks_end: u32,
    pub(crate) numbers_end: BTreeMap<AppId, u32>,
    pub(crate) changes: Changes,
    pub(crate) whole: Vec<(PageKey, Arc<Page>)>,
}

/// What became of it.
pub(crate) struct Done {
    pub(crate) epoch: u32,
    pub(crate) tasks_end: u32,
    pub(crate) installed: bool,
}

/// Runs until the folder is gone.
pub(crate) fn run(
    shared: &Arc<Shared>,
    runtime: &Handle,
    cuts: &Receiver<Cut>,
    done: &Sender<Done>,
) {
    while let Ok(cut) = cuts.recv() {
        let Cut {
            epoch,
            included,
            tasks_end,
            numbers_end,
            changes,
            whole,
        } = cut;
        let snapshot = Snapshot {
            included,
            tasks_end,
            numbers_end,
            pages: changes.into_pages(whole),
        };
        let installed = install(shared, runtime, &snapshot);
        if done
            .send(Done {
                epoch,
                tasks_end,
                installed,
            })
            .is_err()
        {
            break;
        }
    }
}

/// Installs a snapshot. A full disk is waited out: until then the log keeps everything, and the pages changed
/// stay in memory.
fn install(shared: &Shared, runtime: &Handle, snapshot: &Snapshot) -> bool {
    loop {
        match runtime.block_on(shared.engine.pages.install(snapshot)) {
            Ok(()) => {
                shared.counters.snapshots.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            Err(error) if error.may_pass() && !shared.intake.is_closed() => {
                tracing::warn!(%error, "a snapshot was not written and is tried again");
                std::thread::sleep(RETRY_AFTER);
            }
            Err(error) => {
                shared.fail(&error.to_string());
                return false;
            }
        }
    }
}
