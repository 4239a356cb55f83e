//! Forgetting names on a simulated disk: whenever the power goes, everybody else keeps their number.

use std::collections::BTreeSet;
use std::sync::Arc;

use pushtally_ledger::Batch;
use pushtally_model::{AppId, Channel, FixedEntropy, Number, Route};
use pushtally_store::{Log, Names, Recipient};

use super::*;
use crate::disk::sim::SimDisk;
use crate::segments::SegmentOptions;

const APP: AppId = AppId(1_400_000_000);
const DIR: &str = "/data";
const FORGOTTEN: &str = "forgotten-one";

struct Opened {
    log: LocalLog,
    identities: Arc<LocalIdentities>,
}

/// Short segments, so that a log has several.
fn options(magic: [u8; 8]) -> SegmentOptions {
    SegmentOptions {
        segment_len_max: 1200,
        preallocate: false,
        ..SegmentOptions::new(magic, 1, 1)
    }
}

fn open_names(disk: &SimDisk) -> Result<SegmentLog, LocalError> {
    let dir = Path::new(DIR).join(NAMES);
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    SegmentLog::open(disk, &dir, options(*b"names...")).map(|opened| opened.log)
}

fn open(disk: &SimDisk) -> Opened {
    let dir = Path::new(DIR);
    disk.create_dir_all(dir).unwrap();
    settle(disk, dir).unwrap();
    let names = open_names(disk).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let events = SegmentLog::open(shared, &dir.join("events"), options(*b"events..")).unwrap();
    let identities = Arc::new(LocalIdentities::open(&names, &FixedEntropy(1)).unwrap());
    let log = LocalLog::new(events.log, names, Arc::clone(&identities), 0);
    Opened { log, identities }
}

fn recipient(account: &str) -> Recipient<'_> {
    Recipient {
        account,
        route: Route::Offline,
        channel: Channel::Fcm,
    }
}

/// Gives a name a number, durably.
async fn name(opened: &Opened, account: &str) -> Option<Number> {
    let names = Names {
        recipients: vec![recipient(account)],
        ..Names::default()
    };
    let resolved = opened.identities.resolve(APP, &names);
    let batch = Batch {
        recorded_ms: 1,
        records: Vec::new(),
    };
    let appended = opened.log.append(&batch).await;
    appended.ok().map(|_| resolved.numbers[0])
}

async fn plant(opened: &Opened) -> Vec<(String, Number)> {
    let mut given = Vec::new();
    for n in 0..60 {
        let account = match n {
            31 => FORGOTTEN.to_owned(),
            n => format!("somebody-{n}"),
        };
        let number = name(opened, &account).await.unwrap();
        given.push((account, number));
    }
    given
}

fn gone() -> Gone {
    Gone::from([(APP, BTreeSet::from([FORGOTTEN.to_owned()]))])
}

fn forget(disk: &SimDisk, opened: &Opened) -> Result<usize, LocalError> {
    let open = || open_names(disk);
    let found = opened
        .log
        .forget_names(disk, Path::new(DIR), &gone(), &open)?;
    Ok(found.len())
}

fn is_written(disk: &SimDisk) -> bool {
    let dirs = [NAMES, NAMES_NEW].map(|name| Path::new(DIR).join(name));
    let paths = dirs.iter().flat_map(|dir| {
        let names = disk.list(dir).unwrap_or_default();
        names.into_iter().map(|name| dir.join(name))
    });
    let holds = |path: std::path::PathBuf| {
        let bytes = disk.contents(&path).unwrap_or_default();
        let mut windows = bytes.windows(FORGOTTEN.len());
        windows.any(|window| window == FORGOTTEN.as_bytes())
    };
    paths.into_iter().any(holds)
}

fn check(opened: &Opened, given: &[(String, Number)], when: &str) {
    for (account, number) in given {
        let found = opened
            .identities
            .find_recipients(APP, &[recipient(account)]);
        let expected = (account != FORGOTTEN).then_some(*number);
        assert_eq!(found, [expected], "{account} {when}");
    }
    opened.log.check().unwrap();
}

#[tokio::test]
async fn a_name_goes_and_everybody_else_keeps_their_number() {
    let disk = SimDisk::new(1);
    let opened = open(&disk);
    let given = plant(&opened).await;
    assert!(disk.list(&Path::new(DIR).join(NAMES)).unwrap().len() > 2);
    assert!(is_written(&disk) && opened.identities.names_any(&gone()));
    assert_eq!(forget(&disk, &opened).unwrap(), 1);
    assert!(!is_written(&disk) && !opened.identities.names_any(&gone()));
    check(&opened, &given, "at once");
    let next = name(&opened, "somebody-new").await.unwrap();
    assert_eq!(next, Number(60));
    let opened = open(&disk);
    check(&opened, &given, "after a restart");
    let again = name(&opened, FORGOTTEN).await.unwrap();
    assert_eq!(again, Number(61), "whoever comes anew is somebody else");
}

#[tokio::test]
async fn whenever_the_power_goes_nobody_else_loses_their_number() {
    let disk = SimDisk::new(1);
    let opened = open(&disk);
    plant(&opened).await;
    let before = disk.changes();
    forget(&disk, &opened).unwrap();
    let changes = disk.changes() - before;
    let mut cut = 0;
    for nth in 1..=changes {
        let disk = SimDisk::new(nth);
        let opened = open(&disk);
        let given = plant(&opened).await;
        disk.cut_power_at(nth);
        cut += u32::from(forget(&disk, &opened).is_err());
        disk.crash(nth * 7);
        let opened = open(&disk);
        if opened.identities.names_any(&gone()) {
            forget(&disk, &opened).unwrap();
        }
        let when = format!("change {nth}");
        assert!(!is_written(&disk), "{when}");
        check(&opened, &given, &when);
        assert_eq!(
            name(&opened, "somebody-new").await,
            Some(Number(60)),
            "{when}"
        );
        check(&open(&disk), &given, &when);
    }
    assert!(u64::from(cut) > changes / 2, "{cut} of {changes}");
}

/// What failed before the files were changed is tried again, though the index has forgotten already.
#[tokio::test]
async fn a_failed_write_leaves_the_old_log_and_the_next_try_succeeds() {
    for nth in 1..30 {
        let disk = SimDisk::new(nth);
        let opened = open(&disk);
        let given = plant(&opened).await;
        disk.fail_write(nth);
        if forget(&disk, &opened).is_ok() {
            continue;
        }
        assert!(opened.identities.names_any(&gone()), "write {nth}");
        if name(&opened, "somebody-new").await.is_some() {
            forget(&disk, &opened).unwrap();
            assert!(!is_written(&disk), "write {nth}");
            check(&opened, &given, &format!("write {nth}"));
        }
    }
}
