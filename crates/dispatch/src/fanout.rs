//! What the workers share, and the acts that all their jobs are made of: load, stand, record, finish.
//!
//! Invariant: what is planned on a channel and not ended has a job of that channel, or the job that planned it is
//! not finished. So a crash between any two acts leaves somebody who will end it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use pushtally_audience::Audience;
use pushtally_channel::{Channel as Carrier, Message, Presence};
use pushtally_model::{
    AppId, Channel, Clock, Entropy, OnUnknown, Origin, Second, TaskKey, TaskKind,
};
use pushtally_stats::Stats;
use pushtally_store::{
    Accounts, Claim, Devices, Identities, Job, Names, Part, StoreError, StoredTask, TaskName,
    TaskSeq, Tasks,
};
use tokio::sync::{Mutex, MutexGuard, Notify, Semaphore, watch};

use crate::brakes::Brakes;
use crate::gate::Gates;
use crate::health::Counters;
use crate::live::{Live, LiveTask, Whom};
use crate::returning::Returning;
use crate::settings::{APP_SHARE, CHANNEL_SHARE, FINISH_LOCKS, PLANS_AT_ONCE, Settings};
use crate::shares::Shares;
use crate::standing::{Standing, standing};

/// What dispatch works with.
#[derive(Clone)]
pub struct Parts {
    /// Tasks and their jobs.
    pub tasks: Arc<dyn Tasks>,
    /// Registered devices.
    pub devices: Arc<dyn Devices>,
    /// Their accounts, and the index over them.
    pub accounts: Arc<dyn Accounts>,
    /// Names and their numbers.
    pub identities: Arc<dyn Identities>,
    /// The ledger: ends go in, what is pending comes out.
    pub stats: Arc<Stats>,
    /// Who is connected.
    pub presence: Arc<dyn Presence>,
    /// What implements each channel. What is planned on one that nothing implements is lost for want of credentials.
    pub channels: BTreeMap<Channel, Arc<dyn Carrier>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for TaskIds.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

/// A task with the number that its events carry.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) stored: StoredTask,
    pub(crate) key: TaskKey,
}

impl Loaded {
    pub(crate) fn app(&self) -> AppId {
        self.stored.draft.app
    }

    /// What becomes of those of whom nobody knows whether they were sent to.
    pub(crate) const fn on_unknown(&self) -> OnUnknown {
        self.stored.draft.on_unknown
    }

