//! The store on a simulated disk: no room, failed writes and syncs, power cuts at every change; the lines before the writer.

mod forgettings;
mod index;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use pushtally_model::{
    Account, Channel, DeviceFacts, Environment, Number, RegistrationId, Second, Secret, Token,
    TokenKind,
};
use pushtally_store::{Addressed, Devices, Registered, Registration, SecretHash, Tasks};

use super::writer::{Act, Class};
use super::*;
use crate::disk::sim::SimDisk;

const APP: AppId = AppId(1_400_000_000);
const SPOKEN: &str = "not-to-be-spoken";

/// The names log of these tests: what it gave stays given, whatever the disk forgets.
type Given = Arc<AtomicU32>;

fn open(disk: &SimDisk, given: &Given) -> State {
    try_open(disk, given).unwrap()
}

fn try_open(disk: &SimDisk, given: &Given) -> Result<State, LocalError> {
    let given = Arc::clone(given);
    let reserve = move |_, count| {
        let first = given.fetch_add(count, Ordering::SeqCst);
        Ok(Some(first..first + count))
    };
    let disk = Arc::new(disk.clone());
    disk.create_dir_all(Path::new("/data")).unwrap();
    // Little memory and frequent saves, so that faults meet the tables as well as the log.
    let options = StateOptions {
        cache_bytes: 1 << 20,
        index_cache_bytes: 2000,
        save_len: 3000,
        act_len: 1000,
    };
    State::open(disk, Path::new("/data"), options, Box::new(reserve))
}

fn rid(n: u32) -> RegistrationId {
    RegistrationId::new(format!("phone-{n}")).unwrap()
}

fn registration(n: u32) -> Registration {
    let token = Token {
        channel: Channel::Fcm,
        kind: TokenKind::Alert,
        value: Secret::new(format!("{SPOKEN}-{n}")),
        cert_id: 1,
        environment: Environment::Production,
    };
    Registration {
        registration_id: rid(n),
        account: Some(Account::new(format!("user{}", n % 7)).unwrap()),
        secret: SecretHash([7; 32]),
        facts: DeviceFacts {
            tokens: vec![token],
            model: "m".repeat(64),
            ..DeviceFacts::default()
        },
        at: Second(1_700_000_000),
    }
}

async fn register(state: &State, n: u32) -> Result<Number, StoreError> {
    match state
        .register_device(APP, &registration(n), u64::MAX)
        .await?
    {
        Registered::New { number, .. } => Ok(number),
        other => panic!("expected a new device, got {other:?}"),
    }
}

/// Answers when whatever the writer does after its answers (saving, mending) is done.
async fn settle(state: &State) {
    let nobody = RegistrationId::new("nobody").unwrap();
    // Refused or not possible: either way it was the writer's turn.
    let _ = state
        .unregister_device(APP, &nobody, SecretHash([0; 32]), Second(1_700_000_000))
        .await;
}

async fn is_registered(state: &State, n: u32) -> bool {
    settle(state).await;
    let phone = state.find_phone(APP, &rid(n)).await.unwrap();
    phone.is_some_and(|phone| phone.device.is_some())
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_later_acts_succeed() {
    for space in [0, 512, 70_000, 400_000] {
        let (disk, given) = (SimDisk::new(space), Given::default());
        let state = open(&disk, &given);
        let mut numbers = vec![register(&state, 0).await.unwrap()];
        disk.set_space(Some(space));
        let mut n = 1;
        let error = loop {
            match register(&state, n).await {
                Ok(number) => numbers.push(number),
                Err(error) => break error,
            }
            n += 1;
        };
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.may_pass());
        for again in 0..3 {
            let error = register(&state, n).await.unwrap_err();
            assert!(
                matches!(error, StoreError::Full { .. }),
                "{error:?}, attempt {again}"
            );
            settle(&state).await;
            // Without room for the tables nothing may be read, but never something wrong.
            for (n, expected) in [(n, None), (n - 1, Some(numbers[n as usize - 1]))] {
                match state.find_phone(APP, &rid(n)).await {
                    Ok(phone) => assert_eq!(phone.and_then(|phone| phone.device), expected),
                    Err(error) => assert!(matches!(error, StoreError::Full { .. }), "{error:?}"),
                }
            }
        }
        disk.set_space(None);
        for more in n..n + 20 {
            numbers.push(register(&state, more).await.unwrap());
        }
        settle(&state).await;
        assert_eq!(state.count_devices(APP).await.unwrap(), u64::from(n) + 20);
        let distinct: BTreeSet<Number> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "no number is given twice");
        drop(state);
        let state = open(&disk, &given);
        assert_eq!(state.count_devices(APP).await.unwrap(), u64::from(n) + 20);
    }
}

