//! Random histories of a segment log on a disk that loses power, space and syncs: everything acknowledged is there
//! after opening it again, in order, once, and nothing that was not appended.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use pushtally_store_local::LocalError;
use pushtally_store_local::disk::Disk;
use pushtally_store_local::disk::sim::{Dice, SimDisk};
use pushtally_store_local::segments::{OpenReport, Opened, SegmentLog, SegmentOptions};
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/data/log";
const HISTORIES: u64 = 2000;

fn options(preallocate: bool) -> SegmentOptions {
    let segment_len_max = 2048;
    SegmentOptions {
        segment_len_max,
        preallocate,
        ..SegmentOptions::new(*b"test-log", 1, 64)
    }
}

fn open(disk: &SimDisk, preallocate: bool) -> Result<Opened, LocalError> {
    SegmentLog::open(Arc::new(disk.clone()), Path::new(DIR), options(preallocate))
}

/// What must be there, whatever happens to the disk.
#[derive(Default)]
struct Model {
    acknowledged: Vec<Vec<u8>>,
    /// Appended without an answer that says whether it happened.
    in_doubt: Option<Vec<u8>>,
    dropped_before: u64,
    first_seen: u64,
}

impl Model {
    fn check(&mut self, log: &SegmentLog, report: OpenReport) {
        let mut found = Vec::new();
        log.replay(0, &mut |position, payload| {
            found.push((position, payload.to_vec()));
            Ok(())
        })
        .unwrap();
        assert_eq!(log.verify().unwrap().digest, log.digest());
        assert_eq!(
            (report.first, report.next),
            (log.first_position(), log.next_position())
        );
        let bytes: usize = found.iter().map(|(_, payload)| payload.len() + 18).sum();
        assert_eq!(report.bytes, bytes as u64);
        if report.next == self.acknowledged.len() as u64 + 2 {
            let in_doubt = self.in_doubt.take().expect("a frame that nobody appended");
            self.acknowledged.push(in_doubt);
        }
        self.in_doubt = None;
        assert_eq!(report.next, self.acknowledged.len() as u64 + 1);
        assert!(
            report.first <= self.dropped_before.max(1),
            "dropped too much"
        );
        assert!(
            report.first >= self.first_seen,
            "what was dropped came back"
        );
        self.first_seen = report.first;
        let kept = self
            .acknowledged
            .iter()
            .enumerate()
            .skip(report.first as usize - 1);
        let kept: Vec<_> = kept
            .map(|(index, payload)| (index as u64 + 1, payload.clone()))
            .collect();
        assert!(found == kept, "the frames differ");
    }
}

fn payload(dice: &mut Dice) -> Vec<u8> {
    let len = if dice.one_in(30) {
        3000
    } else {
        dice.below(400)
    };
    let fill = dice.roll() as u8;
    // Zeros are what lost sectors read as, so they are worth writing.
    (0..len)
        .map(|_| if dice.one_in(2) { 0 } else { fill })
        .collect()
}

/// Opens the log, through as many power cuts as come.
fn open_at_last(disk: &SimDisk, dice: &mut Dice, preallocate: bool) -> Opened {
    loop {
        if dice.one_in(3) {
            disk.cut_power_at(dice.below(12) + 1);
        }
        match open(disk, preallocate) {
            Ok(opened) => return opened,
            Err(LocalError::Io { .. }) => disk.crash(dice.roll()),
            Err(error) => unreachable!("{error}"),
        }
    }
}

fn run_history(seed: u64) {
    let mut dice = Dice::new(seed);
    let disk = SimDisk::new(seed);
    let preallocate = dice.one_in(2);
    let mut model = Model::default();
    for _ in 0..8 {
        let Opened { mut log, report } = open_at_last(&disk, &mut dice, preallocate);
        let mut was_checked = true;
        match log.verify() {
            Ok(_) => model.check(&log, report),
            // The power that was to go during the opening went during the check.
            Err(error) => {
                assert!(matches!(error, LocalError::Io { .. }), "{error}");
                was_checked = false;
            }
        }
        match dice.below(5) {
            0 => disk.cut_power_at(dice.below(60) + 1),
            1 => disk.fail_sync(dice.below(40) + 1),
            2 => disk.fail_write(dice.below(40) + 1),
            3 => disk.set_space(Some(dice.below(6000))),
            _ => {}
        }
        for _ in 0..dice.below(30) {
            if !was_checked {
                break;
            }
            let done = match dice.below(20) {
                0 => log.seal(),
                1 => {
                    let position = dice.below(log.next_position() + 1);
                    model.dropped_before = model.dropped_before.max(position);
                    log.drop_before(position).map(|_| ())
                }
                _ => {
                    let payload = payload(&mut dice);
                    match log.append(&payload) {
                        Ok(position) => {
                            model.acknowledged.push(payload);
                            assert_eq!(position, model.acknowledged.len() as u64);
                            Ok(())
                        }
                        Err(LocalError::DiskFull { .. }) if !log.is_poisoned() => {
                            disk.set_space(None);
                            Ok(())
                        }
                        Err(error) => {
                            if log.is_poisoned() && !matches!(error, LocalError::Poisoned) {
                                model.in_doubt = Some(payload);
                            }
                            Err(error)
                        }
                    }
                }
            };
            assert_eq!(log.next_position(), model.acknowledged.len() as u64 + 1);
            if done.is_err() && log.is_poisoned() {
                assert!(matches!(log.append(b"x"), Err(LocalError::Poisoned)));
                break;
            }
        }
        disk.set_space(None);
        drop(log);
        // A process may die without the power going: then the next one reads what was never synced.
        if dice.one_in(3) && disk.exists(Path::new(DIR)).is_ok() {
            continue;
        }
        disk.crash(dice.roll());
    }
    let Opened { log, report } = open_at_last(&disk, &mut dice, preallocate);
    disk.cut_power_at(1_000_000);
    if log.verify().is_ok() {
        model.check(&log, report);
    }
}

