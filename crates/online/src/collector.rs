//! Gathers what became of the targets of one send: a byte for each, and one waker for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use pushtally_channel::Outcome;
use pushtally_model::OwnLoss;

const ACCEPTED: u8 = 1;
const SLOW: u8 = 2;
const GONE: u8 = 3;

/// The outcomes of one send, as they come.
#[derive(Debug)]
pub(crate) struct Collector {
    outcomes: Box<[AtomicU8]>,
    left: AtomicUsize,
    waker: AtomicWaker,
}

/// One target's place in a collector. Whoever drops it without a word says `gone`, so that no send waits for ever.
#[derive(Debug)]
pub(crate) struct Ticket {
    collector: Arc<Collector>,
    place: u32,
    outcome: u8,
}

impl Collector {
    /// A collector, and the tickets of its targets in order.
    pub(crate) fn new(targets: u32) -> (Arc<Self>, impl Iterator<Item = Ticket>) {
        let collector = Arc::new(Self {
            outcomes: (0..targets).map(|_| AtomicU8::new(GONE)).collect(),
            left: AtomicUsize::new(targets as usize),
            waker: AtomicWaker::new(),
        });
        let of = Arc::clone(&collector);
        let tickets = (0..targets).map(move |place| Ticket {
            collector: Arc::clone(&of),
            place,
            outcome: GONE,
        });
        (collector, tickets)
    }

    /// Waits until every ticket has spoken; answers in the order of the targets.
    pub(crate) async fn outcomes(&self) -> Vec<Outcome> {
        std::future::poll_fn(|cx| {
            self.waker.register(cx.waker());
            match self.left.load(Ordering::Acquire) {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
        let outcome = |outcome: &AtomicU8| match outcome.load(Ordering::Relaxed) {
            ACCEPTED => Outcome::Accepted,
            SLOW => Outcome::Lost(OwnLoss::Slow),
            _ => Outcome::Lost(OwnLoss::Gone),
        };
        self.outcomes.iter().map(outcome).collect()
    }
}

impl Ticket {
    /// The socket took it.
    pub(crate) fn accepted(mut self) {
        self.outcome = ACCEPTED;
    }

    /// It is lost: `Slow`, or else gone.
    pub(crate) fn lost(mut self, loss: OwnLoss) {
        if loss == OwnLoss::Slow {
            self.outcome = SLOW;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(outcome) = self.collector.outcomes.get(self.place as usize) {
            outcome.store(self.outcome, Ordering::Relaxed);
        }
        if self.collector.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.collector.waker.wake();
        }
    }
}
