//! Devices, tasks and the audit on a real directory: random histories with restarts, SIGKILL, backup, older directories.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at the first surprise; the child speaks through its output"
)]

#[path = "state/diary.rs"]
mod diary;
#[path = "state/fixture.rs"]
mod fixture;
#[path = "state/history.rs"]
mod history;
#[path = "state/index.rs"]
mod index;
#[path = "state/labelled.rs"]
mod labelled;
#[path = "state/pair.rs"]
mod pair;
#[path = "state/seen.rs"]
mod seen;
#[path = "state/steps.rs"]
mod steps;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use fixture::{APP, draft, register, rid, secret};
use pushtally_model::{
    Account, Channel, DeviceFacts, Environment, Notification, Number, Revocation, Route, Second,
    Secret, TaskState, Token, TokenKind,
};
use pushtally_store::{
    AcceptLimits, Accepted, Addressed, AuditEntry, Claim, Engine, IndexKey, Names, Recipient,
    Registered, Registration, Revoked, TaskSeq,
};
use pushtally_store_local::{LocalEngine, LocalOptions};

fn open(dir: &Path) -> LocalEngine {
    fixture::open_free(dir, LocalOptions::default())
}

const NO_LIMITS: AcceptLimits = AcceptLimits {
    broadcasts_per_day: None,
    day_begins: Second(0),
    now_ms: 0,
    broadcast_gap_ms: 0,
    open_tasks_max: 1000,
};

const CHILD_DIR: &str = "PUSHTALLY_TEST_CHILD_DIR";

/// What the child process of the next test does until it is killed.
async fn act_until_killed(dir: &Path) {
    let engine = open(dir);
    let ports = engine.engine();
    for n in 0.. {
        let Registered::New { number, .. } = register(&ports, n, None).await else {
            panic!("each is new");
        };
        index::label(&ports, rid(n).as_str(), [labelled::tag(0)]).await;
        let accepted = ports
            .tasks
            .accept_task(&draft(n), None, &NO_LIMITS)
            .await
            .unwrap();
        let Accepted::New(task) = accepted else {
            panic!("each is new");
        };
        println!("acknowledged {n} {} {}", number.0, task.seq.0);
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn acknowledged_acts_survive_sigkill() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return act_until_killed(Path::new(&dir)).await;
    }
    let root = tempfile::tempdir().unwrap();
    let mut numbers = BTreeSet::new();
    for round in 0..3u64 {
        let dir = root.path().join(round.to_string());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "acknowledged_acts_survive_sigkill",
                "--nocapture",
            ])
            .env(CHILD_DIR, &dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(said) = line
                .split_once("acknowledged ")
                .map(|(_, said)| said.to_owned())
            else {
                continue;
            };
            let said: Vec<u64> = said.split(' ').map(|part| part.parse().unwrap()).collect();
            acknowledged.push(said);
            if acknowledged.len() as u64 == 10 + round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= 10, "{acknowledged:?}");

        let engine = open(&dir);
        let ports = engine.engine();
        numbers.clear();
        for said in &acknowledged {
            let (n, number) = (said[0] as u32, Number(said[1] as u32));
            let device = ports
                .devices
                .find_device(APP, number)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(device.registration_id, rid(n));
            let task = ports
                .tasks
                .task_at(TaskSeq(said[2]))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(task.draft, draft(n));
            assert_eq!(ports.tasks.jobs_left(task.seq).await.unwrap(), 1);
            assert!(numbers.insert(number));
        }
        index::agree(&ports).await;
        let labelled = index::count(&ports, 0, IndexKey::Tag(labelled::tag(0))).await;
        assert!(labelled >= acknowledged.len() as u64, "{labelled}");
        let mut claimed = 0;
        while ports
            .tasks
            .claim_job(Claim::Any, 0)
            .await
            .unwrap()
            .is_some()
        {
            claimed += 1;
        }
        assert!(
            claimed >= acknowledged.len(),
            "claims are not kept over a restart"
        );
        for n in 1_000_000..1_000_050 {
            let Registered::New { number, .. } = register(&ports, n, None).await else {
                panic!("each is new");
            };
            assert!(numbers.insert(number), "no number is given twice");
        }
    }
}

