//! Plays a plan: callbacks of 100 events over several connections at once, as the sender of webhooks would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use pushtally_model::{Clock, Second};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::client::Client;
use super::naive::Naive;
use super::plan::{Plan, Played};

/// The documented bound of a callback.
pub(super) const EVENTS_MAX: usize = 100;
/// Callbacks under way at once.
const CONNECTIONS: usize = 16;
/// A callback that is told to come back does so this often, this long after each other.
const TRIES_MAX: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// A push being played.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) plan: Plan,
    pub(super) task_id: String,
    pub(super) task_time: Second,
    client: Client,
    clock: Arc<dyn Clock>,
    naive: Mutex<Naive>,
    next_call: AtomicUsize,
    /// Events whose callback was answered.
    acknowledged: AtomicU64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    events: Vec<Event<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    callback_command: &'static str,
    event_type: u8,
    task_id: &'a str,
    task_time: u32,
    event_time: u32,
    #[serde(rename = "To_Account")]
    to_account: String,
    push_platform: u8,
    push_stage: u8,
    err_code: i64,
    err_info: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    error_code: i64,
    error_info: String,
}

impl Player {
    pub(super) fn new(
        plan: Plan,
        task_id: String,
        task_time: Second,
        client: Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (naive, next_call, acknowledged) = Default::default();
        Self {
            plan,
            task_id,
            task_time,
            client,
            clock,
            naive,
            next_call,
            acknowledged,
        }
    }

    /// Events whose callback was answered.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// What was played, counted once.
    pub(super) fn counts(&self) -> super::Counts {
        self.naive.lock().counts()
    }

    /// Plays everything; answers when the last callback was answered.
    pub(super) async fn play(self: &Arc<Self>) -> anyhow::Result<()> {
        let mut senders = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let player = Arc::clone(self);
            senders.spawn(async move { player.send_calls().await });
        }
        while let Some(sent) = senders.join_next().await {
            sent.context("a sender was lost")??;
        }
        Ok(())
    }

    async fn send_calls(&self) -> anyhow::Result<()> {
        loop {
            let call = self.next_call.fetch_add(1, Ordering::Relaxed);
            let Some(events) = self.plan.events.chunks(EVENTS_MAX).nth(call) else {
                return Ok(());
            };
            self.send(events).await?;
            let mut naive = self.naive.lock();
            events.iter().for_each(|event| naive.add(event));
            self.acknowledged
                .fetch_add(events.len() as u64, Ordering::Relaxed);
        }
    }

    /// Sends one callback until it is taken: repeating it is harmless, that is the point.
    async fn send(&self, events: &[Played]) -> anyhow::Result<()> {
        let body = self.body(events)?;
        let mut last = String::new();
        for _ in 0..TRIES_MAX {
            let url = self.client.callback_url(self.clock.now());
            let reply = self.client.post(&url, body.clone()).await?;
            let reply: Reply = serde_json::from_slice(&reply)
                .context("the answer to a callback cannot be read")?;
            if reply.error_code == 0 {
                return Ok(());
            }
            last = format!("{} {}", reply.error_code, reply.error_info);
            tokio::time::sleep(PAUSE).await;
        }
        bail!("a callback was refused `{TRIES_MAX}` times, last with {last}")
    }

    /// A callback's body.
    pub(super) fn body(&self, events: &[Played]) -> anyhow::Result<Vec<u8>> {
        let event = |played: &Played| {
            let (profile, (err_code, err_info)) = (played.profile(), played.outcome());
            Event {
                callback_command: "Push.AllMemberPush",
                event_type: profile.event_type,
                task_id: &self.task_id,
                task_time: self.task_time.0,
                event_time: self.task_time.0 + played.after_s,
                to_account: format!("user-{:06}", played.device),
                push_platform: profile.push_platform,
                push_stage: played.stage,
                err_code,
                err_info,
            }
        };
        Ok(serde_json::to_vec(&Body {
            events: events.iter().map(event).collect(),
        })?)
    }
}
