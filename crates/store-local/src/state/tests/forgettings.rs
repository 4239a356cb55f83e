//! Forgetting on a simulated disk: whenever the power goes, the next start has what was acknowledged, and erasing does what
//! is left.

use pushtally_model::{Audience, Notification, OnUnknown, TaskDraft, TaskId, TaskKind, Urgency};
use pushtally_store::{AcceptLimits, Accounts};

use super::*;

const NAME: &str = "user3";
const TITLE: &str = "a-title-for-one";
/// The power goes at every so many changes of the disk: a start reads and writes much more than an act.
const CUT_EVERY: usize = 5;
const NOW: Second = Second(1_700_000_000);

fn to(name: &str) -> TaskDraft {
    TaskDraft {
        app: APP,
        id: TaskId::new("task").unwrap(),
        kind: TaskKind::Batch,
        urgency: Urgency::Urgent,
        sender: "administrator".to_owned(),
        random: 1,
        body_hash: [7; 32],
        data_id: String::new(),
        audience: Audience::Accounts(vec![Account::new(name).unwrap()]),
        notification: Notification {
            title: TITLE.to_owned(),
            ..Notification::default()
        },
        accepted_at: NOW,
        deadline: Second(NOW.0 + 100),
        on_unknown: OnUnknown::default(),
        message: None,
    }
}

/// The names of the files that hold a text.
fn holding(disk: &SimDisk, text: &str) -> Vec<String> {
    let mut holding = Vec::new();
    for dir in ["/data", "/data/state-log"] {
        for name in disk.list(Path::new(dir)).unwrap() {
            let path = Path::new(dir).join(&name);
            let bytes = disk.contents(&path).unwrap_or_default();
            let mut windows = bytes.windows(text.len());
            if windows.any(|window| window == text.as_bytes()) {
                holding.push(name);
            }
        }
    }
    holding
}

/// What is looked for: the account, its task's title, and the token and phone of one of its devices.
const LOOKED_FOR: [&str; 4] = [NAME, TITLE, "not-to-be-spoken-10", "phone-10"];

async fn plant(state: &State) {
    for n in 0..14 {
        register(state, n).await.unwrap();
    }
    let limits = AcceptLimits {
        broadcasts_per_day: None,
        day_begins: NOW,
        now_ms: 0,
        broadcast_gap_ms: 0,
        open_tasks_max: 9,
    };
    let draft = to(NAME);
    let accepted = state.accept_task(&draft, Some(&[0]), &limits).await;
    accepted.unwrap();
}

async fn forget(state: &State) -> Result<(), StoreError> {
    let accounts = [Account::new(NAME).unwrap()];
    state.forget_accounts(APP, &accounts, NOW).await.map(drop)
}

/// As the engine does, without the names log.
async fn erase(state: &State) -> Result<(), StoreError> {
    let waiting = state.waiting().await?;
    let places: Vec<u64> = waiting.iter().map(|noted| noted.forgetting.place).collect();
    state.forget_in_tasks(&waiting).await?;
    let found = places.iter().map(|place| (*place, Default::default()));
    state.forget_names(found.collect()).await?;
    state.rewrite()?;
    state.end_forgettings(places, NOW).await
}

async fn check_erased(disk: &SimDisk, state: &State, when: &str) {
    for text in LOOKED_FOR {
        assert_eq!(holding(disk, text), [""; 0], "{text} {when}");
    }
    assert_eq!(state.count_devices(APP).await.unwrap(), 12, "{when}");
    let differences = state.verify_index(APP).await.unwrap();
    assert_eq!(differences, [""; 0], "{when}");
    let listed = state.list_forgettings(None, None, 9).await.unwrap();
    assert_eq!(listed.len(), 1, "{when}");
    assert_eq!(listed[0].done_at, Some(NOW), "{when}");
    assert_eq!(
        (listed[0].erased.devices, listed[0].erased.texts),
        (2, 1),
        "{when}"
    );
    let task = state.task_at(pushtally_store::TaskSeq(1)).await.unwrap();
    let draft = task.unwrap().draft;
    assert!(pushtally_store::forgetting::is_forgotten(&draft.audience));
    assert_eq!(
        state.jobs_left(pushtally_store::TaskSeq(1)).await.unwrap(),
        1
    );
}

