//! Names and their dense numbers: an append-only log and the index in memory that is rebuilt from it.
//!
//! Invariant: a number given out is in `pending` or in the log, and `flush` writes `pending` before the batch
//! that uses it is appended; so no durable event names a number that a crash can forget. Numbers of an app
//! are given in the order of the log, which therefore does not store them.

mod forget;
mod index;
mod own;
mod record;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{RwLock, RwLockWriteGuard};
use pushtally_model::{AppId, Entropy, Kind, LossId, Number, Origin, TaskKey, TaskNumber};
use pushtally_store::{LossText, NamedTask, Names, OwnTask, Recipient, Resolved, TaskName};

pub(crate) use forget::{Forgetter, Gone};
use index::{Gathered, Index, NameHash, NameHasher};
use own::Own;
use record::{Record, Writer};

use crate::error::LocalError;
use crate::segments::{SegmentLog, SegmentReader};

/// Pending bytes after which a new chunk is begun: well below the bound of a frame.
const CHUNK_LEN_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
struct Losses {
    texts: Vec<LossText>,
    ids: BTreeMap<(i64, String), LossId>,
}

/// Records on their way into one frame, and the first task that it may name.
#[derive(Debug)]
struct Chunk {
    writer: Writer,
    tasks_from: u32,
}

#[derive(Debug)]
struct Inner {
    hasher: NameHasher,
    recipients: Index,
    tasks: Index,
    losses: BTreeMap<AppId, Losses>,
    next_task: u32,
    next_number: BTreeMap<AppId, u32>,
    /// Records not yet in the log, in order; each chunk is a frame of its own.
    pending: Vec<Chunk>,
    own: Own,
}

/// The identities of a directory.
#[derive(Debug)]
pub(crate) struct LocalIdentities {
    hasher: NameHasher,
    /// Known names are found under a shared lock; a new one needs it alone.
    inner: RwLock<Inner>,
    /// Whether anything is pending. A commit without new names, which most are, takes no lock: one that asked for it alone
    /// would make everybody wait for whoever looks names up just then.
    waits: AtomicBool,
    /// Held by whoever reads names in the log, while its files stay what they are.
    reading: RwLock<()>,
    /// Whether names have left the index that are in the log: forgetting them began and has not come to its end.
    forgetting: AtomicBool,
}

impl LocalIdentities {
    /// Rebuilds the index from the log.
    pub(crate) fn open(log: &SegmentLog, entropy: &dyn Entropy) -> Result<Self, LocalError> {
        let mut key = [0; 16];
        entropy.fill(&mut key).map_err(|source| LocalError::Io {
            what: "draw a hash key".to_owned(),
            source,
        })?;
        let hasher = NameHasher::new(key);
        let mut inner = Inner {
            hasher,
            recipients: Index::new(),
            tasks: Index::new(),
            losses: BTreeMap::new(),
            next_task: 0,
            next_number: BTreeMap::new(),
            pending: Vec::new(),
            own: Own::default(),
        };
        let mut gathered = Gathered::new();
        log.replay(log.first_position(), &mut |position, bytes| {
            let mut records = record::Reader::new(bytes);
            inner.own.written(inner.next_task, position, bytes.len());
            while let Some(record) = records.next().map_err(|why| unreadable(position, why))? {
                inner.read(&record, &mut gathered);
            }
            Ok(())
        })?;
        gathered.settle(&mut inner.recipients);
        Ok(Self {
            hasher,
            inner: RwLock::new(inner),
            waits: AtomicBool::new(false),
            reading: RwLock::default(),
            forgetting: AtomicBool::new(false),
        })
    }

