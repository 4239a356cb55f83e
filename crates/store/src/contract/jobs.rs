//! Jobs: claiming, giving back, ending, pausing.

use pushtally_model::{Channel, Number, Second, TaskDraft, TaskState, Urgency};

use super::APP;
use super::tasks::{NOW, OTHER, accept, batch, draft};
use crate::StoreError;
use crate::ports::{Claim, ClaimedJob, Engine, Job, Part, StoredTask, TaskSeq};

const NOW_MS: i64 = NOW.0 as i64 * 1000;

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    every_shard_has_one_plan_job(fresh().await).await;
    a_job_is_claimed_by_one_at_a_time(fresh().await).await;
    a_task_is_done_when_its_last_job_ends(fresh().await).await;
    calls_under_way_are_noted_until_the_job_ends(fresh().await).await;
    jobs_of_unknown_tasks_change_nothing(fresh().await).await;
    a_paused_task_waits_until_it_must_end(fresh().await).await;
    a_paused_app_pauses_present_and_future_tasks(fresh().await).await;
    urgent_jobs_go_first_and_apps_and_tasks_take_turns(fresh().await).await;
}

async fn claim(engine: &Engine, now_ms: i64) -> Option<ClaimedJob> {
    engine.tasks.claim_job(Claim::Any, now_ms).await.unwrap()
}

/// Claims whatever may run now.
pub(super) async fn claim_all(engine: &Engine) -> Vec<Job> {
    let mut jobs = Vec::new();
    while let Some(claimed) = claim(engine, NOW_MS).await {
        jobs.push(claimed.job);
    }
    jobs
}

async fn next_at(engine: &Engine, now_ms: i64) -> Option<i64> {
    engine.tasks.next_job_at(now_ms).await.unwrap()
}

fn plan(task: &StoredTask, shard: Option<u16>) -> Job {
    Job {
        app: task.draft.app,
        task: task.seq,
        shard,
        part: Part::Plan,
    }
}

async fn every_shard_has_one_plan_job(engine: Engine) {
    let some = accept(&engine, &draft(1), Some(&[3, 0, 65_535, 3])).await;
    assert_eq!(engine.tasks.jobs_left(some.seq).await.unwrap(), 3);
    let mut jobs = claim_all(&engine).await;
    jobs.sort_unstable();
    assert_eq!(jobs, [0, 3, 65_535].map(|shard| plan(&some, Some(shard))));
    let whole = accept(&engine, &batch(2), None).await;
    let claimed = claim(&engine, NOW_MS).await;
    let expected = ClaimedJob {
        job: plan(&whole, None),
        urgency: Urgency::Urgent,
        state: TaskState::Running,
        deadline: whole.draft.deadline,
    };
    assert_eq!(claimed, Some(expected));
    let none = accept(&engine, &draft(3), Some(&[])).await;
    assert_eq!(engine.tasks.jobs_left(none.seq).await.unwrap(), 0);
    assert_eq!(engine.tasks.jobs_left(TaskSeq(99)).await.unwrap(), 0);
    assert_eq!(claim_all(&engine).await, []);
}

