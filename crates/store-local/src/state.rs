//! Devices, tasks, jobs and the audit: a log of changed rows, `state.redb` that follows it, one thread that writes both,
//! and the queue of open jobs in memory.
//!
//! Acts that change something wait for the writer, which puts whatever waits into one frame of the log and answers when it
//! is durable. Reads look at the tables, which have what the log has, the longer ones on threads of their own. Claims are in
//! memory only.

mod audit;
mod changes;
mod commit;
mod database;
mod devices;
mod file;
mod forgettings;
mod holdings;
mod index;
mod labels;
mod numbers;
mod ports;
mod readers;
mod rewrite;
mod rows;
mod tables;
mod tasks;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use pushtally_model::AppId;
use pushtally_store::StoreError;
use pushtally_store::job_queue::JobQueue;
use redb::ReadableTable;

use crate::disk::Disk;
use crate::error::LocalError;
use crate::layout::{STATE, STATE_LOG};
use crate::segments::{SegmentLog, SegmentOptions, SegmentReader};

use commit::Writer;
use database::StateDatabase;
use index::Fresh;
use numbers::Numbers;
use readers::Readers;
use rows::AppRow;
use tables::{APPS, ActError, JOBS, TASKS, Tables};
use writer::{Asked, Line, Outcome, WriteQueue, stopped};

pub(crate) use numbers::Reserve;
pub(crate) use rows::NotedForgetting;

// Bounds.

/// Acts of one app, of one class, that may wait: a tenth of a second's work.
const LINE_LEN_MAX: usize = 1024;
/// Acts that may wait in all. An act holds at most a request's body.
const QUEUE_LEN_MAX: usize = 4096;
/// Acts of one transaction: more would make the first of them wait for the last.
const GROUP_LEN_MAX: usize = 256;
/// How long a transaction waits to become as large as the last one: a fraction of what its sync takes.
const GATHER_MAX: Duration = Duration::from_micros(500);
/// Bytes of changes after which a transaction takes no further act: well below the bound of a frame, which one act more
/// cannot reach.
const FRAME_LEN_MAX: usize = 4 << 20;
/// How often a database that could not be opened for want of room is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(1);
/// Device numbers reserved at once: one sync of the names log for so many new devices, and as many lost at most when
/// the process ends. A shard has 65,536.
const NUMBERS_BLOCK: u32 = 1024;
/// Devices read at once while a shard is visited: some hundred kilobytes.
const VISIT_LEN: usize = 1024;
/// Bytes of moves in the index after which they are saved, however short the log is.
const INDEX_FRESH_MAX: usize = 48 << 20;
/// Differences between index and records that are told: whoever has so many has them all.
const DIFFERENCES_MAX: usize = 100;
/// Rows that may lie between two wanted ones, on average, so that going from row to row still costs less than looking each up.
const DENSE_STEP: usize = 4;
/// Reads at once that leave their caller's thread: each takes a thread of its own, which keeps memory.
const READS_MAX: usize = 4;
/// Numbers that are looked up without leaving the caller's thread.
const DIRECT_LEN_MAX: usize = 16;

const LOG_MAGIC: [u8; 8] = *b"PTSTATE\0";
const LOG_FORMAT: u32 = 1;
/// Changes of rows are not hashed to partitions.
const LOG_PARTITIONS: u16 = 1;

/// The settings of the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateOptions {
    /// Bytes of tables that redb keeps in memory.
    pub(crate) cache_bytes: usize,
    /// Bytes of pages of the index that are kept in memory.
    pub(crate) index_cache_bytes: usize,
    /// Bytes of changes after which the tables are saved: a start reads no more of the log.
    pub(crate) save_len: u64,
    /// Asks of one caller that are done in one act: those of other callers wait for it.
    pub(crate) act_len: usize,
}

