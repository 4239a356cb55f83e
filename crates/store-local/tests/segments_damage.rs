//! What was acknowledged and then damaged is noticed: single bits, cuts at every length, missing and foreign files.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use pushtally_store_local::LocalError;
use pushtally_store_local::disk::Disk;
use pushtally_store_local::disk::sim::SimDisk;
use pushtally_store_local::segments::{Opened, SegmentLog, SegmentOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "/log";
const FRAMES: u64 = 9;

fn options(preallocate: bool) -> SegmentOptions {
    let segment_len_max = 1024 + 200;
    SegmentOptions {
        segment_len_max,
        preallocate,
        ..SegmentOptions::new(*b"test-log", 1, 64)
    }
}

fn open(disk: &SimDisk, preallocate: bool) -> Result<Opened, LocalError> {
    SegmentLog::open(Arc::new(disk.clone()), Path::new(DIR), options(preallocate))
}

fn payload(position: u64, salt: u8) -> Vec<u8> {
    let mut payload = vec![salt; 30 + position as usize];
    payload[0] = position as u8;
    payload
}

fn log_with(preallocate: bool, seal: bool, salt: u8) -> SimDisk {
    let disk = SimDisk::new(0);
    let Opened { mut log, .. } = open(&disk, preallocate).unwrap();
    for position in 1..=FRAMES {
        log.append(&payload(position, salt)).unwrap();
    }
    if seal {
        log.seal().unwrap();
    }
    disk
}

fn files(disk: &SimDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let names = disk.list(Path::new(DIR)).unwrap();
    let paths = names.iter().map(|name| Path::new(DIR).join(name));
    paths
        .map(|path| (path.clone(), disk.contents(&path).unwrap()))
        .collect()
}

/// How many frames a damaged log admits to, all of them intact; `None` when it reports the damage.
fn frames_after(disk: &SimDisk, preallocate: bool) -> Option<u64> {
    let before = files(disk);
    let log = match open(disk, preallocate) {
        Ok(opened) => opened.log,
        Err(LocalError::Corrupt { path, why, .. }) => {
            assert!(files(disk) == before, "a refusal changes nothing");
            assert!(path.starts_with(DIR) && !why.is_empty());
            return None;
        }
        Err(error) => unreachable!("{error}"),
    };
    let mut frames = 0;
    let replayed = log.replay(1, &mut |position, bytes| {
        assert_eq!(
            bytes,
            payload(position, 7),
            "a damaged frame was handed out"
        );
        frames += 1;
        assert_eq!(position, frames);
        Ok(())
    });
    let verified = log.verify();
    assert_eq!(verified.is_ok(), replayed.is_ok());
    match replayed {
        Ok(()) => Some(frames),
        Err(LocalError::Corrupt { .. }) => None,
        Err(error) => unreachable!("{error}"),
    }
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_reported() {
    for preallocate in [false, true] {
        let disk = log_with(preallocate, true, 7);
        assert_eq!(files(&disk).len(), 3);
        assert_eq!(frames_after(&disk.fork(), preallocate), Some(FRAMES));
        for (path, bytes) in files(&disk) {
            for bit in 0..bytes.len() as u64 * 8 {
                let disk = disk.fork();
                disk.flip_bit(&path, bit);
                assert_eq!(frames_after(&disk, preallocate), None, "{path:?} bit {bit}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_of_a_log_that_was_not_closed_costs_the_last_frame_at_most() {
    for preallocate in [false, true] {
        let disk = log_with(preallocate, false, 7);
        let all = files(&disk);
        let last_frame = payload(FRAMES, 7).len() + 18;
        for (index, (path, bytes)) in all.iter().enumerate() {
            let content = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            for bit in 0..bytes.len() * 8 {
                let disk = disk.fork();
                disk.flip_bit(path, bit as u64);
                let found = frames_after(&disk, preallocate);
                let at = bit / 8;
                let expected = if index + 1 < all.len() || at < content - last_frame {
                    None
                } else if at < content {
                    Some(FRAMES - 1)
                } else {
                    Some(FRAMES)
                };
                assert_eq!(found, expected, "{path:?} bit {bit}");
            }
        }
    }
}

#[test]
fn a_torn_frame_is_cut_and_reported_once() {
    for preallocate in [false, true] {
        let disk = log_with(preallocate, false, 7);
        let (path, bytes) = files(&disk).pop().unwrap();
        let content = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        disk.flip_bit(&path, content as u64 * 8 - 1);
        let report = open(&disk, preallocate).unwrap().report;
        let torn = payload(FRAMES, 7).len() + 18;
        assert_eq!((report.next, report.torn_bytes_cut), (FRAMES, torn as u64));
        disk.crash(1);
        let report = open(&disk, preallocate).unwrap().report;
        assert_eq!((report.next, report.torn_bytes_cut), (FRAMES, 0));
    }
}

#[test]
fn a_file_cut_at_any_length_is_reported_unless_it_is_the_last_one_of_a_log_not_closed() {
    for (preallocate, seal) in [(false, false), (false, true), (true, false), (true, true)] {
        let disk = log_with(preallocate, seal, 7);
        let all = files(&disk);
        for (index, (path, bytes)) in all.iter().enumerate() {
            let mut last = 0;
            for len in 0..bytes.len() {
                let disk = disk.fork();
                disk.put(path, &bytes[..len]);
                let found = frames_after(&disk, preallocate);
                if seal || index + 1 < all.len() || len < 1024 {
                    assert_eq!(found, None, "{path:?} cut to {len}");
                } else {
                    let found = found.expect("a prefix of the log");
                    assert!(found >= last && found <= FRAMES);
                    last = found;
                }
            }
        }
    }
}

#[test]
fn a_missing_file_is_reported_unless_it_could_have_been_dropped() {
    let disk = log_with(true, true, 7);
    for (index, (path, _)) in files(&disk).into_iter().enumerate() {
        let disk = disk.fork();
        disk.take(&path);
        match (index, open(&disk, true)) {
            (0, Ok(opened)) => assert!(opened.report.first > 1),
            (0, Err(error)) => unreachable!("{error}"),
            (_, opened) => assert!(matches!(opened, Err(LocalError::Corrupt { .. }))),
        }
    }
}

#[test]
fn a_segment_of_another_history_is_reported() {
    let (ours, theirs) = (log_with(true, true, 7), log_with(true, true, 8));
    for (path, bytes) in files(&theirs) {
        let disk = ours.fork();
        assert_ne!(disk.contents(&path).unwrap(), bytes);
        disk.put(&path, &bytes);
        let detected = match open(&disk, true) {
            Ok(opened) => opened.log.verify().is_err(),
            Err(error) => matches!(error, LocalError::Corrupt { .. }),
        };
        assert!(detected, "{path:?}");
    }
}

#[test]
fn a_file_that_was_being_created_is_removed_only_where_one_could_be() {
    let disk = log_with(true, false, 7);
    let next = Path::new(DIR).join(format!("{:020}.seg", FRAMES + 1));
    for junk in [vec![], vec![0; 500], vec![0; 1024], vec![9; 1024]] {
        let disk = disk.fork();
        disk.put(&next, &junk);
        assert_eq!(frames_after(&disk, true), Some(FRAMES));
        assert_eq!(disk.contents(&next), None);
    }
    let other = Path::new(DIR).join(format!("{:020}.seg", FRAMES + 2));
    for (path, junk) in [(&next, vec![0; 1025]), (&other, vec![])] {
        let disk = disk.fork();
        disk.put(path, &junk);
        assert_eq!(frames_after(&disk, true), None);
    }
    let closed = log_with(true, true, 7);
    closed.put(&next, &[]);
    assert_eq!(frames_after(&closed, true), None);
    let named = log_with(true, true, 7);
    named.put(&Path::new(DIR).join("1.seg"), &[]);
    assert_eq!(frames_after(&named, true), None);
}

#[test]
fn other_kinds_newer_formats_and_other_partition_counts_are_refused() {
    let disk = log_with(true, true, 7);
    let before = files(&disk);
    let open = |options| SegmentLog::open(Arc::new(disk.clone()), Path::new(DIR), options);
    let older = SegmentOptions {
        format: 0,
        ..options(true)
    };
    let error = open(older).unwrap_err();
    assert!(
        matches!(
            error,
            LocalError::NewerVersion {
                found: 1,
                known: 0,
                ..
            }
        ),
        "{error}"
    );
    let other = SegmentOptions {
        magic: *b"otherlog",
        ..options(true)
    };
    assert!(matches!(open(other), Err(LocalError::Corrupt { .. })));
    let partitions = SegmentOptions {
        partitions: 32,
        ..options(true)
    };
    assert!(matches!(open(partitions), Err(LocalError::Corrupt { .. })));
    assert!(files(&disk) == before);
    let newer = SegmentOptions {
        format: 2,
        ..options(true)
    };
    assert_eq!(open(newer).unwrap().report.next, FRAMES + 1);
}
