//! The queue against a scan over all jobs, by random acts; and what fairness looks like, written out.

use std::collections::BTreeMap;

use proptest::prelude::*;
use pushtally_model::{AppId, Channel, Second, TaskState, Urgency};

use super::{JobQueue, QueuedTask};
use crate::ports::{Claim, ClaimedJob, Job, Part, TaskSeq};

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Waits(i64),
    Claimed,
}

/// Every job in one list; every question is a scan.
#[derive(Default)]
struct Naive {
    tasks: BTreeMap<TaskSeq, (QueuedTask, u64)>,
    jobs: BTreeMap<Job, State>,
    app_turns: BTreeMap<(AppId, Urgency), u64>,
    paused: Vec<AppId>,
    turn: u64,
    now_ms: i64,
}

impl Naive {
    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    fn add(&mut self, task: &QueuedTask, job: Job) {
        if !self.jobs.keys().any(|other| other.task == job.task) {
            for urgency in [Urgency::Urgent, Urgency::Bulk] {
                if !self.app_turns.contains_key(&(task.app, urgency)) {
                    let turn = self.next_turn();
                    self.app_turns.insert((task.app, urgency), turn);
                }
            }
            let turn = self.next_turn();
            self.tasks.insert(task.seq, (*task, turn));
        }
        self.jobs.entry(job).or_insert(State::Waits(i64::MIN));
    }

    /// When a job may run, as things are; `None` is not before somebody acts.
    fn runs_at(&self, job: &Job) -> Option<i64> {
        let task = self.tasks[&job.task].0;
        let State::Waits(at) = self.jobs[job] else {
            return None;
        };
        let held = task.state == TaskState::Paused
            || (self.paused.contains(&job.app) && !task.state.is_over());
        Some(if held {
            at.max(i64::from(task.deadline.0) * 1000)
        } else {
            at
        })
    }

    fn claim(&mut self, claim: Claim, now_ms: i64) -> Option<ClaimedJob> {
        self.now_ms = self.now_ms.max(now_ms);
        let lanes = match claim {
            Claim::Urgent => vec![Urgency::Urgent],
            Claim::Any => vec![Urgency::Urgent, Urgency::Bulk],
        };
        let rank = |job: &Job| {
            let (task, turn) = self.tasks[&job.task];
            let app_turn = self.app_turns[&(job.app, task.urgency)];
            (task.urgency, app_turn, turn, job.shard, job.part)
        };
        let due = self.jobs.keys().filter(|job| {
            lanes.contains(&self.tasks[&job.task].0.urgency)
                && self.runs_at(job).is_some_and(|at| at <= self.now_ms)
        });
        let job = *due.min_by_key(|job| rank(job))?;
        let (app_turn, task_turn) = (self.next_turn(), self.next_turn());
        self.jobs.insert(job, State::Claimed);
        let (task, turn) = self.tasks.get_mut(&job.task)?;
        *turn = task_turn;
        self.app_turns.insert((job.app, task.urgency), app_turn);
        Some(ClaimedJob {
            job,
            urgency: task.urgency,
            state: task.state,
            deadline: task.deadline,
        })
    }

    fn next_at(&mut self, now_ms: i64) -> Option<i64> {
        self.now_ms = self.now_ms.max(now_ms);
        let times = self.jobs.keys().filter_map(|job| self.runs_at(job));
        times.filter(|at| *at > self.now_ms).min()
    }
}

