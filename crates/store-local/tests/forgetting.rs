//! Forgetting on a real directory: what is planted of an account is found nowhere afterwards, byte by byte.
//!
//! Nothing in a directory is compressed or encrypted, so bytes are looked for as they are. Names of imports are stored as
//! what differs from the name before them: so of every secret each piece of eight bytes is looked for, not only the whole.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use pushtally_ledger::{Batch, Record, Section};
use pushtally_model::{
    Account, AccountKind, AppId, AttributeIndex, AttributeName, AttributeValue, Audience, Cell,
    Channel, DeviceFacts, Environment, Event, FixedEntropy, Kind, Lane, LossId, Notification,
    Number, OnUnknown, Origin, RegistrationId, Revocation, Route, Second, Secret, Source, Tag,
    TaskDraft, TaskId, TaskKey, TaskKind, TaskNumber, Token, TokenKind, Urgency,
};
use pushtally_store::{
    AcceptLimits, AttributeNaming, BackupNote, DeadToken, Engine, Labelled, Names, Recipient,
    Registered, Registration, RelayLine, SecretHash, StoredTask, TaskName,
};
use pushtally_store_local::{LocalEngine, LocalOptions};

const APP: AppId = AppId(1_400_000_000);
const NOW: Second = Second(1_700_000_000);
const LATER: Second = Second(NOW.0 + 3600);
/// Shorter pieces would be found by chance.
const PIECE_LEN: usize = 8;

/// Everything that may be found of the account.
const ACCOUNT: &str = "kx7Qw2mZp9LfTb4v";
const PHONES: [&str; 2] = ["rid-H3uYc8nWq5Jd", "rid-V6eXs1gMk0Ra"];
const TOKENS: [&str; 3] = ["tok-Bz5RtPw8YhN2", "tok-Cd9KfUj3XoE7", "tok-Da1LmIq6ZpS4"];
const LABELS: [&str; 4] = [
    "tag-Ga8WvBx2NrT5",
    "val-Hb3YcDz7MsU9",
    "tag-Jc6XeFw1PqV0",
    "tag-Kd2ZgHy4RoW8",
];
const TEXTS: [&str; 3] = [
    "title Ld7AuJk3SnX6",
    "desc Me5BwKm9TlY1",
    "instead Nf0CxLp4UjZ3",
];
const MODEL: &str = "mod-Pg8DyMr2VhA7";
const OTHER_TEXT: &str = "title Qh4EzNt6WgB9 for both";
const OTHER: &str = "kx7Qw2mZ-other";
const SECRET: [u8; 32] = *b"Ri1FvOu5XfC8Sj7GwPa3YdD2Tk6HxQ4Z";

fn secrets() -> BTreeSet<Vec<u8>> {
    let texts = PHONES.iter().chain(&TOKENS).chain(&LABELS).chain(&TEXTS);
    let texts = texts.chain([&ACCOUNT, &MODEL]).map(|text| text.as_bytes());
    texts
        .chain([SECRET.as_slice()])
        .map(<[u8]>::to_vec)
        .collect()
}

/// Which secrets, or pieces of them, a directory's files hold, and where.
fn found(dir: &Path) -> HashMap<String, BTreeSet<String>> {
    let shared = OTHER.as_bytes().windows(PIECE_LEN).collect::<BTreeSet<_>>();
    let mut pieces: HashMap<Vec<u8>, String> = HashMap::new();
    for secret in secrets() {
        for piece in secret
            .windows(PIECE_LEN)
            .filter(|piece| !shared.contains(piece))
        {
            let text = String::from_utf8_lossy(&secret).into_owned();
            pieces.insert(piece.to_vec(), text);
        }
    }
    let mut found = HashMap::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for piece in bytes.windows(PIECE_LEN) {
                if let Some(secret) = pieces.get(piece) {
                    let files: &mut BTreeSet<String> = found.entry(secret.clone()).or_default();
                    files.insert(path.display().to_string());
                }
            }
        }
    }
    found
}

fn open(dir: &Path) -> LocalEngine {
    LocalEngine::open(dir, LocalOptions::default(), &FixedEntropy(5)).unwrap()
}

fn account(name: &str) -> Account {
    Account::new(name).unwrap()
}

