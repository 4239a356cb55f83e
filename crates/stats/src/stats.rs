//! The running ledger: opens, answers, closes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_ledger::{Control, Counters, Page, PageKey, Tally};
use pushtally_model::{AppId, Clock, Event, Kind, Scope, Source, TaskKey, VendorCalls, Window};
use pushtally_store::{Engine, Report, StoreError};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::Options;
use crate::cache::{Cache, Found};
use crate::commit;
use crate::folder::{Folder, Work};
use crate::intake::{Intake, Wanted};
use crate::priority;
use crate::query;
use crate::recover::recover;
use crate::shared::{Held, Shared};
use crate::snapshot;
use crate::warm::warm;

/// Batches on their way from the committer to the folder beside the one being folded: one is ready. While the folder is
/// behind, what comes gathers into larger batches, which cost less an event.
const FOLD_AHEAD_MAX: usize = 1;

/// How the ledger is doing.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Why it accepts nothing more, if so.
    pub failed: Option<String>,
    /// Events recorded since the start, repeats included.
    pub events_recorded: u64,
    /// Group commits since the start.
    pub commits: u64,
    /// Events waiting for a commit.
    pub waiting_events: u64,
    /// Bytes of pages in memory.
    pub page_bytes: u64,
    /// Pages in memory.
    pub pages: u64,
    /// Pages read back from snapshots since the start.
    pub cold_loads: u64,
    /// Snapshots since the start.
    pub snapshots: u64,
}

/// The running ledger over an engine.
#[derive(Debug)]
pub struct Stats {
    pub(crate) shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

/// What stops when the ledger is closed.
#[derive(Debug)]
struct Running {
    work: SyncSender<Work>,
    threads: Vec<JoinHandle<()>>,
}

impl Stats {
    /// Opens the ledger: folds the log after the newest snapshot, raises the identities' counters above
    /// every number in it, then takes events in. Must be called within a multi-thread runtime.
    pub async fn open(
        engine: Engine,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Arc<Self>, StoreError> {
        let installed = engine.pages.installed().await?;
        let cache = Cache::new(
            options.page_bytes_max(engine.identities.memory_bytes() + engine.pages.memory_bytes()),
            installed.tasks_end,
            installed.included.of(0) > 0,
        );
        let intake = Intake::new(options.waiting_events_max);
        let shared = Arc::new(Shared::new(engine, cache, intake));
        let runtime = Handle::current();
        let mut threads = Vec::new();

        let (cuts, cuts_waiting) = sync_channel(1);
        let (done, dones) = channel();
        let (of_snapshots, handle) = (Arc::clone(&shared), runtime.clone());
        threads.push(spawn("snapshots", move || {
            priority::yield_to_callers(priority::SNAPSHOT);
            snapshot::run(&of_snapshots, &handle, &cuts_waiting, &done)
        })?);

        // The log after the snapshot goes the way of any batch, with the same bounds on memory.
        let after = installed.included.clone();
        let folder = Folder::new(
            Arc::clone(&shared),
            runtime.clone(),
            options,
            (cuts, dones),
            installed,
        );
        let (work, works) = sync_channel(FOLD_AHEAD_MAX);
        let (ready, readied) = tokio::sync::oneshot::channel();
        threads.push(spawn("folder", move || {
            priority::yield_to_callers(priority::FOLD);
            folder.run(&works, ready);
        })?);
        let (of_recovery, handle, to_folder) = (Arc::clone(&shared), runtime.clone(), work.clone());
        let recovery = spawn_blocking(move || recover(&of_recovery, &handle, &after, &to_folder));
        recovery.await.map_err(|error| StoreError::Failed {
            what: format!("recovery stopped: {error}"),
        })??;
        let (tasks_end, numbers_end) = readied.await.map_err(|_| StoreError::Failed {
            what: "the folder has stopped".to_owned(),
        })?;
        if let Some(what) = shared.failed() {
            return Err(StoreError::Failed { what });
        }
        shared
            .engine
            .identities
            .raise(tasks_end, &numbers_end)
            .await?;

        let (of_committer, to_folder) = (Arc::clone(&shared), work.clone());
        threads.push(spawn("committer", move || {
            commit::run(&of_committer, &*clock, &runtime, &to_folder);
        })?);
        Ok(Arc::new(Self {
            shared,
            running: Mutex::new(Some(Running { work, threads })),
        }))
    }

    /// Stops taking events in, finishes what waits, writes a last snapshot. A second call does nothing.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.shared.intake.close();
        let Some(running) = self.running.lock().take() else {
            return Ok(());
        };
        let joined = spawn_blocking(move || {
            drop(running.work);
            running
                .threads
                .into_iter()
                .rev()
                .all(|thread| thread.join().is_ok())
        });
        match (joined.await, self.shared.failed()) {
            (Ok(true), None) => Ok(()),
            (_, Some(what)) => Err(StoreError::Failed { what }),
            _ => Err(StoreError::Failed {
                what: "a thread of the ledger panicked".to_owned(),
            }),
        }
    }