/// A claimed job is nobody else's until it is given back, and then not before its time.
async fn a_job_is_claimed_by_one_at_a_time(engine: Engine) {
    let task = accept(&engine, &draft(1), None).await;
    let job = plan(&task, None);
    assert_eq!(next_at(&engine, NOW_MS).await, None, "it may run now");
    engine.tasks.release_job(&job, NOW_MS + 9999).await.unwrap();
    assert_eq!(
        claim(&engine, NOW_MS).await.map(|claimed| claimed.job),
        Some(job),
        "it was not claimed"
    );
    assert_eq!(claim(&engine, NOW_MS).await, None);
    assert_eq!(next_at(&engine, NOW_MS).await, None);
    engine.tasks.release_job(&job, NOW_MS + 700).await.unwrap();
    assert_eq!(claim(&engine, NOW_MS + 699).await, None);
    assert_eq!(next_at(&engine, NOW_MS + 699).await, Some(NOW_MS + 700));
    assert_eq!(
        claim(&engine, NOW_MS + 700)
            .await
            .map(|claimed| claimed.job),
        Some(job)
    );
    assert_eq!(next_at(&engine, NOW_MS + 700).await, None);
    engine.tasks.release_job(&job, 0).await.unwrap();
    assert_eq!(
        claim(&engine, NOW_MS + 700)
            .await
            .map(|claimed| claimed.job),
        Some(job)
    );
    assert_eq!(
        engine.tasks.jobs_left(task.seq).await.unwrap(),
        1,
        "claimed is not ended"
    );
    let unknown = Job {
        task: TaskSeq(9),
        ..job
    };
    engine.tasks.release_job(&unknown, 0).await.unwrap();
    assert_eq!(claim(&engine, NOW_MS + 700).await, None);
}

/// The last note counts; a job that is not open has none.
async fn calls_under_way_are_noted_until_the_job_ends(engine: Engine) {
    let task = accept(&engine, &draft(1), Some(&[1, 2])).await;
    let (one, two) = (plan(&task, Some(1)), plan(&task, Some(2)));
    let tasks = &engine.tasks;
    let noted = async |job| tasks.noted_calls(&job).await.unwrap();
    assert_eq!(noted(one).await, []);
    tasks.note_calls(&one, &[9, 3].map(Number)).await.unwrap();
    assert_eq!(noted(one).await, [3, 9].map(Number));
    assert_eq!(noted(two).await, []);
    tasks.note_calls(&one, &[Number(4)]).await.unwrap();
    assert_eq!(noted(one).await, [Number(4)]);
    tasks.note_calls(&one, &[]).await.unwrap();
    assert_eq!(noted(one).await, []);
    tasks.note_calls(&one, &[Number(5)]).await.unwrap();
    tasks.note_calls(&two, &[Number(6)]).await.unwrap();
    tasks.finish_job(&one, &[], NOW).await.unwrap();
    assert_eq!(
        (noted(one).await, noted(two).await),
        (vec![], vec![Number(6)])
    );
    tasks.note_calls(&one, &[Number(5)]).await.unwrap();
    assert_eq!(noted(one).await, [], "it has ended");
}

