//! What a start puts right, and what an operator's wishes do across it.

use pushtally_channel::{Attention, Missed, Redeliver};
use pushtally_model::{
    AppId, Channel, Event, Kind, Lane, LossId, Number, OwnLoss, Route, Scope, Source, Stage,
    TaskState, Window,
};
use pushtally_store::{Claim, Part, Report, Revoked, StoredTask};

use crate::naive::cell;
use crate::phones::Script;
use crate::world::{World, app, facts, push};

pub(crate) const APP: AppId = AppId(1);

pub(crate) async fn with_devices(world: &World, count: u32) -> Vec<Number> {
    let mut numbers = Vec::new();
    for phone in 0..count {
        let name = format!("phone{phone}");
        let facts = facts(Some(Channel::Apns), None, &name);
        let number = world.register(APP, &name, Some(&name), facts).await;
        numbers.push(number);
        world
            .connected
            .0
            .lock()
            .insert((APP, number), Attention::Foreground);
    }
    numbers
}

pub(crate) async fn count(world: &World, task: &StoredTask, channel: Channel, lane: Lane) -> u64 {
    let identities = &world.inner.identities;
    let id = task.draft.id.as_str();
    let key = identities
        .find_task(APP, Kind::Push, id)
        .await
        .unwrap()
        .unwrap();
    let scope = Scope::Task(key.number);
    let tally = world
        .stats()
        .tally(APP, scope, Window::all())
        .await
        .unwrap();
    tally.cell(cell(channel, lane))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_done_with_something_in_flight_is_reopened() {
    let mut world = World::calm(Script::Accept).await;
    with_devices(&world, 5).await;
    let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
    assert_eq!(
        world.dispatch().turn(Claim::Any).await,
        pushtally_dispatch::Turn::Worked
    );
    // The store is ahead of the ledger, as a restore of the two from different moments leaves it.
    let tasks = &world.inner.tasks;
    let job = tasks
        .claim_job(Claim::Any, i64::MAX / 2)
        .await
        .unwrap()
        .unwrap()
        .job;
    assert_eq!(job.part, Part::Send(Channel::Online));
    tasks
        .finish_job(&job, &[], task.draft.accepted_at)
        .await
        .unwrap();
    assert!(
        tasks
            .task_at(task.seq)
            .await
            .unwrap()
            .unwrap()
            .done_at
            .is_some()
    );
    world.crash().await;
    world.start().await;
    assert_eq!(world.dispatch().health().reopened, 1);
    world.work_to_the_end().await;
    assert_eq!(
        count(&world, &task, Channel::Online, Lane::Planned).await,
        5
    );
    let ended = count(&world, &task, Channel::Online, Lane::Sent).await
        + count(&world, &task, Channel::Online, Lane::LostBeforeSent).await;
    assert_eq!(ended, 5);
    world.crash().await;
    world.start().await;
    assert_eq!(world.dispatch().health().reopened, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_holds_over_a_restart_and_its_end_goes_on() {
    let mut world = World::calm(Script::Accept).await;
    with_devices(&world, 7).await;
    let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
    let paused = world
        .dispatch()
        .set_task_state(APP, &task.draft.id, TaskState::Paused)
        .await;
    assert_eq!(paused.unwrap().unwrap().state, TaskState::Paused);
    assert_eq!(world.work(9).await, 0);
    world.crash().await;
    world.start().await;
    assert_eq!(world.work(9).await, 0);
    world.dispatch().set_app_paused(APP, true).await.unwrap();
    world
        .dispatch()
        .set_task_state(APP, &task.draft.id, TaskState::Running)
        .await
        .unwrap();
    assert_eq!(world.work(9).await, 0);
    world.dispatch().set_app_paused(APP, false).await.unwrap();
    world.work(9).await;
    assert_eq!(count(&world, &task, Channel::Online, Lane::Sent).await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_ends_when_a_task_is_stopped_and_nothing_else_is_planned() {
    for loss in ["cancelled", "revoked"] {
        for (restarted, is_late) in [(false, false), (true, false), (true, true)] {
            check_stopped(loss, restarted, is_late).await;
        }
    }
}

async fn check_stopped(loss: &'static str, restarted: bool, is_late: bool) {
    let mut world = World::calm(Script::Accept).await;
    with_devices(&world, 2).await;
    let ends = [(APP, 65_536)].into();
    world.inner.identities.raise(0, &ends).await.unwrap();
    let far = world
        .register(APP, "far", None, facts(None, None, "far"))
        .await;
    assert_eq!(far.shard(), 1);
    let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
    world.dispatch().turn(Claim::Any).await;
    let (dispatch, id) = (world.dispatch(), &task.draft.id);
    if loss == "revoked" {
        let revoked = dispatch.revoke(APP, id, None).await.unwrap();
        assert!(matches!(revoked, Revoked::Now(_)), "{revoked:?}");
    } else {
        let cancelled = dispatch.set_task_state(APP, id, TaskState::Cancelled).await;
        assert_eq!(cancelled.unwrap().unwrap().state, TaskState::Cancelled);
    }
    if restarted {
        world.crash().await;
        if is_late {
            world.clock.advance_ms(i64::from(app(1).task_life_s) * 1000);
        }
        world.start().await;
    }
    world.work(9).await;
    let health = world.dispatch().health();
    assert_eq!(health.losses, [((loss, Channel::Online), 2)].into());
    let planned = count(&world, &task, Channel::Online, Lane::Planned).await;
    let elsewhere = count(&world, &task, Channel::Unknown, Lane::Planned).await;
    assert_eq!((planned, elsewhere), (2, 0), "the second shard never was");
    assert!(world.channel(Channel::Online).calls.lock().is_empty());
    assert_eq!(health.tasks_open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reason_is_counted_with_its_code_and_text() {
    let world = World::calm(Script::Accept).await;
    for (phone, token, vendor) in [
        ("a", Some(Channel::Huawei), None),
        ("b", None, Some(Channel::Huawei)),
        ("c", None, None),
    ] {
        world
            .register(APP, phone, None, facts(token, vendor, phone))
            .await;
    }
    let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
    world.work(9).await;
    let identities = &world.inner.identities;
    let id = task.draft.id.as_str();
    let key = identities
        .find_task(APP, Kind::Push, id)
        .await
        .unwrap()
        .unwrap();
    let tally = world
        .stats()
        .tally(APP, Scope::Task(key.number), Window::all())
        .await
        .unwrap();
    let mut found = Vec::new();
    for (cell, loss, count) in tally.losses() {
        let reason = identities.find_loss(APP, loss).await.unwrap().unwrap();
        assert_eq!(cell.route(), Route::Offline);
        found.push((cell.channel(), reason.code, reason.text, count));
    }
    let of = |channel, loss: OwnLoss| (channel, loss.code(), loss.text().to_owned(), 1);
    found.sort();
    assert_eq!(
        found,
        [
            of(Channel::Unknown, OwnLoss::NoToken),
            of(Channel::Huawei, OwnLoss::NoToken),
            of(Channel::Huawei, OwnLoss::NoCredentials),
        ]
    );
    assert_eq!(
        tally.reached(Route::Offline, Channel::Huawei, Stage::Planned),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_connects_gets_what_it_missed_oldest_first_until_it_acknowledges() {
    let mut world = World::calm(Script::Accept).await;
    let devices = with_devices(&world, 2).await;
    let mut ids = Vec::new();
    let mut keys = Vec::new();
    for random in 0..40 {
        let task = world.accept(&app(APP.0), push(random, None)).await.unwrap();
        world.work(9).await;
        let id = task.draft.id.as_str();
        let identities = &world.inner.identities;
        keys.push(
            identities
                .find_task(APP, Kind::Push, id)
                .await
                .unwrap()
                .unwrap(),
        );
        ids.push(task.draft.id);
    }
    let delivered = Event {
        app: APP,
        task: keys[39],
        cell: cell(Channel::Online, Lane::Delivered),
        number: devices[0],
        at: pushtally_model::Second(0),
        loss: LossId::NONE,
    };
    world
        .stats()
        .report(Source::Client, vec![delivered])
        .await
        .unwrap();
    world
        .dispatch()
        .set_task_state(APP, &ids[38], TaskState::Cancelled)
        .await
        .unwrap();
    for restarted in [false, true] {
        if restarted {
            world.crash().await;
            world.start().await;
        }
        for (device, expected) in [(devices[0], &ids[8..39]), (devices[1], &ids[8..40])] {
            let missed = world.dispatch().missed(APP, device).await;
            let missed: Vec<_> = missed.into_iter().map(id_of_push).collect();
            // It was done before it was cancelled, so it is not.
            assert_eq!(missed, expected);
        }
    }
    assert!(world.dispatch().missed(APP, Number(999)).await.is_empty());
    world.clock.advance_ms(i64::from(app(1).task_life_s) * 1000);
    assert!(world.dispatch().missed(APP, devices[1]).await.is_empty());
}

pub(crate) fn id_of_push(missed: Missed) -> pushtally_model::TaskId {
    match missed {
        Missed::Push(message) => message.id,
        Missed::Revoked(told) => panic!("{told:?}"),
    }
}
