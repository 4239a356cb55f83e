//! What a start looks at: tasks that are not done, tasks whose marks know more than their jobs, tasks that live.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use pushtally_model::{
    Channel, Origin, Route, Scope, Second, Stage, TaskKey, TaskKind, TaskState, Window,
};
use pushtally_store::{Job, Part, StoreError, StoredTask};

use crate::fanout::{Fanout, Loaded, shard_of_job};
use crate::live::Whom;
use crate::settings::{REOPEN_TASKS_MAX, START_PAGE, START_TASKS_MAX};

impl Fanout {
    /// Looks at the newest tasks and puts right what a crash or a restore left.
    pub(crate) async fn look_back(&self) -> Result<(), StoreError> {
        let mut before = None;
        let mut seen = 0;
        while seen < START_TASKS_MAX {
            let tasks = self
                .parts
                .tasks
                .list_tasks(None, before, START_PAGE)
                .await?;
            let Some(last) = tasks.last() else { break };
            before = Some(last.seq);
            for task in tasks {
                self.look_at(task, seen < REOPEN_TASKS_MAX).await?;
                seen += 1;
            }
        }
        Ok(())
    }

    async fn look_at(&self, stored: StoredTask, compare: bool) -> Result<(), StoreError> {
        let Some(key) = self.known_key(&stored).await? else {
            return Ok(());
        };
        let task = Loaded { stored, key };
        if compare {
            self.reopen(&task).await?;
        }
        self.note_jobs(&task.stored).await;
        let now = self.parts.clock.now();
        if self.is_live(&task, now).await? {
            let whom = self.addressed(&task).await?;
            self.keep_live(&task, whom);
        }
        if task.stored.state == TaskState::Revoked
            && let Some(how) = self.parts.tasks.revocation(task.stored.seq).await?
        {
            self.keep_revoked(&task, &how);
        }
        Ok(())
    }

    /// The task's number; `None` for one that is done without any event, which must not be named for that.
    pub(crate) async fn known_key(&self, task: &StoredTask) -> Result<Option<TaskKey>, StoreError> {
        if task.done_at.is_none() {
            return Ok(Some(self.key(task).await?));
        }
        let draft = &task.draft;
        let known = self
            .parts
            .identities
            .find_task(draft.app, draft.kind.family(), draft.id.as_str())
            .await?;
        Ok(known.filter(|key| key.origin == Origin::Own))
    }

    /// Gives every channel on which something is pending its jobs; those that exist stay as they are.
    async fn reopen(&self, task: &Loaded) -> Result<(), StoreError> {
        let pending = self.parts.stats.pending(task.key, None).await?;
        let kind = task.stored.draft.kind;
        let job = |shard: u16, channel| Job {
            app: task.app(),
            task: task.stored.seq,
            shard: shard_of_job(kind, shard),
            part: Part::Send(channel),
        };
        let jobs: BTreeSet<Job> = pending
            .iter()
            .map(|(_, channel, number)| job(number.shard(), *channel))
            .collect();
        if jobs.is_empty() {
            return Ok(());
        }
        if task.stored.done_at.is_some() {
            let id = task.stored.draft.id.as_str();
            tracing::warn!(
                task = id,
                jobs = jobs.len(),
                "a task that was done is reopened"
            );
            self.counters.reopened.fetch_add(1, Ordering::Relaxed);
        }
        let jobs: Vec<Job> = jobs.into_iter().collect();
        self.parts.tasks.reopen_task(&jobs).await
    }

    /// Whom a task was sent to, or is about to be, for all that its marks know.
    async fn addressed(&self, task: &Loaded) -> Result<Whom, StoreError> {
        if task.stored.draft.kind == TaskKind::Broadcast {
            return Ok(Whom::Everybody);
        }
        let stats = &self.parts.stats;
        let mut devices = Vec::new();
        for shard in stats.planned_shards(task.key).await? {
            devices.extend(stats.sent_or_pending(task.key, shard).await?);
        }
        Ok(Whom::Devices(devices))
    }

    /// Whether a device that connects now may have missed it.
    async fn is_live(&self, task: &Loaded, now: Second) -> Result<bool, StoreError> {
        let may_be = !task.stored.state.is_over()
            && now < task.stored.draft.deadline
            && self.live.has_room(task.app(), task.stored.draft.kind);
        if !may_be {
            return Ok(false);
        }
        let scope = Scope::Task(task.key.number);
        let tally = self
            .parts
            .stats
            .tally(task.app(), scope, Window::all())
            .await?;
        Ok(tally.reached(Route::Online, Channel::Online, Stage::Planned) > 0)
    }
}