fn token(channel: Channel, value: &str) -> Token {
    Token {
        channel,
        kind: TokenKind::Alert,
        value: Secret::new(value),
        cert_id: 1,
        environment: Environment::Production,
    }
}

async fn register(ports: &Engine, phone: &str, name: &str, tokens: Vec<Token>) -> Number {
    let (secret, model) = match name {
        ACCOUNT => (SECRET, MODEL),
        _ => ([9; 32], "another"),
    };
    let registration = Registration {
        registration_id: RegistrationId::new(phone).unwrap(),
        account: Some(account(name)),
        secret: SecretHash(secret),
        facts: DeviceFacts {
            tokens,
            model: model.to_owned(),
            ..DeviceFacts::default()
        },
        at: NOW,
    };
    let registered = ports.devices.register_device(APP, &registration, 99).await;
    match registered.unwrap() {
        Registered::New { number, .. } | Registered::Changed { number } => number,
        other => panic!("expected a device, got {other:?}"),
    }
}

fn to(names: &[&str], id: &str, title: &str) -> TaskDraft {
    TaskDraft {
        app: APP,
        id: TaskId::new(id).unwrap(),
        kind: TaskKind::Batch,
        urgency: Urgency::Urgent,
        sender: "administrator".to_owned(),
        random: id.bytes().map(u32::from).sum(),
        body_hash: [7; 32],
        data_id: String::new(),
        audience: Audience::Accounts(names.iter().map(|name| account(name)).collect()),
        notification: Notification {
            title: title.to_owned(),
            desc: TEXTS[1].to_owned(),
            ..Notification::default()
        },
        accepted_at: NOW,
        deadline: Second(NOW.0 + 100),
        on_unknown: OnUnknown::default(),
        message: None,
    }
}

async fn accept(ports: &Engine, draft: &TaskDraft) {
    let limits = AcceptLimits {
        broadcasts_per_day: None,
        day_begins: NOW,
        now_ms: i64::from(NOW.0) * 1000,
        broadcast_gap_ms: 0,
        open_tasks_max: 100,
    };
    let accepted = ports.tasks.accept_task(draft, Some(&[0]), &limits).await;
    accepted.unwrap();
}

/// Who is registered, labelled and pushed to.
async fn plant_account(ports: &Engine) {
    let first = vec![
        token(Channel::Fcm, TOKENS[0]),
        token(Channel::Huawei, TOKENS[1]),
    ];
    let number = register(ports, PHONES[0], ACCOUNT, first).await;
    // A changed token leaves the old one behind, wherever it was written.
    register(
        ports,
        PHONES[0],
        ACCOUNT,
        vec![token(Channel::Fcm, TOKENS[2])],
    )
    .await;
    let second = vec![token(Channel::Fcm, TOKENS[0])];
    register(ports, PHONES[1], ACCOUNT, second).await;
    let dead = DeadToken {
        number,
        token: token(Channel::Fcm, TOKENS[2]),
        since_ms: None,
    };
    let dropped = ports.devices.drop_tokens(APP, &[dead], LATER).await;
    assert_eq!(dropped.unwrap(), 1);
    register(ports, "rid-other", OTHER, Vec::new()).await;
    let (at, name) = (
        AttributeIndex::new(0).unwrap(),
        AttributeName::new("level").unwrap(),
    );
    let naming = AttributeNaming {
        names: [(at, name.clone())].into(),
        kinds: [(at, AccountKind::User)].into(),
    };
    ports.accounts.name_attributes(APP, &naming).await.unwrap();
    use pushtally_store::LabelChange::{AddTags, ReplaceTags, SetAttributes};
    let tag = |name: &str| Tag::new(name).unwrap();
    let changes = [
        (account(ACCOUNT), AddTags([tag(LABELS[2])].into())),
        (account(ACCOUNT), ReplaceTags([tag(LABELS[0])].into())),
        (
            account(ACCOUNT),
            SetAttributes([(name, AttributeValue::new(LABELS[1]).unwrap())].into()),
        ),
        (account(PHONES[0]), AddTags([tag(LABELS[3])].into())),
    ];
    ports.accounts.change_labels(APP, &changes).await.unwrap();
}