    /// To give out what is new: alone.
    fn change(&self) -> RwLockWriteGuard<'_, Inner> {
        let inner = self.inner.write();
        self.waits.store(true, Ordering::Release);
        inner
    }

    /// Finds or gives numbers. Names are hashed before the lock and looked up in one go: the look-ups then wait for
    /// memory together instead of one after the other.
    pub(crate) fn resolve(&self, app: AppId, names: &Names<'_>) -> Resolved {
        let hash = |recipient| self.hash(app, recipient);
        let hashes: Vec<NameHash> = names.recipients.iter().map(hash).collect();
        if let Some(known) = self.inner.read().find_all(app, names, &hashes) {
            return known;
        }
        let inner = &mut *self.change();
        let tasks = names.tasks.iter().map(|task| inner.task(app, *task));
        let tasks = tasks.collect();
        let numbers = hashes.into_iter().zip(&names.recipients);
        let numbers = numbers.map(|(hash, recipient)| inner.recipient(app, *recipient, hash));
        let numbers = numbers.collect();
        let losses = names.losses.iter().map(|loss| inner.loss(app, loss));
        let losses = losses.collect();
        Resolved {
            tasks,
            numbers,
            losses,
        }
    }

    pub(crate) fn find_task(&self, app: AppId, kind: Kind, id: &str) -> Option<TaskKey> {
        self.inner.read().find_task(app, kind, id)
    }

    pub(crate) fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Vec<Option<Number>> {
        let inner = self.inner.read();
        let number = |recipient: &Recipient<'_>| {
            let hash = self.hash(app, recipient);
            inner
                .recipients
                .find(hash)
                .map(|(number, _)| Number(number))
        };
        recipients.iter().map(number).collect()
    }

    fn hash(&self, app: AppId, recipient: &Recipient<'_>) -> NameHash {
        let class = record::class(recipient.route, recipient.channel);
        self.hasher.hash(app, class, recipient.account)
    }

    /// Names of tasks of our own, by number from this one on: from memory, or from the log if it is an older one.
    pub(crate) fn own_tasks(
        &self,
        log: &SegmentReader,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<OwnTask>, LocalError> {
        let _kept = self.reading.read();
        let place = {
            let inner = self.inner.read();
            if let Some(recent) = inner.own.recent(from, max) {
                return Ok(recent);
            }
            inner.own.place(from)
        };
        place.map_or(Ok(Vec::new()), |place| own::read(log, place, from, max))
    }

    /// Tasks of an app, by number from this one on: from the log, which is where the names of imported ones are.
    pub(crate) fn tasks_of(
        &self,
        log: &SegmentReader,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, LocalError> {
        let place = self.inner.read().own.place(from);
        let Some(place) = place else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        own::visit(log, place, from, &mut |of, key, id| {
            if of == app && found.len() < max {
                let id = id.to_owned();
                found.push(NamedTask { key, id });
            }
            found.len() < max
        })?;
        Ok(found)
    }

    /// Lets nobody read names in the log while the guard lives.
    pub(crate) fn keep_readers_out(&self) -> RwLockWriteGuard<'_, ()> {
        self.reading.write()
    }

    /// A frame of the log that cannot be read.
    pub(crate) fn unreadable(position: u64, why: &'static str) -> LocalError {
        unreadable(position, why)
    }

    pub(crate) fn find_loss(&self, app: AppId, loss: LossId) -> Option<LossText> {
        let inner = self.inner.read();
        let at = loss.0.checked_sub(LossId::OTHER.0 + 1)?;
        inner.losses.get(&app)?.texts.get(at as usize).cloned()
    }

    pub(crate) fn raise(&self, tasks_end: u32, numbers_end: &BTreeMap<AppId, u32>) {
        let inner = &mut *self.change();
        if inner.next_task < tasks_end {
            inner.put(&Record::RaiseTasks(tasks_end));
        }
        for (app, end) in numbers_end {
            if inner.next_number.get(app).copied().unwrap_or_default() < *end {
                inner.put(&Record::RaiseNumbers(*app, *end));
            }
        }
    }

    /// Reserves numbers of an app, none of which a name has or will get; `None` when it has no more. Durable once they are
    /// flushed.
    pub(crate) fn reserve(&self, app: AppId, count: u32) -> Option<Range<u32>> {
        let inner = &mut *self.change();
        let first = inner.next_number.get(&app).copied().unwrap_or_default();
        let end = first.checked_add(count)?;
        inner.put(&Record::RaiseNumbers(app, end));
        Some(first..end)
    }

    /// Which numbers the ledger uses that no name here has.
    pub(crate) fn missing(
        &self,
        tasks_end: u32,
        numbers_end: &BTreeMap<AppId, u32>,
    ) -> Option<String> {
        let inner = self.inner.read();
        if inner.next_task < tasks_end {
            return Some(format!(
                "it names `{}` tasks, the ledger has `{tasks_end}`",
                inner.next_task
            ));
        }
        let next = |app| inner.next_number.get(app).copied().unwrap_or_default();
        let short = numbers_end.iter().find(|(app, end)| next(app) < **end);
        short.map(|(app, end)| {
            format!(
                "it names `{}` devices of app `{app}`, the ledger has `{end}`",
                next(app)
            )
        })
    }

    pub(crate) fn count(&self) -> (u64, u64) {
        let inner = self.inner.read();
        (inner.tasks.len() as u64, inner.recipients.len() as u64)
    }

    /// Bytes of the indexes and of what waits to be written.
    pub(crate) fn memory_bytes(&self) -> usize {
        let inner = self.inner.read();
        let len = |chunk: &Chunk| chunk.writer.bytes().len();
        let pending: usize = inner.pending.iter().map(len).sum();
        inner.recipients.bytes() + inner.tasks.bytes() + inner.own.bytes() + pending
    }

    /// Writes what is pending to the log. What could not be written stays pending, in order.
    pub(crate) fn flush(&self, log: &mut SegmentLog) -> Result<(), LocalError> {
        loop {
            let Some(chunk) = self.take_oldest() else {
                return Ok(());
            };
            match log.append(chunk.writer.bytes()) {
                Ok(position) => {
                    let len = chunk.writer.bytes().len();
                    let own = &mut self.inner.write().own;
                    own.written(chunk.tasks_from, position, len);
                }
                Err(error) => {
                    self.change().pending.insert(0, chunk);
                    return Err(error);
                }
            }
        }
    }

    /// Takes the oldest chunk; what is given out from now on goes into later ones.
    fn take_oldest(&self) -> Option<Chunk> {
        if !self.waits.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.inner.write();
        let oldest = (!inner.pending.is_empty()).then(|| inner.pending.remove(0));
        self.waits
            .store(!inner.pending.is_empty(), Ordering::Release);
        oldest
    }
}

