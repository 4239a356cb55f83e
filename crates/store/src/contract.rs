//! The contract suite: what every engine must do, run against each of them by its own tests.
//!
//! Each check takes a fresh engine and panics with what it expected.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a broken contract must stop the test that runs it"
)]

mod accounts;
mod apps;
mod audit;
mod channels;
mod devices;
mod forgettings;
mod histories;
mod jobs;
mod outboxes;
mod relays;
mod tasks;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use pushtally_ledger::{
    Batch, Control, Counters, Form, MarksPage, Page, PageKey, Record, Recorded, Section,
    StoredPage, TaskEntry, TotalPage,
};
use pushtally_model::{
    AppId, Cell, Channel, Event, Kind, Lane, LossId, Number, Origin, Route, Second, Source,
    TaskKey, TaskNumber, VendorCall, VendorCalls,
};

use crate::ports::{Engine, LossText, Names, Position, Recipient, Snapshot, TaskName};

const APP: AppId = AppId(1_400_000_000);

/// Runs every check, each on an engine of its own.
pub async fn check_all(mut fresh: impl AsyncFnMut() -> Engine) {
    batches_come_back_in_order(fresh().await).await;
    events_of_a_task_come_back_in_order(fresh().await).await;
    histories::events_of_devices_come_back_in_order(fresh().await).await;
    outboxes::readers_go_on_where_they_stopped(fresh().await).await;
    outboxes::own_tasks_are_named_by_number(fresh().await).await;
    outboxes::tasks_are_listed_by_app(fresh().await).await;
    outboxes::outboxes_are_replaced_by_app(fresh().await).await;
    names_get_one_number_each(fresh().await).await;
    losses_are_bounded(fresh().await).await;
    raised_numbers_are_not_given(fresh().await).await;
    additions_unite_and_whole_pages_replace(fresh().await).await;
    apps::apps_are_replaced_by_id(fresh().await).await;
    channels::accounts_are_replaced_and_removed_by_key(fresh().await).await;
    relays::relay_calls_wait_until_done(fresh().await).await;
    devices::check(&mut fresh).await;
    accounts::check(&mut fresh).await;
    forgettings::check(&mut fresh).await;
    tasks::check(&mut fresh).await;
    jobs::check(&mut fresh).await;
    audit::entries_come_newest_first(fresh().await).await;
}

fn batch(n: u32) -> Batch {
    let event = Event {
        app: APP,
        task: TaskKey {
            number: TaskNumber(n),
            kind: Kind::Push,
            origin: Origin::Imported,
        },
        cell: Cell::new(Route::Offline, Channel::Fcm, Lane::Sent),
        number: Number(n),
        at: Second(1_700_000_000 + n),
        loss: LossId::NONE,
    };
    let records = vec![Record::Events(Section::new(Source::Import, vec![event]))];
    Batch {
        recorded_ms: 1_700_000_000_000 + i64::from(n),
        records,
    }
}

