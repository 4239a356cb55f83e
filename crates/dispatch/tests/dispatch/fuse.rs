//! Calls are counted, and stop at the n-th, before or after doing it: a crash at that instruction. Some can be held.
//! Which calls these are `fused` says.

use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_store::Part;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::{Notify, watch};

/// Where a crash happens at the last call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Before,
    After,
}

#[derive(Debug)]
struct State {
    /// Calls until the crash; `None` is never.
    left: Option<(u32, Edge)>,
    /// Whether it is the next send that is the last call.
    at_send: bool,
    rng: ChaCha8Rng,
    hiccups: bool,
    hold: Option<(Call, Arc<Hold>)>,
}

/// A call that can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// The next end of a job of this part.
    Finish(Part),
    /// The next second look at whether an app is paused: after a task's state was seen.
    SecondLook { looked: bool },
    /// The next count of a task's jobs, when it is known and before anybody hears of it.
    Counted,
}

/// A call that waits before it does anything.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    pub(crate) held: Notify,
    pub(crate) go: Notify,
}

/// Counts calls, and blows.
#[derive(Debug)]
pub(crate) struct Fuse {
    state: Mutex<State>,
    blown: watch::Sender<bool>,
}

impl Fuse {
    pub(crate) fn new(seed: u64, hiccups: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                left: None,
                at_send: false,
                rng: ChaCha8Rng::seed_from_u64(seed),
                hiccups,
                hold: None,
            }),
            blown: watch::channel(false).0,
        })
    }

    /// Blows at the n-th call from now on.
    pub(crate) fn light(&self, calls: u32, before: bool) {
        let edge = if before { Edge::Before } else { Edge::After };
        self.state.lock().left = Some((calls, edge));
    }

    pub(crate) fn hold(&self, call: Call) -> Arc<Hold> {
        let hold = Arc::<Hold>::default();
        self.state.lock().hold = Some((call, Arc::clone(&hold)));
        hold
    }

    pub(crate) async fn wait_if_held(&self, call: Call) {
        let is_held = |(held, _): &mut (Call, Arc<Hold>)| match (held, call) {
            (Call::SecondLook { looked }, Call::SecondLook { .. }) => {
                std::mem::replace(looked, true)
            }
            (held, call) => *held == call,
        };
        let held = self.state.lock().hold.take_if(is_held);
        if let Some((_, hold)) = held {
            hold.held.notify_one();
            hold.go.notified().await;
        }
    }

    /// Blows after the next send, before anybody records it.
    pub(crate) fn light_at_send(&self) {
        self.state.lock().at_send = true;
    }

    pub(crate) fn put_out(&self) {
        let mut state = self.state.lock();
        state.left = None;
        state.at_send = false;
    }

    pub(crate) fn is_blown(&self) -> bool {
        *self.blown.borrow()
    }

    /// Nobody hears of anything any more.
    pub(crate) fn blow(&self) {
        self.blown.send_replace(true);
    }

    pub(crate) async fn blown(&self) {
        let mut blown = self.blown.subscribe();
        blown.wait_for(|blown| *blown).await.unwrap();
    }

    pub(crate) fn count(&self) -> Option<Edge> {
        let mut state = self.state.lock();
        match &mut state.left {
            Some((0 | 1, edge)) => {
                let edge = *edge;
                state.left = None;
                Some(edge)
            }
            Some((calls, _)) => {
                *calls -= 1;
                None
            }
            None => None,
        }
    }

    pub(crate) fn hiccup(&self, one_in: u32) -> bool {
        let mut state = self.state.lock();
        state.hiccups && state.rng.random_range(0..one_in) == 0
    }

    /// Does something, unless the crash is before or after it: then nobody hears of it again. Now and then another
    /// turn goes first.
    pub(crate) async fn pass<T>(&self, act: impl Future<Output = T>) -> T {
        while self.hiccup(3) {
            tokio::task::yield_now().await;
        }
        if self.is_blown() {
            return pending().await;
        }
        match self.count() {
            None => act.await,
            Some(edge) => {
                if edge == Edge::After {
                    act.await;
                }
                self.blow();
                pending().await
            }
        }
    }

    /// Passes a send, unless it is the last call.
    pub(crate) async fn pass_send<T>(&self, send: impl Future<Output = T>) -> T {
        let is_last = std::mem::take(&mut self.state.lock().at_send);
        if !is_last || self.is_blown() {
            return self.pass(send).await;
        }
        send.await;
        self.blow();
        pending().await
    }
}