async fn fill(ports: &Engine) {
    for n in 0..20 {
        register(ports, n, Some("a")).await;
        let accepted = ports
            .tasks
            .accept_task(&draft(n), Some(&[0, 1]), &NO_LIMITS)
            .await;
        assert!(matches!(accepted.unwrap(), Accepted::New(_)));
        ports.audit.append_entry(&entry(n)).await.unwrap();
    }
    let gone = ports
        .devices
        .unregister_device(APP, &rid(3), secret(3), Second(1_700_000_000))
        .await;
    gone.unwrap();
    let claimed = ports.tasks.claim_job(Claim::Any, 0).await.unwrap().unwrap();
    ports
        .tasks
        .finish_job(&claimed.job, &[], pushtally_model::Second(5))
        .await
        .unwrap();
    let set = ports
        .tasks
        .set_task_state(APP, &draft(4).id, TaskState::Paused)
        .await;
    assert!(set.unwrap().is_some());
    let revocation = Revocation {
        at: draft(5).accepted_at,
        instead: Some(Notification::default()),
    };
    let revoked = ports
        .tasks
        .revoke_task(APP, &draft(5).id, &revocation, 1)
        .await;
    assert!(matches!(revoked.unwrap(), Revoked::Now(_)));
    ports.tasks.set_app_paused(APP, true).await.unwrap();
}

fn entry(n: u32) -> AuditEntry {
    AuditEntry {
        at: 0,
        when: pushtally_model::Second(n),
        app: Some(APP),
        who: "operator".to_owned(),
        from: "control socket".to_owned(),
        what: "app pause".to_owned(),
        target: n.to_string(),
        body_hash: String::new(),
        code: 0,
    }
}

#[tokio::test]
async fn the_gap_between_broadcasts_holds_over_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let limits = |now_ms| AcceptLimits {
        now_ms,
        broadcast_gap_ms: 1_000,
        ..NO_LIMITS
    };
    let engine = open(root.path());
    let first = engine
        .engine()
        .tasks
        .accept_task(&draft(1), None, &limits(5_000))
        .await;
    assert!(matches!(first.unwrap(), Accepted::New(_)));
    drop(engine);
    let engine = open(root.path());
    let tasks = engine.engine().tasks;
    let soon = tasks.accept_task(&draft(2), None, &limits(6_000)).await;
    assert_eq!(soon.unwrap(), Accepted::TooSoon);
    let later = tasks.accept_task(&draft(2), None, &limits(6_001)).await;
    assert!(matches!(later.unwrap(), Accepted::New(_)));
}

#[tokio::test]
async fn a_store_of_an_earlier_release_gets_the_tables_that_it_lacks() {
    let root = tempfile::tempdir().unwrap();
    let revocations = redb::TableDefinition::<u64, &[u8]>::new("revocations");
    let engine = made_older(root.path(), 1, revocations).await;
    let tasks = engine.engine().tasks;
    assert_eq!(tasks.revocation(TaskSeq(1)).await.unwrap(), None);
    let revocation = Revocation {
        at: draft(1).accepted_at,
        instead: None,
    };
    let revoked = tasks.revoke_task(APP, &draft(1).id, &revocation, 1).await;
    assert!(matches!(revoked.unwrap(), Revoked::Now(_)));
    assert_eq!(
        tasks.task_at(TaskSeq(2)).await.unwrap().unwrap().draft,
        draft(1)
    );
    assert_eq!(
        tasks.revocation(TaskSeq(2)).await.unwrap(),
        Some(revocation)
    );
}

#[tokio::test]
async fn a_store_of_the_third_form_forgets() {
    let root = tempfile::tempdir().unwrap();
    let engine = made_older(root.path(), 3, FORGETTINGS).await;
    let forgettings = engine.engine().forgettings;
    let accounts = [Account::new("somebody").unwrap()];
    let forgot = forgettings.forget_accounts(APP, &accounts, Second(20));
    forgot.await.unwrap();
    assert_eq!(forgettings.erase(Second(30)).await.unwrap(), 1);
    assert_eq!(forgettings.erase(Second(30)).await.unwrap(), 0);
}

