//! Tasks: accepting, quotas, finding, what the operator wants.

mod limits;

use pushtally_model::{
    Account, ApnsContent, AppId, Audience, Badge, ChatMessage, Notification, OnUnknown, Revocation,
    Second, TaskDraft, TaskId, TaskKind, TaskState, Translation, Urgency,
};

use super::APP;
use crate::ports::{AcceptLimits, Accepted, Claim, Engine, Revoked, StoredTask, TaskSeq};

pub(super) const OTHER: AppId = AppId(7);
pub(super) const NOW: Second = Second(1_700_000_000);

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    a_task_is_found_as_it_was_accepted(fresh().await).await;
    the_same_call_in_the_same_second_is_the_same_task(fresh().await).await;
    a_message_push_is_one_by_its_name(fresh().await).await;
    limits::broadcasts_of_a_day_are_counted(fresh().await).await;
    limits::broadcasts_keep_their_distance(fresh().await).await;
    limits::open_tasks_are_bounded(fresh().await).await;
    a_cancelled_or_done_task_keeps_its_state(fresh().await).await;
    a_task_is_revoked_once_and_for_good(fresh().await).await;
}

pub(super) const NO_LIMITS: AcceptLimits = AcceptLimits {
    broadcasts_per_day: None,
    day_begins: Second(NOW.0 - 1000),
    now_ms: NOW.0 as i64 * 1000,
    broadcast_gap_ms: 0,
    open_tasks_max: 1000,
};

pub(super) fn draft(n: u32) -> TaskDraft {
    TaskDraft {
        app: APP,
        id: TaskId::new(format!("task-{n}")).unwrap(),
        kind: TaskKind::Broadcast,
        urgency: Urgency::Bulk,
        sender: "administrator".to_owned(),
        random: n,
        body_hash: [7; 32],
        data_id: String::new(),
        audience: Audience::Everyone,
        notification: Notification::default(),
        accepted_at: NOW,
        deadline: Second(NOW.0 + 100),
        on_unknown: OnUnknown::default(),
        message: None,
    }
}

pub(in crate::contract) fn batch(n: u32) -> TaskDraft {
    let accounts = ["a", "b"].map(|name| Account::new(name).unwrap());
    TaskDraft {
        kind: TaskKind::Batch,
        urgency: Urgency::Urgent,
        audience: Audience::Accounts(accounts.to_vec()),
        notification: Notification {
            title: "title".to_owned(),
            desc: "desc".to_owned(),
            ext: "{}".to_owned(),
            online_only: true,
            translations: vec![Translation {
                language: "zh-hant".to_owned(),
                title: "標題".to_owned(),
                desc: String::new(),
            }],
            badge: Some(Badge::Set(999)),
            apns: Some(Box::new(ApnsContent {
                sound: "a.caf".to_owned(),
                ..ApnsContent::default()
            })),
            ..Notification::default()
        },
        data_id: "data".to_owned(),
        ..draft(n)
    }
}

/// Accepts a task that must be new.
pub(in crate::contract) async fn accept(
    engine: &Engine,
    draft: &TaskDraft,
    shards: Option<&[u16]>,
) -> StoredTask {
    match engine
        .tasks
        .accept_task(draft, shards, &NO_LIMITS)
        .await
        .unwrap()
    {
        Accepted::New(task) => task,
        other => panic!("expected a new task, got {other:?}"),
    }
}

/// Whole, by place, by id within its app, and in lists from the newest.
async fn a_task_is_found_as_it_was_accepted(engine: Engine) {
    let mut stored = Vec::new();
    for n in 1..=5 {
        let mut draft = if n % 2 == 0 { batch(n) } else { draft(n) };
        draft.app = if n == 3 { OTHER } else { APP };
        let task = accept(&engine, &draft, None).await;
        let expected = StoredTask {
            seq: TaskSeq(u64::from(n)),
            draft,
            state: TaskState::Running,
            done_at: None,
        };
        assert_eq!(task, expected);
        assert_eq!(
            engine.tasks.task_at(task.seq).await.unwrap(),
            Some(task.clone())
        );
        stored.push(task);
    }
    let find = async |app, n| {
        let id = draft(n).id;
        engine.tasks.find_stored_task(app, &id).await.unwrap()
    };
    assert_eq!(find(APP, 2).await.as_ref(), Some(&stored[1]));
    assert_eq!(find(APP, 3).await, None, "nothing crosses apps");
    assert_eq!(find(OTHER, 3).await.as_ref(), Some(&stored[2]));
    assert_eq!(find(APP, 9).await, None);
    assert_eq!(engine.tasks.task_at(TaskSeq(6)).await.unwrap(), None);
    for (app, before, max, expected) in [
        (None, None, 9, vec![5, 4, 3, 2, 1]),
        (None, Some(4), 2, vec![3, 2]),
        (Some(APP), None, 9, vec![5, 4, 2, 1]),
        (Some(APP), Some(4), 1, vec![2]),
        (Some(OTHER), None, 9, vec![3]),
        (Some(AppId(8)), None, 9, vec![]),
        (None, Some(1), 9, vec![]),
        (None, None, 0, vec![]),
    ] {
        let found = engine
            .tasks
            .list_tasks(app, before.map(TaskSeq), max)
            .await
            .unwrap();
        let found: Vec<u64> = found.iter().map(|task| task.seq.0).collect();
        assert_eq!(found, expected, "tasks of {app:?} before {before:?}, {max}");
    }
    let taken = TaskDraft {
        random: 99,
        ..draft(1)
    };
    assert!(
        engine
            .tasks
            .accept_task(&taken, None, &NO_LIMITS)
            .await
            .is_err(),
        "an id is given once"
    );
}

