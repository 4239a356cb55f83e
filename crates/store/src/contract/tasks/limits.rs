//! What an app may have accepted: in a day, at what distance, and at once.

use pushtally_model::{Second, TaskDraft};

use super::super::{APP, jobs};
use super::{NO_LIMITS, NOW, OTHER, accept, batch, draft};
use crate::ports::{AcceptLimits, Accepted, Engine, TaskSeq};

/// The broadcasts of the app accepted since the day began, refused ones not counted; a `batch` is none.
pub(super) async fn broadcasts_of_a_day_are_counted(engine: Engine) {
    let limits = |max| AcceptLimits {
        broadcasts_per_day: Some(max),
        ..NO_LIMITS
    };
    let at = |n, second| TaskDraft {
        accepted_at: Second(second),
        ..draft(n)
    };
    let begins = NO_LIMITS.day_begins.0;
    for (n, task) in [
        (1, at(1, begins - 1)),
        (2, at(2, begins)),
        (3, at(3, NOW.0)),
        (4, batch(4)),
        (
            5,
            TaskDraft {
                app: OTHER,
                ..draft(5)
            },
        ),
    ] {
        assert_eq!(accept(&engine, &task, None).await.seq, TaskSeq(n));
    }
    let try_accept = async |draft: &TaskDraft, max| {
        engine
            .tasks
            .accept_task(draft, None, &limits(max))
            .await
            .unwrap()
    };
    for max in 0..=2 {
        assert_eq!(
            try_accept(&draft(6), max).await,
            Accepted::DayFull,
            "of {max}"
        );
    }
    assert_eq!(
        engine
            .tasks
            .find_stored_task(APP, &draft(6).id)
            .await
            .unwrap(),
        None
    );
    assert!(matches!(try_accept(&batch(7), 2).await, Accepted::New(_)));
    assert!(matches!(try_accept(&draft(6), 3).await, Accepted::New(_)));
    assert_eq!(try_accept(&draft(8), 3).await, Accepted::DayFull);
    let next_day = AcceptLimits {
        day_begins: Second(NOW.0 + 1),
        ..limits(1)
    };
    let answer = engine
        .tasks
        .accept_task(&at(9, NOW.0 + 5), None, &next_day)
        .await
        .unwrap();
    assert!(
        matches!(answer, Accepted::New(_)),
        "another day, another quota"
    );
}

/// A broadcast that is as near as the gap, or nearer, is too soon; a `batch` never is.
pub(super) async fn broadcasts_keep_their_distance(engine: Engine) {
    let start_ms = NO_LIMITS.now_ms;
    let try_accept = async |draft: &TaskDraft, ms: i64| {
        let limits = AcceptLimits {
            now_ms: start_ms + ms,
            broadcast_gap_ms: 1_000,
            ..NO_LIMITS
        };
        let draft = TaskDraft {
            accepted_at: Second::from_millis(limits.now_ms).unwrap(),
            ..draft.clone()
        };
        let answer = engine.tasks.accept_task(&draft, None, &limits).await;
        answer.unwrap()
    };
    assert!(matches!(try_accept(&draft(1), 999).await, Accepted::New(_)));
    for (n, ms, soon) in [
        (2, 999, true),
        (3, 1_000, true),
        (4, 1_999, true),
        // A clock that was set back.
        (5, 0, true),
        (6, 2_000, false),
        // What was refused does not put off the next one; what was accepted does.
        (7, 2_001, true),
        (8, 3_000, true),
        (9, 3_001, false),
        (10, 2_001, true),
        (11, 1_500, false),
        (12, 2_501, false),
    ] {
        let answer = try_accept(&draft(n), ms).await;
        assert_eq!(answer == Accepted::TooSoon, soon, "at {ms} ms: {answer:?}");
        assert_eq!(matches!(answer, Accepted::New(_)), !soon);
    }
    let elsewhere = TaskDraft {
        app: OTHER,
        ..draft(13)
    };
    assert!(matches!(
        try_accept(&elsewhere, 2_501).await,
        Accepted::New(_)
    ));
    let single = try_accept(&batch(14), 2_501).await;
    assert!(matches!(single, Accepted::New(_)), "a batch never waits");
    let after = try_accept(&draft(15), 3_502).await;
    assert!(matches!(after, Accepted::New(_)), "nor does it put off");
}

/// Tasks with jobs left are counted; those that are done are not.
pub(super) async fn open_tasks_are_bounded(engine: Engine) {
    let limits = AcceptLimits {
        open_tasks_max: 2,
        ..NO_LIMITS
    };
    let try_accept = async |draft: &TaskDraft, shards: Option<&[u16]>| {
        engine
            .tasks
            .accept_task(draft, shards, &limits)
            .await
            .unwrap()
    };
    for n in 1..=3 {
        assert!(
            matches!(try_accept(&draft(n), Some(&[])).await, Accepted::New(_)),
            "done at once"
        );
    }
    assert!(matches!(
        try_accept(&draft(4), Some(&[1, 2])).await,
        Accepted::New(_)
    ));
    assert!(matches!(
        try_accept(&batch(5), None).await,
        Accepted::New(_)
    ));
    assert_eq!(try_accept(&draft(6), None).await, Accepted::Busy);
    assert_eq!(try_accept(&batch(6), None).await, Accepted::Busy);
    let elsewhere = TaskDraft {
        app: OTHER,
        ..draft(7)
    };
    assert!(matches!(
        try_accept(&elsewhere, None).await,
        Accepted::New(_)
    ));
    let claimed = jobs::claim_all(&engine).await;
    for job in claimed.iter().filter(|job| job.task == TaskSeq(4)) {
        engine.tasks.finish_job(job, &[], NOW).await.unwrap();
    }
    assert!(matches!(
        try_accept(&draft(6), None).await,
        Accepted::New(_)
    ));
}
