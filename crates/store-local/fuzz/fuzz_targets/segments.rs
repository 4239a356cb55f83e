//! Damages the files of a segment log and opens it. Run with `cargo fuzz run segments` in `crates/store-local`.
//!
//! Nothing may panic; a log either refuses its bytes or hands out frames that were written, in order.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pushtally_store_local::LocalError;
use pushtally_store_local::disk::Disk;
use pushtally_store_local::disk::sim::SimDisk;
use pushtally_store_local::segments::{Opened, SegmentLog, SegmentOptions};

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

static SOUND: LazyLock<SimDisk> = LazyLock::new(|| {
    let disk = SimDisk::new(0);
    let mut log = open(&disk).expect("a new log").log;
    for position in 1..=FRAMES {
        log.append(&payload(position)).expect("room for all");
    }
    disk
});

/// Writes over a part of one file: which file, where, what, and whether it ends there.
type Damage<'a> = (u8, u16, &'a [u8], bool);

fn damage(disk: &SimDisk, (which, at, bytes, cut): Damage<'_>) {
    let names = disk.list(Path::new(DIR)).expect("the folder is there");
    let Some(name) = names.get(usize::from(which) % names.len().max(1)) else { return };
    let file = disk.open(&PathBuf::from(DIR).join(name)).expect("it was listed");
    file.write_at(at.into(), bytes).expect("room");
    if cut {
        file.set_len(u64::from(at) + bytes.len() as u64).expect("room");
    }
}

fuzz_target!(|damages: Vec<Damage<'_>>| {
    let disk = SOUND.fork();
    for one in damages {
        damage(&disk, one);
    }
    let Ok(Opened { mut log, .. }) = open(&disk) else { return };
    let mut last = None;
    let replayed = log.replay(log.first_position(), &mut |position, bytes| {
        assert!(last.is_none_or(|last| position == last + 1));
        last = Some(position);
        assert!((1..=FRAMES).contains(&position));
        assert_eq!(bytes, payload(position));
        Ok(())
    });
    assert_eq!(log.verify().is_ok(), replayed.is_ok());
    if replayed.is_ok() {
        let next = log.next_position();
        assert_eq!(log.append(&payload(next)).ok(), Some(next));
    }
});
