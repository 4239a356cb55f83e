//! What webhooks read and keep: the log on from where they stopped, the names of own tasks, outboxes.

use std::ops::ControlFlow;

use pushtally_model::{AppId, Channel, Kind, Origin, Route, Second, TaskNumber};

use super::{APP, batch};
use crate::ports::{
    DeadLetter, Engine, NamedTask, Names, Outbox, OwnTask, Position, Recipient, TaskName,
};

/// Any number of readers, each from any place, see the same batches once each, also while more are appended.
pub(super) async fn readers_go_on_where_they_stopped(engine: Engine) {
    for n in 0..10 {
        engine.log.append(&batch(n)).await.unwrap();
    }
    for step in [1, 3, 40] {
        let (mut at, mut found) = (Position::default(), Vec::new());
        loop {
            let mut left = step;
            let (from, before) = (at.clone(), found.len());
            let mut visit = |position: Position, batch| {
                at = position;
                found.push(batch);
                left -= 1;
                match left {
                    0 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            };
            engine.log.read_on(&from, &mut visit).await.unwrap();
            if found.len() == before {
                break;
            }
        }
        let expected: Vec<_> = (0..found.len() as u32).map(batch).collect();
        assert_eq!(found, expected, "in steps of {step}");
        engine.log.append(&batch(found.len() as u32)).await.unwrap();
    }
    let end = Position::single(13);
    let mut visit = |at: Position, _| panic!("nothing is after the end, not {at:?}");
    engine.log.read_on(&end, &mut visit).await.unwrap();
}

/// Tasks of our own are found from any number on; imported ones are passed over.
pub(super) async fn own_tasks_are_named_by_number(engine: Engine) {
    let origin = |n: u32| match n % 3 {
        0 => Origin::Imported,
        _ => Origin::Own,
    };
    let kind = |n: u32| Kind::ALL[n as usize % 2];
    let mut expected = Vec::new();
    for n in 0..40 {
        let (app, id) = (AppId(APP.0 + n % 4), format!("task-{n}"));
        let names = Names {
            tasks: vec![TaskName {
                kind: kind(n),
                origin: origin(n),
                id: &id,
            }],
            ..Names::default()
        };
        let resolved = engine.identities.resolve(app, &names).await.unwrap();
        if origin(n) == Origin::Own {
            expected.push(OwnTask {
                number: resolved.tasks[0].number,
                app,
                kind: kind(n),
                id,
            });
        }
        // Appending makes what was named before it durable.
        engine.log.append(&batch(n)).await.unwrap();
    }
    for (from, max) in [(0, 100), (0, 3), (17, 5), (38, 9), (1_000, 5)] {
        let found = engine.identities.own_tasks(TaskNumber(from), max).await;
        let after = expected.iter().filter(|task| task.number.0 >= from);
        let after: Vec<_> = after.take(max).cloned().collect();
        assert_eq!(found.unwrap(), after, "from {from}, at most {max}");
    }
}

/// The tasks of an app are found from any number on, imported ones and our own.
pub(super) async fn tasks_are_listed_by_app(engine: Engine) {
    let found = engine.identities.tasks_of(APP, TaskNumber(0), 9).await;
    assert_eq!(found.unwrap(), []);
    let mut expected = Vec::new();
    for n in 0..40u32 {
        let (app, id) = (AppId(APP.0 + n % 3), format!("task-{n}"));
        let task = TaskName {
            kind: Kind::ALL[n as usize % 2],
            origin: [Origin::Imported, Origin::Own][n as usize / 3 % 2],
            id: &id,
        };
        let names = Names {
            tasks: vec![task],
            recipients: vec![Recipient {
                account: &id,
                route: Route::Offline,
                channel: Channel::Fcm,
            }],
            ..Names::default()
        };
        let resolved = engine.identities.resolve(app, &names).await.unwrap();
        if app == APP {
            let key = resolved.tasks[0];
            expected.push(NamedTask { key, id });
        }
        // Appending makes what was named before it durable.
        engine.log.append(&batch(n)).await.unwrap();
    }
    assert_eq!(expected.len(), 14);
    for (from, max) in [(0, 100), (0, 3), (0, 0), (17, 5), (38, 9), (1_000, 5)] {
        let found = engine.identities.tasks_of(APP, TaskNumber(from), max).await;
        let after = expected.iter().filter(|task| task.key.number.0 >= from);
        let after: Vec<_> = after.take(max).cloned().collect();
        assert_eq!(found.unwrap(), after, "from {from}, at most {max}");
    }
}

/// An outbox is replaced whole, others stay.
pub(super) async fn outboxes_are_replaced_by_app(engine: Engine) {
    let outboxes = &engine.outboxes;
    assert_eq!(outboxes.outboxes().await.unwrap(), []);
    let letter = DeadLetter {
        id: 3,
        after: 7,
        to: u64::MAX,
        events: Some(9),
        why: "`500` \u{4e2d}".to_owned(),
        at: Second(1_700_000_000),
        replaying: false,
    };
    let first = Outbox {
        cursor: u64::MAX,
        letters: vec![letter.clone()],
    };
    let other = (AppId(7), Outbox::default());
    let put = [(APP, first), other.clone()];
    outboxes.put_outboxes(&put).await.unwrap();
    let second = Outbox {
        cursor: 1 << 50,
        letters: vec![DeadLetter {
            events: None,
            replaying: true,
            ..letter
        }],
    };
    outboxes
        .put_outboxes(&[(APP, second.clone())])
        .await
        .unwrap();
    assert_eq!(outboxes.outboxes().await.unwrap(), [other, (APP, second)]);
}
