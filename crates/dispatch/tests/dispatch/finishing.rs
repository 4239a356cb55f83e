//! Two jobs of one task that end at the same moment: whatever one plans on the other's channel is sent.

use std::sync::Arc;

use pushtally_channel::Attention;
use pushtally_dispatch::Turn;
use pushtally_model::{AppId, Channel};
use pushtally_store::{Claim, Part};

use crate::fuse::Call;
use crate::phones::Script;
use crate::world::{World, app, facts, push};

const APP: AppId = AppId(1);

/// The vendor's job has seen that nothing is pending, and is about to end, when the socket's job plans something on the
/// vendor. On one thread: whoever can run has run when another looks.
#[tokio::test]
async fn what_is_planned_on_a_channel_whose_job_is_ending_is_sent() {
    let world = World::calm(Script::Accept).await;
    let register = async |phone: &str| {
        let facts = facts(Some(Channel::Apns), None, phone);
        world.register(APP, phone, None, facts).await
    };
    register("away").await;
    let here = register("here").await;
    let foreground = Attention::Foreground;
    world.connected.0.lock().insert((APP, here), foreground);
    *world.channel(Channel::Online).script.lock() = Script::Hang;
    let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
    assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);

    let hold = world.fuse.hold(Call::Finish(Part::Send(Channel::Apns)));
    let turn = || {
        let dispatch = Arc::clone(world.dispatch());
        tokio::spawn(async move { dispatch.turn(Claim::Any).await })
    };
    let turns = [turn(), turn()];
    world.channel(Channel::Online).called.notified().await;
    hold.held.notified().await;
    *world.channel(Channel::Online).script.lock() = Script::Slow;
    world.channel(Channel::Online).answer.notify_one();
    let slow = ("slow", Channel::Online);
    while !world.dispatch().health().losses.contains_key(&slow) {
        tokio::task::yield_now().await;
    }
    hold.go.notify_one();
    for turn in turns {
        assert_eq!(turn.await.unwrap(), Turn::Worked);
    }
    world.work_to_the_end().await;
    let calls = world.channel(Channel::Apns).calls.lock().clone();
    let id = &task.draft.id;
    assert_eq!(calls, [(id.clone(), 1), (id.clone(), 1)]);
    let stored = world.inner.tasks.task_at(task.seq).await.unwrap();
    assert!(stored.unwrap().done_at.is_some());
}

/// One job has counted those that are left, and not said so yet, when the last one ends: its count must not come first.
#[tokio::test]
async fn the_last_job_to_end_is_the_last_to_be_counted() {
    let world = World::calm(Script::Accept).await;
    let facts = facts(Some(Channel::Apns), None, "phone");
    let number = world.register(APP, "phone", None, facts).await;
    let both_ways = Attention::Background;
    world.connected.0.lock().insert((APP, number), both_ways);
    world.accept(&app(APP.0), push(1, None)).await.unwrap();
    assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);
    assert_eq!(world.dispatch().health().jobs_open, 2);

    let hold = world.fuse.hold(Call::Counted);
    let turn = || {
        let dispatch = Arc::clone(world.dispatch());
        tokio::spawn(async move { dispatch.turn(Claim::Any).await })
    };
    let turns = [turn(), turn()];
    hold.held.notified().await;
    while world.dispatch().health().sent.len() < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    hold.go.notify_one();
    for turn in turns {
        assert_eq!(turn.await.unwrap(), Turn::Worked);
    }
    let health = world.dispatch().health();
    assert_eq!((health.tasks_open, health.jobs_open), (0, 0));
}
