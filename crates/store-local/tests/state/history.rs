//! Random acts on the embedded engine and on the one in memory, with restarts of the first in between: both answer the same.
//!
//! Numbers differ (blocks leave gaps), so they are compared by the order in which they were given.

use proptest::prelude::*;
use pushtally_model::Channel;
use pushtally_model::{
    AppId, Audience, Notification, Number, Revocation, Second, TaskDraft, TaskKind, Urgency,
};
use pushtally_store::{
    AcceptLimits, AuditEntry, Claim, ClaimedJob, DeadToken, DeviceChange, Job, Part, ReplacedToken,
    Restoring, TaskSeq,
};

use crate::fixture::{APP, APPS, START, account, draft, registration, rid, secret, token};
use crate::labelled;
use crate::pair::{Pair, alike, both};
use crate::seen::Order;
use crate::steps::{Step, step};

/// A device's number, or one that no device has.
fn number_of(order: &Order, app: AppId, place: Option<Number>) -> Number {
    let given = place.and_then(|place| order.given(app, place));
    given.unwrap_or(Number(u32::MAX - 1))
}

impl Pair {
    async fn step(&mut self, step: Step) {
        match step {
            Step::Register {
                app,
                phone,
                account: name,
                tokens,
                wrong,
                max,
            } => {
                let app = APPS[app];
                let mut registration = registration(phone, None);
                registration.at = self.now();
                registration.account = name.map(account);
                registration.facts.tokens = tokens.into_iter().map(token).collect();
                registration.secret = secret(phone + u32::from(wrong));
                let (local, memory) = both!(self, devices.register_device(app, &registration, max));
                let (first, second) = &mut self.orders;
                let (local, memory) = (local.unwrap(), memory.unwrap());
                assert_eq!(first.registered(app, local), second.registered(app, memory));
            }
            Step::Update {
                app,
                phone,
                tokens,
                model,
            } => {
                let change = DeviceChange {
                    tokens: tokens.map(|tokens| tokens.into_iter().map(token).collect()),
                    model: model.map(|model| model.to_string()),
                    at: self.now(),
                    ..DeviceChange::default()
                };
                let app = APPS[app];
                let (local, memory) = both!(
                    self,
                    devices.update_device(app, &rid(phone), secret(phone), &change)
                );
                let (first, second) = &self.orders;
                assert_eq!(
                    first.updated(app, local.unwrap()),
                    second.updated(app, memory.unwrap())
                );
            }
            Step::Unregister { app, phone } => {
                let app = APPS[app];
                let (local, memory) = both!(
                    self,
                    devices.unregister_device(app, &rid(phone), secret(phone), self.now())
                );
                let (first, second) = &self.orders;
                assert_eq!(
                    first.unregistered(app, local.unwrap()),
                    second.unregistered(app, memory.unwrap())
                );
            }
            Step::Drop {
                app: at,
                token: n,
                ago_ms,
            } => {
                let app = APPS[at];
                let since_ms = Some(self.now_ms - ago_ms);
                let mut dropped = Vec::new();
                for (ports, order) in self.ports() {
                    let number = number_of(order, app, self.diary.holder(at, n));
                    let dead = DeadToken {
                        number,
                        token: token(n),
                        since_ms,
                    };
                    let devices = &ports.devices;
                    dropped.push(devices.drop_tokens(app, &[dead], self.now()).await.unwrap());
                }
                assert_eq!(dropped[0], dropped[1]);
            }
            Step::Restore {
                app,
                channel,
                ago_s,
            } => {
                let app = APPS[app];
                let what = Restoring {
                    channel,
                    cert_id: None,
                    since: Second(self.now().0 - ago_s),
                };
                let mut restored = Vec::new();
                for (ports, order) in self.ports() {
                    let all: Vec<Number> = order.all(app).collect();
                    let devices = &ports.devices;
                    let done = devices.restore_tokens(app, &all, &what, self.now());
                    restored.push(done.await.unwrap());
                }
                assert_eq!(restored[0], restored[1]);
            }
            Step::Replace {
                app: at,
                token: n,
                by,
                ago_ms,
            } => {
                let app = APPS[at];
                let mut done = Vec::new();
                for (ports, order) in self.ports() {
                    let replaced = ReplacedToken {
                        number: number_of(order, app, self.diary.holder(at, n)),
                        token: token(n),
                        value: token(by).value,
                        since_ms: self.now_ms - ago_ms,
                    };
                    let devices = &ports.devices;
                    done.push(
                        devices
                            .replace_tokens(app, &[replaced], self.now())
                            .await
                            .unwrap(),
                    );
                }
                assert_eq!(done[0], done[1]);
            }
            Step::Accept {
                app,
                n,
                batch,
                shards,
                limits,
            } => self.accept(APPS[app], n, batch, shards, limits).await,
            Step::SetState { n, state } => {
                let (local, memory) = both!(self, tasks.set_task_state(APP, &draft(n).id, state));
                assert_eq!(local.unwrap(), memory.unwrap());
            }
            Step::Revoke { n, instead } => {
                let revocation = Revocation {
                    at: self.now(),
                    instead: instead.then(|| Notification {
                        title: self.now_ms.to_string(),
                        ..Notification::default()
                    }),
                };
                let id = draft(n).id;
                let (local, memory) = both!(self, tasks.revoke_task(APP, &id, &revocation, 9));
                assert_eq!(local.unwrap(), memory.unwrap());
            }
            Step::SetAppPaused { app, paused } => {
                let (local, memory) = both!(self, tasks.set_app_paused(APPS[app], paused));
                alike(local, memory);
            }
            Step::ClaimAll { urgent } => self.claim_all(urgent).await,
            Step::Note { pick, numbers } => {
                let Some(job) = self.known_job(pick) else {
                    return;
                };
                let numbers: Vec<Number> = numbers.into_iter().map(Number).collect();
                let (local, memory) = both!(self, tasks.note_calls(&job, &numbers));
                alike(local, memory);
            }
            Step::Finish { pick, next } => self.finish(pick, &next).await,
            Step::Release { pick, after_ms } => {
                if !self.claimed.is_empty() {
                    let job = self.claimed.swap_remove(pick % self.claimed.len());
                    let (local, memory) =
                        both!(self, tasks.release_job(&job, self.now_ms + after_ms));
                    alike(local, memory);
                }
            }
            Step::Reopen { task, shards } => {
                let job = |shard| Job {
                    app: APP,
                    task: TaskSeq(task),
                    shard: Some(shard),
                    part: Part::Plan,
                };
                let jobs: Vec<Job> = shards.into_iter().map(job).collect();
                let (local, memory) = both!(self, tasks.reopen_task(&jobs));
                alike(local, memory);
            }
            Step::Labels { app, step } => {
                let local = labelled::perform(&self.ports, APPS[app], &step, self.now()).await;
                let memory = labelled::perform(&self.memory, APPS[app], &step, self.now()).await;
                assert_eq!(local, memory, "{step:?}");
            }
            Step::Audit => {
                let entry = AuditEntry {
                    at: 0,
                    when: Second(START),
                    app: Some(APP),
                    who: "operator".to_owned(),
                    from: String::new(),
                    what: "push".to_owned(),
                    target: self.now_ms.to_string(),
                    body_hash: String::new(),
                    code: 0,
                };
                let (local, memory) = both!(self, audit.append_entry(&entry));
                alike(local, memory);
            }
            Step::Time { ms } => self.now_ms += ms,
            Step::Restart => self.restart().await,
        }
        let (local, memory) = both!(self, tasks.next_job_at(self.now_ms));
        alike(local, memory);
        self.note_holders().await;
    }

