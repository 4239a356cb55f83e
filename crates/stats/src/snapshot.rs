//! The snapshot thread: installs what the folder cut, while intake goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};

use pushtally_store::Snapshot;
use tokio::runtime::Handle;

use crate::shared::Shared;

/// A snapshot and the epoch that it ends.
pub(crate) struct Cut {
    pub(crate) epoch: u32,
    pub(crate) snapshot: Snapshot,
}

/// What became of it.
pub(crate) struct Done {
    pub(crate) epoch: u32,
    pub(crate) tasks_end: u32,
    pub(crate) installed: bool,
}

/// Runs until the folder is gone.
pub(crate) fn run(shared: &Arc<Shared>, runtime: &Handle, cuts: &Receiver<Cut>, done: &Sender<Done>) {
    let mut left_over: Option<Snapshot> = None;
    while let Ok(Cut { epoch, mut snapshot }) = cuts.recv() {
        if let Some(older) = left_over.take() {
            snapshot.pages = merge(older.pages, snapshot.pages);
        }
        snapshot.pages.sort_unstable_by_key(|(key, _)| *key);
        let tasks_end = snapshot.tasks_end;
        let kept = snapshot.clone();
        let installed = match runtime.block_on(shared.engine.pages.install(snapshot)) {
            Ok(()) => true,
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "a snapshot was not written; the next one includes it");
                left_over = Some(kept);
                false
            }
            Err(error) => {
                shared.fail(&error.to_string());
                false
            }
        };
        if installed {
            shared.counters.snapshots.fetch_add(1, Ordering::Relaxed);
        }
        if done.send(Done { epoch, tasks_end, installed }).is_err() {
            break;
        }
    }
}

type KeyedPages = Vec<(pushtally_ledger::PageKey, Arc<pushtally_ledger::Page>)>;

/// The newer page of each key.
fn merge(older: KeyedPages, newer: KeyedPages) -> KeyedPages {
    let newer_keys: std::collections::HashSet<_> = newer.iter().map(|(key, _)| *key).collect();
    let mut pages = newer;
    pages.extend(older.into_iter().filter(|(key, _)| !newer_keys.contains(key)));
    pages
}
