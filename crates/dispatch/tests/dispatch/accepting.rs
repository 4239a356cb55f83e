//! What accepting a push promises: its name, its deadline, its quotas, and that a repeated call makes no second task.

use pushtally_dispatch::AcceptError;
use pushtally_model::{Clock, Second, TaskState, Urgency};

use crate::phones::Script;
use crate::world::{START, World, app, facts, push};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_has_the_documented_name_its_lane_and_its_deadline() {
    let world = World::calm(Script::Accept).await;
    let app = app(0x5375_29d8);
    let broadcast = world
        .accept(&app, push(0x00bc_614e, None))
        .await
        .unwrap()
        .draft;
    let mut given = push(9, Some(&["user1"]));
    given.life_time_s = Some(60);
    let batch = world.accept(&app, given).await.unwrap().draft;
    let fields = |id: &str| id.split('_').map(str::to_owned).collect::<Vec<_>>();
    let names = (fields(broadcast.id.as_str()), fields(batch.id.as_str()));
    let second = format!("{START:x}");
    assert_eq!(names.0.len(), 5);
    assert_eq!(
        (&names.0[0], names.0[1].as_str(), names.0[4].as_str()),
        (&second, "537529d8", "bc614e")
    );
    assert_eq!(
        (names.1[0].as_str(), &names.1[1], names.1[5].as_str()),
        ("batch", &second, "9")
    );
    assert_eq!(names.0[2], names.1[3], "a sender has one id");
    let start = Second(START as u32);
    assert_eq!(
        (broadcast.accepted_at, broadcast.urgency),
        (start, Urgency::Bulk)
    );
    assert_eq!(
        (broadcast.deadline, batch.deadline),
        (Second(start.0 + app.task_life_s), Second(start.0 + 60))
    );
    assert_eq!(batch.urgency, Urgency::Urgent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_refuse_by_name_and_change_nothing() {
    let mut world = World::calm(Script::Accept).await;
    world.crash().await;
    world.settings.broadcast_gap_ms = 1_000;
    world.settings.open_tasks_max = 2;
    world.start().await;
    let mut app = app(1_400_000_000);
    app.broadcasts_per_day = 2;
    world
        .register(app.id, "phone", Some("user"), facts(None, None, "phone"))
        .await;
    let first = world.accept(&app, push(1, None)).await.unwrap();
    let same = world.accept(&app, push(1, None)).await.unwrap();
    assert_eq!(first, same);
    let refused = world.accept(&app, push(2, None)).await;
    assert!(
        matches!(refused, Err(AcceptError::TooSoon { gap_ms: 1_000 })),
        "{refused:?}"
    );
    world.clock.advance_ms(1_000);
    let refused = world.accept(&app, push(3, None)).await;
    assert!(
        matches!(refused, Err(AcceptError::TooSoon { .. })),
        "a second is not more than one: {refused:?}"
    );
    world.clock.advance_ms(1);
    world.accept(&app, push(3, None)).await.unwrap();
    world.clock.advance_ms(1_001);
    let refused = world.accept(&app, push(4, None)).await;
    assert!(
        matches!(refused, Err(AcceptError::DayFull { max: 2 })),
        "{refused:?}"
    );
    let refused = world.accept(&app, push(5, Some(&["user"]))).await;
    assert!(
        matches!(refused, Err(AcceptError::Busy { max: 2 })),
        "{refused:?}"
    );
    world.work(20).await;
    world.accept(&app, push(6, Some(&["user"]))).await.unwrap();
    world.work(20).await;
    // The next day begins at midnight UTC+8.
    let to_midnight_ms = 86_400_000 - (world.clock.now_ms() + 8 * 3_600_000) % 86_400_000;
    world.clock.advance_ms(to_midnight_ms - 1);
    let refused = world.accept(&app, push(7, None)).await;
    assert!(
        matches!(refused, Err(AcceptError::DayFull { .. })),
        "{refused:?}"
    );
    world.clock.advance_ms(1);
    world.accept(&app, push(8, None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_to_nobody_is_done() {
    let world = World::calm(Script::Accept).await;
    let app = app(1_400_000_000);
    let broadcast = world.accept(&app, push(1, None)).await.unwrap();
    assert!(broadcast.done_at.is_some());
    let batch = world
        .accept(&app, push(2, Some(&["nobody"])))
        .await
        .unwrap();
    world.work(5).await;
    let tasks = &world.inner.tasks;
    assert!(
        tasks
            .task_at(batch.seq)
            .await
            .unwrap()
            .unwrap()
            .done_at
            .is_some()
    );
    let cancelled = world
        .dispatch()
        .set_task_state(app.id, &batch.draft.id, TaskState::Cancelled)
        .await;
    assert_eq!(
        cancelled.unwrap().unwrap().state,
        TaskState::Running,
        "done is done"
    );
    assert_eq!(world.dispatch().health().tasks_open, 0);
}