#[tokio::test]
async fn a_failed_write_changes_nothing_or_is_acknowledged_and_later_acts_succeed() {
    let mut all = 0;
    for nth in 1..40 {
        let (disk, given) = (SimDisk::new(nth), Given::default());
        let state = open(&disk, &given);
        register(&state, 0).await.unwrap();
        disk.fail_write(nth);
        let mut registered = 1;
        for n in 1..12 {
            match register(&state, n).await {
                Ok(_) => assert!(is_registered(&state, n).await),
                // The log could not be put back as it was.
                Err(StoreError::Failed { .. }) => break,
                Err(error) => {
                    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
                    assert!(!is_registered(&state, n).await, "write {nth}");
                    register(&state, n).await.unwrap();
                }
            }
            registered += 1;
        }
        all += u32::from(registered == 12);
        disk.crash(nth);
        drop(state);
        let state = open(&disk, &given);
        let found = state.count_devices(APP).await.unwrap();
        assert!(
            found == registered || found == registered + 1,
            "write {nth}: {found}"
        );
    }
    assert!(all > 20, "{all} of 39 histories needed no restart");
}

#[tokio::test]
async fn after_a_failed_sync_everything_fails_until_a_restart() {
    for nth in 1..8 {
        let (disk, given) = (SimDisk::new(nth), Given::default());
        let state = open(&disk, &given);
        register(&state, 0).await.unwrap();
        disk.fail_sync(nth);
        let mut acknowledged = vec![0];
        let mut failed = false;
        for n in 1..12 {
            match register(&state, n).await {
                Ok(_) => {
                    assert!(!failed, "nothing is acknowledged after a failure");
                    acknowledged.push(n);
                }
                Err(error) => {
                    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
                    failed = true;
                }
            }
        }
        assert!(failed, "sync {nth}");
        settle(&state).await;
        match state.count_devices(APP).await {
            // The log has failed: what was acknowledged is read, and nothing else.
            Ok(count) => assert_eq!(count, acknowledged.len() as u64),
            Err(error) => assert!(matches!(error, StoreError::Failed { .. }), "{error:?}"),
        }
        disk.crash(nth);
        drop(state);
        let state = open(&disk, &given);
        for n in acknowledged {
            assert!(is_registered(&state, n).await, "device {n}, sync {nth}");
        }
        register(&state, 100).await.unwrap();
    }
}

#[tokio::test]
async fn whenever_the_power_goes_what_was_acknowledged_stays() {
    let mut acts_cut = 0;
    for nth in 1..100 {
        let (disk, given) = (SimDisk::new(nth), Given::default());
        let state = open(&disk, &given);
        disk.cut_power_at(nth);
        let mut numbers = BTreeSet::new();
        let mut given_to = Vec::new();
        let mut acknowledged = 0;
        for n in 0..12 {
            let Ok(number) = register(&state, n).await else {
                acts_cut += 1;
                break;
            };
            assert!(numbers.insert(number), "no number is given twice");
            given_to.push(number);
            acknowledged = n + 1;
            if n % 3 == 2 {
                let gone = state
                    .unregister_device(APP, &rid(n), SecretHash([7; 32]), Second(1_700_000_000))
                    .await;
                if gone.is_err() {
                    acts_cut += 1;
                    acknowledged = n;
                    break;
                }
            }
        }
        disk.crash(nth * 7);
        drop(state);
        let state = open(&disk, &given);
        for n in 0..acknowledged {
            assert_eq!(
                is_registered(&state, n).await,
                n % 3 != 2,
                "device {n}, change {nth}"
            );
            let asked = Addressed {
                channel: Channel::Fcm,
                value: registration(n).facts.tokens[0].value.clone(),
                at: registration(n).at,
            };
            assert_eq!(
                state.holders(APP, &[asked]).await.unwrap(),
                [Some(given_to[n as usize])],
                "whoever had the token of device {n}, change {nth}"
            );
        }
        let mut visited = 0;
        let mut visit = |_| {
            visited += 1;
            ControlFlow::Continue(())
        };
        state.visit_shard(APP, 0, &mut visit).await.unwrap();
        assert_eq!(
            state.count_devices(APP).await.unwrap(),
            visited,
            "change {nth}"
        );
        for n in 100..103 {
            assert!(numbers.insert(register(&state, n).await.unwrap()));
        }
    }
    assert!(acts_cut > 60, "the power went during {acts_cut} acts");
}