/// The store of devices, tasks, jobs and the audit.
pub(crate) struct State {
    database: Arc<StateDatabase>,
    queue: Arc<WriteQueue>,
    jobs: Arc<Mutex<JobQueue>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    act_len: usize,
    readers: Readers,
    disk: Arc<dyn Disk>,
    path: PathBuf,
    log: SegmentReader,
    /// Held while everything is copied: the file is not changed for another under a backup.
    copying: Mutex<()>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl State {
    /// Opens the files in a directory, making them when they are missing, and starts the writer.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: StateOptions,
        reserve: Box<Reserve>,
    ) -> Result<Self, LocalError> {
        let path = &dir.join(STATE);
        let log_options = SegmentOptions {
            segment_len_max: options.save_len,
            ..SegmentOptions::new(LOG_MAGIC, LOG_FORMAT, LOG_PARTITIONS)
        };
        let log = SegmentLog::open(Arc::clone(&disk), &dir.join(STATE_LOG), log_options)?;
        rewrite::remove_unfinished(&*disk, path)?;
        let database = StateDatabase::open(
            Arc::clone(&disk),
            path,
            options.cache_bytes,
            options.index_cache_bytes,
        )?;
        let database = Arc::new(database);
        database.catch_up(&log.log)?;
        let jobs = database.read(|read| {
            let mut queue = tasks::queue(&read.open_table(TASKS)?, &read.open_table(JOBS)?)?;
            for row in read.open_table(APPS)?.iter()? {
                let (app, row) = row?;
                if tables::decode::<AppRow>("apps", row.value())?.paused {
                    queue.set_app_paused(AppId(app.value()), true);
                }
            }
            Ok(queue)
        });
        let jobs = Arc::new(Mutex::new(jobs.map_err(|error| unreadable(path, &error))?));
        let queue = Arc::new(WriteQueue::default());
        let reader = log.log.reader();
        let writer = Writer {
            database: Arc::clone(&database),
            queue: Arc::clone(&queue),
            jobs: Arc::clone(&jobs),
            numbers: Numbers::new(reserve),
            log: log.log,
            save_len: options.save_len,
            unsaved: 0,
            keep_from: None,
        };
        let thread = std::thread::Builder::new()
            .name("pushtally-state".to_owned())
            .spawn(move || writer.run());
        let thread = thread.map_err(|source| LocalError::Io {
            what: "start a thread".to_owned(),
            source,
        })?;
        Ok(Self {
            database,
            queue,
            jobs,
            thread: Mutex::new(Some(thread)),
            act_len: options.act_len,
            readers: Readers::start(READS_MAX)?,
            disk,
            path: path.clone(),
            log: reader,
            copying: Mutex::default(),
        })
    }

    /// One above the highest number ever given to a device, by app.
    pub(crate) fn numbers_end(&self) -> Result<std::collections::BTreeMap<AppId, u32>, StoreError> {
        self.read(|read| {
            let mut ends = std::collections::BTreeMap::new();
            for row in read.open_table(APPS)?.iter()? {
                let (app, row) = row?;
                let end = tables::decode::<AppRow>("apps", row.value())?.numbers_end;
                if end > 0 {
                    ends.insert(AppId(app.value()), end);
                }
            }
            Ok(ends)
        })
    }

    /// Writes what waits, then takes and answers nothing more.
    pub(crate) fn close(&self) {
        self.queue.stop();
        if let Some(thread) = self.thread.lock().take() {
            // A writer that panicked has said so; what it did not commit was not acknowledged.
            let _ = thread.join();
        }
        self.database.close();
    }

    /// The last commit, to be copied by [`StateCopy::write`].
    pub(crate) fn snapshot(&self) -> Result<StateCopy, StoreError> {
        Ok(StateCopy(self.database.moment()?))
    }

    fn read<R>(
        &self,
        look: impl FnOnce(&redb::ReadTransaction) -> Result<R, ActError>,
    ) -> Result<R, StoreError> {
        self.database.read(look)
    }

