//! The folder: one thread that folds batches into pages, cuts snapshots and keeps memory within its bound.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::time::{Duration, Instant};

use pushtally_ledger::{
    Batch, Changes, Control, Half, Page, PageKey, Pages, Record, Waiting, fold,
};
use pushtally_model::AppId;
use pushtally_store::{Position, StoreError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::Options;
use crate::intake::Answer;
use crate::second::SecondHand;
use crate::shared::Shared;
use crate::snapshot::{Cut, Done};

/// Runs of events that the list of changes has room for from the start: a snapshot's worth with the default settings, if no two are
/// of neighbours. Memory is taken as it is used.
const CHANGES_ROOM: usize = 1 << 20;

/// What the list of changes may take while a snapshot is being written or held back, three scattered snapshots' worth: then the
/// next is begun, folding waits for the one before it, and callers are answered later and, once the intake is full, refused.
const CHANGES_BYTES_MAX: usize = 64 << 20;

/// What the folder is asked to do.
pub(crate) enum Work {
    /// Fold a durable batch, then answer its callers.
    Batch {
        /// Its place.
        at: Position,
        /// The batch.
        batch: Batch,
        /// Who waits for it.
        answers: Vec<Answer>,
    },
    /// Write a snapshot of everything folded so far, then tell.
    Snapshot(Sender<()>),
    /// The log that was there at the start has been handed over.
    Recovered,
}

/// One above the highest task number, and device number by app.
pub(crate) type Ends = (u32, BTreeMap<AppId, u32>);

/// The folder's own state.
pub(crate) struct Folder {
    shared: Arc<Shared>,
    runtime: Handle,
    /// Without it sections are folded by one thread.
    second: Option<SecondHand>,
    options: Options,
    snapshots: SyncSender<Cut>,
    installed: Receiver<Done>,
    included: Position,
    /// Since the last cut.
    changes: Changes,
    tasks_end: u32,
    numbers_end: BTreeMap<AppId, u32>,
    /// Events folded since the last cut.
    since_cut: u64,
    cut_at: Instant,
    /// A cut is being installed.
    installing: bool,
}

impl Folder {
    pub(crate) fn new(
        shared: Arc<Shared>,
        runtime: Handle,
        options: Options,
        (snapshots, installed): (SyncSender<Cut>, Receiver<Done>),
        start: pushtally_store::Installed,
    ) -> Self {
        Self {
            second: SecondHand::start(&shared, &runtime),
            shared,
            runtime,
            options,
            snapshots,
            installed,
            included: start.included,
            changes: Changes::with_room(CHANGES_ROOM),
            tasks_end: start.tasks_end,
            numbers_end: start.numbers_end,
            since_cut: 0,
            cut_at: Instant::now(),
            installing: false,
        }
    }

    /// Runs until every sender of work is gone, then writes a last snapshot. Tells `recovered` one above
    /// the highest task and device numbers once the log of before the start is folded.
    pub(crate) fn run(mut self, work: &Receiver<Work>, recovered: oneshot::Sender<Ends>) {
        let interval = Duration::from_millis(self.options.snapshot_interval_ms);
        let mut recovered = Some(recovered);
        loop {
            match work.recv_timeout(interval) {
                Ok(Work::Batch { at, batch, answers }) => self.fold(at, &batch, answers),
                Ok(Work::Snapshot(done)) => {
                    self.snapshot_now();
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Ok(Work::Recovered) => {
                    if let Some(recovered) = recovered.take() {
                        // Without anybody to tell, the channel of work closes next.
                        let _ = recovered.send((self.tasks_end, self.numbers_end.clone()));
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            }
            self.collect_installed();
            self.bound_memory();
            let due =
                self.since_cut >= self.options.snapshot_events || self.cut_at.elapsed() >= interval;
            if due && self.since_cut > 0 && !self.installing && !self.shared.is_held() {
                self.cut();
            }
        }
        self.snapshot_now();
    }

    fn fold(&mut self, at: Position, batch: &Batch, answers: Vec<Answer>) {
        let answer = if let Some(what) = self.shared.failed() {
            Err(StoreError::Failed { what })
        } else {
            self.raise_ends(batch);
            let mut pages = CachedPages {
                shared: &self.shared,
                runtime: &self.runtime,
                second: self.second.as_ref(),
            };
            fold(batch, &mut pages, &mut self.changes)
                .map(drop)
                .inspect_err(|error| {
                    // The batch is durable but half folded: only a restart, which folds it anew, helps.
                    self.shared.fail(&error.to_string());
                })
        };
        if answer.is_ok() {
            self.included = at;
            self.since_cut += batch.events_len().max(1) as u64;
            self.shared.count_commit(batch.events_len());
        }
        for waiting in answers {
            // A caller that has gone away needs no answer.
            let _ = waiting.send(answer.clone());
        }
    }

    fn raise_ends(&mut self, batch: &Batch) {
        for record in &batch.records {
            match record {
                Record::Events(section) => {
                    for events in section.events().chunk_by(|a, b| a.app == b.app) {
                        let Some(first) = events.first() else {
                            continue;
                        };
                        let (mut task, mut number) = (self.tasks_end, 0);
                        for event in events {
                            task = task.max(event.task.number.0.saturating_add(1));
                            number = number.max(event.number.0.saturating_add(1));
                        }
                        self.tasks_end = task;
                        let end = self.numbers_end.entry(first.app).or_default();
                        *end = (*end).max(number);
                    }
                }
                Record::Control(Control::ForgetTask { task, .. }) => {
                    self.tasks_end = self.tasks_end.max(task.number.0.saturating_add(1));
                }
                Record::Control(Control::CutDays { .. }) | Record::Calls(_) => {}
            }
        }
    }

    fn collect_installed(&mut self) {
        while let Ok(done) = self.installed.try_recv() {
            self.settle(&done);
        }
    }

    fn settle(&mut self, done: &Done) {
        self.installing = false;
        if done.installed {
            self.shared.cache.installed(done.epoch, done.tasks_end);
        }
    }

    /// Hands everything changed since the last cut to the snapshot thread; intake goes on.
    fn cut(&mut self) {
        if self.shared.failed().is_some() {
            return;
        }
        let changes = std::mem::replace(&mut self.changes, Changes::with_room(CHANGES_ROOM));
        let (epoch, whole) = self.shared.cache.cut(changes.whole());
        let cut = Cut {
            epoch,
            included: self.included.clone(),
            tasks_end: self.tasks_end,
            numbers_end: self.numbers_end.clone(),
            changes,
            whole,
        };
        self.since_cut = 0;
        self.cut_at = Instant::now();
        if self.snapshots.send(cut).is_ok() {
            self.installing = true;
        }
    }

    fn wait_installed(&mut self) {
        while self.installing {
            match self.installed.recv() {
                Ok(done) => self.settle(&done),
                Err(_) => self.installing = false,
            }
        }
    }

    fn snapshot_now(&mut self) {
        self.wait_installed();
        if self.since_cut > 0 {
            self.cut();
            self.wait_installed();
        }
    }

    /// Evicts; when only changed pages are left, snapshots; when even that is behind, waits: memory does not
    /// grow, callers are answered later and, once the intake is full, refused.
    fn bound_memory(&mut self) {
        if self.changes.bytes() > CHANGES_BYTES_MAX {
            self.wait_installed();
            self.cut();
        }
        let bytes_max = self.options.page_bytes_max(self.shared.engine_bytes());
        self.shared.cache.bound(bytes_max);
        if self.shared.cache.bytes() <= bytes_max {
            return;
        }
        self.shared.cache.evict(bytes_max - bytes_max / 16);
        if self.shared.cache.bytes() <= bytes_max {
            return;
        }
        if !self.installing {
            self.cut();
        }
        if self.shared.cache.bytes() > bytes_max + bytes_max / 4 {
            self.wait_installed();
            self.shared.cache.evict(bytes_max - bytes_max / 16);
        }
    }
}

/// The cache as the fold sees it: what is not resident is loaded, by this thread if nobody did before.
pub(crate) struct CachedPages<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) runtime: &'a Handle,
    pub(crate) second: Option<&'a SecondHand>,
}

impl Pages for CachedPages<'_> {
    type Error = StoreError;

    fn share(&mut self, half: Half) -> Result<Waiting<StoreError>, Half> {
        match self.second {
            Some(second) => second.fold(half),
            None => Err(half),
        }
    }

    fn change<R>(
        &mut self,
        key: PageKey,
        exists: Option<bool>,
        change: impl FnOnce(&mut Page) -> R,
    ) -> Result<R, StoreError> {
        let mut change = match self.shared.cache.change(key, exists, change) {
            Ok(answer) => return Ok(answer),
            Err(change) => change,
        };
        // Only this thread evicts, so the second try finds what was loaded.
        loop {
            self.runtime.block_on(self.shared.load(&[key]))?;
            change = match self.shared.cache.change(key, exists, change) {
                Ok(answer) => return Ok(answer),
                Err(change) => change,
            };
        }
    }
}