#[tokio::test]
async fn a_visit_sees_one_moment_whatever_changes_meanwhile() {
    let state = Arc::new(open(&SimDisk::new(1), &Given::default()));
    let mut numbers = Vec::new();
    let mut asked = Vec::new();
    for n in 0..VISIT_LEN as u32 * 2 + 5 {
        let state = Arc::clone(&state);
        asked.push(tokio::spawn(async move { register(&state, n).await }));
        if asked.len() == 500 {
            for asked in asked.drain(..) {
                numbers.push(asked.await.unwrap().unwrap());
            }
        }
    }
    for asked in asked {
        numbers.push(asked.await.unwrap().unwrap());
    }
    let mut visited = Vec::new();
    let mut visit = |device: pushtally_model::Device| {
        if visited.is_empty() {
            // Another thread ends the last device and makes another while this one visits the first.
            std::thread::scope(|scope| {
                let state = &state;
                let other = scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        let last = VISIT_LEN as u32 * 2 + 4;
                        let secret = SecretHash([7; 32]);
                        state
                            .unregister_device(APP, &rid(last), secret, Second(1_700_000_000))
                            .await
                            .unwrap();
                        register(state, 1_000_000).await.unwrap();
                    });
                });
                other.join().unwrap();
            });
        }
        visited.push(device.number);
        ControlFlow::Continue(())
    };
    state.visit_shard(APP, 0, &mut visit).await.unwrap();
    numbers.sort_unstable();
    assert_eq!(visited, numbers);
}

#[tokio::test]
async fn a_damaged_row_is_reported_without_what_it_holds_and_stops_nobody_else() {
    let (disk, given) = (SimDisk::new(1), Given::default());
    let state = open(&disk, &given);
    let number = register(&state, 1).await.unwrap();
    register(&state, 2).await.unwrap();
    assert!(!format!("{state:?}").contains(SPOKEN));
    let row = format!("\u{1}{SPOKEN}-1");
    let damage = state.act((Class::Devices, APP), move |tables, _| {
        tables.devices.insert((APP.0, number.0), row.as_bytes())?;
        Ok(Outcome::of(()))
    });
    damage.await.unwrap();
    let change = pushtally_store::DeviceChange {
        tokens: Some(Vec::new()),
        ..Default::default()
    };
    let secret = SecretHash([7; 32]);
    let errors = [
        state.find_device(APP, number).await.unwrap_err(),
        state
            .update_device(APP, &rid(1), secret, &change)
            .await
            .unwrap_err(),
        state
            .unregister_device(APP, &rid(1), secret, Second(1_700_000_000))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(SPOKEN), "{error}");
    }
    state
        .update_device(APP, &rid(2), secret, &change)
        .await
        .unwrap();
    register(&state, 3).await.unwrap();
    assert_eq!(
        state
            .claim_job(pushtally_store::Claim::Any, 0)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_newer_form_is_refused() {
    let (disk, given) = (SimDisk::new(1), Given::default());
    let state = open(&disk, &given);
    let write = state.database.begin_write(database::Saved::Now).unwrap();
    write
        .open_table(tables::META)
        .unwrap()
        .insert("format", 5)
        .unwrap();
    write.commit().unwrap();
    drop(state);
    let refused = try_open(&disk, &given).unwrap_err();
    assert!(
        matches!(
            refused,
            LocalError::NewerVersion {
                found: 5,
                known: 4,
                ..
            }
        ),
        "{refused:?}"
    );
}

/// An act that only says whose it is.
struct Named(Line, Arc<Mutex<Vec<Line>>>);

impl Act for Named {
    fn run(&mut self, _: &mut Tables<'_>, _: &mut Numbers) -> Result<(), redb::Error> {
        Ok(())
    }

    fn effects(&mut self) -> Vec<tasks::Effect> {
        Vec::new()
    }

    fn answer(self: Box<Self>, _: Result<(), StoreError>) {
        self.1.lock().push(self.0);
    }
}

#[test]
fn lines_take_turns_and_a_full_one_fills_no_other() {
    let queue = WriteQueue::default();
    let answered = Arc::new(Mutex::new(Vec::new()));
    let (flood, task, other) = (
        (Class::Devices, APP),
        (Class::Tasks, APP),
        (Class::Devices, AppId(7)),
    );
    let put = |line| queue.put(line, Box::new(Named(line, Arc::clone(&answered))));
    let took = (0..).take_while(|_| put(flood).is_ok()).count();
    assert_eq!(took, LINE_LEN_MAX);
    assert!(matches!(put(flood), Err(StoreError::Busy { .. })));
    for line in [task, other, other] {
        put(line).unwrap();
    }
    let group = queue.take(0, true).unwrap();
    assert_eq!(group.len(), GROUP_LEN_MAX);
    for act in group {
        act.answer(Ok(()));
    }
    assert_eq!(
        answered.lock()[..6],
        [flood, task, other, flood, other, flood]
    );

    let apps = (10..)
        .map(AppId)
        .take_while(|app| put((Class::Devices, *app)).is_ok());
    let waiting = LINE_LEN_MAX + 3 - GROUP_LEN_MAX;
    assert_eq!(
        apps.count(),
        QUEUE_LEN_MAX - waiting,
        "all lines together are bounded"
    );
    queue.stop();
    assert!(matches!(put(task), Err(StoreError::Failed { .. })));
    let left: usize = std::iter::from_fn(|| queue.take(0, true))
        .map(|group| group.len())
        .sum();
    assert_eq!(left, QUEUE_LEN_MAX, "what waits is still written");
}