    async fn accept(
        &mut self,
        app: AppId,
        n: u32,
        batch: bool,
        shards: Option<Vec<u16>>,
        (day, gap, open): (u32, u32, usize),
    ) {
        let limits = AcceptLimits {
            broadcasts_per_day: Some(day),
            day_begins: Second(START),
            now_ms: self.now_ms,
            broadcast_gap_ms: gap * 700,
            open_tasks_max: open,
        };
        let mut draft = TaskDraft { app, ..draft(n) };
        if batch {
            draft.kind = TaskKind::Batch;
            draft.urgency = Urgency::Urgent;
            draft.audience = Audience::Accounts(vec![account(1)]);
        }
        draft.accepted_at = self.now();
        draft.deadline = Second(draft.accepted_at.0 + n);
        let (local, memory) = both!(self, tasks.accept_task(&draft, shards.as_deref(), &limits));
        alike(local, memory);
    }

    /// In which order may differ after a restart, since turns are not kept.
    async fn claim_all(&mut self, urgent: bool) {
        let claim = if urgent { Claim::Urgent } else { Claim::Any };
        let mut found: [Vec<ClaimedJob>; 2] = Default::default();
        for (ports, found) in [&self.ports, &self.memory].into_iter().zip(&mut found) {
            while let Some(claimed) = ports.tasks.claim_job(claim, self.now_ms).await.unwrap() {
                found.push(claimed);
            }
            found.sort_unstable_by_key(|claimed| claimed.job);
        }
        let [local, memory] = found;
        assert_eq!(local, memory);
        self.claimed.extend(local.iter().map(|claimed| claimed.job));
        self.known_jobs
            .extend(local.iter().map(|claimed| claimed.job));
    }

    fn known_job(&self, pick: usize) -> Option<Job> {
        let at = pick % self.known_jobs.len().max(1);
        self.known_jobs.get(at).copied()
    }

    /// Ends a claimed job, or one that may have ended long ago.
    async fn finish(&mut self, pick: usize, next: &[(Option<u16>, bool)]) {
        let Some(job) = self.known_job(pick) else {
            return;
        };
        let next: Vec<Job> = next
            .iter()
            .map(|(shard, send)| Job {
                shard: *shard,
                part: if *send {
                    Part::Send(Channel::Online)
                } else {
                    Part::Plan
                },
                ..job
            })
            .collect();
        let at = self.now();
        let (local, memory) = both!(self, tasks.finish_job(&job, &next, at));
        alike(local, memory);
        self.claimed.retain(|other| *other != job);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_answer_the_same_whatever_happens(steps in prop::collection::vec(step(), 20..90)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new();
            for step in steps {
                pair.step(step).await;
            }
            pair.look().await;
            pair.restart().await;
        });
    }
}

/// `PUSHTALLY_SEEDS` runs more histories.
fn cases() -> u32 {
    let asked = std::env::var("PUSHTALLY_SEEDS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(16)
}