async fn plant_tasks(ports: &Engine) {
    accept(ports, &to(&[ACCOUNT], "alone", TEXTS[0])).await;
    accept(ports, &to(&[ACCOUNT, PHONES[1]], "phone", TEXTS[0])).await;
    let both = TaskDraft {
        sender: ACCOUNT.to_owned(),
        notification: Notification {
            title: OTHER_TEXT.to_owned(),
            ..Notification::default()
        },
        ..to(&[OTHER, ACCOUNT], "both", "")
    };
    accept(ports, &both).await;
    let revocation = Revocation {
        at: NOW,
        instead: Some(Notification {
            title: TEXTS[2].to_owned(),
            ..Notification::default()
        }),
    };
    let id = TaskId::new("alone").unwrap();
    ports
        .tasks
        .revoke_task(APP, &id, &revocation, 9000)
        .await
        .unwrap();
}

fn names(recipients: Vec<Recipient<'_>>) -> Names<'_> {
    let task = TaskName {
        kind: Kind::Push,
        origin: Origin::Imported,
        id: "imported",
    };
    Names {
        tasks: vec![task],
        recipients,
        losses: Vec::new(),
    }
}

fn recipients() -> Vec<Recipient<'static>> {
    let recipient = |account, route, channel| Recipient {
        account,
        route,
        channel,
    };
    vec![
        recipient(ACCOUNT, Route::Offline, Channel::Fcm),
        recipient(OTHER, Route::Offline, Channel::Fcm),
        recipient(ACCOUNT, Route::Online, Channel::Online),
    ]
}

/// Imported events of it, in so many batches.
async fn plant_imports(ports: &Engine, batches: u32) -> Vec<Number> {
    let resolved = ports
        .identities
        .resolve(APP, &names(recipients()))
        .await
        .unwrap();
    for n in 0..batches {
        let event = |number: &Number| Event {
            app: APP,
            task: TaskKey {
                number: TaskNumber(0),
                ..resolved.tasks[0]
            },
            cell: Cell::new(Route::Offline, Channel::Fcm, Lane::Sent),
            number: *number,
            at: Second(NOW.0 + n),
            loss: LossId::NONE,
        };
        let events = resolved.numbers.iter().map(event).collect();
        let batch = Batch {
            recorded_ms: i64::from(NOW.0) * 1000,
            records: vec![Record::Events(Section::new(Source::Import, events))],
        };
        ports.log.append(&batch).await.unwrap();
    }
    resolved.numbers
}

const LINES: [RelayLine; 2] = [
    RelayLine::Webhooks(APP),
    RelayLine::Receipts(APP, Channel::Huawei),
];

/// Calls that name it, passed on or about to be; answers the last of each line.
async fn plant_calls(ports: &Engine) -> Vec<u64> {
    let mut last = Vec::new();
    for line in LINES {
        for text in [ACCOUNT, TOKENS[1]] {
            let call = format!("{{\"To_Account\":\"{text}\"}}").into_bytes();
            let at = ports.relays.push(line, call.into()).await.unwrap();
            ports.relays.done(line, at).await.unwrap();
            last.push(at);
        }
    }
    last
}

async fn forget(ports: &Engine) -> Vec<u64> {
    let accounts = [account(ACCOUNT)];
    let forgotten = ports.forgettings.forget_accounts(APP, &accounts, LATER);
    forgotten.await.unwrap().places
}

async fn labelled(ports: &Engine, name: &str) -> Option<Labelled> {
    let found = ports.accounts.labels_of(APP, &[account(name)]).await;
    found.unwrap().remove(0)
}

async fn tasks(ports: &Engine) -> Vec<StoredTask> {
    ports.tasks.list_tasks(None, None, 9).await.unwrap()
}

