//! An engine that stops at its n-th call, before or after doing it: a crash at that instruction. Now and then it also
//! refuses in a way that passes.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_ledger::Batch;
use pushtally_model::{
    Account, AppId, Device, Kind, LossId, Number, RegistrationId, Revocation, Second, TaskDraft,
    TaskId, TaskKey, TaskNumber, TaskState,
};
use pushtally_store::{
    AcceptLimits, Accepted, Addressed, BatchVisitor, Claim, ClaimedJob, DeadToken, DeviceChange,
    DeviceVisitor, Devices, Engine, Identities, Job, Log, LogReport, LossText, NamedTask, Names,
    OwnTask, Part, Phone, Position, Recipient, Registered, Registration, ReplacedToken, Resolved,
    Restoring, Revoked, SecretHash, StoreError, StoredTask, TaskSeq, Tasks, Unregistered, Updated,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::{Notify, watch};

/// Where a crash happens at the last call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
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

    async fn wait_if_held(&self, call: Call) {
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

    pub(crate) async fn blown(&self) {
        let mut blown = self.blown.subscribe();
        blown.wait_for(|blown| *blown).await.unwrap();
    }

    fn count(&self) -> Option<Edge> {
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

    fn hiccup(&self, one_in: u32) -> bool {
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
                self.blown.send_replace(true);
                pending().await
            }
        }
    }
}

impl Fuse {
    /// Passes a send, unless it is the last call.
    pub(crate) async fn pass_send<T>(&self, send: impl Future<Output = T>) -> T {
        let is_last = std::mem::take(&mut self.state.lock().at_send);
        if !is_last || self.is_blown() {
            return self.pass(send).await;
        }
        send.await;
        self.blown.send_replace(true);
        pending().await
    }
}

/// Wraps the ports that dispatch and the ledger write through.
pub(crate) fn fused(inner: &Engine, fuse: &Arc<Fuse>) -> (Engine, Arc<FusedTasks>) {
    let tasks = Arc::new(FusedTasks {
        inner: Arc::clone(&inner.tasks),
        fuse: Arc::clone(fuse),
        claimed: Mutex::default(),
    });
    let engine = Engine {
        log: Arc::new(FusedLog(Arc::clone(&inner.log), Arc::clone(fuse))),
        identities: Arc::new(FusedIdentities(
            Arc::clone(&inner.identities),
            Arc::clone(fuse),
        )),
        devices: Arc::new(FusedDevices(Arc::clone(&inner.devices), Arc::clone(fuse))),
        tasks: Arc::clone(&tasks) as Arc<dyn Tasks>,
        ..inner.clone()
    };
    (engine, tasks)
}

struct FusedLog(Arc<dyn Log>, Arc<Fuse>);

impl FusedLog {
    fn dead() -> StoreError {
        StoreError::Failed {
            what: "crashed".to_owned(),
        }
    }
}

#[async_trait]
impl Log for FusedLog {
    // The committer's thread must not hang, so a crash is an error here.
    async fn append(&self, batch: &Batch) -> Result<Position, StoreError> {
        let Self(inner, fuse) = self;
        if fuse.is_blown() {
            return Err(Self::dead());
        }
        if fuse.hiccup(25) {
            return Err(StoreError::Full {
                what: "nothing fits".to_owned(),
            });
        }
        match fuse.count() {
            None => inner.append(batch).await,
            Some(edge) => {
                if edge == Edge::After {
                    inner.append(batch).await?;
                }
                fuse.blown.send_replace(true);
                Err(Self::dead())
            }
        }
    }

    async fn replay(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.0.replay(after, visit).await
    }

    async fn read_on(
        &self,
        after: &Position,
        visit: &mut BatchVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.0.read_on(after, visit).await
    }

    async fn report(&self) -> Result<LogReport, StoreError> {
        self.0.report().await
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        self.0.verify().await
    }

    async fn drop_before(&self, included: &Position, ms: i64) -> Result<usize, StoreError> {
        self.0.drop_before(included, ms).await
    }
}

struct FusedIdentities(Arc<dyn Identities>, Arc<Fuse>);

#[async_trait]
impl Identities for FusedIdentities {
    async fn resolve(&self, app: AppId, names: &Names<'_>) -> Result<Resolved, StoreError> {
        self.1.pass(self.0.resolve(app, names)).await
    }