/// A message push is named by its sender: said again, whenever, it is the one there is; another body under a name that is taken
/// is refused, whatever has the name.
async fn a_message_push_is_one_by_its_name(engine: Engine) {
    let message = |n, body: u8, second| TaskDraft {
        id: TaskId::new(format!("m{n}")).unwrap(),
        kind: TaskKind::Message,
        random: u32::from(body),
        body_hash: [body; 32],
        accepted_at: Second(NOW.0 + second),
        message: Some(Box::new(ChatMessage {
            key: "k".to_owned(),
            seq: Some(1),
            sent_at: Some(NOW),
            group: None,
        })),
        ..draft(90)
    };
    let none_left = AcceptLimits {
        open_tasks_max: 0,
        ..NO_LIMITS
    };
    let first = accept(&engine, &message(1, 1, 0), None).await;
    assert_eq!(first.draft, message(1, 1, 0), "all of it is stored");
    let answer = async |draft: TaskDraft| {
        let accepted = engine.tasks.accept_task(&draft, None, &none_left).await;
        accepted.unwrap()
    };
    assert_eq!(
        answer(message(1, 1, 0)).await,
        Accepted::Same(first.clone())
    );
    assert_eq!(answer(message(1, 1, 90_000)).await, Accepted::Same(first));
    assert_eq!(answer(message(1, 2, 0)).await, Accepted::IdTaken);
    assert_eq!(answer(message(2, 2, 0)).await, Accepted::Busy);
    let campaign = accept(&engine, &draft(1), None).await;
    let named = TaskDraft {
        id: campaign.draft.id.clone(),
        ..message(3, 3, 0)
    };
    assert_eq!(answer(named).await, Accepted::IdTaken);
}

/// A repeated call is the first one's task, whatever the quotas say by then; what differs in anything is another.
async fn the_same_call_in_the_same_second_is_the_same_task(engine: Engine) {
    let first = accept(&engine, &draft(1), None).await;
    let repeated = TaskDraft {
        id: TaskId::new("another").unwrap(),
        data_id: "not compared".to_owned(),
        ..draft(1)
    };
    let none_left = AcceptLimits {
        broadcasts_per_day: Some(0),
        broadcast_gap_ms: 5_000,
        open_tasks_max: 0,
        ..NO_LIMITS
    };
    let answer = engine
        .tasks
        .accept_task(&repeated, None, &none_left)
        .await
        .unwrap();
    assert_eq!(answer, Accepted::Same(first.clone()));
    assert_eq!(
        engine
            .tasks
            .find_stored_task(APP, &repeated.id)
            .await
            .unwrap(),
        None
    );
    let others = [
        TaskDraft {
            sender: "b".to_owned(),
            ..draft(1)
        },
        TaskDraft {
            random: 0,
            ..draft(1)
        },
        TaskDraft {
            body_hash: [8; 32],
            ..draft(1)
        },
        TaskDraft {
            accepted_at: Second(NOW.0 + 1),
            ..draft(1)
        },
        TaskDraft {
            app: OTHER,
            ..draft(1)
        },
        TaskDraft {
            kind: TaskKind::Batch,
            ..draft(1)
        },
    ];
    for (n, other) in (100..).zip(others) {
        let other = TaskDraft {
            id: draft(n).id,
            ..other
        };
        let task = accept(&engine, &other, None).await;
        assert_eq!(task.draft, other);
    }
}