fn unreadable(position: u64, why: &'static str) -> LocalError {
    LocalError::Io {
        what: format!("read names of frame `{position}`: {why}"),
        source: std::io::ErrorKind::InvalidData.into(),
    }
}

impl Inner {
    /// The numbers of names that are all known.
    fn find_all(&self, app: AppId, names: &Names<'_>, hashes: &[NameHash]) -> Option<Resolved> {
        let task = |task: &TaskName<'_>| self.find_task(app, task.kind, task.id);
        let numbers = self.recipients.find_all(hashes)?;
        Some(Resolved {
            numbers: numbers.into_iter().map(Number).collect(),
            tasks: names.tasks.iter().map(task).collect::<Option<_>>()?,
            losses: names
                .losses
                .iter()
                .map(|loss| self.find_loss(app, loss))
                .collect::<Option<_>>()?,
        })
    }

    fn find_task(&self, app: AppId, kind: Kind, id: &str) -> Option<TaskKey> {
        let (number, origin) = self.tasks.find(self.hasher.hash(app, kind as u8, id))?;
        Some(TaskKey {
            number: TaskNumber(number),
            kind,
            origin: record::origin(origin),
        })
    }

    /// Beyond the bound every further reason is the same.
    fn find_loss(&self, app: AppId, loss: &LossText) -> Option<LossId> {
        let known = self.losses.get(&app)?;
        let full = known.texts.len() >= LossText::PER_APP_MAX as usize;
        let found = known.ids.get(&(loss.code, loss.text.clone())).copied();
        found.or(full.then_some(LossId::OTHER))
    }