/// What follows is added with the end; ending twice adds and does nothing else; reopening undoes `done_at`.
async fn a_task_is_done_when_its_last_job_ends(engine: Engine) {
    let task = accept(&engine, &draft(1), Some(&[1, 2])).await;
    let send = |shard, channel| Job {
        part: Part::Send(channel),
        ..plan(&task, Some(shard))
    };
    let (one, two) = (plan(&task, Some(1)), plan(&task, Some(2)));
    let done_at = async || {
        engine
            .tasks
            .task_at(task.seq)
            .await
            .unwrap()
            .unwrap()
            .done_at
    };
    let finish = async |job: &Job, next: &[Job], at| {
        engine
            .tasks
            .finish_job(job, next, Second(at))
            .await
            .unwrap();
        engine.tasks.jobs_left(task.seq).await.unwrap()
    };
    assert_eq!(claim_all(&engine).await, [one, two]);
    assert_eq!(
        finish(&one, &[send(1, Channel::Fcm), send(1, Channel::Online)], 1).await,
        3
    );
    assert_eq!(
        claim_all(&engine).await,
        [send(1, Channel::Fcm), send(1, Channel::Online)]
    );
    assert_eq!(
        finish(&one, &[send(1, Channel::Fcm)], 2).await,
        3,
        "what exists stays"
    );
    assert_eq!(claim_all(&engine).await, [], "and stays claimed");
    assert_eq!(finish(&two, &[], 3).await, 2);
    assert_eq!(finish(&send(1, Channel::Fcm), &[], 4).await, 1);
    assert_eq!(done_at().await, None);
    assert_eq!(finish(&send(1, Channel::Online), &[], 5).await, 0);
    assert_eq!(done_at().await, Some(Second(5)));
    assert_eq!(finish(&send(1, Channel::Online), &[], 6).await, 0);
    assert_eq!(
        done_at().await,
        Some(Second(5)),
        "an end that is repeated changes nothing"
    );

    engine.tasks.reopen_task(&[]).await.unwrap();
    assert_eq!(done_at().await, Some(Second(5)));
    let again = [send(2, Channel::Apns), send(1, Channel::Fcm)];
    engine.tasks.reopen_task(&again).await.unwrap();
    engine.tasks.reopen_task(&again[..1]).await.unwrap();
    assert_eq!(
        done_at().await,
        None,
        "a task that is reopened is no longer done"
    );
    assert_eq!(claim_all(&engine).await, [again[1], again[0]]);
    assert_eq!(finish(&again[0], &[], 7).await, 1);
    assert_eq!(finish(&again[1], &[], 8).await, 0);
    assert_eq!(done_at().await, Some(Second(8)));
    assert_eq!(
        finish(&one, &[two], 9).await,
        1,
        "an end that is repeated still adds"
    );
    assert_eq!(done_at().await, None);
    assert_eq!(
        finish(&two, &[two], 10).await,
        1,
        "it ends before what follows is added"
    );
    assert_eq!(claim_all(&engine).await, [two]);
    // A job may end that nobody has claimed, as after a restart.
    assert_eq!(finish(&two, &[one], 11).await, 1);
    assert_eq!(finish(&one, &[], 12).await, 0);
    assert_eq!(done_at().await, Some(Second(12)));
    assert_eq!(claim_all(&engine).await, []);
}

async fn jobs_of_unknown_tasks_change_nothing(engine: Engine) {
    let task = accept(&engine, &draft(1), None).await;
    let job = plan(&task, None);
    let unknown = Job {
        task: TaskSeq(9),
        ..job
    };
    let foreign = Job { app: OTHER, ..job };
    for bad in [unknown, foreign] {
        let next = [
            Job {
                shard: Some(1),
                ..job
            },
            bad,
        ];
        let finished = engine.tasks.finish_job(&job, &next, NOW).await;
        assert!(
            matches!(finished, Err(StoreError::Missing { .. })),
            "{finished:?}"
        );
        let reopened = engine.tasks.reopen_task(&next).await;
        assert!(
            matches!(reopened, Err(StoreError::Missing { .. })),
            "{reopened:?}"
        );
    }
    assert_eq!(engine.tasks.jobs_left(task.seq).await.unwrap(), 1);
    engine.tasks.finish_job(&unknown, &[], NOW).await.unwrap();
    assert_eq!(claim_all(&engine).await, [job]);
}

/// Its jobs wait, but for its deadline and for being cancelled: then what is left must be ended.
async fn a_paused_task_waits_until_it_must_end(engine: Engine) {
    let (one, two) = (
        accept(&engine, &draft(1), None).await,
        accept(
            &engine,
            &TaskDraft {
                deadline: Second(NOW.0 + 50),
                ..draft(2)
            },
            None,
        )
        .await,
    );
    let set = async |n, state| {
        let answer = engine.tasks.set_task_state(APP, &draft(n).id, state).await;
        answer.unwrap().unwrap()
    };
    set(1, TaskState::Paused).await;
    set(2, TaskState::Paused).await;
    assert_eq!(claim(&engine, NOW_MS).await, None);
    assert_eq!(
        next_at(&engine, NOW_MS).await,
        Some(NOW_MS + 50_000),
        "the deadline of the second"
    );
    assert_eq!(claim(&engine, NOW_MS + 49_999).await, None);
    let claimed = claim(&engine, NOW_MS + 50_000).await.unwrap();
    assert_eq!(
        (claimed.job, claimed.state),
        (plan(&two, None), TaskState::Paused)
    );
    assert_eq!(
        next_at(&engine, NOW_MS + 50_000).await,
        Some(NOW_MS + 100_000)
    );
    set(1, TaskState::Running).await;
    assert_eq!(next_at(&engine, NOW_MS + 50_000).await, None);
    set(1, TaskState::Paused).await;
    set(1, TaskState::Cancelled).await;
    let claimed = claim(&engine, NOW_MS + 50_000).await.unwrap();
    assert_eq!(
        (claimed.job, claimed.state),
        (plan(&one, None), TaskState::Cancelled)
    );
    engine
        .tasks
        .release_job(&claimed.job, NOW_MS + 60_000)
        .await
        .unwrap();
    assert_eq!(
        claim(&engine, NOW_MS + 59_999).await,
        None,
        "waiting holds for it too"
    );
    assert_eq!(
        next_at(&engine, NOW_MS + 59_999).await,
        Some(NOW_MS + 60_000)
    );
    assert!(claim(&engine, NOW_MS + 60_000).await.is_some());
}

