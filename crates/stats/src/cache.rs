//! The pages in memory, bounded in bytes.
//!
//! Invariant: a page that is not here is exactly what the newest installed snapshot says. Only the folder
//! changes and evicts pages; anybody may bring one in. A page is evicted only when a snapshot that includes
//! its last change is installed, and one read from an older generation is never let in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;
use pushtally_ledger::{Page, PageKey};

/// Shards of marks, which only the folder and whoever warms pages look at; a power of two.
const MARKS_SHARDS: usize = 64;
/// Shards of all other pages: so many that a query, which looks at a dozen, hardly ever meets the folder in one. Should
/// the folder lose its core while it holds one, whoever meets it there waits for milliseconds. A power of two.
const OTHER_SHARDS: usize = 1024;
const SHARDS: usize = MARKS_SHARDS + OTHER_SHARDS;
/// Pages looked at in one shard before eviction moves on, so that a lock is held for microseconds.
const EVICT_LOOKS_MAX: usize = 64;
/// What a page costs beside its own bytes: its slot, key, queue place and `Arc`.
const SLOT_BYTES: usize = 96;

#[derive(Debug)]
struct Slot {
    page: Arc<Page>,
    bytes: u32,
    /// The epoch of the last change; 0 for a page as loaded.
    epoch: u32,
    /// Used since eviction last looked.
    hot: bool,
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<PageKey, Slot>,
    /// Every resident key once, in the order in which eviction looks.
    queue: VecDeque<PageKey>,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    /// Changes belong to this epoch; a cut ends it. Starts at 1.
    epoch: AtomicU32,
    /// Changes up to this epoch are in the installed snapshot.
    installed: AtomicU32,
    /// Tasks below this may have pages in the installed snapshot.
    tasks_end: AtomicU32,
    /// Above this the folder evicts, and readers keep what they load to themselves.
    bytes_max: AtomicUsize,
    bytes: AtomicUsize,
    pages: AtomicUsize,
    hand: AtomicUsize,
    cold_loads: AtomicU64,
    /// Whether any page may exist that is not resident: none does until one was evicted or left by an earlier run.
    cold: AtomicBool,
}

