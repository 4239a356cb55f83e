//! The world outside: who is connected, and what each channel answers, by script.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_channel::{
    Attention, Carried, Channel as Carrier, Message, Outcome, Presence, Revoked, Target,
};
use pushtally_model::{AppId, Channel, Number, OwnLoss, TaskId, VendorCall};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::Notify;

use crate::fuse::Fuse;

/// Who is connected.
#[derive(Debug, Default)]
pub(crate) struct Connected(pub(crate) Mutex<BTreeMap<(AppId, Number), Attention>>);

impl Presence for Connected {
    fn connected(&self, app: AppId, shard: u16) -> Vec<(Number, Attention)> {
        let connected = self.0.lock();
        let of_shard = connected
            .iter()
            .filter(|((of, number), _)| *of == app && number.shard() == shard);
        of_shard.map(|((_, number), at)| (*number, *at)).collect()
    }

    fn attention(&self, app: AppId, number: Number) -> Option<Attention> {
        self.0.lock().get(&(app, number)).copied()
    }
}

/// What a channel does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Takes everything.
    Accept,
    /// Asks to wait so many seconds.
    Busy(u64),
    /// Asks to leave every second target alone for so many seconds.
    ThrottleSome(u64),
    /// Says that the token reaches nobody.
    Gone,
    /// Anything, at random.
    Random,
    /// Answers only when it is told to.
    Hang,
    /// Loses everything as slow.
    Slow,
}

/// One target's way through a channel.
type Sent = (TaskId, Channel, Number);

/// What channels remember of what they were sent, crashes or not.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Which targets a channel has ended since the last crash: none may come again.
    ended: Mutex<HashSet<Sent>>,
    /// Which it has ever taken, and how often.
    pub(crate) accepted: Mutex<HashMap<Sent, u32>>,
    /// Tasks that repeat nothing.
    pub(crate) once: Mutex<HashSet<TaskId>>,
    /// Tasks that were stopped, and whoever stopped them had the answer: no call may start.
    pub(crate) over: Mutex<HashSet<TaskId>>,
    /// Who was told that a task was taken back, and what to show instead.
    pub(crate) told: Mutex<Vec<(TaskId, Number, Option<String>)>>,
}

impl Memory {
    /// A crash lay between: what comes again may come.
    pub(crate) fn crash(&self) {
        self.ended.lock().clear();
    }
}

/// A channel that does what its script says.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) channel: Channel,
    pub(crate) targets_max: usize,
    pub(crate) script: Mutex<Script>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) fuse: Arc<Fuse>,
    rng: Mutex<ChaCha8Rng>,
    /// Ids of the tasks of each call, in order.
    pub(crate) calls: Mutex<Vec<(TaskId, usize)>>,
    pub(crate) called: Notify,
    pub(crate) answer: Notify,
}

impl Scripted {
    pub(crate) fn new(
        channel: Channel,
        script: Script,
        memory: &Arc<Memory>,
        fuse: &Arc<Fuse>,
        seed: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            channel,
            targets_max: 3,
            script: Mutex::new(script),
            memory: Arc::clone(memory),
            fuse: Arc::clone(fuse),
            rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            calls: Mutex::default(),
            called: Notify::new(),
            answer: Notify::new(),
        })
    }

    fn outcome(&self, script: Script, number: Number) -> Outcome {
        let script = match script {
            Script::Random => self.rng.lock().random_range(0..16),
            Script::Busy(s) => {
                return Outcome::Unavailable {
                    after: Duration::from_secs(s),
                };
            }
            Script::ThrottleSome(s) if number.0 % 2 == 1 => {
                return Outcome::Throttled {
                    after: Duration::from_secs(s),
                };
            }
            Script::Accept | Script::Hang | Script::ThrottleSome(_) => 0,
            Script::Gone => 11,
            Script::Slow => 8,
        };
        match script {
            8 => Outcome::Lost(OwnLoss::Slow),
            9 => Outcome::Lost(OwnLoss::Gone),
            10 => Outcome::Rejected {
                code: 400,
                text: "bad".to_owned(),
            },
            11 => Outcome::TokenGone {
                code: 410,
                text: "gone for good".to_owned(),
                since_ms: None,
            },
            12 => Outcome::Throttled {
                after: Duration::from_secs(3),
            },
            13 => Outcome::Unavailable {
                after: Duration::from_millis(700),
            },
            14 | 15 => Outcome::Unknown {
                after: Duration::from_millis(500),
            },
            _ => Outcome::Accepted,
        }
    }

    fn take(&self, message: &Message, targets: &[Target]) -> Vec<Outcome> {
        let script = *self.script.lock();
        let mut outcomes = Vec::new();
        for target in targets {
            // A vendor always gets the token; a vendor's call without one is our mistake.
            assert_eq!(target.token.is_some(), self.channel != Channel::Online);
            let sent = (message.id.clone(), self.channel, target.number);
            let outcome = self.outcome(script, target.number);
            // Of two whom nobody knows to have been taken, one was.
            let taken = match outcome {
                Outcome::Accepted => true,
                Outcome::Unknown { .. } => self.rng.lock().random_range(0..2) == 0,
                _ => false,
            };
            if taken {
                let mut accepted = self.memory.accepted.lock();
                let times = accepted.entry(sent.clone()).or_default();
                *times += 1;
                let once = self.memory.once.lock().contains(&message.id);
                assert!(
                    !once || *times == 1,
                    "taken twice: {} {target:?}",
                    message.id
                );
            }
            if !matches!(
                outcome,
                Outcome::Throttled { .. } | Outcome::Unavailable { .. } | Outcome::Unknown { .. }
            ) {
                let first = self.memory.ended.lock().insert(sent);
                assert!(
                    first,
                    "sent twice without a crash: {} {target:?}",
                    message.id
                );
            }
            outcomes.push(outcome);
        }
        outcomes
    }
}

#[async_trait]
impl Carrier for Scripted {
    fn targets_max(&self) -> usize {
        self.targets_max
    }

    async fn send(&self, message: &Message, targets: &[Target]) -> Carried {
        assert!(targets.len() <= self.targets_max);
        assert!(
            !self.memory.over.lock().contains(&message.id),
            "called after it was over: {}",
            message.id
        );
        self.calls.lock().push((message.id.clone(), targets.len()));
        self.called.notify_one();
        let hangs = *self.script.lock() == Script::Hang;
        if hangs {
            self.answer.notified().await;
        }
        let outcomes = self
            .fuse
            .pass_send(async { self.take(message, targets) })
            .await;
        let call = VendorCall {
            at_ms: message.accepted_at.0.into(),
            status: 200,
            request_id: format!("{}-{}", message.id, targets.len()),
            numbers: targets.iter().map(|target| target.number).collect(),
            ..VendorCall::default()
        };
        let calls = (self.channel != Channel::Online).then_some(call);
        Carried {
            outcomes,
            calls: calls.into_iter().collect(),
        }
    }

    async fn revoke(&self, revoked: &Revoked, targets: &[Target]) {
        assert_eq!(self.channel, Channel::Online);
        assert!(targets.len() <= self.targets_max);
        let instead = revoked
            .instead
            .as_ref()
            .map(|instead| instead.title.clone());
        for target in targets {
            let told = (revoked.id.clone(), target.number, instead.clone());
            self.memory.told.lock().push(told);
        }
    }
}
