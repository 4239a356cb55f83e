//! Nobody waits for another's channel, and what is urgent goes first.

use std::time::Duration;

use pushtally_channel::Attention;
use pushtally_dispatch::{Settings, Turn};
use pushtally_model::{App, AppId, Channel, Clock, TaskId};
use pushtally_store::Claim;

use crate::phones::{Script, Scripted};
use crate::world::{World, app, facts, push};

/// Long enough for any machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn with_phones(world: &World, app: &App, channel: Channel, count: u32) {
    for phone in 0..count {
        let name = format!("{}{phone}", channel.name());
        let token = (channel != Channel::Online).then_some(channel);
        let number = world
            .register(app.id, &name, Some(&name), facts(token, None, &name))
            .await;
        if channel == Channel::Online {
            let mut connected = world.connected.0.lock();
            connected.insert((app.id, number), Attention::Foreground);
        }
    }
}

fn script(world: &World, channel: Channel, script: Script) {
    *world.channel(channel).script.lock() = script;
}

fn calls_of(channel: &Scripted, task: &TaskId) -> usize {
    channel
        .calls
        .lock()
        .iter()
        .filter(|(id, _)| id == task)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_told_to_wait_holds_no_worker_and_ends_at_its_deadline() {
    let world = World::calm(Script::Accept).await;
    script(&world, Channel::Apns, Script::Busy(3600 * 24));
    let (slow, quick) = (app(1), app(2));
    with_phones(&world, &slow, Channel::Apns, 8).await;
    with_phones(&world, &quick, Channel::Online, 8).await;
    world.accept(&slow, push(1, None)).await.unwrap();
    world.accept(&quick, push(2, None)).await.unwrap();
    world.work(20).await;
    let health = world.dispatch().health();
    assert_eq!(health.sent, [(Channel::Online, 8)].into());
    assert_eq!(
        world.channel(Channel::Apns).calls.lock().len(),
        1,
        "asked once, then left alone"
    );
    assert_eq!((health.tasks_open, health.oldest_job_age_s), (1, 0));
    world.work_to_the_end().await;
    let health = world.dispatch().health();
    assert_eq!(health.losses, [(("expired", Channel::Apns), 8)].into());
    assert_eq!(world.channel(Channel::Apns).calls.lock().len(), 1);
    assert_eq!(health.tasks_open, 0);
}

/// What is throttled alone holds up nobody else, and is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_told_to_wait_holds_up_no_other() {
    let world = World::calm(Script::Accept).await;
    script(&world, Channel::Fcm, Script::ThrottleSome(60));
    let app = app(1);
    with_phones(&world, &app, Channel::Fcm, 200).await;
    world.accept(&app, push(1, None)).await.unwrap();
    world.work(20).await;
    let health = world.dispatch().health();
    assert_eq!(health.sent, [(Channel::Fcm, 100)].into());
    assert_eq!((health.tasks_open, health.losses.len()), (1, 0));
    script(&world, Channel::Fcm, Script::Accept);
    world.work_to_the_end().await;
    let health = world.dispatch().health();
    assert_eq!(health.sent, [(Channel::Fcm, 200)].into());
    assert_eq!((health.tasks_open, health.losses.len()), (0, 0));
}

/// A phone that has a token of another vendor now is sent to there, and no more where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_changes_vendor_is_reached_by_the_new_one_alone() {
    let world = World::calm(Script::Accept).await;
    script(&world, Channel::Apns, Script::Busy(60));
    let app = app(1);
    let register = async |channel| {
        let facts = facts(Some(channel), None, channel.name());
        world.register(app.id, "p", Some("a"), facts).await
    };
    let before = register(Channel::Apns).await;
    world.accept(&app, push(1, None)).await.unwrap();
    world.work(20).await;
    assert_eq!(register(Channel::Fcm).await, before, "the same device");
    world.accept(&app, push(2, None)).await.unwrap();
    world.work_to_the_end().await;
    let health = world.dispatch().health();
    assert_eq!(health.sent, [(Channel::Fcm, 1)].into());
    // What was planned before waits no longer for a token that is no more.
    assert_eq!(health.losses, [(("no_token", Channel::Apns), 1)].into());
}

