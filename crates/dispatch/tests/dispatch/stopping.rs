//! What an answered revocation or cancellation promises of calls that are about to start, and of those that have started.

use std::sync::Arc;

use pushtally_channel::Attention;
use pushtally_dispatch::Turn;
use pushtally_model::{AppId, Channel, Notification, TaskState};
use pushtally_store::{Claim, Revoked};

use crate::fuse::Call;
use crate::phones::Script;
use crate::world::{World, app, facts, push};

const APP: AppId = AppId(1);

/// A worker has seen for the last time that the task goes on, and has not called yet. On one thread: whoever can run has
/// run when another looks often enough.
#[tokio::test]
async fn a_stop_waits_for_a_call_to_start_and_not_for_its_end() {
    for stop in [TaskState::Revoked, TaskState::Cancelled] {
        let world = World::calm(Script::Hang).await;
        let facts = facts(None, None, "phone");
        let number = world.register(APP, "phone", None, facts).await;
        let foreground = Attention::Foreground;
        world.connected.0.lock().insert((APP, number), foreground);
        let task = world.accept(&app(APP.0), push(1, None)).await.unwrap();
        assert_eq!(world.dispatch().turn(Claim::Any).await, Turn::Worked);

        let look = world.fuse.hold(Call::SecondLook { looked: false });
        let dispatch = Arc::clone(world.dispatch());
        let turn = tokio::spawn(async move { dispatch.turn(Claim::Any).await });
        look.held.notified().await;
        let (dispatch, id) = (Arc::clone(world.dispatch()), task.draft.id.clone());
        let stopping = tokio::spawn(async move {
            if stop == TaskState::Revoked {
                let instead = Some(Notification::default());
                let revoked = dispatch.revoke(APP, &id, instead).await.unwrap();
                assert!(matches!(revoked, Revoked::Now(_)));
            } else {
                let stopped = dispatch.set_task_state(APP, &id, stop).await;
                assert_eq!(stopped.unwrap().unwrap().state, stop);
            }
        });
        let state = async || {
            let stored = world.inner.tasks.task_at(task.seq).await;
            stored.unwrap().unwrap().state
        };
        while state().await != stop {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!stopping.is_finished(), "a call may still start");
        let online = world.channel(Channel::Online);
        assert!(online.calls.lock().is_empty());

        look.go.notify_one();
        stopping.await.unwrap();
        world.memory.over.lock().insert(task.draft.id.clone());
        assert_eq!(online.calls.lock().len(), 1);
        assert!(!turn.is_finished(), "the channel has not answered");
        let told = world.memory.told.lock().clone();
        let expected = (task.draft.id.clone(), number, Some(String::new()));
        let expected = (stop == TaskState::Revoked).then_some(expected);
        assert_eq!(told, Vec::from_iter(expected), "it may show the push");

        online.answer.notify_one();
        assert_eq!(turn.await.unwrap(), Turn::Worked);
        world.work_to_the_end().await;
        let health = world.dispatch().health();
        assert_eq!(health.sent, [(Channel::Online, 1)].into());
        assert_eq!((health.losses.len(), health.tasks_open), (0, 0));
    }
}
