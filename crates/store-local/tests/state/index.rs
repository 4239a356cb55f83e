//! The index on a real directory: backups and older directories have it, and a bulk of devices is soon in it.

use pushtally_model::{Account, AccountKind, AppId, DeviceFacts, Second, Tag};
use pushtally_store::{Engine, IndexKey, LabelChange, LabelsChanged, Registration};
use pushtally_store_local::LocalOptions;

use crate::fixture::{self, APP, register, rid, secret};
use crate::labelled::tag;
use crate::open;

pub(crate) async fn count(ports: &Engine, shard: u16, key: IndexKey) -> u64 {
    let read = ports.accounts.read_index(APP, shard, &[key]).await;
    read.unwrap()[0].len()
}

pub(crate) async fn label(ports: &Engine, name: &str, tags: impl IntoIterator<Item = Tag>) {
    let change = LabelChange::AddTags(tags.into_iter().collect());
    let changes = [(Account::new(name).unwrap(), change)];
    let changed = ports.accounts.change_labels(APP, &changes).await.unwrap();
    assert_eq!(changed, [LabelsChanged::Done]);
}

pub(crate) async fn agree(ports: &Engine) {
    let differences = ports.accounts.verify_index(APP).await.unwrap();
    assert_eq!(differences, [""; 0]);
}

#[tokio::test]
async fn a_backup_has_what_moved_since_the_last_save() {
    let root = tempfile::tempdir().unwrap();
    let (data, backup, restored) = (
        root.path().join("data"),
        root.path().join("backup"),
        root.path().join("restored"),
    );
    let engine = open(&data);
    for n in 0..10 {
        register(&engine.engine(), n, Some("a")).await;
    }
    engine.close().unwrap();
    drop(engine);
    let engine = open(&data);
    let ports = engine.engine();
    register(&ports, 10, Some("a")).await;
    label(&ports, "a", [tag(1)]).await;
    let gone = ports
        .devices
        .unregister_device(APP, &rid(3), secret(3), Second(1_700_000_000))
        .await;
    gone.unwrap();
    engine.backup(&backup).unwrap();
    label(&ports, "a", [tag(2)]).await;
    drop(ports);
    drop(engine);
    let engine = fixture::restored(&backup, &restored);
    let ports = engine.engine();
    assert_eq!(count(&ports, 0, IndexKey::Registered).await, 10);
    assert_eq!(count(&ports, 0, IndexKey::Tag(tag(1))).await, 10);
    assert_eq!(count(&ports, 0, IndexKey::Tag(tag(2))).await, 0);
    agree(&ports).await;
}

/// What a release without labels left behind: `state.redb` in form 1, without the tables of labels and the index.
async fn as_form_1(dir: &std::path::Path, devices: u32) {
    let engine = open(dir);
    for n in 0..devices {
        let name = (n % 2 == 0).then_some("a");
        register(&engine.engine(), n, name).await;
    }
    engine.close().unwrap();
    drop(engine);
    let database = redb::Database::open(dir.join("state.redb")).unwrap();
    let write = database.begin_write().unwrap();
    for table in ["labels", "tags", "index"] {
        let table: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new(table);
        assert!(write.delete_table(table).unwrap());
    }
    let names: redb::TableDefinition<'_, u32, &[u8]> =
        redb::TableDefinition::new("attribute_names");
    assert!(write.delete_table(names).unwrap());
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    write.open_table(meta).unwrap().insert("format", 1).unwrap();
    write.commit().unwrap();
}

#[tokio::test]
async fn an_older_directory_gets_its_index_when_it_is_opened() {
    let root = tempfile::tempdir().unwrap();
    as_form_1(root.path(), 30).await;
    for _ in 0..2 {
        let engine = open(root.path());
        let ports = engine.engine();
        assert_eq!(count(&ports, 0, IndexKey::Registered).await, 30);
        assert_eq!(
            count(&ports, 0, IndexKey::Kind(AccountKind::User)).await,
            15
        );
        assert_eq!(
            count(&ports, 0, IndexKey::Kind(AccountKind::Phone)).await,
            15
        );
        label(&ports, "a", [tag(1)]).await;
        assert_eq!(count(&ports, 0, IndexKey::Tag(tag(1))).await, 15);
        agree(&ports).await;
    }
}

/// With caches of next to nothing, over three shards.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_devices_and_labels_is_in_the_index_across_shards_and_restarts() {
    let root = tempfile::tempdir().unwrap();
    let options = LocalOptions {
        cache_bytes: 1 << 20,
        index_cache_bytes: 10_000,
        ..LocalOptions::default()
    };
    let open = || fixture::open_free(root.path(), options);
    let devices = 140_000u32;
    let registration = |n: u32| Registration {
        registration_id: rid(n),
        account: Some(Account::new(format!("u{n}")).unwrap()),
        secret: secret(n),
        facts: DeviceFacts::default(),
        at: Second(1),
    };
    let engine = open();
    let ports = engine.engine();
    let all: Vec<Registration> = (0..devices).map(registration).collect();
    ports
        .devices
        .register_devices(APP, &all, u64::MAX)
        .await
        .unwrap();
    let every_third: Vec<(Account, LabelChange)> = all
        .iter()
        .step_by(3)
        .filter_map(|registration| registration.account.clone())
        .map(|account| (account, LabelChange::AddTags([tag(1)].into())))
        .collect();
    let changed = ports
        .accounts
        .change_labels(APP, &every_third)
        .await
        .unwrap();
    assert!(
        changed
            .iter()
            .all(|changed| *changed == LabelsChanged::Done)
    );
    let check = async |ports: &Engine| {
        let mut counts = (0, 0);
        for shard in ports.devices.device_shards(APP).await.unwrap() {
            counts.0 += count(ports, shard, IndexKey::Registered).await;
            counts.1 += count(ports, shard, IndexKey::Tag(tag(1))).await;
        }
        assert_eq!(counts, (u64::from(devices), u64::from(devices.div_ceil(3))));
        agree(ports).await;
        let other = ports.accounts.verify_index(AppId(7)).await.unwrap();
        assert_eq!(other, [""; 0]);
    };
    check(&ports).await;
    drop(ports);
    drop(engine);
    let engine = open();
    check(&engine.engine()).await;
}