async fn check_gone(dir: &Path, ports: &Engine, numbers: &[Number]) {
    assert_eq!(found(dir), HashMap::new());
    assert_eq!(labelled(ports, ACCOUNT).await, None);
    let known = ports.identities.find_recipients(APP, &recipients()).await;
    assert_eq!(known.unwrap(), [None, Some(numbers[1]), None]);
    assert!(labelled(ports, OTHER).await.is_some());
    assert_eq!(ports.devices.count_devices(APP).await.unwrap(), 1);
    let differences = ports.accounts.verify_index(APP).await.unwrap();
    assert_eq!(differences, Vec::<String>::new());
    ports.log.verify().await.unwrap();
    let kept = tasks(ports).await;
    let ids: Vec<&str> = kept.iter().map(|task| task.draft.id.as_str()).collect();
    assert_eq!(ids, ["both", "phone", "alone"]);
    assert_eq!(kept[0].draft.notification.title, OTHER_TEXT);
    assert_eq!(
        kept[0].draft.audience,
        Audience::Accounts(vec![account(OTHER)])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_is_in_no_byte_of_any_file() {
    let (root, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = root.path();
    let engine = open(dir);
    let ports = engine.engine();
    plant_account(&ports).await;
    plant_tasks(&ports).await;
    let numbers = plant_imports(&ports, 3).await;
    // In the tables as well as in the log that they follow.
    drop(ports);
    engine.close().unwrap();
    drop(engine);
    let engine = open(dir);
    let ports = engine.engine();
    plant_calls(&ports).await;
    register(
        &ports,
        PHONES[1],
        ACCOUNT,
        vec![token(Channel::Fcm, TOKENS[1])],
    )
    .await;
    let planted: BTreeSet<Vec<u8>> = found(dir).into_keys().map(String::into_bytes).collect();
    assert_eq!(
        planted,
        secrets(),
        "all of it is looked for as it is written"
    );
    tokio::task::block_in_place(|| engine.backup(copy.path())).unwrap();
    let to = copy.path().display().to_string();
    ports
        .forgettings
        .note_backup(&BackupNote { at: NOW, to })
        .await
        .unwrap();
    let digest = ports.log.report().await.unwrap().digest;

    assert_eq!(forget(&ports).await, [1]);
    assert_ne!(found(dir), HashMap::new(), "until it is erased");
    assert_eq!(ports.forgettings.erase(LATER).await.unwrap(), 1);
    check_gone(dir, &ports, &numbers).await;
    let erased = ports.forgettings.forgettings(None, None, 9).await.unwrap()[0].erased;
    assert_eq!((erased.phones, erased.devices, erased.tokens), (2, 2, 2));
    assert_eq!(
        (erased.tags, erased.attributes, erased.recipients),
        (2, 1, 2)
    );
    assert_eq!((erased.audiences, erased.texts, erased.senders), (3, 2, 1));
    assert_eq!(
        ports.log.report().await.unwrap().digest,
        digest,
        "the ledger's log is as it was"
    );
    // Work goes on in the new files, and they are what is read at the next start.
    register(&ports, "rid-new", OTHER, Vec::new()).await;
    let again = plant_other_import(&ports).await;
    assert!(!numbers.contains(&again));
    drop(ports);
    engine.close().unwrap();
    drop(engine);
    assert_eq!(found(dir), HashMap::new());
    let engine = open(dir);
    let ports = engine.engine();
    let known = ports.identities.find_recipients(APP, &recipients()).await;
    assert_eq!(known.unwrap(), [None, Some(numbers[1]), None]);
    assert_eq!(ports.devices.count_devices(APP).await.unwrap(), 2);
    ports.log.verify().await.unwrap();
    assert!(
        !found(copy.path()).is_empty(),
        "a backup from before still holds it"
    );
    assert_eq!(ports.forgettings.backups().await.unwrap().len(), 1);
}

/// A name that was not there before; answers its number.
async fn plant_other_import(ports: &Engine) -> Number {
    let recipient = Recipient {
        account: "somebody-new",
        route: Route::Offline,
        channel: Channel::Apns,
    };
    let resolved = ports
        .identities
        .resolve(APP, &names(vec![recipient]))
        .await
        .unwrap();
    let batch = Batch {
        recorded_ms: i64::from(NOW.0) * 1000,
        records: Vec::new(),
    };
    ports.log.append(&batch).await.unwrap();
    resolved.numbers[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_is_passed_on_first_and_is_gone_then() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let engine = open(dir);
    let ports = engine.engine();
    plant_calls(&ports).await;
    let line = LINES[0];
    let call = ACCOUNT.as_bytes().to_vec();
    let waiting = ports.relays.push(line, call.into()).await.unwrap();
    forget(&ports).await;
    ports.forgettings.erase(LATER).await.unwrap();
    // Also what was done before it, in the same file.
    assert!(found(dir).contains_key(ACCOUNT));
    assert_eq!(ports.relays.backlog(line).await.unwrap().calls, 1);
    ports.relays.done(line, waiting).await.unwrap();
    assert_eq!(found(dir), HashMap::new());
}