/// `replay(after)` gives what was appended after, in order, and ends early when told to.
pub async fn batches_come_back_in_order(engine: Engine) {
    let mut positions = Vec::new();
    for n in 0..20 {
        positions.push(engine.log.append(&batch(n)).await.unwrap());
    }
    for (after, first) in [
        (Position::default(), 0),
        (positions[0].clone(), 1),
        (positions[19].clone(), 20),
    ] {
        let mut found = Vec::new();
        let mut visit = |at, batch| {
            found.push((at, batch));
            ControlFlow::Continue(())
        };
        engine.log.replay(&after, &mut visit).await.unwrap();
        let expected = (first..20).map(|n| (positions[n as usize].clone(), batch(n)));
        assert!(found.into_iter().eq(expected), "batches after {after:?}");
    }
    let mut seen = 0;
    let mut stop = |_, _| {
        seen += 1;
        if seen == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    engine
        .log
        .replay(&Position::default(), &mut stop)
        .await
        .unwrap();
    assert_eq!(seen, 3, "a visitor that breaks sees no more");
    engine.log.verify().await.unwrap();
}

/// `visit_task` gives the events, calls and forgetting of one task that were recorded since, and where they came from.
pub async fn events_of_a_task_come_back_in_order(engine: Engine) {
    let event = |n: u32| match batch(n).records.as_slice() {
        [Record::Events(section)] => section.events()[0],
        other => panic!("{other:?}"),
    };
    let wanted = event(1_000).task;
    let mut expected = Vec::new();
    for n in 0..30 {
        let recorded_ms = batch(n).recorded_ms;
        let mut one = event(n);
        if n % 3 == 0 {
            one.task = wanted;
            expected.push(TaskEntry::Event(Recorded {
                recorded_ms,
                source: Source::Vendor,
                event: one,
            }));
        }
        let calls = VendorCalls {
            app: one.app,
            task: one.task,
            channel: Channel::Fcm,
            calls: vec![VendorCall {
                at_ms: recorded_ms - 1,
                status: 200,
                request_id: format!("id-{n}"),
                numbers: vec![one.number],
                ..VendorCall::default()
            }],
        };
        if n % 3 == 0 {
            let calls = calls.clone();
            expected.push(TaskEntry::Calls { recorded_ms, calls });
        }
        let others = Section::new(Source::Import, vec![event(n), event(n + 40)]);
        let mut records = vec![
            Record::Events(others),
            Record::Events(Section::new(Source::Vendor, vec![one])),
            Record::Calls(calls),
        ];
        if n % 4 == 0 {
            let (app, task) = (one.app, one.task);
            records.push(Record::Control(Control::ForgetTask { app, task }));
            if task == wanted {
                expected.push(TaskEntry::Forgotten { recorded_ms });
            }
        }
        let batch = Batch {
            recorded_ms,
            records,
        };
        engine.log.append(&batch).await.unwrap();
        // What an engine learns of its log by reading must not hide what comes after.
        let mut found = Vec::new();
        let mut visit = |entry| found.push(entry);
        engine.log.visit_task(wanted, 0, &mut visit).await.unwrap();
        assert_eq!(found, expected, "after batch {n}");
    }
    let since = expected[5].recorded_ms();
    expected.retain(|one| one.recorded_ms() >= since);
    let mut found = Vec::new();
    let mut visit = |entry| found.push(entry);
    engine
        .log
        .visit_task(wanted, since, &mut visit)
        .await
        .unwrap();
    assert_eq!(found, expected);
}

/// A name keeps its number; other apps, families, routes and channels have their own.
pub async fn names_get_one_number_each(engine: Engine) {
    let recipient = |account, channel| Recipient {
        account,
        route: Route::Offline,
        channel,
    };
    let names = Names {
        tasks: vec![
            TaskName {
                kind: Kind::Push,
                origin: Origin::Imported,
                id: "t",
            },
            TaskName {
                kind: Kind::Message,
                origin: Origin::Imported,
                id: "t",
            },
            TaskName {
                kind: Kind::Push,
                origin: Origin::Own,
                id: "T",
            },
        ],
        recipients: vec![
            recipient("a", Channel::Apns),
            recipient("b", Channel::Apns),
            recipient("a", Channel::Fcm),
        ],
        losses: vec![
            LossText::new(1, "x"),
            LossText::new(1, "y"),
            LossText::new(1, "x"),
        ],
    };
    let first = engine.identities.resolve(APP, &names).await.unwrap();
    assert_eq!(first.losses[0], first.losses[2], "equal reasons are one");
    let mut numbers = first.numbers.clone();
    numbers.dedup();
    assert_eq!(numbers.len(), 3, "each recipient is one device");
    assert_ne!(
        first.tasks[0].number, first.tasks[1].number,
        "the families have names of their own"
    );
    assert_eq!(
        engine.identities.resolve(APP, &names).await.unwrap(),
        first,
        "names keep their numbers"
    );
    let asked = Names {
        tasks: vec![TaskName {
            origin: Origin::Imported,
            ..names.tasks[2]
        }],
        ..Names::default()
    };
    let known = engine.identities.resolve(APP, &asked).await.unwrap();
    assert_eq!(
        known.tasks[0].origin,
        Origin::Own,
        "a task keeps its origin"
    );
    assert_eq!(
        engine
            .identities
            .find_task(APP, Kind::Push, "t")
            .await
            .unwrap(),
        Some(first.tasks[0])
    );
    assert_eq!(
        engine
            .identities
            .find_task(APP, Kind::Push, "unknown")
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        engine
            .identities
            .find_task(AppId(7), Kind::Push, "t")
            .await
            .unwrap(),
        None,
        "nothing crosses apps"
    );
    let text = engine
        .identities
        .find_loss(APP, first.losses[1])
        .await
        .unwrap();
    assert_eq!(text, Some(LossText::new(1, "y")));
    assert_eq!(
        engine
            .identities
            .find_loss(APP, LossId::NONE)
            .await
            .unwrap(),
        None
    );
    let asked = [
        recipient("a", Channel::Fcm),
        recipient("c", Channel::Fcm),
        recipient("b", Channel::Apns),
    ];
    let found = engine.identities.find_recipients(APP, &asked).await;
    let (third, second) = (first.numbers[2], first.numbers[1]);
    assert_eq!(found.unwrap(), [Some(third), None, Some(second)]);
    let found = engine.identities.find_recipients(AppId(7), &asked).await;
    assert_eq!(found.unwrap(), [None; 3], "nothing crosses apps");
    assert_eq!(engine.identities.count().await.unwrap(), (3, 3));
}

/// Beyond the bound of distinct reasons everything is `OTHER`.
pub async fn losses_are_bounded(engine: Engine) {
    let losses = (0..i64::from(LossText::PER_APP_MAX) + 2)
        .map(|code| LossText::new(code, ""))
        .collect();
    let resolved = engine
        .identities
        .resolve(
            APP,
            &Names {
                losses,
                ..Names::default()
            },
        )
        .await
        .unwrap();
    let others = resolved
        .losses
        .iter()
        .filter(|loss| **loss == LossId::OTHER)
        .count();
    assert_eq!(others, 2, "reasons beyond the bound");
}

/// After `raise`, new names get numbers at or above the ends.
pub async fn raised_numbers_are_not_given(engine: Engine) {
    engine
        .identities
        .raise(70, &BTreeMap::from([(APP, 900)]))
        .await
        .unwrap();
    let names = Names {
        tasks: vec![TaskName {
            kind: Kind::Push,
            origin: Origin::Imported,
            id: "new",
        }],
        recipients: vec![Recipient {
            account: "new",
            route: Route::Online,
            channel: Channel::Online,
        }],
        losses: Vec::new(),
    };
    let resolved = engine.identities.resolve(APP, &names).await.unwrap();
    assert_eq!(
        (resolved.tasks[0].number, resolved.numbers[0]),
        (TaskNumber(70), Number(900))
    );
}

fn marks(slots: &[u16]) -> Page {
    let mut page = MarksPage::default();
    for slot in slots {
        page.insert(
            Cell::new(Route::Offline, Channel::Oppo, Lane::Clicked),
            *slot,
        );
    }
    Page::Marks(page)
}

/// Snapshots stack: additions unite with what is there, whole pages replace it, a whole `Gone` removes it.
pub async fn additions_unite_and_whole_pages_replace(engine: Engine) {
    let key = PageKey::Marks(TaskNumber(3), 1);
    let total = PageKey::Total(APP, Kind::Push);
    let counters = Counters {
        fresh: 9,
        ..Counters::default()
    };
    let totals = Page::Total(TotalPage {
        counters,
        ..TotalPage::default()
    });
    let install = async |at, pages: Vec<(PageKey, Form, Page)>| {
        let generation = engine.pages.generation();
        let stored = |(key, form, page)| StoredPage {
            key,
            form,
            page: Arc::new(page),
        };
        let snapshot = Snapshot {
            included: Position::single(at),
            tasks_end: 5,
            numbers_end: BTreeMap::from([(APP, 8)]),
            pages: pages.into_iter().map(stored).collect(),
        };
        engine.pages.install(&snapshot).await.unwrap();
        assert_ne!(
            engine.pages.generation(),
            generation,
            "an install changes the generation"
        );
        let installed = engine.pages.installed().await.unwrap();
        assert_eq!(
            (installed.included, installed.tasks_end),
            (Position::single(at), 5)
        );
        assert_eq!(installed.numbers_end, snapshot.numbers_end);
    };
    let load = async || engine.pages.load_many(&[key]).await.unwrap().remove(0);
    for n in 0..20 {
        engine.log.append(&batch(n)).await.unwrap();
    }
    assert_eq!(load().await, None);
    install(
        1,
        vec![
            (total, Form::Whole, totals.clone()),
            (key, Form::Addition, marks(&[1, 2])),
        ],
    )
    .await;
    install(2, vec![(key, Form::Addition, marks(&[2, 9]))]).await;
    assert_eq!(load().await, Some(marks(&[1, 2, 9])), "additions unite");
    install(3, vec![(key, Form::Whole, marks(&[4]))]).await;
    install(4, vec![(key, Form::Addition, marks(&[5]))]).await;
    assert_eq!(
        load().await,
        Some(marks(&[4, 5])),
        "a whole page replaces what is older, not what is newer"
    );
    let mut found = Vec::new();
    let mut visit = |key, page| {
        found.push((key, page));
        ControlFlow::Continue(())
    };
    engine
        .pages
        .scan(PageKey::Total(AppId(0), Kind::Push), &mut visit)
        .await
        .unwrap();
    assert_eq!(
        found,
        [(total, totals.clone()), (key, marks(&[4, 5]))],
        "a scan has every page once, in order"
    );
    install(5, vec![(key, Form::Whole, Page::Gone)]).await;
    assert_eq!(
        engine.pages.load_many(&[total, key]).await.unwrap(),
        [Some(totals), None]
    );
    assert_eq!(engine.pages.verify().await.unwrap(), 1);
}