    /// What channels send.
    pub(crate) fn message(&self) -> Message {
        let draft = &self.stored.draft;
        Message {
            app: draft.app,
            id: draft.id.clone(),
            number: self.stored.seq.0,
            urgency: draft.urgency,
            data_id: draft.data_id.clone(),
            notification: draft.notification.clone(),
            accepted_at: draft.accepted_at,
            deadline: draft.deadline,
        }
    }
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worked {
    /// It has ended.
    Finished,
    /// It goes back, to run no earlier than this millisecond.
    Later(i64),
}

/// Why a job could not go on.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Before anything was sent that is not recorded: it may run again.
    Store(StoreError),
    /// What was sent is not recorded: it must not run again in this process, or it would be sent twice.
    Unrecorded(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The workers' shared state.
#[derive(Debug)]
pub(crate) struct Fanout {
    pub(crate) parts: Parts,
    pub(crate) settings: Settings,
    pub(crate) audience: Audience,
    pub(crate) live: Live,
    pub(crate) counters: Counters,
    pub(crate) shares: Shares,
    bells: [Notify; 2],
    pub(crate) planning: Semaphore,
    pub(crate) stopping: watch::Sender<bool>,
    finishing: Vec<Mutex<()>>,
    pub(crate) gates: Gates,
    pub(crate) brakes: Arc<Brakes>,
    /// Which tasks are from before this start, unless there are none.
    pub(crate) returning: OnceLock<Returning>,
}

impl Fanout {
    pub(crate) fn new(parts: Parts, settings: Settings) -> Self {
        let channel_max = (settings.workers / CHANNEL_SHARE).max(1);
        let app_max = (channel_max / APP_SHARE).max(1);
        let (devices, clock) = (Arc::clone(&parts.devices), Arc::clone(&parts.clock));
        Self {
            brakes: Arc::new(Brakes::new(devices, clock, settings.brake)),
            audience: Audience::new(Arc::clone(&parts.devices), Arc::clone(&parts.accounts)),
            live: Live::default(),
            counters: Counters::default(),
            shares: Shares::new(channel_max, app_max),
            bells: Default::default(),
            planning: Semaphore::new(PLANS_AT_ONCE),
            stopping: watch::channel(false).0,
            finishing: (0..FINISH_LOCKS).map(|_| Mutex::default()).collect(),
            gates: Gates::default(),
            returning: OnceLock::new(),
            parts,
            settings,
        }
    }

    /// A job may have become claimable, or a time to wait for may have changed: wakes one worker of each kind. Whoever finds
    /// a job wakes the next one, so that all wake when there is work for all, and two when there is none.
    pub(crate) fn ring(&self) {
        self.bells.iter().for_each(Notify::notify_one);
    }

    /// What workers of a kind wait for.
    pub(crate) const fn bell(&self, claim: Claim) -> &Notify {
        let [urgent, any] = &self.bells;
        match claim {
            Claim::Urgent => urgent,
            Claim::Any => any,
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// The task's number, by name: never stored, because the names log is what events are named by. If that lost a
    /// name, then no event used it.
    pub(crate) async fn key(&self, task: &StoredTask) -> Result<TaskKey, StoreError> {
        let names = Names {
            tasks: vec![TaskName {
                kind: task.draft.kind.family(),
                origin: Origin::Own,
                id: task.draft.id.as_str(),
            }],
            ..Names::default()
        };
        let resolved = self
            .parts
            .identities
            .resolve(task.draft.app, &names)
            .await?;
        resolved.tasks.first().copied().ok_or_else(misresolved)
    }

    /// The job's task; `None` when the store has lost it.
    pub(crate) async fn load(&self, job: &Job) -> Result<Option<Loaded>, StoreError> {
        let Some(stored) = self.parts.tasks.task_at(job.task).await? else {
            return Ok(None);
        };
        let key = self.key(&stored).await?;
        Ok(Some(Loaded { stored, key }))
    }

    /// How the task stands now, whatever it was when the job was claimed.
    pub(crate) async fn standing(&self, task: &Loaded) -> Result<Standing, StoreError> {
        let stored = self.parts.tasks.task_at(task.stored.seq).await?;
        let state = stored.map_or(task.stored.state, |stored| stored.state);
        let app_paused = self.parts.tasks.app_paused(task.app()).await?;
        let now = self.parts.clock.now();
        Ok(standing(state, app_paused, now, task.stored.draft.deadline))
    }

    /// The second of what happens to a task now: never before it was accepted.
    pub(crate) fn now_of(&self, task: &Loaded) -> Second {
        self.parts.clock.now().max(task.stored.draft.accepted_at)
    }

    /// Keeps the task for devices that connect while it lives.
    pub(crate) fn keep_live(&self, task: &Loaded, whom: Whom) {
        let live = LiveTask {
            key: task.key,
            message: Arc::new(task.message()),
        };
        self.live.insert(task.stored.seq, live, whom);
    }

    /// Ends a job if nothing is pending that only it would send, and adds a job for every other channel on which
    /// something is.
    pub(crate) async fn finish(&self, job: &Job, task: &Loaded) -> Result<Worked, StoreError> {
        // Another job of the task may plan on this one's channel: either this one sees what was planned, or the
        // other one finishes later and adds this one anew.
        let _alone = self.alone(job.task).await;
        let pending = self.parts.stats.pending(task.key, job.shard).await?;
        let channels: BTreeSet<Channel> = pending.iter().map(|(_, channel, _)| *channel).collect();
        if let Part::Send(own) = job.part
            && channels.contains(&own)
        {
            return Ok(Worked::Later(self.parts.clock.now_ms()));
        }
        let next: Vec<Job> = channels
            .into_iter()
            .map(|channel| Job {
                part: Part::Send(channel),
                ..*job
            })
            .collect();
        self.end_job(job, &next, self.now_of(task)).await?;
        self.count_jobs(&task.stored).await;
        Ok(Worked::Finished)
    }

    /// Notes how many jobs a task has left, while no job of it ends.
    pub(crate) async fn note_jobs(&self, task: &StoredTask) {
        let _alone = self.alone(task.seq).await;
        self.count_jobs(task).await;
    }

    /// A gauge: what cannot be read now is noted with the next job that ends.
    async fn count_jobs(&self, task: &StoredTask) {
        if let Ok(left) = self.parts.tasks.jobs_left(task.seq).await {
            let accepted_at = task.draft.accepted_at;
            self.counters.set_open(task.seq, accepted_at, left);
        }
    }

    /// While the answer lives, no other job of the task ends.
    async fn alone(&self, task: TaskSeq) -> Option<MutexGuard<'_, ()>> {
        let at = task.0 as usize % self.finishing.len().max(1);
        match self.finishing.get(at) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        }
    }

    /// Ends a job whose task the store has lost: nothing can be sent or named.
    pub(crate) async fn abandon(&self, job: &Job) -> Result<Worked, StoreError> {
        tracing::error!(
            task = job.task.0,
            "a job's task is not stored: the job is dropped"
        );
        self.end_job(job, &[], self.parts.clock.now()).await?;
        self.counters.set_open(job.task, Second::default(), 0);
        Ok(Worked::Finished)
    }

    async fn end_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError> {
        self.parts.tasks.finish_job(job, next, at).await?;
        self.ring();
        Ok(())
    }
}

/// The jobs of a task's pending channels: a batch has one for all shards.
pub(crate) fn shard_of_job(kind: TaskKind, shard: u16) -> Option<u16> {
    match kind {
        TaskKind::Broadcast => Some(shard),
        TaskKind::Batch | TaskKind::Message => None,
    }
}

/// An engine that answers fewer numbers than names breaks its contract; nothing may be counted on its word.
pub(crate) fn misresolved() -> StoreError {
    StoreError::Failed {
        what: "identities answered fewer numbers than names".to_owned(),
    }
}
