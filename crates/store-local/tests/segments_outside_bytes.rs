//! Whatever is written over the files of a log, it refuses or hands out what was appended, and never panics.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use proptest::prelude::*;
use pushtally_store_local::LocalError;
use pushtally_store_local::disk::Disk;
use pushtally_store_local::disk::sim::SimDisk;
use pushtally_store_local::segments::{Opened, SegmentLog, SegmentOptions};
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/log";
const FRAMES: u64 = 9;

/// Short segments, so that damage also falls on what ties them together.
fn open(disk: &SimDisk) -> Result<Opened, LocalError> {
    let options = SegmentOptions {
        segment_len_max: 1024 + 200,
        preallocate: false,
        ..SegmentOptions::new(*b"test-log", 1, 64)
    };
    SegmentLog::open(Arc::new(disk.clone()), Path::new(DIR), options)
}

fn payload(position: u64) -> Vec<u8> {
    vec![position as u8; 30 + position as usize]
}

fn sound() -> SimDisk {
    let disk = SimDisk::new(0);
    let mut log = open(&disk).unwrap().log;
    for position in 1..=FRAMES {
        log.append(&payload(position)).unwrap();
    }
    disk
}

/// Bytes written over a part of one file: which file, where, what, and whether the file ends there.
type Damage = (usize, u64, Vec<u8>, bool);

fn damage(disk: &SimDisk, (which, at, bytes, cut): &Damage) {
    let names = disk.list(Path::new(DIR)).unwrap();
    let name = &names[which % names.len()];
    let file = disk.open(&Path::new(DIR).join(name)).unwrap();
    file.write_at(*at, bytes).unwrap();
    if *cut {
        file.set_len(at + bytes.len() as u64).unwrap();
    }
}

proptest! {
    #[test]
    fn a_log_written_over_refuses_or_keeps_its_frames(
        damages in proptest::collection::vec(
            (0..9usize, 0..1400u64, proptest::collection::vec(any::<u8>(), 0..40), any::<bool>()), 1..4,
        ),
    ) {
        let disk = sound();
        damages.iter().for_each(|one| damage(&disk, one));
        let Ok(Opened { mut log, .. }) = open(&disk) else {
            return Ok(());
        };
        let mut expected = log.first_position();
        let replayed = log.replay(expected, &mut |position, bytes| {
            assert_eq!((position, bytes), (expected, payload(position).as_slice()));
            expected += 1;
            Ok(())
        });
        prop_assert_eq!(log.verify().is_ok(), replayed.is_ok());
        if replayed.is_ok() {
            let next = log.next_position();
            prop_assert_eq!(next, expected);
            prop_assert_eq!(log.append(&payload(next)).unwrap(), next);
        }
    }
}
