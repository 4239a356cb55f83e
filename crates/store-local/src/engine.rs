//! The engine of one directory: opens its parts in the order in which they depend on one another.

mod forgettings;
mod relays;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_ledger::{Page, PageKey};
use pushtally_model::{AppId, Entropy, Kind, LossId, Number, TaskKey, TaskNumber};
use pushtally_store::{
    Engine, Identities, Installed, LossText, NamedTask, Names, OwnTask, PageVisitor, Pages,
    Recipient, Resolved, Snapshot, StoreError,
};
use std::collections::BTreeMap;

use crate::apps::LocalApps;
use crate::disk::{Disk, RealDisk};
use crate::error::LocalError;
use crate::format::{Format, Lock};
use crate::identities::LocalIdentities;
use crate::layout::{APPS, EVENTS, NAMES, PAGES, RELAYS, STATE, keep_private};
use crate::log::{self, LocalLog};
use crate::relay_queue;
use crate::segments::{OpenReport, SegmentLog, SegmentOptions, SegmentReader};
use crate::state::{State, StateOptions};
use crate::tables::Tables;
use forgettings::{LocalForgettings, Parts};
use relays::LocalRelays;

const EVENTS_MAGIC: [u8; 8] = *b"PTEVENTS";
const NAMES_MAGIC: [u8; 8] = *b"PTNAMES\0";
const LOG_FORMAT: u32 = 1;
/// How many steps of `nice` merging yields.
const MERGE_NICE: i32 = 10;

/// The settings of an engine.
#[derive(Debug, Clone, Copy)]
pub struct LocalOptions {
    /// Partitions that events are hashed to, fixed when the directory is made.
    pub partitions: u16,
    /// Bytes of a log segment at which the next one is begun.
    pub segment_len_max: u64,
    /// Bytes of calls that may wait in one app's relay queue.
    pub relay_bytes_max: u64,
    /// Bytes of devices, tasks and jobs that are kept in memory.
    pub cache_bytes: usize,
    /// Bytes of the index over devices that are kept in memory.
    pub index_cache_bytes: usize,
    /// Bytes of changes of devices and tasks after which their tables are saved: a start after a crash makes no more of
    /// them again.
    pub state_save_len: u64,
    /// Devices or accounts, of a call on many, that are changed in one transaction: other callers wait for it.
    pub state_act_len: usize,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            partitions: 64,
            segment_len_max: 64 << 20,
            relay_bytes_max: 256 << 20,
            cache_bytes: 64 << 20,
            index_cache_bytes: 64 << 20,
            // Some ten thousand registrations, made again within a second.
            state_save_len: 8 << 20,
            state_act_len: 1000,
        }
    }
}

impl LocalOptions {
    /// For who has the directory alone and changes millions of rows: each page of the tables is written more seldom, for
    /// more memory, and for a start after a crash that takes some ten seconds.
    #[must_use]
    pub fn for_bulk(self) -> Self {
        Self {
            cache_bytes: 512 << 20,
            state_save_len: 256 << 20,
            state_act_len: 16_000,
            ..self
        }
    }
}

/// An open directory.
#[derive(Debug)]
pub struct LocalEngine {
    pub(crate) dir: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) log: Arc<LocalLog>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) apps: Arc<LocalApps>,
    identities: Arc<LocalIdentities>,
    relays: Arc<relay_queue::RelayQueue>,
    pub(crate) partitions: u16,
    merger: Merger,
    pub(crate) state: Arc<State>,
    names_options: SegmentOptions,
    erasing: Arc<tokio::sync::Mutex<()>>,
    _lock: Lock,
}

impl LocalEngine {
    /// Opens a directory, making it when it is missing. Refuses one that another process works in, one of a
    /// newer release, and one whose bytes are not what was acknowledged.
    pub fn open(
        dir: &Path,
        options: LocalOptions,
        entropy: &dyn Entropy,
    ) -> Result<Self, LocalError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        disk.create_dir_all(dir)
            .map_err(|e| LocalError::of_io("create", dir, e))?;
        keep_private(dir)?;
        let lock = Lock::take(dir)?;
        let format = Format::open(&*disk, dir, options.partitions)?;
        let tables = Arc::new(Tables::open(Arc::clone(&disk), &dir.join(PAGES))?);