    /// Writes a snapshot of everything acknowledged so far.
    pub async fn snapshot(&self) -> Result<(), StoreError> {
        let closed = || StoreError::Failed {
            what: "the ledger is closed".to_owned(),
        };
        let work = self
            .running
            .lock()
            .as_ref()
            .map(|running| running.work.clone())
            .ok_or_else(closed)?;
        let waited = spawn_blocking(move || {
            let (done, dones) = channel();
            work.send(Work::Snapshot(done)).is_ok() && dones.recv().is_ok()
        });
        if !waited.await.unwrap_or(false) {
            return Err(closed());
        }
        self.shared
            .failed()
            .map_or(Ok(()), |what| Err(StoreError::Failed { what }))
    }

    /// The counts of a scope in a window. The scope must be the app's own.
    pub async fn tally(
        &self,
        _app: AppId,
        scope: Scope,
        window: Window,
    ) -> Result<Tally, StoreError> {
        self.refuse_if_failed()?;
        query::tally(&self.shared, scope, window).await
    }

    /// Sums a scope in each of some windows, in their order; cheapest when they follow each other in time. Each is as
    /// exact as a [`tally`](Self::tally) of its own, but what is recorded meanwhile may show in the later ones only.
    pub async fn tallies(
        &self,
        _app: AppId,
        scope: Scope,
        windows: &[Window],
    ) -> Result<Vec<Tally>, StoreError> {
        self.refuse_if_failed()?;
        query::tallies(&self.shared, scope, windows).await
    }

    /// What became of an app's recorded events of a kind.
    pub async fn counters(&self, app: AppId, kind: Kind) -> Result<Counters, StoreError> {
        let page = match self.shared.cache.find(PageKey::Total(app, kind)) {
            Found::Page(page) => Some(page),
            Found::Nothing => None,
            Found::Cold => query::fetch(&self.shared, PageKey::Total(app, kind)).await?,
        };
        Ok(match page.as_deref() {
            Some(Page::Total(total)) => total.counters,
            _ => Counters::default(),
        })
    }

    /// Drops a task's marks and tallies for ever; overall counts stay, later events are too late.
    pub async fn forget_task(&self, app: AppId, task: TaskKey) -> Result<(), StoreError> {
        self.record(Wanted::Control(Control::ForgetTask { app, task }))
            .await
    }

    /// Drops an app's overall counts of the days before this one (days since 1970 UTC).
    pub async fn cut_days(&self, app: AppId, before_day: u32) -> Result<(), StoreError> {
        self.record(Wanted::Control(Control::CutDays { app, before_day }))
            .await
    }

    /// Records what this server sent, and the calls by which it did, in one batch: as [`Report::report`] otherwise. There may
    /// be calls without an event: a vendor that took nothing was called all the same.
    pub async fn report_sent(
        &self,
        events: Vec<Event>,
        calls: VendorCalls,
    ) -> Result<(), StoreError> {
        self.warm(&events).await?;
        self.record(Wanted::Sent(events, calls)).await
    }

    /// Brings in what these events will change.
    async fn warm(&self, events: &[Event]) -> Result<(), StoreError> {
        if let Err(error) = warm(&self.shared, events).await {
            // A page that cannot be read cannot be counted in: better to stop and say so.
            self.shared.fail(&error.to_string());
            return Err(error);
        }
        Ok(())
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        let Shared {
            cache,
            counters,
            intake,
            ..
        } = &*self.shared;
        Health {
            failed: self.shared.failed(),
            events_recorded: counters.events.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            waiting_events: intake.waiting_events() as u64,
            page_bytes: cache.bytes() as u64,
            pages: cache.pages() as u64,
            cold_loads: cache.cold_loads(),
            snapshots: counters.snapshots.load(Ordering::Relaxed),
        }
    }

    /// Keeps snapshots from being written while the answer lives, unless memory runs short.
    pub(crate) fn hold_snapshots(&self) -> Held {
        Held::new(&self.shared)
    }

    /// The engine underneath.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// After a failure pages may be half changed, so they answer nothing either.
    pub(crate) fn refuse_if_failed(&self) -> Result<(), StoreError> {
        match self.shared.failed() {
            Some(what) => Err(StoreError::Failed { what }),
            None => Ok(()),
        }
    }

    async fn record(&self, wanted: Wanted) -> Result<(), StoreError> {
        self.refuse_if_failed()?;
        let answered = self.shared.intake.put(wanted)?;
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::Failed {
                what: "the ledger has stopped".to_owned(),
            })
        })
    }
}

impl Drop for Stats {
    /// Without `close`, what waits is still committed, then the threads end on their own.
    fn drop(&mut self) {
        self.shared.intake.close();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let builder = std::thread::Builder::new().name(format!("pushtally-{name}"));
    builder.spawn(run).map_err(|error| StoreError::Io {
        what: format!("cannot start a thread: {error}"),
    })
}

#[async_trait]
impl Report for Stats {
    async fn report(&self, source: Source, events: Vec<Event>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.warm(&events).await?;
        self.record(Wanted::Events(source, events)).await
    }
}