/// Pausing goes both ways; cancelled and done stay.
async fn a_cancelled_or_done_task_keeps_its_state(engine: Engine) {
    use TaskState::{Cancelled, Paused, Running};
    accept(&engine, &draft(1), None).await;
    let done = accept(&engine, &draft(2), Some(&[])).await;
    assert_eq!(
        done.done_at,
        Some(done.draft.accepted_at),
        "without shards it is done at once"
    );
    for (app, n, asked, expected) in [
        (APP, 1, Paused, Some(Paused)),
        (APP, 1, Running, Some(Running)),
        (APP, 1, Paused, Some(Paused)),
        (OTHER, 1, Running, None),
        (APP, 3, Running, None),
        (APP, 1, Cancelled, Some(Cancelled)),
        (APP, 1, Running, Some(Cancelled)),
        (APP, 1, Paused, Some(Cancelled)),
        (APP, 2, Cancelled, Some(Running)),
    ] {
        let answer = engine
            .tasks
            .set_task_state(app, &draft(n).id, asked)
            .await
            .unwrap();
        assert_eq!(
            answer.as_ref().map(|task| task.state),
            expected,
            "task {n}: {asked:?}"
        );
        let stored = engine
            .tasks
            .find_stored_task(app, &draft(n).id)
            .await
            .unwrap();
        assert_eq!(stored, answer);
    }
}

/// Running, paused, cancelled or done; not too old, not in another app; no wish of an operator changes it then.
async fn a_task_is_revoked_once_and_for_good(engine: Engine) {
    use TaskState::{Cancelled, Paused, Running};
    for n in 1..=5 {
        accept(&engine, &draft(n), if n == 4 { Some(&[]) } else { None }).await;
    }
    let set = async |n, state| {
        let set = engine.tasks.set_task_state(APP, &draft(n).id, state).await;
        set.unwrap().unwrap().state
    };
    assert_eq!(set(2, Paused).await, Paused);
    assert_eq!(set(3, Cancelled).await, Cancelled);
    assert_eq!(set(1, TaskState::Revoked).await, Running, "not that way");
    let revocation = |age_s, title: Option<&str>| Revocation {
        at: Second(NOW.0 + age_s),
        instead: title.map(|title| Notification {
            title: title.to_owned(),
            desc: "desc".to_owned(),
            ext: "{}".to_owned(),
            ..Notification::default()
        }),
    };
    let revoke = async |app, n, revocation: &Revocation| {
        let id = draft(n).id;
        let revoked = engine.tasks.revoke_task(app, &id, revocation, 60).await;
        revoked.unwrap()
    };
    let unknown = revoke(OTHER, 1, &revocation(0, None)).await;
    assert_eq!(unknown, Revoked::Unknown, "nothing crosses apps");
    assert_eq!(revoke(APP, 9, &revocation(0, None)).await, Revoked::Unknown);
    assert_eq!(revoke(APP, 5, &revocation(61, None)).await, Revoked::TooOld);
    let untouched = engine.tasks.task_at(TaskSeq(5)).await.unwrap().unwrap();
    assert_eq!(untouched.state, Running);
    for n in 1..=4 {
        let first = revocation(60, (n % 2 == 0).then_some("instead"));
        let before = engine.tasks.task_at(TaskSeq(n.into())).await.unwrap();
        let expected = StoredTask {
            state: TaskState::Revoked,
            ..before.unwrap()
        };
        let revoked = revoke(APP, n, &first).await;
        assert_eq!(revoked, Revoked::Now(Box::new(expected.clone())));
        // The second is not heard, too old or not.
        for age_s in [60, 1000] {
            let again = revoke(APP, n, &revocation(age_s, Some("again"))).await;
            assert_eq!(again, Revoked::Before);
        }
        for state in [Running, Paused, Cancelled] {
            assert_eq!(set(n, state).await, TaskState::Revoked);
        }
        let seq = TaskSeq(n.into());
        assert_eq!(engine.tasks.task_at(seq).await.unwrap(), Some(expected));
        assert_eq!(engine.tasks.revocation(seq).await.unwrap(), Some(first));
    }
    for seq in [5, 6] {
        assert_eq!(engine.tasks.revocation(TaskSeq(seq)).await.unwrap(), None);
    }
    // What is revoked must end, though its app is paused.
    engine.tasks.set_app_paused(APP, true).await.unwrap();
    let mut claimed = Vec::new();
    let now_ms = i64::from(NOW.0) * 1000;
    while let Some(job) = engine.tasks.claim_job(Claim::Any, now_ms).await.unwrap() {
        assert_eq!(job.state, TaskState::Revoked);
        claimed.push(job.job.task.0);
    }
    assert_eq!(claimed, [1, 2, 3]);
}
