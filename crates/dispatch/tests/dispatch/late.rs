//! What was accepted and not planned by its deadline is planned after it and ends as expired: nothing counts nowhere
//! because a server was down, late or paused.

use std::time::Duration;

use pushtally_channel::Redeliver;
use pushtally_model::{Channel, Lane, TaskState};

use crate::phones::Script;
use crate::starting::{APP, count, with_devices};
use crate::world::{IMPLEMENTED, World, app, facts, push};

const LIFE_S: u32 = 15;

/// What held a push up until its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Down,
    TaskPaused,
    AppPaused,
}

/// To two devices of the first shard, connected or not, and to everyone else: one of the second shard, on a channel of its own.
async fn check(names: Option<&[&str]>, held: Held, is_back: bool) {
    let mut world = World::calm(Script::Accept).await;
    let numbers = with_devices(&world, 2).await;
    let ends = [(APP, 65_536)].into();
    world.inner.identities.raise(0, &ends).await.unwrap();
    let far = facts(Some(Channel::Fcm), None, "far");
    world.register(APP, "far", None, far).await;
    let mut late = push(1, names);
    late.life_time_s = Some(LIFE_S);
    let task = world.accept(&app(APP.0), late).await.unwrap();
    let dispatch = world.dispatch();
    match held {
        Held::Down => {}
        Held::TaskPaused => {
            let paused = dispatch.set_task_state(APP, &task.draft.id, TaskState::Paused);
            assert!(paused.await.unwrap().is_some());
        }
        Held::AppPaused => dispatch.set_app_paused(APP, true).await.unwrap(),
    }
    if held == Held::Down {
        world.crash().await;
    }
    if !is_back {
        world.connected.0.lock().clear();
    }
    let until_ms = i64::from(LIFE_S) * 1000;
    if held == Held::Down {
        world.clock.advance_ms(until_ms);
        // What is past its deadline waits for nobody.
        world.settings.return_grace = Duration::from_secs(30);
        world.start().await;
    } else {
        world.clock.advance_ms(until_ms - 1);
        assert_eq!(world.work(9).await, 0, "not before its deadline");
        world.clock.advance_ms(1);
    }
    world.work(20).await;

    let near = if is_back {
        Channel::Online
    } else {
        Channel::Apns
    };
    let elsewhere = u64::from(names.is_none());
    for (channel, expected) in [(near, 2), (Channel::Fcm, elsewhere)] {
        for lane in [Lane::Planned, Lane::LostBeforeSent] {
            let found = count(&world, &task, channel, lane).await;
            assert_eq!(found, expected, "{channel:?} {lane:?} {names:?} {held:?}");
        }
    }
    let health = world.dispatch().health();
    let expired =
        |((loss, _), count): (&(&str, Channel), &u64)| (*loss == "expired").then_some(*count);
    let lost: u64 = health.losses.iter().filter_map(expired).sum();
    assert_eq!(lost, 2 + elsewhere);
    assert_eq!((health.tasks_open, health.sent.len()), (0, 0));
    for channel in IMPLEMENTED {
        assert!(world.channel(channel).calls.lock().is_empty());
    }
    for number in numbers {
        assert!(world.dispatch().missed(APP, number).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_too_late_counts_as_planned_and_expired() {
    for names in [None, Some(&["phone0", "phone1"][..])] {
        for held in [Held::Down, Held::TaskPaused, Held::AppPaused] {
            for is_back in [false, true] {
                check(names, held, is_back).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_push_to_nobody_counts_nobody() {
    let world = World::calm(Script::Accept).await;
    let mut late = push(1, Some(&["nobody"]));
    late.life_time_s = Some(0);
    world.accept(&app(APP.0), late).await.unwrap();
    world.work(9).await;
    let health = world.dispatch().health();
    assert_eq!((health.tasks_open, health.planned.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_push_takes_no_place_of_one_that_a_phone_may_get_again() {
    let world = World::calm(Script::Accept).await;
    let numbers = with_devices(&world, 1).await;
    let mut random = 0;
    let mut send = async |life_time_s| {
        random += 1;
        let mut push = push(random, None);
        push.life_time_s = life_time_s;
        world.accept(&app(APP.0), push).await.unwrap();
        world.work(9).await;
        world.dispatch().missed(APP, numbers[0]).await.len()
    };
    let mut kept = 0;
    while send(None).await > kept {
        kept += 1;
    }
    assert_eq!(send(Some(0)).await, kept);
    assert!(kept > 1);
}