async fn a_paused_app_pauses_present_and_future_tasks(engine: Engine) {
    assert!(!engine.tasks.app_paused(APP).await.unwrap());
    let one = accept(&engine, &draft(1), None).await;
    engine.tasks.set_app_paused(APP, true).await.unwrap();
    assert!(engine.tasks.app_paused(APP).await.unwrap());
    assert!(!engine.tasks.app_paused(OTHER).await.unwrap());
    let two = accept(&engine, &batch(2), None).await;
    let elsewhere = accept(
        &engine,
        &TaskDraft {
            app: OTHER,
            ..draft(3)
        },
        None,
    )
    .await;
    assert_eq!(claim_all(&engine).await, [plan(&elsewhere, None)]);
    assert_eq!(next_at(&engine, NOW_MS).await, Some(NOW_MS + 100_000));
    let cancelled = engine
        .tasks
        .set_task_state(APP, &two.draft.id, TaskState::Cancelled)
        .await;
    assert_eq!(
        cancelled.unwrap().map(|task| task.state),
        Some(TaskState::Cancelled)
    );
    assert_eq!(
        claim_all(&engine).await,
        [plan(&two, None)],
        "what is cancelled must end"
    );
    engine.tasks.set_app_paused(APP, false).await.unwrap();
    assert_eq!(claim_all(&engine).await, [plan(&one, None)]);
    engine.tasks.set_app_paused(APP, true).await.unwrap();
    engine
        .tasks
        .release_job(&plan(&one, None), 0)
        .await
        .unwrap();
    assert_eq!(claim(&engine, NOW_MS + 99_999).await, None);
    assert!(
        claim(&engine, NOW_MS + 100_000).await.is_some(),
        "the deadline holds"
    );
}

async fn urgent_jobs_go_first_and_apps_and_tasks_take_turns(engine: Engine) {
    let of = |n, app| TaskDraft { app, ..draft(n) };
    accept(&engine, &of(1, APP), Some(&[0, 1, 2, 3])).await;
    accept(&engine, &of(2, APP), Some(&[0, 1])).await;
    accept(&engine, &of(3, OTHER), Some(&[0, 1])).await;
    accept(&engine, &batch(4), None).await;
    accept(&engine, &batch(5), None).await;
    let urgent = engine.tasks.claim_job(Claim::Urgent, NOW_MS).await.unwrap();
    assert_eq!(urgent.map(|claimed| claimed.job.task), Some(TaskSeq(4)));
    let order: Vec<u64> = claim_all(&engine)
        .await
        .iter()
        .map(|job| job.task.0)
        .collect();
    assert_eq!(order, [5, 1, 3, 2, 3, 1, 2, 1, 1]);
    accept(&engine, &of(6, APP), None).await;
    assert_eq!(
        engine.tasks.claim_job(Claim::Urgent, NOW_MS).await.unwrap(),
        None
    );
    assert_eq!(claim_all(&engine).await.len(), 1);
}