/// With a wrong certificate all tokens seem dead: they are kept, what the vendor said is recorded, the operator decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_die_in_numbers_are_kept_until_the_operator_says_so() {
    let world = World::calm(Script::Accept).await;
    script(&world, Channel::Apns, Script::Gone);
    let app = app(1);
    with_phones(&world, &app, Channel::Apns, 300).await;
    let send = async |random| {
        world.accept(&app, push(random, None)).await.unwrap();
        world.work_to_the_end().await;
        world.dispatch().health()
    };
    let health = send(1).await;
    assert_eq!(health.losses, [(("token_gone", Channel::Apns), 300)].into());
    assert_eq!(health.dropped + health.spared, 300);
    assert!(health.spared >= 100, "{health:?}");
    assert_eq!(health.braked, [(Channel::Apns, 1)].into());
    let braked = world.dispatch().braked(app.id);
    assert_eq!((braked.len(), braked[0].channel), (1, Channel::Apns));
    assert_eq!(world.dispatch().braked(AppId(2)), []);

    // It stays on; an app's or a channel's brake is no other's.
    let spared = send(2).await.spared;
    assert_eq!(spared, 2 * health.spared);
    let release = |app, channel, cert_id| world.dispatch().release_brakes(app, channel, cert_id);
    assert_eq!(release(AppId(2), Channel::Apns, None), 0);
    assert_eq!(release(app.id, Channel::Fcm, None), 0);
    assert_eq!(release(app.id, Channel::Apns, Some(99)), 0);
    assert_eq!(release(app.id, Channel::Apns, None), 1);
    assert_eq!(release(app.id, Channel::Apns, None), 0);
    let health = send(3).await;
    assert_eq!((health.dropped, health.spared), (300, spared));
    assert_eq!(health.braked, [].into());
}