#[test]
fn random_histories_keep_everything_acknowledged() {
    for seed in 0..HISTORIES {
        if std::panic::catch_unwind(|| run_history(seed)).is_err() {
            unreachable!("history with seed {seed} failed");
        }
    }
}

/// Appends through three segments, closes, drops, appends again.
fn script(disk: &SimDisk, preallocate: bool, model: &mut Model) -> Result<(), LocalError> {
    let Opened { mut log, .. } = open(disk, preallocate)?;
    for step in 0..16_u8 {
        if step == 12 {
            log.seal()?;
        }
        if step == 14 {
            model.dropped_before = 9;
            log.drop_before(9)?;
        }
        let payload = vec![step + 1; 100 + 40 * usize::from(step)];
        model.in_doubt = Some(payload.clone());
        log.append(&payload)?;
        model.in_doubt = None;
        model.acknowledged.push(payload);
    }
    log.seal()
}

#[test]
fn power_cuts_at_every_change_lose_nothing() {
    for preallocate in [false, true] {
        let whole = SimDisk::new(0);
        script(&whole, preallocate, &mut Model::default()).unwrap();
        assert!(whole.list(Path::new(DIR)).unwrap().len() >= 3);
        for cut in 1..=whole.changes() {
            for seed in 0..40 {
                let disk = SimDisk::new(seed);
                disk.cut_power_at(cut);
                let mut model = Model::default();
                script(&disk, preallocate, &mut model).unwrap_err();
                disk.crash(seed);
                let Opened { log, report } = open(&disk, preallocate)
                    .unwrap_or_else(|error| unreachable!("cut {cut}, seed {seed}: {error}"));
                model.check(&log, report);
            }
        }
    }
}

#[test]
fn a_failed_sync_at_any_moment_poisons_and_what_seemed_to_survive_it_is_synced_anew() {
    for preallocate in [false, true] {
        for nth in 1..60 {
            for seed in 0..20 {
                let disk = SimDisk::new(seed);
                disk.fail_sync(nth);
                let mut model = Model::default();
                if script(&disk, preallocate, &mut model).is_ok() {
                    continue;
                }
                // No power cut: the next process reads the cache, in which everything seems to be well.
                let Opened { mut log, report } = open(&disk, preallocate).unwrap();
                model.check(&log, report);
                log.append(b"acknowledged").unwrap();
                model.acknowledged.push(b"acknowledged".to_vec());
                drop(log);
                disk.crash(seed);
                let Opened { log, report } = open(&disk, preallocate)
                    .unwrap_or_else(|error| unreachable!("sync {nth}, seed {seed}: {error}"));
                model.check(&log, report);
            }
        }
    }
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    let disk = SimDisk::new(7);
    let Opened { mut log, .. } = open(&disk, true).unwrap();
    log.append(b"one").unwrap();
    disk.fail_sync(1);
    assert!(matches!(log.append(b"two"), Err(LocalError::Io { .. })));
    assert!(log.is_poisoned());
    for _ in 0..3 {
        assert!(matches!(log.append(b"three"), Err(LocalError::Poisoned)));
        assert!(matches!(log.seal(), Err(LocalError::Poisoned)));
        assert!(matches!(log.drop_before(9), Err(LocalError::Poisoned)));
    }
    let mut seen = 0;
    log.replay(1, &mut |_, _| {
        seen += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!((seen, log.next_position()), (1, 2));
}

#[test]
fn a_full_disk_changes_nothing_and_the_log_goes_on_when_there_is_space() {
    for preallocate in [false, true] {
        for space in 0..3000 {
            let disk = SimDisk::new(space);
            let Opened { mut log, .. } = open(&disk, preallocate).unwrap();
            disk.set_space(Some(space));
            let mut model = Model::default();
            let mut refused = 0;
            for step in 0..12_u8 {
                let payload = vec![step; 300];
                let error = match log.append(&payload) {
                    Ok(_) => {
                        model.acknowledged.push(payload);
                        continue;
                    }
                    Err(error) => error,
                };
                assert!(matches!(error, LocalError::DiskFull { .. }), "{error}");
                assert!(!log.is_poisoned());
                refused += 1;
                if refused == 2 {
                    disk.set_space(None);
                }
            }
            assert!(refused >= 2, "space {space}");
            assert!(model.acknowledged.len() == 12 - refused);
            drop(log);
            disk.crash(space);
            let Opened { log, report } = open(&disk, preallocate).unwrap();
            assert_eq!(report.torn_bytes_cut, 0);
            model.check(&log, report);
        }
    }
}

#[test]
fn a_write_that_fails_leaves_the_log_as_it_was() {
    for preallocate in [false, true] {
        for nth in 1..40 {
            let disk = SimDisk::new(nth);
            let Opened { mut log, .. } = open(&disk, preallocate).unwrap();
            disk.fail_write(nth);
            let mut model = Model::default();
            for step in 0..16_u8 {
                let payload = vec![step; 350];
                // A mark that could not be written poisons; everything else is undone.
                if log.append(&payload).is_ok() {
                    model.acknowledged.push(payload);
                } else if log.is_poisoned() {
                    break;
                }
            }
            let is_poisoned = log.is_poisoned();
            drop(log);
            disk.crash(nth);
            let Opened { log, report } = open(&disk, preallocate).unwrap();
            assert!(is_poisoned || report.torn_bytes_cut == 0, "write {nth}");
            model.check(&log, report);
        }
    }
}