        log::names::settle(&*disk, dir)?;
        let log_options = |magic| SegmentOptions {
            segment_len_max: options.segment_len_max,
            ..SegmentOptions::new(magic, LOG_FORMAT, format.partitions)
        };
        let names = SegmentLog::open(
            Arc::clone(&disk),
            &dir.join(NAMES),
            log_options(NAMES_MAGIC),
        )?;
        let events = SegmentLog::open(
            Arc::clone(&disk),
            &dir.join(EVENTS),
            log_options(EVENTS_MAGIC),
        )?;
        for (log, report) in [("names", names.report), ("events", events.report)] {
            if report.torn_bytes_cut > 0 {
                let bytes = report.torn_bytes_cut;
                tracing::warn!(
                    log,
                    bytes,
                    "cut a write that was never acknowledged off the end"
                );
            }
        }
        check_events(&dir.join(EVENTS), &events.report, &tables.installed())?;
        let identities = Arc::new(LocalIdentities::open(&names.log, entropy)?);
        check_names(
            &dir.join(NAMES),
            &names.report,
            &identities,
            &tables.installed(),
        )?;
        tables.remove_unnamed()?;

        let torn = names.report.torn_bytes_cut + events.report.torn_bytes_cut;
        let log = Arc::new(LocalLog::new(
            events.log,
            names.log,
            Arc::clone(&identities),
            torn,
        ));
        let apps = Arc::new(LocalApps::open(&dir.join(APPS))?);
        let reserving = Arc::clone(&log);
        let state = Arc::new(State::open(
            Arc::clone(&disk),
            dir,
            StateOptions {
                cache_bytes: options.cache_bytes,
                index_cache_bytes: options.index_cache_bytes,
                save_len: options.state_save_len,
                act_len: options.state_act_len,
            },
            Box::new(move |app, count| reserving.reserve_numbers(app, count)),
        )?);
        // The two are copied and restored apart: whichever is older, no number is given twice.
        let numbers_end = state.numbers_end().map_err(|error| LocalError::Io {
            what: format!("read the numbers of devices from `{STATE}`"),
            source: std::io::Error::other(error),
        })?;
        identities.raise(0, &numbers_end);
        let relays = relay_queue::RelayQueue::open(
            Arc::clone(&disk),
            &dir.join(RELAYS),
            options.relay_bytes_max,
        )?;
        let merger = Merger::start(Arc::clone(&tables))?;
        Ok(Self {
            dir: dir.to_path_buf(),
            disk,
            log,
            tables,
            apps,
            identities,
            relays: Arc::new(relays),
            partitions: format.partitions,
            merger,
            state,
            names_options: log_options(NAMES_MAGIC),
            erasing: Arc::default(),
            _lock: lock,
        })
    }

    /// Its ports.
    #[must_use]
    pub fn engine(&self) -> Engine {
        let pages = LocalPages {
            tables: Arc::clone(&self.tables),
            merge: self.merger.wake.lock().clone(),
        };
        Engine {
            log: Arc::clone(&self.log) as _,
            identities: Arc::new(LocalNames {
                identities: Arc::clone(&self.identities),
                log: self.log.readers().1.clone(),
            }),
            pages: Arc::new(pages),
            apps: Arc::clone(&self.apps) as _,
            channels: Arc::clone(&self.apps) as _,
            relays: Arc::new(LocalRelays(Arc::clone(&self.relays))),
            outboxes: Arc::clone(&self.apps) as _,
            devices: Arc::clone(&self.state) as _,
            accounts: Arc::clone(&self.state) as _,
            tasks: Arc::clone(&self.state) as _,
            audit: Arc::clone(&self.state) as _,
            forgettings: Arc::new(self.forgettings()),
        }
    }

    fn forgettings(&self) -> LocalForgettings {
        let parts = Parts {
            disk: Arc::clone(&self.disk),
            dir: self.dir.clone(),
            names_options: self.names_options,
            state: Arc::clone(&self.state),
            log: Arc::clone(&self.log),
            identities: Arc::clone(&self.identities),
            relays: Arc::clone(&self.relays),
        };
        LocalForgettings {
            parts: Arc::new(parts),
            turn: Arc::clone(&self.erasing),
        }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Closes in order: whatever is damaged afterwards is noticed at the next start.
    pub fn close(&self) -> Result<(), LocalError> {
        self.merger.stop();
        self.state.close();
        self.relays.close()?;
        self.log.seal()
    }

    /// Merges all snapshots into one table, the smallest form on disk. Intake and queries go on.
    pub fn compact(&self) -> Result<(), LocalError> {
        self.tables.merge_all()
    }
}

impl Drop for LocalEngine {
    /// The lock goes with the engine: nothing may be written after it, whoever still holds a port.
    fn drop(&mut self) {
        self.state.close();
    }
}

/// The log must reach from before the snapshot's next batch to its last one: what a snapshot includes was
/// acknowledged.
fn check_events(dir: &Path, report: &OpenReport, installed: &Installed) -> Result<(), LocalError> {
    let included = installed.included.of(0);
    if included < report.next && included + 1 >= report.first {
        return Ok(());
    }
    let (first, next) = (report.first, report.next);
    let why = format!(
        "it holds batches `{first}` to before `{next}`, the snapshot includes `{included}`"
    );
    Err(LocalError::corrupt(dir, 0, why))
}