    /// Keeps the file from being changed for another while the guard lives: for who copies a moment.
    pub(crate) fn keep(&self) -> MutexGuard<'_, ()> {
        self.copying.lock()
    }

    /// Has something done on the writer's thread, and waits for it: not for a task of the runtime.
    fn order<R: Send + 'static>(
        &self,
        run: impl FnOnce(&mut Writer) -> R + Send + 'static,
    ) -> Result<R, StoreError> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let order = move |writer: &mut Writer| {
            // Whoever asked may have gone.
            let _ = reply.send(run(writer));
        };
        self.queue.order(Box::new(order))?;
        answer.recv().map_err(|_| stopped())
    }

    /// Has an act done by the writer.
    async fn act<R: Send + 'static>(
        &self,
        line: Line,
        run: impl FnOnce(&mut Tables<'_>, &mut Numbers) -> Result<Outcome<R>, ActError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (asked, answer) = Asked::new(run);
        self.queue.put(line, Box::new(asked))?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Has the same done for each of many, in as many acts as their changes need; answers in their order. `run` answers
    /// for at least the first of a part. After an error it may be done for the first of them.
    async fn act_on_all<T: Clone + Send + Sync + 'static, R: Send + 'static>(
        &self,
        app: AppId,
        all: &[T],
        run: impl Fn(&mut Tables<'_>, &mut Numbers, &[T]) -> Result<Vec<R>, ActError>
        + Copy
        + Send
        + 'static,
    ) -> Result<Vec<R>, StoreError> {
        let mut answers = Vec::with_capacity(all.len());
        while answers.len() < all.len() {
            let rest = all.iter().skip(answers.len());
            let part: Vec<T> = rest.take(self.act_len).cloned().collect();
            let act = self.act(ports::of_devices(app), move |tables, numbers| {
                run(tables, numbers, &part).map(Outcome::of)
            });
            answers.extend(act.await?);
        }
        Ok(answers)
    }

    /// Reads where blocking is allowed: what may take longer than a few look-ups.
    async fn read_apart<R: Send + 'static>(
        &self,
        look: impl FnOnce(&redb::ReadTransaction) -> Result<R, ActError> + Send + 'static,
    ) -> Result<R, StoreError> {
        let database = Arc::clone(&self.database);
        let read = self.readers.run(move || database.read(look)).await;
        read.unwrap_or_else(|stopped| Err(stopped.into()))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.close();
    }
}

/// Does the same for each of a part, until the changes of the transaction are enough for a frame.
fn until_full<T, R>(
    tables: &mut Tables<'_>,
    part: &[T],
    mut each: impl FnMut(&mut Tables<'_>, &T) -> Result<R, ActError>,
) -> Result<Vec<R>, ActError> {
    let mut done = Vec::with_capacity(part.len());
    for one in part {
        done.push(each(tables, one)?);
        if tables.changes_len() >= FRAME_LEN_MAX {
            break;
        }
    }
    Ok(done)
}

/// A moment of the store.
pub(crate) struct StateCopy((redb::ReadTransaction, Fresh));

impl StateCopy {
    /// Writes everything into a new file; answers its bytes.
    pub(crate) fn write(self, disk: &Arc<dyn Disk>, path: &Path) -> Result<u64, LocalError> {
        let target = StateDatabase::open(Arc::clone(disk), path, COPY_CACHE_BYTES, 0)?;
        let (read, fresh) = &self.0;
        let copied = target.fill(read, fresh, 0);
        copied.map_err(|error| unreadable(path, &error))?;
        target.close();
        let file = disk
            .open(path)
            .map_err(|e| LocalError::of_io("open", path, e))?;
        file.len()
            .map_err(|e| LocalError::of_io("measure", path, e))
    }
}

/// A copy is written from front to back and needs no more.
const COPY_CACHE_BYTES: usize = 16 << 20;

fn unreadable(path: &Path, error: &StoreError) -> LocalError {
    match error {
        StoreError::Full { .. } => LocalError::DiskFull {
            path: PathBuf::from(path),
        },
        StoreError::Corrupt { what } => LocalError::corrupt(path, 0, what),
        error => LocalError::Io {
            what: format!("use `{}`", path.display()),
            source: std::io::Error::other(error.to_string()),
        },
    }
}