#[tokio::test]
async fn what_is_forgotten_is_in_no_file() {
    let (disk, given) = (SimDisk::new(1), Given::default());
    let state = open(&disk, &given);
    plant(&state).await;
    for text in LOOKED_FOR {
        assert_ne!(holding(&disk, text), [""; 0], "{text}");
    }
    forget(&state).await.unwrap();
    assert_ne!(holding(&disk, NAME), [""; 0]);
    erase(&state).await.unwrap();
    check_erased(&disk, &state, "at once").await;
    register(&state, 50).await.unwrap();
    drop(state);
    let state = open(&disk, &given);
    assert_eq!(state.count_devices(APP).await.unwrap(), 13);
    assert_eq!(holding(&disk, NAME), [""; 0]);
}

#[tokio::test]
async fn whenever_the_power_goes_erasing_is_finished_after_the_restart() {
    let (disk, given) = (SimDisk::new(1), Given::default());
    let state = open(&disk, &given);
    plant(&state).await;
    let before = disk.changes();
    forget(&state).await.unwrap();
    erase(&state).await.unwrap();
    let changes = disk.changes() - before;
    drop(state);

    let mut cut = 0;
    for nth in (1..=changes).step_by(CUT_EVERY) {
        let (disk, given) = (SimDisk::new(nth), Given::default());
        let state = open(&disk, &given);
        plant(&state).await;
        disk.cut_power_at(nth);
        let forgot = forget(&state).await;
        let done = match &forgot {
            Ok(()) => erase(&state).await,
            Err(error) => Err(error.clone()),
        };
        cut += u32::from(done.is_err());
        disk.crash(nth * 7);
        drop(state);
        let when = format!("change {nth}");
        let state = open(&disk, &given);
        let noted = state.list_forgettings(None, None, 9).await.unwrap().len();
        assert!(forgot.is_err() || noted == 1, "{when}");
        if noted == 0 {
            assert_eq!(state.count_devices(APP).await.unwrap(), 14, "{when}");
            forget(&state).await.unwrap();
        }
        erase(&state).await.unwrap();
        if done.is_err() {
            check_erased(&disk, &state, &when).await;
        }
        register(&state, 50).await.unwrap();
    }
    let tries = changes / CUT_EVERY as u64;
    assert!(u64::from(cut) > tries / 2, "{cut} of {tries}");
}

/// The copy is of one moment, and everything after it is in the new file too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_go_on_while_the_tables_are_written_anew() {
    let (disk, given) = (SimDisk::new(1), Given::default());
    let state = Arc::new(open(&disk, &given));
    plant(&state).await;
    forget(&state).await.unwrap();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let erasing = {
        let (state, done) = (Arc::clone(&state), Arc::clone(&done));
        tokio::task::spawn_blocking(move || {
            for _ in 0..5 {
                state.rewrite().unwrap();
            }
            done.store(true, Ordering::Release);
        })
    };
    let mut n = 100;
    while !done.load(Ordering::Acquire) || n < 200 {
        register(&state, n).await.unwrap();
        assert!(is_registered(&state, n).await, "{n}");
        n += 1;
    }
    erasing.await.unwrap();
    let expected = u64::from(n - 100) + 12;
    assert_eq!(state.count_devices(APP).await.unwrap(), expected);
    disk.crash(9);
    drop(state);
    let state = open(&disk, &given);
    assert_eq!(state.count_devices(APP).await.unwrap(), expected);
    let differences = state.verify_index(APP).await.unwrap();
    assert_eq!(differences, [""; 0]);
}
