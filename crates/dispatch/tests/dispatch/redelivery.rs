//! What a phone that connects gets again of the pushes that it alone, or few, were addressed with.

use pushtally_channel::{Missed, Redeliver};
use pushtally_model::{AppId, Number, TaskId, TaskState};

use crate::phones::Script;
use crate::starting::{id_of_push, with_devices};
use crate::world::{World, app, push};

const APP: AppId = AppId(1);

impl World {
    /// A push to these accounts, sent.
    async fn send(&self, random: u32, names: Option<&[&str]>) -> TaskId {
        let task = self.accept(&app(APP.0), push(random, names)).await.unwrap();
        self.work(9).await;
        task.draft.id
    }

    async fn missed(&self, number: Number) -> Vec<TaskId> {
        let missed: Vec<Missed> = self.dispatch().missed(APP, number).await;
        missed.into_iter().map(id_of_push).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_are_sent_takes_no_place_of_a_phone_in_a_tunnel() {
    let mut world = World::calm(Script::Accept).await;
    let devices = with_devices(&world, 3).await;
    let own = world.send(0, Some(&["phone0"])).await;
    let both = world.send(1, Some(&["phone0", "phone1"])).await;
    let cancelled = world.accept(&app(APP.0), push(2, Some(&["phone0"]))).await;
    let cancelled = cancelled.unwrap().draft.id;
    world
        .dispatch()
        .set_task_state(APP, &cancelled, TaskState::Cancelled)
        .await
        .unwrap();
    let mut others = Vec::new();
    for random in 10..110 {
        others.push(world.send(random, Some(&["phone1"])).await);
    }
    let all = world.send(200, None).await;
    for restarted in [false, true] {
        if restarted {
            world.crash().await;
            world.start().await;
        }
        assert_eq!(
            world.missed(devices[0]).await,
            [own.clone(), both.clone(), all.clone()]
        );
        // The newest of all kinds together.
        let newest = others[69..].iter().chain([&all]).cloned();
        assert_eq!(
            world.missed(devices[1]).await,
            newest.collect::<Vec<_>>(),
            "restarted: {restarted}"
        );
        assert_eq!(world.missed(devices[2]).await, std::slice::from_ref(&all));
    }
    world.clock.advance_ms(i64::from(app(1).task_life_s) * 1000);
    assert!(world.missed(devices[0]).await.is_empty());
}