/// Names are never dropped, and were durable before the numbers that a snapshot knows of.
fn check_names(
    dir: &Path,
    report: &OpenReport,
    identities: &LocalIdentities,
    installed: &Installed,
) -> Result<(), LocalError> {
    if report.first > 1 {
        let why = format!(
            "its first frame is `{}`, the ones before are missing",
            report.first
        );
        return Err(LocalError::corrupt(dir, 0, why));
    }
    match identities.missing(installed.tasks_end, &installed.numbers_end) {
        None => Ok(()),
        Some(why) => Err(LocalError::corrupt(dir, 0, why)),
    }
}

/// The thread that merges tables.
#[derive(Debug)]
struct Merger {
    wake: Mutex<Option<SyncSender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Merger {
    fn start(tables: Arc<Tables>) -> Result<Self, LocalError> {
        // One waiting wake-up says all that any number could.
        let (wake, woken) = sync_channel(1);
        let run = move || {
            yield_to_callers();
            while woken.recv().is_ok() {
                loop {
                    match tables.merge_like() {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            tracing::warn!(%error, "tables were not merged; the next snapshot tries again");
                            break;
                        }
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("pushtally-merge".to_owned())
            .spawn(run);
        let thread = thread.map_err(|source| LocalError::Io {
            what: "start a thread".to_owned(),
            source,
        })?;
        Ok(Self {
            wake: Mutex::new(Some(wake)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread when nobody can wake it any more: the ports must be gone, or it ends with the process.
    fn stop(&self) {
        self.wake.lock().take();
        if let Some(thread) = self.thread.lock().take()
            && thread.is_finished()
        {
            let _ = thread.join();
        }
    }
}

/// Nobody waits for a merge, so it is less urgent than whoever answers a caller. On Linux a priority is a thread's own;
/// where it cannot be set, all threads stay equal.
fn yield_to_callers() {
    #[cfg(target_os = "linux")]
    if let Ok(nice) = rustix::process::getpriority_process(None) {
        let _ = rustix::process::setpriority_process(None, nice + MERGE_NICE);
    }
}

struct LocalPages {
    tables: Arc<Tables>,
    merge: Option<SyncSender<()>>,
}

#[async_trait]
impl Pages for LocalPages {
    fn generation(&self) -> u64 {
        self.tables.generation()
    }

    async fn load_many(&self, keys: &[PageKey]) -> Result<Vec<Option<Page>>, StoreError> {
        Ok(self.tables.load_many(keys)?)
    }

    async fn install(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.tables.install(snapshot)?;
        if let Some(merge) = &self.merge {
            // Full means that it is awake already.
            let _ = merge.try_send(());
        }
        Ok(())
    }

    async fn installed(&self) -> Result<Installed, StoreError> {
        Ok(self.tables.installed())
    }

    async fn scan(&self, from: PageKey, visit: &mut PageVisitor<'_>) -> Result<(), StoreError> {
        Ok(self.tables.scan(from, visit)?)
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        Ok(self.tables.verify()?)
    }

    fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
    }
}

struct LocalNames {
    identities: Arc<LocalIdentities>,
    /// Where names are that are no longer in memory.
    log: SegmentReader,
}

#[async_trait]
impl Identities for LocalNames {
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError> {
        Ok(self.identities.resolve(app, names))
    }

    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError> {
        Ok(self.identities.find_task(app, kind, id))
    }

    async fn own_tasks(&self, from: TaskNumber, max: usize) -> Result<Vec<OwnTask>, StoreError> {
        Ok(self.identities.own_tasks(&self.log, from, max)?)
    }

    async fn tasks_of(
        &self,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, StoreError> {
        let (identities, log) = (Arc::clone(&self.identities), self.log.clone());
        let read = move || identities.tasks_of(&log, app, from, max);
        // All of a log may have to be read for the few that there are.
        match tokio::task::spawn_blocking(read).await {
            Ok(found) => Ok(found?),
            Err(error) => Err(StoreError::Io {
                what: format!("reading names stopped: {error}"),
            }),
        }
    }

    async fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        Ok(self.identities.find_recipients(app, recipients))
    }

    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError> {
        Ok(self.identities.find_loss(app, loss))
    }

    async fn raise(
        &self,
        tasks_end: u32,
        numbers_end: &BTreeMap<AppId, u32>,
    ) -> Result<(), StoreError> {
        self.identities.raise(tasks_end, numbers_end);
        Ok(())
    }

    async fn count(&self) -> Result<(u64, u64), StoreError> {
        Ok(self.identities.count())
    }

    fn memory_bytes(&self) -> usize {
        self.identities.memory_bytes()
    }
}
