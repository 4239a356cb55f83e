//! What reaches a session from outside: its queue of pushes, and signals. A session holds one end, presence and the
//! roll the other.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::task::Waker;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use pushtally_model::{AppId, Number, OwnLoss};

use crate::collector::Ticket;
use crate::limits::{QUEUE_LEN_MAX, REVOCATIONS_WAITING_MAX};

/// Places that an empty queue may keep: one burst should not cost an idle session memory for ever.
const IDLE_CAPACITY_MAX: usize = 4;

/// What somebody wants of a session. The numbers are bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Signal {
    /// To look at the time.
    Tick = 1,
    /// To end: a newer session of the same device has begun.
    Replaced = 2,
    /// To end: the device is registered no more.
    Unregistered = 4,
    /// To end: the app's push service is off.
    Disabled = 8,
    /// To end: the server stops.
    Stop = 16,
}

impl Signal {
    const ALL: [Self; 5] = [
        Self::Tick,
        Self::Replaced,
        Self::Unregistered,
        Self::Disabled,
        Self::Stop,
    ];
}

/// A push that waits for a socket, or the taking back of one, which has no ticket: nobody waits for what becomes of it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) frame: Bytes,
    pub(crate) ticket: Option<Ticket>,
}

#[derive(Debug, Default)]
struct Queue {
    pushes: VecDeque<Waiting>,
    closed: bool,
}

/// The way to a session.
#[derive(Debug)]
pub(crate) struct Link {
    waker: AtomicWaker,
    signals: AtomicU8,
    due_ms: AtomicI64,
    queue: Mutex<Queue>,
    device: OnceLock<(AppId, Number)>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            waker: AtomicWaker::new(),
            signals: AtomicU8::new(0),
            due_ms: AtomicI64::new(i64::MAX),
            queue: Mutex::default(),
            device: OnceLock::new(),
        }
    }
}

impl Link {
    /// Hands a push over. A full queue is `slow`, an ended session `gone`; the ticket says so.
    pub(crate) fn offer(&self, frame: Bytes, ticket: Ticket) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return ticket.lost(OwnLoss::Gone);
        }
        if queue.pushes.len() >= QUEUE_LEN_MAX {
            return ticket.lost(OwnLoss::Slow);
        }
        queue.pushes.push_back(Waiting {
            frame,
            ticket: Some(ticket),
        });
        drop(queue);
        self.waker.wake();
    }

    /// Hands the taking back of a push over, after every push that waits. Answers whether it will be said: an ended session
    /// takes none, and a full one is told when it connects again.
    pub(crate) fn take_back(&self, frame: Bytes) -> bool {
        let mut queue = self.queue.lock();
        if queue.closed || queue.pushes.len() >= QUEUE_LEN_MAX + REVOCATIONS_WAITING_MAX {
            return false;
        }
        let ticket = None;
        queue.pushes.push_back(Waiting { frame, ticket });
        drop(queue);
        self.waker.wake();
        true
    }

    /// The push whose turn it is.
    pub(crate) fn next(&self) -> Option<Waiting> {
        let mut queue = self.queue.lock();
        let next = queue.pushes.pop_front();
        if queue.pushes.is_empty() && queue.pushes.capacity() > IDLE_CAPACITY_MAX {
            queue.pushes = VecDeque::new();
        }
        next
    }

    /// Takes no more pushes; those that wait are lost.
    pub(crate) fn close(&self, loss: OwnLoss) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.pushes);
        drop(queue);
        for ticket in waiting.into_iter().filter_map(|push| push.ticket) {
            ticket.lost(loss);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.signals.fetch_or(signal as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    /// The signals since the last call.
    pub(crate) fn take_signals(&self) -> impl Iterator<Item = Signal> + use<> {
        let bits = match self.signals.load(Ordering::Acquire) {
            0 => 0,
            _ => self.signals.swap(0, Ordering::AcqRel),
        };
        let is_set = move |signal: &Signal| bits & *signal as u8 != 0;
        Signal::ALL.into_iter().filter(is_set)
    }

    /// Whom to wake for pushes and signals.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// When the session wants to look at the time.
    pub(crate) fn due_ms(&self) -> i64 {
        self.due_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_due_ms(&self, due_ms: i64) {
        self.due_ms.store(due_ms, Ordering::Relaxed);
    }

    /// The device, once it is known.
    pub(crate) fn device(&self) -> Option<(AppId, Number)> {
        self.device.get().copied()
    }

    pub(crate) fn set_device(&self, app: AppId, number: Number) {
        // Said once: a session admits one phone.
        let _ = self.device.set((app, number));
    }
}
