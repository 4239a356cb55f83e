//! Imports into the in-memory engine's names and a report that remembers.

use std::sync::Mutex;

use async_trait::async_trait;
use pushtally_model::{Cell, Lane};
use pushtally_store::memory;

use super::*;

const APP: AppId = AppId(1_400_000_000);

#[derive(Default)]
struct Recorder(Mutex<Vec<Vec<Event>>>);

#[async_trait]
impl Report for Recorder {
    async fn report(&self, source: Source, events: Vec<Event>) -> Result<(), StoreError> {
        assert_eq!(source, Source::Import);
        self.0.lock().unwrap().push(events);
        Ok(())
    }
}

struct Fixture {
    identities: Arc<dyn Identities>,
    recorder: Arc<Recorder>,
    importer: Importer,
}

fn fixture() -> Fixture {
    let identities = memory::engine().identities;
    let recorder = Arc::<Recorder>::default();
    let importer = Importer::new(
        Arc::clone(&identities),
        Arc::clone(&recorder) as Arc<dyn Report>,
    );
    Fixture {
        identities,
        recorder,
        importer,
    }
}

fn event(stage: Stage, err_code: i64) -> ImportedEvent<'static> {
    ImportedEvent {
        kind: Kind::Push,
        task_id: "t",
        account: "a",
        route: Route::Offline,
        channel: Channel::Apns,
        stage,
        err_code,
        err_info: "why",
        at: Second(1_700_000_000),
    }
}

/// The cells that one event is reported as.
async fn cells(event: ImportedEvent<'_>) -> Vec<Cell> {
    let fixture = fixture();
    let imported = fixture.importer.import(APP, &[event]).await.unwrap();
    assert_eq!(imported, Imported::default());
    let reports = fixture.recorder.0.lock().unwrap();
    assert_eq!(reports.len(), 1);
    assert!(
        reports[0]
            .iter()
            .all(|reported| reported.app == APP && reported.at == event.at)
    );
    reports[0].iter().map(|reported| reported.cell).collect()
}

#[tokio::test]
async fn each_stage_is_evidence_of_itself_and_sent_also_of_planned() {
    let cell = |lane| Cell::new(Route::Offline, Channel::Apns, lane);
    for (stage, err_code, lanes) in [
        (Stage::Sent, 0, &[Lane::Planned, Lane::Sent][..]),
        (Stage::Sent, 21, &[Lane::Planned, Lane::LostBeforeSent]),
        (Stage::Delivered, 0, &[Lane::Delivered]),
        (Stage::Delivered, -1, &[Lane::LostBeforeDelivered]),
        (Stage::Clicked, 0, &[Lane::Clicked]),
        (Stage::Clicked, 5, &[Lane::LostBeforeClicked]),
    ] {
        let expected: Vec<Cell> = lanes.iter().map(|lane| cell(*lane)).collect();
        assert_eq!(
            cells(event(stage, err_code)).await,
            expected,
            "{stage:?} {err_code}"
        );
    }
}

#[tokio::test]
async fn online_events_count_on_the_socket() {
    let online = ImportedEvent {
        route: Route::Online,
        channel: Channel::Vivo,
        ..event(Stage::Clicked, 0)
    };
    assert_eq!(
        cells(online).await,
        [Cell::new(Route::Online, Channel::Online, Lane::Clicked)]
    );
}

#[tokio::test]
async fn a_recipient_is_its_account_route_and_channel() {
    let fixture = fixture();
    let first = event(Stage::Delivered, 0);
    let other_channel = ImportedEvent {
        channel: Channel::Fcm,
        ..first
    };
    let other_route = ImportedEvent {
        route: Route::Online,
        ..first
    };
    let other_account = ImportedEvent {
        account: "b",
        ..first
    };
    let events = [first, other_channel, other_route, other_account, first];
    fixture.importer.import(APP, &events).await.unwrap();
    let reports = fixture.recorder.0.lock().unwrap();
    let numbers: Vec<u32> = reports[0]
        .iter()
        .map(|reported| reported.number.0)
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 0]);
}

#[tokio::test]
async fn the_two_families_have_tasks_of_their_own() {
    let fixture = fixture();
    let push = event(Stage::Delivered, 0);
    let message = ImportedEvent {
        kind: Kind::Message,
        ..push
    };
    fixture
        .importer
        .import(APP, &[push, message, push])
        .await
        .unwrap();
    let reports = fixture.recorder.0.lock().unwrap();
    let tasks: Vec<TaskKey> = reports[0].iter().map(|reported| reported.task).collect();
    assert_eq!(tasks[0], tasks[2]);
    assert_ne!(tasks[0].number, tasks[1].number);
    assert_eq!((tasks[0].kind, tasks[1].kind), (Kind::Push, Kind::Message));
    assert!(tasks.iter().all(|task| task.origin == Origin::Imported));
}

#[tokio::test]
async fn names_are_asked_for_once() {
    let lost = event(Stage::Delivered, 3);
    let (names, _) = name(&[
        lost,
        lost,
        ImportedEvent {
            err_info: "other",
            ..lost
        },
    ]);
    assert_eq!(
        (
            names.tasks.len(),
            names.recipients.len(),
            names.losses.len()
        ),
        (1, 3, 2)
    );
}

#[tokio::test]
async fn losses_keep_their_reasons() {
    let fixture = fixture();
    let events = [
        event(Stage::Delivered, 3),
        event(Stage::Delivered, 0),
        event(Stage::Delivered, 4),
    ];
    fixture.importer.import(APP, &events).await.unwrap();
    let losses: Vec<LossId> = fixture.recorder.0.lock().unwrap()[0]
        .iter()
        .map(|reported| reported.loss)
        .collect();
    assert_eq!(losses[1], LossId::NONE);
    for (loss, code) in [(losses[0], 3), (losses[2], 4)] {
        let found = fixture
            .identities
            .find_loss(APP, loss)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found, LossText::new(code, "why"));
    }
}

#[tokio::test]
async fn events_of_a_task_created_here_are_refused_by_index() {
    let fixture = fixture();
    let own = TaskName {
        kind: Kind::Push,
        origin: Origin::Own,
        id: "mine",
    };
    let names = Names {
        tasks: vec![own],
        ..Names::default()
    };
    fixture.identities.resolve(APP, &names).await.unwrap();
    let mine = ImportedEvent {
        task_id: "mine",
        ..event(Stage::Sent, 0)
    };
    let same_name_other_family = ImportedEvent {
        kind: Kind::Message,
        ..mine
    };
    let events = [
        mine,
        event(Stage::Delivered, 0),
        mine,
        same_name_other_family,
    ];
    let imported = fixture.importer.import(APP, &events).await.unwrap();
    assert_eq!(
        imported.refused,
        [(0, Refusal::OwnTask), (2, Refusal::OwnTask)]
    );
    assert_eq!(fixture.recorder.0.lock().unwrap()[0].len(), 3);
    fixture.importer.import(APP, &[mine]).await.unwrap();
    fixture.importer.import(APP, &[]).await.unwrap();
    assert_eq!(
        fixture.recorder.0.lock().unwrap().len(),
        1,
        "nothing to report is not reported"
    );
}