    async fn find_task(
        &self,
        app: AppId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<TaskKey>, StoreError> {
        self.1.pass(self.0.find_task(app, kind, id)).await
    }

    async fn find_recipients(
        &self,
        app: AppId,
        recipients: &[Recipient<'_>],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        self.0.find_recipients(app, recipients).await
    }

    async fn own_tasks(&self, from: TaskNumber, max: usize) -> Result<Vec<OwnTask>, StoreError> {
        self.0.own_tasks(from, max).await
    }

    async fn tasks_of(
        &self,
        app: AppId,
        from: TaskNumber,
        max: usize,
    ) -> Result<Vec<NamedTask>, StoreError> {
        self.0.tasks_of(app, from, max).await
    }

    async fn find_loss(&self, app: AppId, loss: LossId) -> Result<Option<LossText>, StoreError> {
        self.0.find_loss(app, loss).await
    }

    async fn raise(&self, tasks_end: u32, ends: &BTreeMap<AppId, u32>) -> Result<(), StoreError> {
        self.0.raise(tasks_end, ends).await
    }

    async fn count(&self) -> Result<(u64, u64), StoreError> {
        self.0.count().await
    }
}

struct FusedDevices(Arc<dyn Devices>, Arc<Fuse>);

#[async_trait]
impl Devices for FusedDevices {
    async fn register_device(
        &self,
        app: AppId,
        registration: &Registration,
        max: u64,
    ) -> Result<Registered, StoreError> {
        self.0.register_device(app, registration, max).await
    }

    async fn import_devices(
        &self,
        app: AppId,
        registrations: &[Registration],
        max: u64,
    ) -> Result<Vec<Registered>, StoreError> {
        self.0.import_devices(app, registrations, max).await
    }

    async fn holders(
        &self,
        app: AppId,
        tokens: &[Addressed],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        self.1.pass(self.0.holders(app, tokens)).await
    }

    async fn drop_tokens(
        &self,
        app: AppId,
        dead: &[DeadToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        self.1.pass(self.0.drop_tokens(app, dead, at)).await
    }

    async fn restore_tokens(
        &self,
        app: AppId,
        numbers: &[Number],
        what: &Restoring,
        at: Second,
    ) -> Result<u64, StoreError> {
        self.0.restore_tokens(app, numbers, what, at).await
    }

    async fn replace_tokens(
        &self,
        app: AppId,
        replaced: &[ReplacedToken],
        at: Second,
    ) -> Result<u64, StoreError> {
        self.0.replace_tokens(app, replaced, at).await
    }

    async fn forget_former_holders(&self, before: Second) -> Result<u64, StoreError> {
        self.0.forget_former_holders(before).await
    }

    async fn update_device(
        &self,
        app: AppId,
        id: &RegistrationId,
        secret: SecretHash,
        change: &DeviceChange,
    ) -> Result<Updated, StoreError> {
        self.0.update_device(app, id, secret, change).await
    }

    async fn unregister_device(
        &self,
        app: AppId,
        id: &RegistrationId,
        secret: SecretHash,
        at: Second,
    ) -> Result<Unregistered, StoreError> {
        self.0.unregister_device(app, id, secret, at).await
    }

    async fn find_phone(
        &self,
        app: AppId,
        id: &RegistrationId,
    ) -> Result<Option<Phone>, StoreError> {
        self.1.pass(self.0.find_phone(app, id)).await
    }

    async fn find_device(&self, app: AppId, number: Number) -> Result<Option<Device>, StoreError> {
        self.1.pass(self.0.find_device(app, number)).await
    }

    async fn find_devices(
        &self,
        app: AppId,
        numbers: &[Number],
    ) -> Result<Vec<Device>, StoreError> {
        self.1.pass(self.0.find_devices(app, numbers)).await
    }

    async fn devices_of_account(
        &self,
        app: AppId,
        account: &Account,
    ) -> Result<Vec<Device>, StoreError> {
        self.1.pass(self.0.devices_of_account(app, account)).await
    }

    async fn account_known(&self, app: AppId, account: &Account) -> Result<bool, StoreError> {
        self.0.account_known(app, account).await
    }

    async fn device_shards(&self, app: AppId) -> Result<Vec<u16>, StoreError> {
        self.1.pass(self.0.device_shards(app)).await
    }

    async fn visit_shard(
        &self,
        app: AppId,
        shard: u16,
        visit: &mut DeviceVisitor<'_>,
    ) -> Result<(), StoreError> {
        self.1.pass(self.0.visit_shard(app, shard, visit)).await
    }

    async fn count_devices(&self, app: AppId) -> Result<u64, StoreError> {
        self.0.count_devices(app).await
    }

    async fn device_numbers_end(&self) -> Result<BTreeMap<AppId, u32>, StoreError> {
        self.0.device_numbers_end().await
    }
}

/// Also knows what is claimed: an engine forgets that with its process.
pub(crate) struct FusedTasks {
    inner: Arc<dyn Tasks>,
    fuse: Arc<Fuse>,
    claimed: Mutex<Vec<Job>>,
}

impl FusedTasks {
    /// What a restart does to claims.
    pub(crate) async fn forget_claims(&self) {
        let claimed = std::mem::take(&mut *self.claimed.lock());
        for job in claimed {
            self.inner.release_job(&job, 0).await.unwrap();
        }
    }

    fn hiccup(&self) -> Result<(), StoreError> {
        if self.fuse.is_blown() || !self.fuse.hiccup(40) {
            return Ok(());
        }
        Err(StoreError::Busy {
            what: "too much waits".to_owned(),
        })
    }
}

#[async_trait]
impl Tasks for FusedTasks {
    async fn accept_task(
        &self,
        draft: &TaskDraft,
        shards: Option<&[u16]>,
        limits: &AcceptLimits,
    ) -> Result<Accepted, StoreError> {
        self.fuse
            .pass(self.inner.accept_task(draft, shards, limits))
            .await
    }

    async fn find_stored_task(
        &self,
        app: AppId,
        id: &TaskId,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.fuse.pass(self.inner.find_stored_task(app, id)).await
    }

    async fn task_at(&self, seq: TaskSeq) -> Result<Option<StoredTask>, StoreError> {
        self.hiccup()?;
        self.fuse.pass(self.inner.task_at(seq)).await
    }

    async fn list_tasks(
        &self,
        app: Option<AppId>,
        before: Option<TaskSeq>,
        max: usize,
    ) -> Result<Vec<StoredTask>, StoreError> {
        self.fuse
            .pass(self.inner.list_tasks(app, before, max))
            .await
    }

    async fn set_task_state(
        &self,
        app: AppId,
        id: &TaskId,
        state: TaskState,
    ) -> Result<Option<StoredTask>, StoreError> {
        self.fuse
            .pass(self.inner.set_task_state(app, id, state))
            .await
    }

    async fn revoke_task(
        &self,
        app: AppId,
        id: &TaskId,
        revocation: &Revocation,
        age_s_max: u32,
    ) -> Result<Revoked, StoreError> {
        self.fuse
            .pass(self.inner.revoke_task(app, id, revocation, age_s_max))
            .await
    }

    async fn revocation(&self, task: TaskSeq) -> Result<Option<Revocation>, StoreError> {
        self.fuse.pass(self.inner.revocation(task)).await
    }

    async fn app_paused(&self, app: AppId) -> Result<bool, StoreError> {
        let look = Call::SecondLook { looked: false };
        self.fuse.wait_if_held(look).await;
        self.fuse.pass(self.inner.app_paused(app)).await
    }

    async fn set_app_paused(&self, app: AppId, paused: bool) -> Result<(), StoreError> {
        self.fuse.pass(self.inner.set_app_paused(app, paused)).await
    }

    async fn claim_job(&self, claim: Claim, now_ms: i64) -> Result<Option<ClaimedJob>, StoreError> {
        let act = async {
            let claimed = self.inner.claim_job(claim, now_ms).await;
            if let Ok(Some(claimed)) = &claimed {
                self.claimed.lock().push(claimed.job);
            }
            claimed
        };
        self.fuse.pass(act).await
    }

    async fn release_job(&self, job: &Job, not_before_ms: i64) -> Result<(), StoreError> {
        let released = self
            .fuse
            .pass(self.inner.release_job(job, not_before_ms))
            .await;
        self.claimed.lock().retain(|claimed| claimed != job);
        released
    }

    async fn note_calls(&self, job: &Job, numbers: &[Number]) -> Result<(), StoreError> {
        self.hiccup()?;
        self.fuse.pass(self.inner.note_calls(job, numbers)).await
    }

    async fn noted_calls(&self, job: &Job) -> Result<Vec<Number>, StoreError> {
        self.fuse.pass(self.inner.noted_calls(job)).await
    }

    async fn finish_job(&self, job: &Job, next: &[Job], at: Second) -> Result<(), StoreError> {
        self.hiccup()?;
        self.fuse.wait_if_held(Call::Finish(job.part)).await;
        let finished = self.fuse.pass(self.inner.finish_job(job, next, at)).await;
        self.claimed.lock().retain(|claimed| claimed != job);
        finished
    }

    async fn reopen_task(&self, jobs: &[Job]) -> Result<(), StoreError> {
        self.fuse.pass(self.inner.reopen_task(jobs)).await
    }

    async fn next_job_at(&self, now_ms: i64) -> Result<Option<i64>, StoreError> {
        self.fuse.pass(self.inner.next_job_at(now_ms)).await
    }

    async fn jobs_left(&self, task: TaskSeq) -> Result<usize, StoreError> {
        let left = self.fuse.pass(self.inner.jobs_left(task)).await;
        self.fuse.wait_if_held(Call::Counted).await;
        left
    }
}