/// What a look-up found.
pub(crate) enum Found {
    /// It is here.
    Page(Arc<Page>),
    /// It cannot exist.
    Nothing,
    /// The snapshot must be asked.
    Cold,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize, tasks_end: u32, cold: bool) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            epoch: AtomicU32::new(1),
            installed: AtomicU32::new(0),
            tasks_end: AtomicU32::new(tasks_end),
            bytes_max: AtomicUsize::new(bytes_max),
            bytes: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
            cold_loads: AtomicU64::new(0),
            cold: AtomicBool::new(cold),
        }
    }

    fn shard(&self, key: PageKey) -> &Mutex<Shard> {
        let (a, b) = match key {
            PageKey::Total(app, kind) => (app.0, kind as u32),
            PageKey::Task(task) => (task.0, 2),
            PageKey::Marks(task, shard) => (task.0, 3 + u32::from(shard)),
            PageKey::TotalRows(app, kind, day) => (app.0, day * 2 + kind as u32),
            PageKey::TaskRows(task, day) => (task.0, day),
        };
        let mixed = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48;
        let shard = match key {
            PageKey::Marks(..) => mixed as usize % MARKS_SHARDS,
            PageKey::Total(..)
            | PageKey::Task(_)
            | PageKey::TotalRows(..)
            | PageKey::TaskRows(..) => MARKS_SHARDS + mixed as usize % OTHER_SHARDS,
        };
        &self.shards[shard]
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sets how much the folder lets pages take from now on.
    pub(crate) fn bound(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Whether there is room for pages that nobody must change.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes() < self.bytes_max.load(Ordering::Relaxed)
    }

    pub(crate) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }

    pub(crate) fn cold_loads(&self) -> u64 {
        self.cold_loads.load(Ordering::Relaxed)
    }

    /// Whether a look-up can find anything cold at all.
    pub(crate) fn may_be_cold(&self) -> bool {
        self.cold.load(Ordering::Relaxed)
    }

    fn may_exist(&self, key: PageKey) -> bool {
        match key {
            PageKey::Task(task) | PageKey::Marks(task, _) | PageKey::TaskRows(task, _) => {
                self.may_be_cold() && task.0 < self.tasks_end.load(Ordering::Acquire)
            }
            PageKey::Total(..) | PageKey::TotalRows(..) => self.may_be_cold(),
        }
    }

    /// Looks a page up without asking the snapshot.
    pub(crate) fn find(&self, key: PageKey) -> Found {
        let mut shard = self.shard(key).lock();
        match shard.slots.get_mut(&key) {
            Some(slot) => {
                slot.hot = true;
                match *slot.page {
                    Page::Gone => Found::Nothing,
                    Page::Total(_) | Page::Task(_) | Page::Marks(_) | Page::Rows(_) => {
                        Found::Page(Arc::clone(&slot.page))
                    }
                }
            }
            None => {
                drop(shard);
                if self.may_exist(key) {
                    Found::Cold
                } else {
                    Found::Nothing
                }
            }
        }
    }

    /// Lets a page in that was loaded while `current()` held, or the knowledge that there is none; `false` when it
    /// must be loaded again.
    pub(crate) fn admit(
        &self,
        key: PageKey,
        page: Option<Page>,
        current: impl FnOnce() -> bool,
    ) -> bool {
        self.cold_loads.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.shard(key).lock();
        if shard.slots.contains_key(&key) {
            return true;
        }
        if !current() {
            return false;
        }
        shard.queue.push_back(key);
        let slot = self.slot(page.unwrap_or(Page::Gone));
        shard.slots.insert(key, slot);
        true
    }

    /// A new slot, its bytes counted.
    fn slot(&self, page: Page) -> Slot {
        let bytes = slot_bytes(&page);
        self.bytes.fetch_add(bytes as usize, Ordering::Relaxed);
        self.pages.fetch_add(1, Ordering::Relaxed);
        Slot {
            page: Arc::new(page),
            bytes,
            epoch: 0,
            hot: true,
        }
    }

    /// Changes a resident page, or one known not to exist; `Err` hands the change back when it must be
    /// loaded first. For the folder only.
    pub(crate) fn change<R, F: FnOnce(&mut Page) -> R>(
        &self,
        key: PageKey,
        exists: Option<bool>,
        change: F,
    ) -> Result<R, F> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        let mut guard = self.shard(key).lock();
        let shard = &mut *guard;
        let slot = match shard.slots.entry(key) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(_) if exists != Some(false) && self.may_exist(key) => {
                return Err(change);
            }
            Entry::Vacant(slot) => {
                shard.queue.push_back(key);
                slot.insert(self.slot(Page::Gone))
            }
        };
        slot.epoch = epoch;
        slot.hot = true;
        let answer = change(Arc::make_mut(&mut slot.page));
        let bytes = slot_bytes(&slot.page);
        self.bytes.fetch_add(bytes as usize, Ordering::Relaxed);
        self.bytes.fetch_sub(slot.bytes as usize, Ordering::Relaxed);
        slot.bytes = bytes;
        Ok(answer)
    }

    /// Ends the epoch and answers its number, with the named pages as they are.
    pub(crate) fn cut(
        &self,
        whole: impl Iterator<Item = PageKey>,
    ) -> (u32, Vec<(PageKey, Arc<Page>)>) {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        let page = |key| {
            self.shard(key)
                .lock()
                .slots
                .get(&key)
                .map(|slot| (key, Arc::clone(&slot.page)))
        };
        (epoch, whole.filter_map(page).collect())
    }

    /// Tells that the snapshot of an epoch is installed: its pages may go.
    pub(crate) fn installed(&self, epoch: u32, tasks_end: u32) {
        self.tasks_end.store(tasks_end, Ordering::Release);
        self.installed.store(epoch, Ordering::Release);
    }

    /// Evicts clean pages not used lately until at most this many bytes are held or all have been looked at.
    pub(crate) fn evict(&self, bytes_max: usize) {
        let installed = self.installed.load(Ordering::Acquire);
        // Twice round: the first look takes the `hot` flag, the second the page.
        let mut looks = 2 * (self.pages() + SHARDS);
        while self.bytes() > bytes_max && looks > 0 {
            let hand = self.hand.fetch_add(1, Ordering::Relaxed);
            let mut guard = self.shards[hand % SHARDS].lock();
            let shard = &mut *guard;
            let len = shard.queue.len().min(EVICT_LOOKS_MAX);
            looks = looks.saturating_sub(len.max(1));
            for _ in 0..len {
                let Some(key) = shard.queue.pop_front() else {
                    break;
                };
                let Entry::Occupied(mut slot) = shard.slots.entry(key) else {
                    continue;
                };
                let keep = slot.get().epoch > installed || slot.get().hot;
                slot.get_mut().hot = false;
                if keep {
                    shard.queue.push_back(key);
                } else {
                    // Before it goes, so that nobody takes its absence for proof.
                    self.cold.store(true, Ordering::Release);
                    let slot = slot.remove();
                    self.bytes.fetch_sub(slot.bytes as usize, Ordering::Relaxed);
                    self.pages.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn slot_bytes(page: &Page) -> u32 {
    u32::try_from(page.bytes() + SLOT_BYTES).unwrap_or(u32::MAX)
}
