//! The embedded engine on a real directory: locks, versions, backup and restore, damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::path::Path;

use pushtally_ledger::{Batch, Record, Section};
use pushtally_model::{
    App, AppId, Cell, Channel, Event, FixedEntropy, Kind, Lane, LossId, Number, Origin, Route,
    Second, Secret, Source, TaskKey, TaskNumber,
};
use pushtally_store::{Names, TaskName};
use pushtally_store_local::{LocalEngine, LocalError, LocalOptions, restore};

const APP: AppId = AppId(1_400_000_000);

fn open(dir: &Path) -> Result<LocalEngine, LocalError> {
    LocalEngine::open(dir, LocalOptions::default(), &FixedEntropy(5))
}

fn batch(n: u32) -> Batch {
    let event = Event {
        app: APP,
        task: TaskKey {
            number: TaskNumber(0),
            kind: Kind::Push,
            origin: Origin::Imported,
        },
        cell: Cell::new(Route::Offline, Channel::Fcm, Lane::Sent),
        number: Number(n),
        at: Second(1_700_000_000),
        loss: LossId::NONE,
    };
    let records = vec![Record::Events(Section::new(Source::Import, vec![event]))];
    Batch {
        recorded_ms: 1_700_000_000_000,
        records,
    }
}

async fn fill(engine: &LocalEngine, batches: u32) {
    let ports = engine.engine();
    let task = TaskName {
        kind: Kind::Push,
        origin: Origin::Imported,
        id: "task-1",
    };
    ports
        .identities
        .resolve(
            APP,
            &Names {
                tasks: vec![task],
                ..Names::default()
            },
        )
        .await
        .unwrap();
    for n in 0..batches {
        ports.log.append(&batch(n)).await.unwrap();
    }
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path()).unwrap();
    let second = open(root.path()).unwrap_err();
    assert!(matches!(&second, LocalError::Locked { .. }), "{second}");
    assert!(
        second
            .to_string()
            .contains("LOCK` is in use by another process"),
        "{second}"
    );
    drop(first);
    open(root.path()).unwrap();
}

#[tokio::test]
async fn a_directory_of_a_newer_release_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()).unwrap());
    let mark = root.path().join("FORMAT");
    std::fs::write(&mark, "{\"format\":99,\"partitions\":64}\n").unwrap();
    let refused = open(root.path()).unwrap_err();
    assert!(
        matches!(refused, LocalError::NewerVersion { found: 99, .. }),
        "{refused}"
    );
    assert!(std::fs::read_to_string(&mark).unwrap().contains("99"));
}

#[tokio::test]
async fn a_backup_taken_in_use_restores_to_the_moment_it_was_taken() {
    let root = tempfile::tempdir().unwrap();
    let (data, backup, restored) = (
        root.path().join("data"),
        root.path().join("backup"),
        root.path().join("restored"),
    );
    let engine = open(&data).unwrap();
    fill(&engine, 20).await;
    engine
        .engine()
        .apps
        .put(&App::new(APP, Secret::new("key")))
        .await
        .unwrap();
    let account = pushtally_store::StoredChannel {
        app: APP,
        channel: pushtally_model::Channel::Oppo,
        cert_id: 2,
        sealed: vec![0, 255],
    };
    let account = [account];
    engine
        .engine()
        .channels
        .put_channels(&account)
        .await
        .unwrap();
    engine.backup(&backup).unwrap();
    let digest = engine.engine().log.report().await.unwrap().digest;
    fill(&engine, 5).await;

    let refused = engine.backup(&backup).unwrap_err();
    assert!(refused.to_string().contains("already holds"), "{refused}");
    restore(
        &backup,
        &restored,
        LocalOptions::default(),
        &FixedEntropy(5),
    )
    .unwrap();
    let copy = open(&restored).unwrap();
    let report = copy.engine().log.report().await.unwrap();
    assert_eq!((report.next, report.digest), (21, digest));
    assert_eq!(
        copy.engine().apps.list().await.unwrap(),
        [App::new(APP, Secret::new("key"))]
    );
    assert_eq!(copy.engine().channels.channels().await.unwrap(), account);
    assert!(
        copy.engine()
            .identities
            .find_task(APP, Kind::Push, "task-1")
            .await
            .unwrap()
            .is_some()
    );
    let refused = restore(
        &data.join("events"),
        &root.path().join("x"),
        LocalOptions::default(),
        &FixedEntropy(5),
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("not a complete backup")
    );
}

#[tokio::test]
async fn a_log_that_lost_what_a_snapshot_includes_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).unwrap();
    fill(&engine, 3).await;
    let snapshot = pushtally_store::Snapshot {
        included: pushtally_store::Position::single(3),
        ..pushtally_store::Snapshot::default()
    };
    engine.engine().pages.install(&snapshot).await.unwrap();
    engine.close().unwrap();
    drop(engine);
    std::fs::remove_dir_all(root.path().join("events")).unwrap();
    let refused = open(root.path()).unwrap_err();
    assert!(matches!(refused, LocalError::Corrupt { .. }), "{refused}");
}

#[tokio::test]
async fn lost_names_are_noticed() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path()).unwrap();
    fill(&engine, 3).await;
    let snapshot = pushtally_store::Snapshot {
        included: pushtally_store::Position::single(3),
        tasks_end: 1,
        ..pushtally_store::Snapshot::default()
    };
    engine.engine().pages.install(&snapshot).await.unwrap();
    drop(engine);
    std::fs::remove_dir_all(root.path().join("names")).unwrap();
    let refused = open(root.path()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("names `0` tasks, the ledger has `1`"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_directory_without_its_mark_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path()).unwrap());
    std::fs::remove_file(root.path().join("FORMAT")).unwrap();
    let refused = open(root.path()).unwrap_err();
    assert!(refused.to_string().contains("no `FORMAT`"), "{refused}");
}

#[tokio::test]
async fn the_directory_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let _engine = open(&dir).unwrap();
    assert_eq!(
        std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
        0o700
    );
}