/// A filled store as one of an earlier form: without a table that came later, nor those that came last.
async fn made_older<K: redb::Key + 'static>(
    dir: &Path,
    form: u64,
    without: redb::TableDefinition<'_, K, &'static [u8]>,
) -> LocalEngine {
    let engine = open(dir);
    fill(&engine.engine()).await;
    engine.close().unwrap();
    drop(engine);
    let database = redb::Database::open(dir.join("state.redb")).unwrap();
    let write = database.begin_write().unwrap();
    assert!(write.delete_table(without).unwrap());
    let _ = write.delete_table(HOLDINGS).unwrap();
    for later in [FORGETTINGS, BACKUPS] {
        let _ = write.delete_table(later).unwrap();
    }
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    let mut meta = write.open_table(meta).unwrap();
    assert_eq!(meta.insert("format", form).unwrap().unwrap().value(), 4);
    drop(meta);
    write.commit().unwrap();
    drop(database);
    open(dir)
}

const HOLDINGS: redb::TableDefinition<'static, (u32, [u8; 16]), &'static [u8]> =
    redb::TableDefinition::new("holdings");
const FORGETTINGS: redb::TableDefinition<'static, u64, &'static [u8]> =
    redb::TableDefinition::new("forgettings");
const BACKUPS: redb::TableDefinition<'static, u64, &'static [u8]> =
    redb::TableDefinition::new("backups");

fn token(value: &str) -> Token {
    Token {
        channel: Channel::Xiaomi,
        kind: TokenKind::Alert,
        value: Secret::new(value),
        cert_id: 0,
        environment: Environment::Production,
    }
}

async fn import(ports: &Engine, phones: std::ops::Range<u32>, tokens: u32, at: Second) {
    let registrations = phones.map(|n| Registration {
        registration_id: rid(n),
        account: None,
        secret: secret(n),
        facts: DeviceFacts {
            tokens: vec![token(&(n % tokens).to_string())],
            ..DeviceFacts::default()
        },
        at,
    });
    let registrations: Vec<Registration> = registrations.collect();
    let done = ports.devices.import_devices(APP, &registrations, u64::MAX);
    done.await.unwrap();
}

#[tokio::test]
async fn a_store_of_the_second_form_learns_who_had_tokens_from_then_on() {
    let root = tempfile::tempdir().unwrap();
    let engine = made_older(root.path(), 2, HOLDINGS).await;
    let ports = engine.engine();
    import(&ports, 1000..1001, 1, Second(10)).await;
    import(&ports, 1001..1002, 1, Second(20)).await;
    let asked = [15, 20].map(|at| Addressed {
        channel: Channel::Xiaomi,
        value: Secret::new("0"),
        at: Second(at),
    });
    let holders = ports.devices.holders(APP, &asked).await.unwrap();
    assert!(holders[0] < holders[1], "{holders:?}");
}

/// More than is looked at in one reading; a backup has them, and a restart.
#[tokio::test]
async fn former_holders_are_forgotten_in_parts() {
    const MANY: u32 = 10_000;
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let engine = open(&data);
    import(&engine.engine(), 0..2 * MANY, MANY, Second(10)).await;
    import(&engine.engine(), 0..7, MANY, Second(20)).await;
    drop(engine);
    let engine = open(&data);
    engine.backup(&root.path().join("backup")).unwrap();
    let forget = async |engine: &LocalEngine, before| {
        let devices = engine.engine().devices;
        devices.forget_former_holders(Second(before)).await.unwrap()
    };
    assert_eq!(forget(&engine, 10).await, 0);
    assert_eq!(forget(&engine, 11).await, u64::from(MANY));
    assert_eq!(forget(&engine, 21).await, 7);
    drop(engine);
    let engine = fixture::restored(&root.path().join("backup"), &root.path().join("restored"));
    assert_eq!(forget(&engine, 30).await, u64::from(MANY) + 7);
}