    fn task(&mut self, app: AppId, task: TaskName<'_>) -> TaskKey {
        self.find_task(app, task.kind, task.id).unwrap_or_else(|| {
            let number = TaskNumber(self.next_task);
            self.put(&Record::Task {
                app,
                kind: task.kind,
                origin: task.origin,
                id: task.id,
            });
            TaskKey {
                number,
                kind: task.kind,
                origin: task.origin,
            }
        })
    }

    fn recipient(&mut self, app: AppId, recipient: Recipient<'_>, hash: NameHash) -> Number {
        match self.recipients.find(hash) {
            Some((number, _)) => Number(number),
            None => {
                let class = record::class(recipient.route, recipient.channel);
                let number = self.next_number.get(&app).copied().unwrap_or_default();
                self.put(&Record::Recipient {
                    app,
                    class,
                    account: recipient.account,
                });
                Number(number)
            }
        }
    }

    fn loss(&mut self, app: AppId, loss: &LossText) -> LossId {
        if let Some(id) = self.find_loss(app, loss) {
            return id;
        }
        let known = self.losses.entry(app).or_default();
        let id = LossId(known.texts.len() as u32 + LossId::OTHER.0 + 1);
        self.put(&Record::Loss {
            app,
            code: loss.code,
            text: &loss.text,
        });
        id
    }

    /// Records and applies a new name.
    fn put(&mut self, record: &Record<'_>) {
        if self
            .pending
            .last()
            .is_none_or(|chunk| chunk.writer.bytes().len() >= CHUNK_LEN_MAX)
        {
            self.pending.push(Chunk {
                writer: Writer::default(),
                tasks_from: self.next_task,
            });
        }
        if let Some(chunk) = self.pending.last_mut() {
            chunk.writer.put(record);
        }
        self.apply(record);
    }

    /// Applies a record read back. Recipients, of which there may be millions, are gathered.
    fn read(&mut self, record: &Record<'_>, gathered: &mut Gathered) {
        if let Record::Recipient {
            app,
            class,
            account,
        } = *record
        {
            let next = self.next_number.entry(app).or_default();
            let hash = self.hasher.hash(app, class, account);
            gathered.put(&mut self.recipients, hash, *next);
            *next += 1;
        } else {
            self.apply(record);
        }
    }

    /// Applies a record.
    fn apply(&mut self, record: &Record<'_>) {
        match *record {
            Record::Recipient {
                app,
                class,
                account,
            } => {
                let next = self.next_number.entry(app).or_default();
                self.recipients
                    .insert(self.hasher.hash(app, class, account), *next, 0);
                *next += 1;
            }
            Record::Task {
                app,
                kind,
                origin,
                id,
            } => {
                let hash = self.hasher.hash(app, kind as u8, id);
                self.tasks
                    .insert(hash, self.next_task, record::origin_byte(origin));
                if origin == Origin::Own {
                    self.own.named(OwnTask {
                        number: TaskNumber(self.next_task),
                        app,
                        kind,
                        id: id.to_owned(),
                    });
                }
                self.next_task += 1;
            }
            Record::Loss { app, code, text } => {
                let known = self.losses.entry(app).or_default();
                let id = LossId(known.texts.len() as u32 + LossId::OTHER.0 + 1);
                known.texts.push(LossText {
                    code,
                    text: text.to_owned(),
                });
                known.ids.insert((code, text.to_owned()), id);
            }
            Record::RaiseTasks(end) => self.next_task = self.next_task.max(end),
            Record::RaiseNumbers(app, end) => {
                let next = self.next_number.entry(app).or_default();
                *next = (*next).max(end);
            }
        }
    }
}