/// A token that its vendor calls dead is dropped, and the device is not planned offline until it registers again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_is_dropped_until_its_phone_registers_again() {
    let world = World::calm(Script::Accept).await;
    script(&world, Channel::Apns, Script::Gone);
    let app = app(1);
    with_phones(&world, &app, Channel::Apns, 3).await;
    with_phones(&world, &app, Channel::Fcm, 1).await;
    let planned = async |random| {
        world.accept(&app, push(random, None)).await.unwrap();
        world.work_to_the_end().await;
        let health = world.dispatch().health();
        let of = |channel| health.planned.get(&channel).copied().unwrap_or_default();
        (of(Channel::Apns), of(Channel::Fcm), health.dropped)
    };
    assert_eq!(planned(1).await, (3, 1, 3));
    assert_eq!(planned(2).await, (3, 2, 3), "nothing more for the dropped");
    let health = world.dispatch().health();
    assert_eq!(health.losses, [(("token_gone", Channel::Apns), 3)].into());

    script(&world, Channel::Apns, Script::Accept);
    with_phones(&world, &app, Channel::Apns, 1).await;
    assert_eq!(planned(3).await, (4, 3, 3));
    assert_eq!(world.dispatch().health().sent[&Channel::Apns], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_urgent_task_overtakes_all_that_is_not_being_worked() {
    let world = World::calm(Script::Accept).await;
    let app = app(1);
    with_phones(&world, &app, Channel::Online, 3).await;
    for random in 0..50 {
        world.accept(&app, push(random, None)).await.unwrap();
    }
    assert!(matches!(
        world.dispatch().turn(Claim::Urgent).await,
        Turn::Idle { .. }
    ));
    let urgent = world
        .accept(&app, push(99, Some(&["online1"])))
        .await
        .unwrap();
    // Planning, then sending.
    for _ in 0..2 {
        assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);
    }
    let online = world.channel(Channel::Online);
    assert_eq!(calls_of(online, &urgent.draft.id), 1);
    assert_eq!(online.calls.lock().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apps_and_tasks_take_turns() {
    let world = World::calm(Script::Accept).await;
    let (large, small) = (app(1), app(2));
    with_phones(&world, &large, Channel::Online, 2).await;
    with_phones(&world, &small, Channel::Online, 2).await;
    for random in 0..30 {
        world.accept(&large, push(random, None)).await.unwrap();
    }
    let other = world.accept(&small, push(99, None)).await.unwrap();
    for _ in 0..4 {
        world.dispatch().turn(Claim::Any).await;
    }
    assert_eq!(calls_of(world.channel(Channel::Online), &other.draft.id), 1);
}

async fn workers(count: usize) -> World {
    let settings = Settings {
        workers: count,
        chunks_at_once: 1,
        vendor_chunks_at_once: 1,
        broadcast_gap_ms: 0,
        return_grace: std::time::Duration::ZERO,
        stop_grace: PATIENCE,
        ..Settings::default()
    };
    let mut world = World::new(1, false, Script::Accept, settings);
    world.start().await;
    world
}

/// Waits until the channel is called for a task. The clock goes on meanwhile, as jobs that find no place wait for it.
async fn called(world: &World, channel: Channel, task: &TaskId) {
    let channel = world.channel(channel);
    let called = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while calls_of(channel, task) == 0 {
            tokio::select! {
                () = channel.called.notified() => {}
                _ = tick.tick() => world.clock.advance_ms(20),
            }
        }
    };
    tokio::time::timeout(PATIENCE, called).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_never_answers_leaves_workers_to_everybody_else() {
    let world = workers(4).await;
    script(&world, Channel::Apns, Script::Hang);
    let (sick, well) = (app(1), app(2));
    with_phones(&world, &sick, Channel::Apns, 2).await;
    with_phones(&world, &well, Channel::Online, 2).await;
    for random in 0..12 {
        let task = world.accept(&sick, push(random, None)).await.unwrap();
        if random == 0 {
            called(&world, Channel::Apns, &task.draft.id).await;
        }
    }
    // Batches, too, hang on it.
    for random in 20..24 {
        world
            .accept(&sick, push(random, Some(&["apns0"])))
            .await
            .unwrap();
    }
    for random in 40..44 {
        let task = world.accept(&well, push(random, None)).await.unwrap();
        called(&world, Channel::Online, &task.draft.id).await;
        let task = world
            .accept(&well, push(100 + random, Some(&["online0"])))
            .await
            .unwrap();
        called(&world, Channel::Online, &task.draft.id).await;
    }
    let held = world.channel(Channel::Apns).calls.lock().len();
    assert!(held <= 2, "`{held}` workers hang: one of each lane may");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_what_is_being_sent_and_starts_nothing_more() {
    let world = workers(2).await;
    script(&world, Channel::Apns, Script::Hang);
    let app = app(1);
    with_phones(&world, &app, Channel::Apns, 7).await;
    let task = world.accept(&app, push(1, None)).await.unwrap();
    let apns = world.channel(Channel::Apns);
    called(&world, Channel::Apns, &task.draft.id).await;
    let dispatch = world.dispatch();
    let stopped = async {
        // Polled once it asks the workers to stop; then the channel answers.
        tokio::task::yield_now().await;
        apns.answer.notify_one();
    };
    tokio::join!(dispatch.stop(), stopped);
    assert_eq!(calls_of(apns, &task.draft.id), 1, "no second chunk");
    let health = dispatch.health();
    assert_eq!(
        health.sent,
        [(Channel::Apns, 3)].into(),
        "the chunk is recorded"
    );
    assert_eq!(health.unrecorded, 0);
    let now_ms = world.clock.now_ms();
    let left = world
        .inner
        .tasks
        .claim_job(Claim::Any, now_ms)
        .await
        .unwrap();
    assert!(left.is_some(), "the job goes back");
}