#[tokio::test]
async fn a_backup_holds_devices_tasks_jobs_and_the_audit() {
    let root = tempfile::tempdir().unwrap();
    let (data, backup, restored) = (
        root.path().join("data"),
        root.path().join("backup"),
        root.path().join("restored"),
    );
    let engine = open(&data);
    let ports = engine.engine();
    fill(&ports).await;
    let expected = seen::look(&ports).await;
    let report = engine.backup(&backup).unwrap();
    assert!(report.bytes > 10_000, "{report:?}");
    register(&ports, 100, None).await;
    drop(engine);
    let engine = fixture::restored(&backup, &restored);
    let ports = engine.engine();
    assert_eq!(seen::look(&ports).await, expected);
    for _ in 0..2 {
        let claimed = ports.tasks.claim_job(Claim::Any, 0).await.unwrap();
        assert_eq!(claimed.unwrap().state, TaskState::Revoked);
    }
    assert_eq!(
        ports.tasks.claim_job(Claim::Any, 0).await.unwrap(),
        None,
        "the app is paused"
    );
    assert_eq!(
        ports.devices.find_phone(APP, &rid(100)).await.unwrap(),
        None
    );
    let Registered::New { number, .. } = register(&ports, 100, None).await else {
        panic!("it is new");
    };
    let highest = expected.devices.keys().max().copied().unwrap();
    assert!(number > highest, "{number} is above {highest}");
}

#[tokio::test]
async fn a_directory_without_the_file_opens_and_gives_no_number_twice() {
    let root = tempfile::tempdir().unwrap();
    let recipient = async |ports: &Engine, account: &str| {
        let names = Names {
            recipients: vec![Recipient {
                account,
                route: Route::Offline,
                channel: pushtally_model::Channel::Fcm,
            }],
            ..Names::default()
        };
        ports.identities.resolve(APP, &names).await.unwrap().numbers[0]
    };
    let mut given = BTreeSet::new();
    for round in 0..3 {
        let engine = open(root.path());
        let ports = engine.engine();
        assert_eq!(ports.devices.count_devices(APP).await.unwrap(), 0);
        for n in 0..3 {
            assert!(given.insert(recipient(&ports, &format!("{round}-{n}")).await));
            let Registered::New { number, .. } = register(&ports, n, None).await else {
                panic!("it is new");
            };
            assert!(given.insert(number), "{number} was given before");
        }
        engine.close().unwrap();
        drop(engine);
        // As a directory is that an earlier release has written.
        std::fs::remove_file(root.path().join("state.redb")).unwrap();
        std::fs::remove_dir_all(root.path().join("state-log")).unwrap();
    }
}

#[tokio::test]
async fn names_are_raised_above_the_devices_of_a_newer_file() {
    let root = tempfile::tempdir().unwrap();
    let (older, newer) = (root.path().join("older"), root.path().join("newer"));
    drop(open(&older));
    let engine = open(&newer);
    let Registered::New { number, .. } = register(&engine.engine(), 1, None).await else {
        panic!("it is new");
    };
    drop(engine);
    std::fs::copy(newer.join("state.redb"), older.join("state.redb")).unwrap();
    std::fs::remove_dir_all(older.join("state-log")).unwrap();
    std::fs::rename(newer.join("state-log"), older.join("state-log")).unwrap();
    let engine = open(&older);
    let Registered::New { number: next, .. } = register(&engine.engine(), 2, None).await else {
        panic!("it is new");
    };
    assert!(next > number, "{next} is above {number}");
}

#[tokio::test]
async fn ports_that_outlive_their_engine_do_nothing() {
    let root = tempfile::tempdir().unwrap();
    let engine = open(root.path());
    let ports = engine.engine();
    register(&ports, 1, None).await;
    drop(engine);
    assert!(ports.devices.find_phone(APP, &rid(1)).await.is_err());
    let late = ports
        .devices
        .unregister_device(APP, &rid(1), secret(1), Second(1_700_000_000))
        .await;
    assert!(late.is_err());
    drop(ports);
    let engine = open(root.path());
    let phone = engine
        .engine()
        .devices
        .find_phone(APP, &rid(1))
        .await
        .unwrap();
    assert!(phone.unwrap().device.is_some());
}
