//! What a crowd of phones saw: counted by the phones alone, to be compared with what the server counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A count, and when it last rose.
#[derive(Debug, Default)]
pub struct Count {
    count: AtomicU64,
    /// Microseconds since the start of the `Seen` it belongs to.
    last_us: AtomicU64,
}

impl Count {
    /// How many.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// When it last rose, since the start; zero when it never did.
    #[must_use]
    pub fn last(&self) -> Duration {
        Duration::from_micros(self.last_us.load(Ordering::Acquire))
    }

    fn add(&self, at: Duration) {
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        self.last_us.fetch_max(at, Ordering::AcqRel);
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

/// What the phones saw of one push.
#[derive(Debug)]
pub struct PushSeen {
    id: Box<str>,
    /// Phones that showed it.
    pub shown: Count,
    /// Times that it came to a phone that had shown it already, and which ignored it.
    pub repeats: Count,
    /// Phones that showed it and took it away when it was revoked.
    pub revoked: Count,
    /// Of those, phones that show something else in its place.
    pub replaced: Count,
    /// Phones to which the server confirmed that its delivery is recorded.
    pub delivered: Count,
    /// Phones to which the server confirmed that its click is recorded.
    pub clicked: Count,
}

impl PushSeen {
    /// The push.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// What a crowd saw.
#[derive(Debug)]
pub struct Seen {
    start: Instant,
    pushes: Mutex<BTreeMap<Box<str>, Arc<PushSeen>>>,
    closes: Mutex<BTreeMap<u16, u64>>,
    connected: AtomicU64,
    changed: Notify,
    /// Times that a phone was welcomed.
    pub welcomes: Count,
    /// Connections that could not be opened or were not welcomed.
    pub failures: Count,
    /// Connections that ended without a close frame from the server.
    pub breaks: Count,
    /// Pushes over all phones, repeats included.
    pub frames: Count,
    /// Reports sent, repeats included.
    pub reports: Count,
    /// Reports confirmed, repeats included.
    pub confirmed: Count,
    /// Frames of reports that the server was too busy for.
    pub busy: Count,
    /// Reports that the server said are of no task of this app.
    pub unknown: Count,
    /// Frames that the protocol does not allow where they came.
    pub strange: Count,
    /// Confirmed changes between front and behind.
    pub flips: Count,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            pushes: Mutex::default(),
            closes: Mutex::default(),
            connected: AtomicU64::new(0),
            changed: Notify::new(),
            welcomes: Count::default(),
            failures: Count::default(),
            breaks: Count::default(),
            frames: Count::default(),
            reports: Count::default(),
            confirmed: Count::default(),
            busy: Count::default(),
            unknown: Count::default(),
            strange: Count::default(),
            flips: Count::default(),
        }
    }
}

impl Seen {
    /// Time since the start, in which [`Count::last`] is told.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Phones that are connected and welcomed now.
    #[must_use]
    pub fn connected(&self) -> u64 {
        self.connected.load(Ordering::Acquire)
    }

    /// Closes by the server, by code.
    #[must_use]
    pub fn closes(&self) -> BTreeMap<u16, u64> {
        self.closes.lock().clone()
    }

    /// Every push that anybody has seen.
    #[must_use]
    pub fn pushes(&self) -> Vec<Arc<PushSeen>> {
        self.pushes.lock().values().cloned().collect()
    }

    /// What was seen of one push; counts of zero when nobody has seen it.
    #[must_use]
    pub fn push(&self, id: &str) -> Arc<PushSeen> {
        let mut pushes = self.pushes.lock();
        if let Some(push) = pushes.get(id) {
            return Arc::clone(push);
        }
        let push = Arc::new(PushSeen {
            id: id.into(),
            shown: Count::default(),
            repeats: Count::default(),
            revoked: Count::default(),
            replaced: Count::default(),
            delivered: Count::default(),
            clicked: Count::default(),
        });
        pushes.insert(id.into(), Arc::clone(&push));
        push
    }

    /// Waits until the condition holds, which is asked again whenever anything was counted.
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // Whatever is counted from here on wakes us, so nothing falls between the question and the wait.
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    /// The same for so long at most; false when the condition does not hold then.
    pub async fn within(&self, time: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let reached = tokio::time::timeout(time, self.until(&condition));
        reached.await.is_ok() || condition(self)
    }

    pub(crate) fn add(&self, count: &Count) {
        count.add(self.now());
        self.changed.notify_waiters();
    }

    pub(crate) fn connect(&self) {
        self.connected.fetch_add(1, Ordering::AcqRel);
        self.add(&self.welcomes);
    }

    pub(crate) fn disconnect(&self) {
        self.connected.fetch_sub(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    pub(crate) fn close(&self, code: u16) {
        *self.closes.lock().entry(code).or_default() += 1;
        self.changed.notify_waiters();
    }
}