#[derive(Debug, Clone)]
enum Act {
    Add {
        task: u64,
        shard: Option<u16>,
        send: bool,
    },
    Claim {
        urgent: bool,
    },
    Release {
        pick: usize,
        after_ms: i64,
    },
    Finish {
        pick: usize,
    },
    SetState {
        task: u64,
        state: TaskState,
    },
    SetAppPaused {
        app: u32,
        paused: bool,
    },
    Time {
        ms: i64,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let state = prop_oneof![
        Just(TaskState::Running),
        Just(TaskState::Paused),
        Just(TaskState::Cancelled),
        Just(TaskState::Revoked)
    ];
    prop_oneof![
        6 => (0..12u64, proptest::option::of(0..3u16), any::<bool>())
            .prop_map(|(task, shard, send)| Act::Add { task, shard, send }),
        8 => any::<bool>().prop_map(|urgent| Act::Claim { urgent }),
        3 => (any::<usize>(), -500..3000i64)
            .prop_map(|(pick, after_ms)| Act::Release { pick, after_ms }),
        3 => any::<usize>().prop_map(|pick| Act::Finish { pick }),
        2 => (0..12u64, state).prop_map(|(task, state)| Act::SetState { task, state }),
        1 => (0..3u32, any::<bool>()).prop_map(|(app, paused)| Act::SetAppPaused { app, paused }),
        3 => (-100..1500i64).prop_map(|ms| Act::Time { ms }),
    ]
}

fn queued(task: u64) -> QueuedTask {
    QueuedTask {
        app: AppId(task as u32 % 3),
        seq: TaskSeq(task),
        urgency: if task.is_multiple_of(4) {
            Urgency::Urgent
        } else {
            Urgency::Bulk
        },
        state: TaskState::Running,
        deadline: Second(2 + task as u32 / 2),
    }
}

fn job(task: &QueuedTask, shard: Option<u16>, send: bool) -> Job {
    Job {
        app: task.app,
        task: task.seq,
        shard,
        part: if send {
            Part::Send(Channel::Fcm)
        } else {
            Part::Plan
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_queue_answers_what_a_scan_over_all_jobs_answers(acts in prop::collection::vec(act(), 1..120)) {
        let (mut queue, mut naive) = (JobQueue::new(), Naive::default());
        let mut now_ms = 1000;
        for act in acts {
            let picked = |naive: &Naive, pick: usize| {
                let jobs: Vec<Job> = naive.jobs.keys().copied().collect();
                (!jobs.is_empty()).then(|| jobs[pick % jobs.len()])
            };
            match act {
                Act::Add { task, shard, send } => {
                    let task = naive.tasks.get(&TaskSeq(task)).map_or_else(|| queued(task), |known| known.0);
                    queue.add(&task, &job(&task, shard, send));
                    naive.add(&task, job(&task, shard, send));
                }
                Act::Claim { urgent } => {
                    let claim = if urgent { Claim::Urgent } else { Claim::Any };
                    prop_assert_eq!(queue.claim(claim, now_ms), naive.claim(claim, now_ms));
                }
                Act::Release { pick, after_ms } => if let Some(job) = picked(&naive, pick) {
                    queue.release(&job, now_ms + after_ms);
                    if naive.jobs[&job] == State::Claimed {
                        naive.jobs.insert(job, State::Waits(now_ms + after_ms));
                    }
                },
                Act::Finish { pick } => if let Some(job) = picked(&naive, pick) {
                    prop_assert!(queue.finish(&job));
                    prop_assert!(!queue.finish(&job), "a job ends once");
                    naive.jobs.remove(&job);
                },
                Act::SetState { task, state } => {
                    queue.set_state(TaskSeq(task), state);
                    let seq = TaskSeq(task);
                    if naive.jobs.keys().any(|job| job.task == seq) && let Some(known) = naive.tasks.get_mut(&seq) {
                        known.0.state = state;
                        for (_, job) in naive.jobs.iter_mut().filter(|(job, _)| job.task == seq && state.is_over()) {
                            if let State::Waits(at) = job {
                                *at = i64::MIN;
                            }
                        }
                    }
                }
                Act::SetAppPaused { app, paused } => {
                    queue.set_app_paused(AppId(app), paused);
                    naive.paused.retain(|other| *other != AppId(app));
                    naive.paused.extend(paused.then_some(AppId(app)));
                }
                Act::Time { ms } => now_ms += ms,
            }
            prop_assert_eq!(queue.next_at(now_ms), naive.next_at(now_ms));
            for task in 0..12 {
                let left = naive.jobs.keys().filter(|job| job.task == TaskSeq(task)).count();
                prop_assert_eq!(queue.jobs_left(TaskSeq(task)), left);
            }
            for app in (0..3).map(AppId) {
                let open = naive.tasks.values().filter(|(task, _)| {
                    task.app == app && naive.jobs.keys().any(|job| job.task == task.seq)
                });
                prop_assert_eq!(queue.open_tasks(app), open.count());
                prop_assert_eq!(queue.app_paused(app), naive.paused.contains(&app));
            }
        }
    }
}

#[test]
fn apps_take_turns_and_within_an_app_tasks_do() {
    let mut queue = JobQueue::new();
    // App 1 has a task of six shards and one of two, app 2 one of two.
    for (app, seq, shards) in [(1, 1, 6), (1, 2, 2), (2, 3, 2)] {
        let task = QueuedTask {
            app: AppId(app),
            seq: TaskSeq(seq),
            urgency: Urgency::Bulk,
            state: TaskState::Running,
            deadline: Second(1000),
        };
        for shard in 0..shards {
            queue.add(&task, &job(&task, Some(shard), false));
        }
    }
    let order: Vec<u64> = std::iter::from_fn(|| queue.claim(Claim::Any, 0))
        .map(|claimed| claimed.job.task.0)
        .collect();
    assert_eq!(order, [1, 3, 2, 3, 1, 2, 1, 1, 1, 1]);
}

#[test]
fn a_task_that_always_has_work_waits_for_every_other_between_two_of_its_turns() {
    let mut queue = JobQueue::new();
    let task = |seq| QueuedTask {
        app: AppId(seq as u32 / 10),
        seq: TaskSeq(seq),
        urgency: Urgency::Bulk,
        state: TaskState::Running,
        deadline: Second(1000),
    };
    for seq in 0..30 {
        queue.add(&task(seq), &job(&task(seq), None, false));
    }
    // New tasks of app 0 keep coming, a job each: they delay nobody for more than a turn.
    let mut seen: Vec<u64> = Vec::new();
    for round in 0..600 {
        let Some(claimed) = queue.claim(Claim::Any, round) else {
            break;
        };
        queue.release(&claimed.job, round);
        seen.push(claimed.job.task.0);
        if round % 10 == 0 {
            let newer = QueuedTask {
                app: AppId(0),
                ..task(1000 + round as u64)
            };
            queue.add(&newer, &job(&newer, None, false));
        }
    }
    for seq in 10..30 {
        let turns: Vec<usize> = (0..seen.len()).filter(|at| seen[*at] == seq).collect();
        assert_eq!(
            turns.len(),
            20,
            "turns of task {seq} of thirty tasks in three apps"
        );
        assert!(
            turns.windows(2).all(|pair| pair[1] - pair[0] == 30),
            "{turns:?}"
        );
    }
    let slowest = (0..10)
        .map(|seq| seen.iter().filter(|other| **other == seq).count())
        .min();
    assert!(
        slowest >= Some(3),
        "new tasks of the same app starve none: {slowest:?}"
    );
}

#[test]
fn urgent_jobs_go_first_and_bulk_ones_are_left_alone_when_asked() {
    let mut queue = JobQueue::new();
    let bulk = queued(1);
    let urgent = queued(4);
    queue.add(&bulk, &job(&bulk, None, false));
    queue.add(&urgent, &job(&urgent, None, false));
    let seq = |claimed: Option<ClaimedJob>| claimed.map(|claimed| claimed.job.task.0);
    assert_eq!(seq(queue.claim(Claim::Any, 0)), Some(4));
    assert_eq!(seq(queue.claim(Claim::Urgent, 0)), None);
    assert_eq!(seq(queue.claim(Claim::Any, 0)), Some(1));
}
