//! What is from before a start waits for its phones to come back, and no longer than it must.

use std::time::Duration;

use pushtally_channel::Attention;
use pushtally_dispatch::{Push, Turn};
use pushtally_model::{Channel, Lane, Number, TaskState};
use pushtally_store::{Claim, StoredTask};

use crate::phones::Script;
use crate::starting::{APP, count, with_devices};
use crate::world::{World, app, push};

fn connect(world: &World, numbers: &[Number]) {
    let back = numbers
        .iter()
        .map(|number| ((APP, *number), Attention::Foreground));
    world.connected.0.lock().extend(back);
}

/// The process dies; the next one waits up to 30 s, and nobody is back yet.
async fn restart(world: &mut World) {
    world.crash().await;
    world.connected.0.lock().clear();
    world.settings.return_grace = Duration::from_secs(30);
    world.start().await;
}

/// A push to that many devices, accepted before a restart.
async fn before_a_restart(devices: u32, push: Push) -> (World, Vec<Number>, StoredTask) {
    let mut world = World::calm(Script::Accept).await;
    let numbers = with_devices(&world, devices).await;
    let task = world.accept(&app(APP.0), push).await.unwrap();
    restart(&mut world).await;
    (world, numbers, task)
}

async fn sent(world: &World, task: &StoredTask) -> u64 {
    count(world, task, Channel::Online, Lane::Sent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_planned_before_a_crash_waits_for_its_phones_to_come_back() {
    let mut world = World::calm(Script::Accept).await;
    let numbers = with_devices(&world, 5).await;
    let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
    assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);
    restart(&mut world).await;
    // Nobody is back yet: nobody is taken for gone.
    world.work(20).await;
    assert_eq!(
        count(&world, &task, Channel::Online, Lane::LostBeforeSent).await,
        0
    );
    connect(&world, &numbers);
    world.clock.advance_ms(30_000);
    world.work_to_the_end().await;
    assert_eq!(sent(&world, &task).await, 5);
    // What comes after the start waits for nobody.
    world.connected.0.lock().clear();
    let later = world.accept(&app(APP.0), push(2, None)).await.unwrap();
    world.work_to_the_end().await;
    assert_eq!(count(&world, &later, Channel::Apns, Lane::Sent).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_goes_as_soon_as_it_finds_all_its_phones() {
    let to_two = push(1, Some(&["phone0", "phone1"]));
    let (world, numbers, task) = before_a_restart(3, to_two).await;
    assert_eq!(world.work(9).await, 1, "a look: nobody is back");
    connect(&world, &numbers[..1]);
    assert_eq!(world.work(9).await, 0, "no look before its time");
    world.clock.advance_ms(1_000);
    assert_eq!(world.work(9).await, 1, "a look: one of two is back");
    connect(&world, &numbers[1..2]);
    world.clock.advance_ms(999);
    assert_eq!(world.work(9).await, 0);
    world.clock.advance_ms(1);
    world.work(9).await;
    assert_eq!(sent(&world, &task).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_phones_are_back_first_waits_for_nothing() {
    let (world, numbers, task) = before_a_restart(1, push(1, Some(&["phone0"]))).await;
    connect(&world, &numbers);
    world.work(9).await;
    assert_eq!(sent(&world, &task).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_planned_waits_for_those_who_are_still_to_be_sent_to() {
    let mut world = World::calm(Script::Accept).await;
    let numbers = with_devices(&world, 3).await;
    let to_two = push(1, Some(&["phone0", "phone1"]));
    let task = world.accept(&app(APP.0), to_two).await.unwrap();
    assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);
    restart(&mut world).await;
    connect(&world, &numbers[..1]);
    assert_eq!(world.work(9).await, 1);
    assert_eq!(sent(&world, &task).await, 0);
    connect(&world, &numbers[1..2]);
    world.clock.advance_ms(1_000);
    world.work(9).await;
    assert_eq!(sent(&world, &task).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_waits_in_vain_is_looked_at_seven_times() {
    let (world, _, task) = before_a_restart(1, push(1, Some(&["phone0"]))).await;
    let mut looked_at_s = Vec::new();
    for second in 0..=30 {
        if world.work(9).await > 0 {
            looked_at_s.push(second);
        }
        world.clock.advance_ms(1_000);
    }
    assert_eq!(looked_at_s, [0, 1, 2, 4, 8, 16, 30]);
    assert_eq!(count(&world, &task, Channel::Apns, Lane::Sent).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_to_nobody_waits_for_nobody() {
    let (world, _, _) = before_a_restart(1, push(1, Some(&["nobody"]))).await;
    world.work(9).await;
    let health = world.dispatch().health();
    assert_eq!((health.tasks_open, health.planned.len()), (0, 0));
}

/// Half of the life that is left is kept for sending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_life_shortens_the_wait() {
    for names in [None, Some(&["phone0", "phone1"][..])] {
        let mut short = push(1, names);
        short.life_time_s = Some(10);
        let (world, numbers, task) = before_a_restart(2, short).await;
        connect(&world, &numbers[..1]);
        world.work(9).await;
        world.clock.advance_ms(4_999);
        world.work(9).await;
        assert_eq!(sent(&world, &task).await, 0);
        world.clock.advance_ms(1);
        world.work(9).await;
        assert_eq!(sent(&world, &task).await, 1);
        let offline = count(&world, &task, Channel::Apns, Lane::Sent).await;
        assert_eq!(offline, 1, "who is not back by then is away");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resume_within_the_wait_holds_at_once_for_batches_whose_phones_are_back() {
    let mut world = World::calm(Script::Accept).await;
    let numbers = with_devices(&world, 2).await;
    world.dispatch().set_app_paused(APP, true).await.unwrap();
    let batch = push(1, Some(&["phone0", "phone1"]));
    let batch = world.accept(&app(APP.0), batch).await.unwrap();
    let everyone = world.accept(&app(APP.0), push(2, None)).await.unwrap();
    restart(&mut world).await;
    connect(&world, &numbers);
    world.clock.advance_ms(3_000);
    assert_eq!(world.work(9).await, 0);
    world.dispatch().set_app_paused(APP, false).await.unwrap();
    world.work(9).await;
    assert_eq!(sent(&world, &batch).await, 2);
    assert_eq!(sent(&world, &everyone).await, 0, "it waits for everyone");
    world.clock.advance_ms(27_000);
    world.work(9).await;
    assert_eq!(sent(&world, &everyone).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_waits_for_nobody() {
    for names in [None, Some(&["phone0"][..])] {
        let mut world = World::calm(Script::Accept).await;
        with_devices(&world, 1).await;
        let task = world.accept(&app(APP.0), push(1, names)).await.unwrap();
        assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);
        restart(&mut world).await;
        world.work(9).await;
        world
            .dispatch()
            .set_task_state(APP, &task.draft.id, TaskState::Cancelled)
            .await
            .unwrap();
        world.work(9).await;
        let lost = count(&world, &task, Channel::Online, Lane::LostBeforeSent).await;
        assert_eq!(lost, 1);
        assert_eq!(world.dispatch().health().tasks_open, 0);
    }
}
